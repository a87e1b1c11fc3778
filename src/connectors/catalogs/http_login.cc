#include "connectors/catalogs/http_login.h"

namespace nstarx::connectors::catalogs {
namespace {

std::string Base64(std::string_view text) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((text.size() + 2) / 3 * 4);
  for (size_t i = 0; i < text.size(); i += 3) {
    uint32_t three = 0;
    for (size_t j = 0; j < 3; ++j) {
      three = (three << 8) | (i + j < text.size() ? static_cast<uint8_t>(text[i + j]) : 0U);
    }
    for (size_t j = 0; j < 4; ++j) {
      out += i + j <= text.size() ? kDigits[(three >> (18 - 6 * j)) & 63U] : '=';
    }
  }
  return out;
}

}  // namespace

Secret AuthorizationOf(const connector::OpenRequest& request) {
  const std::string_view type = GetString(request.authentication, "type");
  if (const auto found = request.secrets.find("token");
      type == "token" && found != request.secrets.end()) {
    return Secret::FromString("Bearer " + std::string(found->second.Reveal()));
  }
  if (const auto found = request.secrets.find("password");
      type == "basic" && found != request.secrets.end()) {
    std::string both(GetString(request.authentication, "username"));
    both += ":";
    both += found->second.Reveal();
    std::string encoded = "Basic " + Base64(both);
    WipeString(both);
    return Secret::FromString(std::move(encoded));
  }
  return {};
}

}  // namespace nstarx::connectors::catalogs
