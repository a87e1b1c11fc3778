#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/route.h"

namespace nstarx::http {

/// Finds the route of a path and method in a tree of path segments, made once from the table.
/// Literal segments win over captures, but a capture is tried when the literal leads nowhere.
/// Immutable, thread-safe.
class Router {
 public:
  /// `table` must outlive the router and not move.
  explicit Router(const std::vector<Route>& table);
  ~Router();

  /// Fills route, captures and path_known of the request.
  void Find(Request& request) const;
  /// "GET, HEAD, POST, OPTIONS": what the path understands.
  std::string AllowedMethods(std::string_view path) const;
  /// A path that exists and is close to the unknown `path`, or empty.
  std::string Suggest(std::string_view path) const;

 private:
  struct Node;
  std::unique_ptr<Node> root_;
};

}  // namespace nstarx::http
