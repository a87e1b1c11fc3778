#include "connectors/gcs/signed_url.h"

#include <openssl/sha.h>

namespace nstarx::connectors::gcs {
namespace {

constexpr std::string_view kAlgorithm = "GOOG4-RSA-SHA256";

std::string Hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

}  // namespace

Result<std::string> SignUrl(const google::ServiceAccount& account, const net::HttpRequest& request,
                            TimePoint now, std::chrono::seconds expires) {
  std::string time = FormatTime(now).substr(0, 19) + "Z";  // 2026-11-23T06:23:00Z
  std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
  const std::string scope = time.substr(0, 8) + "/auto/storage/goog4_request";
  net::HttpRequest url = request;
  // In the order of their names, as they are signed.
  url.query = {{"X-Goog-Algorithm", std::string(kAlgorithm)},
               {"X-Goog-Credential", account.email() + "/" + scope},
               {"X-Goog-Date", time},
               {"X-Goog-Expires", fmt::format("{}", expires.count())},
               {"X-Goog-SignedHeaders", "host"}};
  const std::string canonical =
      fmt::format("{}\n{}\n{}\nhost:{}\n\nhost\nUNSIGNED-PAYLOAD", url.method, url.path,
                  net::EncodeQuery(url.query), url.service.Authority());
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(canonical.data()), canonical.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  NSTARX_TRY(const std::string signature,
             account.Sign(fmt::format("{}\n{}\n{}\n{}", kAlgorithm, time, scope, Hex(digest))));
  url.query.emplace_back("X-Goog-Signature", Hex(signature));
  return url.Url();
}

}  // namespace nstarx::connectors::gcs
