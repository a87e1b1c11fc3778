#include "connectors/kafka/kafka_connector.h"

namespace nstarx::connectors::kafka {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

}  // namespace

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

}  // namespace nstarx::connectors::kafka
