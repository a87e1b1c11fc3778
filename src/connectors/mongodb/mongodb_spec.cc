#include "connectors/mongodb/mongodb_connector.h"

namespace nstarx::connectors::mongodb {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

}  // namespace

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

}  // namespace nstarx::connectors::mongodb
