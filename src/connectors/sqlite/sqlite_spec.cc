#include "connectors/sqlite/sqlite_connector.h"

namespace nstarx::connectors::sqlite {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

}  // namespace

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

}  // namespace nstarx::connectors::sqlite
