#pragma once

#include <string_view>

#include "base/json.h"
#include "base/status.h"

namespace nstarx::http {

/// The components of the OpenAPI document, by name: what bodies are checked against is what the
/// document says. Immutable, thread-safe.
class Schemas {
 public:
  Schemas();

  const json::object& all() const { return all_; }
  /// Checks a body against a component. Errors name the field: request.unknown_field (with 'did you
  /// mean'), request.missing_field, request.wrong_type, request.out_of_range.
  Status Check(std::string_view component, const json::value& body) const;

 private:
  Status CheckValue(const json::object& schema, const json::value& value,
                    const std::string& where) const;
  Status CheckObject(const json::object& schema, const json::object& value,
                     const std::string& where) const;
  json::object all_;
};

/// The component texts, JSON objects of name → schema.
std::string_view ConnectionSchemas();
std::string_view DataSchemas();
std::string_view StreamSchemas();
std::string_view MetadataSchemas();
std::string_view SystemSchemas();
std::string_view TemplateSchemas();
std::string_view DriverSchemas();

}  // namespace nstarx::http
