#include "connectors/dynamodb/dynamodb_connector.h"

namespace nstarx::connectors::dynamodb {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

}  // namespace

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

}  // namespace nstarx::connectors::dynamodb
