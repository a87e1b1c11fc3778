#include "connectors/redshift/redshift_connector.h"

namespace nstarx::connectors::redshift {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

}  // namespace

std::string_view SpecDocument() { return {kDocument, sizeof(kDocument)}; }

}  // namespace nstarx::connectors::redshift
