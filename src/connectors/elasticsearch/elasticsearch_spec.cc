#include "connectors/elasticsearch/elasticsearch_connector.h"

namespace nstarx::connectors::elasticsearch {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

}  // namespace

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

}  // namespace nstarx::connectors::elasticsearch
