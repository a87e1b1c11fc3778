#include "connectors/custom_catalog/custom_catalog_connector.h"

namespace nstarx::connectors::custom_catalog {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

}  // namespace

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

}  // namespace nstarx::connectors::custom_catalog
