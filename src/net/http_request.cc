#include "net/http_request.h"

#include <charconv>

#include "base/percent.h"

namespace nstarx::net {
namespace {

bool IsUnreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '~';
}

Error Malformed(std::string_view why) {
  return InvalidArgument("config.malformed_endpoint",
                         fmt::format("The endpoint is not a URL like https://host:port: {}", why))
      .WithDetail("field", "endpoint");
}

bool IsHostCharacter(char c) { return IsUnreserved(c) || c == ':'; }

}  // namespace

Result<ServiceUrl> ServiceUrl::Parse(std::string_view url) {
  ServiceUrl result;
  if (url.starts_with("https://")) {
    url.remove_prefix(8);
  } else if (url.starts_with("http://")) {
    url.remove_prefix(7);
    result.https = false;
    result.port = 80;
  } else {
    return Malformed("it must start with http:// or https://");
  }
  if (url.find_first_of("@?#\\") != std::string_view::npos) {
    return Malformed("it must not hold a user, a query or a fragment");
  }
  const size_t slash = url.find('/');
  std::string_view authority = url.substr(0, slash);
  if (slash != std::string_view::npos) result.base_path = url.substr(slash);
  while (result.base_path.ends_with('/')) result.base_path.pop_back();

  std::string_view port;
  if (authority.starts_with('[')) {
    const size_t end = authority.find(']');
    if (end == std::string_view::npos) return Malformed("the bracket of the address is not closed");
    result.host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
  } else {
    const size_t colon = authority.find(':');
    result.host = authority.substr(0, colon);
    if (colon != std::string_view::npos) port = authority.substr(colon);
  }
  if (result.host.empty()) return Malformed("the host is missing");
  if (!std::ranges::all_of(result.host, IsHostCharacter)) {
    return Malformed("the host holds a character that no host name has");
  }
  if (!port.empty()) {
    if (port[0] != ':') return Malformed("the port is not separated by a colon");
    port.remove_prefix(1);
    const auto [end, problem] =
        std::from_chars(port.data(), port.data() + port.size(), result.port);
    if (problem != std::errc() || end != port.data() + port.size() || result.port < 1 ||
        result.port > 65535) {
      return Malformed("the port is not a number from 1 to 65535");
    }
  }
  return result;
}

std::string ServiceUrl::Authority() const {
  const bool v6 = host.find(':') != std::string::npos;
  std::string text = v6 ? "[" + host + "]" : host;
  if (port != (https ? 443 : 80)) text += fmt::format(":{}", port);
  return text;
}

std::string HttpRequest::Url() const {
  std::string url = service.Origin() + path;
  if (!query.empty()) url += "?" + EncodeQuery(query);
  return url;
}

std::string EncodeQuery(const HttpFields& query) {
  std::string text;
  for (const auto& [name, value] : query) {
    if (!text.empty()) text += '&';
    text += PercentEncode(name) + "=" + PercentEncode(value);
  }
  return text;
}

}  // namespace nstarx::net
