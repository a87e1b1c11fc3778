#include "connectors/rabbitmq/rabbitmq_connector.h"

namespace nstarx::connectors::rabbitmq {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

}  // namespace

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

}  // namespace nstarx::connectors::rabbitmq
