#include "connectors/pulsar/pulsar_connector.h"

namespace nstarx::connectors::pulsar {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

}  // namespace

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

}  // namespace nstarx::connectors::pulsar
