#include "connectors/event_hubs/connection_string.h"

#include <fmt/format.h>

#include <algorithm>

namespace nstarx::connectors::event_hubs {
namespace {

bool SameText(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

/// The value of a part; empty when it is absent. Names are the same in upper and lower case.
std::string_view PartOf(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const size_t end = text.find(';');
    const std::string_view part = text.substr(0, end);
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
    // Keys are Base64 and may end in '=': the first one divides.
    const size_t equals = part.find('=');
    if (equals != part.npos && SameText(part.substr(0, equals), name)) {
      return part.substr(equals + 1);
    }
  }
  return {};
}

/// "sb://contoso.servicebus.windows.net/" → "contoso.servicebus.windows.net"
std::string_view HostOf(std::string_view endpoint) {
  if (const size_t scheme = endpoint.find("://"); scheme != endpoint.npos) {
    endpoint = endpoint.substr(scheme + 3);
  }
  return endpoint.substr(0, endpoint.find_first_of("/:"));
}

}  // namespace

Status CheckConnectionString(const Secret& text, std::string_view host) {
  for (const char* name : {"Endpoint", "SharedAccessKeyName", "SharedAccessKey"}) {
    if (!PartOf(text.Reveal(), name).empty()) continue;
    return InvalidArgument("login.malformed_connection_string",
                           fmt::format("the connection string has no {}", name))
        .WithStage("login")
        .WithDetail("field", "authentication.connection_string");
  }
  const std::string_view named = HostOf(PartOf(text.Reveal(), "Endpoint"));
  if (SameText(named, host)) return {};
  return InvalidArgument(
             "login.other_namespace",
             fmt::format("the connection string is for {}, the connection dials {}", named, host))
      .WithStage("login")
      .WithDetail("field", "authentication.connection_string");
}

Secret ConnectionStringOf(std::string_view host, std::string_view policy, const Secret& key) {
  std::string text =
      fmt::format("Endpoint=sb://{}/;SharedAccessKeyName={};SharedAccessKey=", host, policy);
  text += key.Reveal();
  Secret out{std::string_view(text)};
  std::ranges::fill(text, '\0');
  return out;
}

}  // namespace nstarx::connectors::event_hubs
