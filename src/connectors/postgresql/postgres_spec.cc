#include "connectors/postgresql/postgres_connector.h"

namespace nstarx::connectors::postgresql {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

}  // namespace

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

}  // namespace nstarx::connectors::postgresql
