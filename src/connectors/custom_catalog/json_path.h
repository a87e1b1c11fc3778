#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/status.h"

namespace nstarx::connectors::custom_catalog {

/// A part of JSONPath (RFC 9535): $, .name, ['name'], [0], [-1], [*], .*, and filters that compare
/// one value: [?@.kind == 'table'], [?@.id == $.current-id]. Immutable.
class JsonPath {
 public:
  /// config.malformed_path with the offset.
  static Result<JsonPath> Parse(std::string_view text);

  /// What it selects, in the document's order.
  std::vector<const json::value*> Find(const json::value& root) const;
  /// The first of them, null when there is none.
  const json::value* First(const json::value& root) const;

 private:
  struct Any {};
  struct Filter;
  using Step = std::variant<std::string, int64_t, Any, std::shared_ptr<const Filter>>;
  struct Filter {
    std::vector<Step> left;         ///< from the item
    bool from_root = false;         ///< the right side is a path from the root
    std::vector<Step> right;        ///< of that
    json::value literal = nullptr;  ///< else this
  };
  class Reader;

  static std::vector<const json::value*> Walk(const std::vector<Step>& steps,
                                              const json::value& start, const json::value& root);
  static bool Matches(const Filter& filter, const json::value& item, const json::value& root);

  std::vector<Step> steps_;
};

}  // namespace nstarx::connectors::custom_catalog
