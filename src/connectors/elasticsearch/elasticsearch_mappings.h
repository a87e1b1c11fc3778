#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"

namespace arrow {
class Schema;
}

namespace nstarx::connectors::elasticsearch {

struct MappedField {
  std::string name;
  std::string native_type;
};

/// What GET /index/_mapping says about all matched indices together. Fields that indices map
/// differently, and types whose JSON form is free (geo_point, ranges), are JSON text.
struct Mappings {
  std::shared_ptr<arrow::Schema> schema;
  std::vector<MappedField> fields;  ///< all of the top level, in the server's order
};
Mappings ReadMappings(const json::value& reply);

/// The mappings of an index that holds such rows, which say again what the rows' types were.
/// query.unsupported_type names the column.
Result<json::object> MappingsOf(const arrow::Schema& schema);

}  // namespace nstarx::connectors::elasticsearch
