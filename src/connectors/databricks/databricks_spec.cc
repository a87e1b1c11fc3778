#include "connectors/databricks/databricks_connector.h"

namespace nstarx::connectors::databricks {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

}  // namespace

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

}  // namespace nstarx::connectors::databricks
