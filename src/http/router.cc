#include "http/router.h"

#include <array>

namespace nstarx::http {

struct Router::Node {
  std::vector<std::pair<std::string, std::unique_ptr<Node>>> literals;
  std::unique_ptr<Node> capture;
  std::unique_ptr<Node> tail;  ///< "{key...}": the rest of the path
  std::array<const Route*, 8> routes{};

  Node& Literal(std::string_view segment) {
    for (auto& [name, node] : literals) {
      if (name == segment) return *node;
    }
    return *literals.emplace_back(std::string(segment), std::make_unique<Node>()).second;
  }
  const Node* FindLiteral(std::string_view segment) const {
    for (const auto& [name, node] : literals) {
      if (name == segment) return node.get();
    }
    return nullptr;
  }
  const Route* RouteOf(Method method) const {
    const Route* route = routes[static_cast<size_t>(method)];
    if (route == nullptr && method == Method::kHead) {
      route = routes[static_cast<size_t>(Method::kGet)];
    }
    return route;
  }
  bool HasRoutes() const {
    return std::ranges::any_of(routes, [](const Route* route) { return route != nullptr; });
  }

  /// Calls `visit(node, captures)` for every node that the path leads to, best first, until true.
  template <class Visit>
  bool Walk(std::string_view path, std::vector<std::string_view>& captures,
            const Visit& visit) const {
    if (path.empty()) return HasRoutes() && visit(*this);
    const size_t end = path.find('/', 1);  // `path` begins with a slash.
    const std::string_view segment = path.substr(1, end == path.npos ? path.npos : end - 1);
    const std::string_view rest = end == path.npos ? std::string_view() : path.substr(end);
    if (const Node* literal = FindLiteral(segment);
        literal != nullptr && literal->Walk(rest, captures, visit)) {
      return true;
    }
    if (capture && !segment.empty()) {
      captures.push_back(segment);
      if (capture->Walk(rest, captures, visit)) return true;
      captures.pop_back();
    }
    if (tail && path.size() > 1) {
      captures.push_back(path.substr(1));
      if (tail->HasRoutes() && visit(*tail)) return true;
      captures.pop_back();
    }
    return false;
  }
};

Router::Router(const std::vector<Route>& table) : root_(std::make_unique<Node>()) {
  for (const Route& route : table) {
    Node* node = root_.get();
    std::string_view rest = route.path == "/" ? std::string_view() : std::string_view(route.path);
    while (!rest.empty()) {
      const size_t end = rest.find('/', 1);
      const std::string_view segment = rest.substr(1, end == rest.npos ? rest.npos : end - 1);
      rest = end == rest.npos ? std::string_view() : rest.substr(end);
      if (segment.ends_with("...}")) {
        if (!node->tail) node->tail = std::make_unique<Node>();
        node = node->tail.get();
      } else if (segment.starts_with("{")) {
        if (!node->capture) node->capture = std::make_unique<Node>();
        node = node->capture.get();
      } else {
        node = &node->Literal(segment);
      }
    }
    const Route*& slot = node->routes[static_cast<size_t>(route.method)];
    NSTARX_CHECK(slot == nullptr);
    slot = &route;
  }
}

Router::~Router() = default;

void Router::Find(Request& request) const {
  const std::string_view path = request.path == "/" ? std::string_view() : request.path;
  if (!path.empty() && path.front() != '/') return;
  request.captures.clear();
  root_->Walk(path, request.captures, [&](const Node& node) {
    request.path_known = true;
    request.route = node.RouteOf(request.method);
    return request.route != nullptr;
  });
}

std::string Router::AllowedMethods(std::string_view path) const {
  std::array<bool, 8> found{};
  std::vector<std::string_view> captures;
  root_->Walk(path == "/" ? std::string_view() : path, captures, [&](const Node& node) {
    for (size_t i = 0; i < found.size(); ++i) found[i] = found[i] || node.routes[i] != nullptr;
    return false;
  });
  found[static_cast<size_t>(Method::kHead)] |= found[static_cast<size_t>(Method::kGet)];
  found[static_cast<size_t>(Method::kOptions)] = true;
  std::string out;
  for (size_t i = 0; i + 1 < found.size(); ++i) {
    if (!found[i]) continue;
    if (!out.empty()) out += ", ";
    out += ToString(static_cast<Method>(i));
  }
  return out;
}

std::string Router::Suggest(std::string_view path) const {
  const Node* node = root_.get();
  std::string so_far;
  while (!path.empty() && path.front() == '/') {
    const size_t end = path.find('/', 1);
    const std::string_view segment = path.substr(1, end == path.npos ? path.npos : end - 1);
    path = end == path.npos ? std::string_view() : path.substr(end);
    const Node* next = node->FindLiteral(segment);
    if (next == nullptr) {
      std::vector<std::string> names;
      for (const auto& [name, child] : node->literals) names.push_back(name);
      const auto close = ClosestWord(segment, names);
      if (!close.empty() && (node->capture == nullptr || path.empty())) {
        return so_far + "/" + std::string(close);
      }
      next = node->capture.get();
    }
    if (next == nullptr) return {};
    so_far.append("/").append(segment);
    node = next;
  }
  return node->HasRoutes() ? so_far : std::string();
}

}  // namespace nstarx::http
