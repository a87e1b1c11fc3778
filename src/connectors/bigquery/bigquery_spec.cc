#include "connectors/bigquery/bigquery_connector.h"

namespace nstarx::connectors::bigquery {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

}  // namespace

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

}  // namespace nstarx::connectors::bigquery
