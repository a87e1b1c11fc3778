#include "connectors/mysql/mysql_connector.h"

namespace nstarx::connectors::mysql {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

}  // namespace

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

}  // namespace nstarx::connectors::mysql
