#include "connectors/datahub/datahub_connector.h"

namespace nstarx::connectors::datahub {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

}  // namespace

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

}  // namespace nstarx::connectors::datahub
