#include "connectors/cassandra/cassandra_connector.h"

namespace nstarx::connectors::cassandra {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

}  // namespace

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

}  // namespace nstarx::connectors::cassandra
