#include "connector/uri.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/json.h"

namespace nstarx::connector {
namespace {

constexpr size_t kLongestUri = 8192;
constexpr size_t kMostHosts = 64;

Error Malformed(std::string_view why) {
  return InvalidArgument("config.malformed_uri", fmt::format("malformed URI: {}", why))
      .WithDetail("field", "uri")
      .WithHint("Write it as scheme://user:password@host:port/database?option=value.")
      .WithHint(
          "Percent-encode special characters in user and password, e.g. @ as %40 and / as %2F.");
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> Decode(std::string_view text, bool plus_is_space = false) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return Malformed("a '%' must be followed by two hexadecimal digits");
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else {
      out += text[i];
    }
  }
  if (!IsUtf8(out) || out.find('\0') != std::string::npos)
    return Malformed("it does not decode to valid UTF-8");
  return out;
}

Result<std::pair<std::string, int>> ParseHost(std::string_view text) {
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return Malformed("an IPv6 address lacks its ']'");
    host = text.substr(1, end - 1);
    std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && rest[0] != ':') return Malformed("unexpected text after ']'");
    if (!rest.empty()) port = rest.substr(1);
  } else if (const size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (port.empty()) return Malformed("a ':' after the host must be followed by a port");
  }
  NSTARX_TRY(std::string name, Decode(host));
  if (name.find_first_of(" /?#@") != std::string::npos)
    return Malformed("the host has a character that no host has");
  int number = 0;
  if (!port.empty()) {
    auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error == std::errc::result_out_of_range) number = -1;
    if (error != std::errc() && number != -1) return Malformed("the port is not a number");
    if (error == std::errc() && end != port.data() + port.size())
      return Malformed("the port is not a number");
    if (number < 1 || number > 65535) {
      return InvalidArgument("config.out_of_range", "the URI's port must be between 1 and 65535")
          .WithDetail("field", "port")
          .WithHint("Check the number after the host's colon.");
    }
  }
  return std::pair(std::move(name), number);
}

Status ParseAuthority(std::string_view text, UriParts* out) {
  if (const size_t at = text.rfind('@'); at != std::string_view::npos) {
    const std::string_view login = text.substr(0, at);
    text = text.substr(at + 1);
    const size_t colon = login.find(':');
    NSTARX_TRY(out->user, Decode(login.substr(0, colon)));
    if (colon != std::string_view::npos) {
      out->has_password = true;
      NSTARX_TRY(out->password, Decode(login.substr(colon + 1)));
    }
  }
  while (!text.empty()) {
    const size_t comma = text.find(',');
    NSTARX_TRY(auto host, ParseHost(text.substr(0, comma)));
    if (host.first.empty()) return Malformed("the host is empty");
    out->hosts.push_back(std::move(host));
    if (out->hosts.size() > kMostHosts) return Malformed("it lists more than 64 hosts");
    if (comma == std::string_view::npos) break;
    text = text.substr(comma + 1);
    if (text.empty()) return Malformed("the list of hosts ends with a comma");
  }
  return {};
}

}  // namespace

Result<UriParts> ParseUri(std::string_view uri) {
  if (uri.size() > kLongestUri) return Malformed("it is longer than 8192 bytes");
  for (const char c : uri) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f)
      return Malformed("it has a space or control character");
  }
  UriParts out;
  const size_t colon = uri.find(':');
  if (colon == 0 || colon == std::string_view::npos)
    return Malformed("it has no scheme such as postgresql://");
  for (const char c : uri.substr(0, colon)) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.' || c == '_';
    if (!letter && (!other || out.scheme.empty()))
      return Malformed("its scheme has a character that no scheme has");
    out.scheme += static_cast<char>(letter ? (c | 0x20) : c);
  }
  std::string_view rest = uri.substr(colon + 1);
  std::string_view query;
  if (const size_t hash = rest.find('#'); hash != std::string_view::npos)
    rest = rest.substr(0, hash);
  if (const size_t mark = rest.find('?'); mark != std::string_view::npos) {
    query = rest.substr(mark + 1);
    rest = rest.substr(0, mark);
  }
  if (rest.starts_with("//")) {
    out.has_authority = true;
    rest = rest.substr(2);
    const size_t slash = rest.find('/');
    NSTARX_RETURN_IF_ERROR(ParseAuthority(rest.substr(0, slash), &out));
    rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash);
  }
  NSTARX_TRY(out.path, Decode(rest));
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    const size_t equals = pair.find('=');
    if (!pair.empty()) {
      NSTARX_TRY(std::string key, Decode(pair.substr(0, equals), true));
      std::string value;
      if (equals != std::string_view::npos) {
        NSTARX_TRY(value, Decode(pair.substr(equals + 1), true));
      }
      if (key.empty()) return Malformed("a query option has no name");
      out.query.emplace_back(std::move(key), std::move(value));
    }
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
  }
  return out;
}

}  // namespace nstarx::connector
