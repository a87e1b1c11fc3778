#include "connectors/atlas/atlas_connector.h"

namespace nstarx::connectors::atlas {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

}  // namespace

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

}  // namespace nstarx::connectors::atlas
