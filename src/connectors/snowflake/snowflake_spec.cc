#include "connectors/snowflake/snowflake_connector.h"

namespace nstarx::connectors::snowflake {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

}  // namespace

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

}  // namespace nstarx::connectors::snowflake
