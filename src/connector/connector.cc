#include "connector/connector.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "connector/uri.h"

namespace nstarx::connector {
namespace {

Error BadPort(std::string_view field) {
  return InvalidArgument("config.out_of_range",
                         fmt::format("'{}' must be between 1 and 65535", field))
      .WithDetail("field", field);
}

/// "host", "host:port", "[v6]:port" into an endpoint.
Result<model::Endpoint> ParseEndpoint(std::string_view text, int default_port) {
  model::Endpoint out{.host = std::string(text), .port = default_port};
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) {
      return InvalidArgument("config.wrong_type", "an IPv6 address lacks its ']'")
          .WithDetail("field", "host");
    }
    out.host = text.substr(1, end - 1);
    if (end + 1 < text.size() && text[end + 1] == ':') port = text.substr(end + 2);
  } else if (std::ranges::count(text, ':') == 1) {
    const size_t colon = text.find(':');
    out.host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  if (!port.empty()) {
    auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
    if (error != std::errc() || end != port.data() + port.size() || out.port < 1 ||
        out.port > 65535) {
      return BadPort("host");
    }
  }
  return out;
}

}  // namespace

Result<std::vector<model::Endpoint>> Connector::Endpoints(const json::object& configuration) const {
  const int64_t port = GetInt(configuration, "port", spec().default_port());
  if (port < 0 || port > 65535) return BadPort("port");
  std::vector<model::Endpoint> out;
  if (const json::value* list = configuration.if_contains("endpoints");
      list != nullptr && list->is_array()) {
    for (const auto& item : list->get_array()) {
      if (!item.is_object()) continue;
      const json::object& row = item.get_object();
      out.push_back({.host = std::string(GetString(row, "host")),
                     .port = static_cast<int>(GetInt(row, "port", port)),
                     .role = std::string(GetString(row, "role", "any"))});
    }
  }
  std::string_view hosts = GetString(configuration, "host");
  while (!hosts.empty()) {
    const size_t comma = hosts.find(',');
    std::string_view one = hosts.substr(0, comma);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    if (!one.empty()) {
      NSTARX_TRY(model::Endpoint endpoint, ParseEndpoint(one, static_cast<int>(port)));
      out.push_back(std::move(endpoint));
    }
    hosts = comma == std::string_view::npos ? std::string_view() : hosts.substr(comma + 1);
  }
  return out;
}

ConnectorTable::ConnectorTable(std::vector<std::unique_ptr<Connector>> connectors)
    : connectors_(std::move(connectors)) {}

Result<Connector*> ConnectorTable::Find(std::string_view type) const {
  std::vector<std::string> known;
  for (const auto& connector : connectors_) {
    if (connector->spec().type() == type) return connector.get();
    known.push_back(connector->spec().type());
  }
  if (type.empty()) {
    return InvalidArgument("config.missing_field", "'type' is missing")
        .WithDetail("field", "type")
        .WithHint(fmt::format("Types: {}.", fmt::join(known, ", ")));
  }
  Error error =
      InvalidArgument("config.unknown_type", fmt::format("there is no connection type '{}'", type));
  error.WithDetail("field", "type");
  if (const auto close = ClosestWord(type, known); !close.empty()) {
    error.WithHint(fmt::format("Did you mean '{}'?", close)).WithDetail("suggestion", close);
  }
  error.WithHint(fmt::format("Types: {}.", fmt::join(known, ", ")));
  return error;
}

Result<Connector*> ConnectorTable::FindByUri(std::string_view uri) const {
  NSTARX_TRY(const UriParts parts, ParseUri(uri));
  std::vector<std::string> known;
  for (const auto& connector : connectors_) {
    for (const auto& scheme : connector->spec().schemes()) {
      if (scheme == parts.scheme) return connector.get();
      known.push_back(scheme);
    }
  }
  Error error = InvalidArgument(
      "config.unknown_type",
      fmt::format("no connection type has URIs that start with '{}:'", parts.scheme));
  if (const auto close = ClosestWord(parts.scheme, known); !close.empty()) {
    error.WithHint(fmt::format("Did you mean '{}:'?", close));
  }
  error.WithHint(fmt::format("Schemes: {}.", fmt::join(known, ", ")));
  return error;
}

}  // namespace nstarx::connector
