#include "connectors/hive_metastore/hive_metastore_connector.h"

namespace nstarx::connectors::hive_metastore {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

}  // namespace

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

}  // namespace nstarx::connectors::hive_metastore
