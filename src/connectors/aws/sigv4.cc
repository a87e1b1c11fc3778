#include "connectors/aws/sigv4.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <ctime>

#include "base/percent.h"

namespace nstarx::connectors::aws {
namespace {

using Digest = std::array<unsigned char, 32>;

std::string Hex(std::span<const unsigned char> bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

Digest Hmac(std::string_view key, std::string_view text) {
  Digest digest{};
  unsigned int size = 0;
  NSTARX_CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                    reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(),
                    &size) != nullptr);
  return digest;
}

std::string_view View(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

/// "20130524T000000Z".
std::string BasicTime(TimePoint now) {
  const std::time_t seconds =
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

/// Without outer white space, inner runs of spaces made one.
std::string Trimmed(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\t';
    if (space && (out.empty() || out.back() == ' ')) continue;
    out += space ? ' ' : c;
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

struct Canonical {
  std::string text;
  std::string signed_headers;
};

Canonical MakeCanonical(const net::HttpRequest& request, const net::HttpFields& query,
                        const net::HttpFields& headers, std::string_view payload_hash) {
  // Sorted after encoding, by name and then by value.
  std::vector<std::pair<std::string, std::string>> encoded;
  for (const auto& [name, value] : query) {
    encoded.emplace_back(PercentEncode(name), PercentEncode(value));
  }
  std::ranges::sort(encoded);
  std::string query_text;
  for (const auto& [name, value] : encoded) {
    if (!query_text.empty()) query_text += '&';
    query_text += name + "=" + value;
  }

  std::vector<std::pair<std::string, std::string>> fields;
  for (const auto& [name, value] : headers) fields.emplace_back(Lower(name), Trimmed(value));
  fields.emplace_back("host", request.service.Authority());
  std::ranges::stable_sort(fields, {}, &std::pair<std::string, std::string>::first);

  Canonical canonical;
  std::string header_text;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (i > 0 && fields[i].first == fields[i - 1].first) {
      header_text.pop_back();
      header_text += "," + fields[i].second + "\n";
      continue;
    }
    header_text += fields[i].first + ":" + fields[i].second + "\n";
    if (!canonical.signed_headers.empty()) canonical.signed_headers += ';';
    canonical.signed_headers += fields[i].first;
  }
  canonical.text = request.method + "\n" + request.path + "\n" + query_text + "\n" + header_text +
                   "\n" + canonical.signed_headers + "\n" + std::string(payload_hash);
  return canonical;
}

std::string Signature(const Canonical& canonical, const Credentials& credentials,
                      const SigningScope& scope, const std::string& time) {
  const std::string day = time.substr(0, 8);
  const std::string to_sign = "AWS4-HMAC-SHA256\n" + time + "\n" + day + "/" + scope.region + "/" +
                              scope.service + "/aws4_request\n" + Sha256Hex(canonical.text);
  std::string seed = "AWS4" + std::string(credentials.secret_access_key.Reveal());
  Digest key = Hmac(seed, day);
  WipeString(seed);
  key = Hmac(View(key), scope.region);
  key = Hmac(View(key), scope.service);
  key = Hmac(View(key), "aws4_request");
  return Hex(Hmac(View(key), to_sign));
}

std::string CredentialText(const Credentials& credentials, const SigningScope& scope,
                           const std::string& time) {
  return credentials.access_key_id + "/" + time.substr(0, 8) + "/" + scope.region + "/" +
         scope.service + "/aws4_request";
}

}  // namespace

std::string Sha256Hex(std::string_view bytes) {
  Digest digest{};
  unsigned int size = 0;
  NSTARX_CHECK(
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
  return Hex(digest);
}

void SignRequest(net::HttpRequest& request, const Credentials& credentials,
                 const SigningScope& scope, TimePoint now) {
  const std::string time = BasicTime(now);
  const std::string payload_hash = Sha256Hex(request.body);
  request.headers.emplace_back("x-amz-date", time);
  if (scope.service == "s3") request.headers.emplace_back("x-amz-content-sha256", payload_hash);
  if (!credentials.session_token.empty()) {
    request.headers.emplace_back("x-amz-security-token",
                                 std::string(credentials.session_token.Reveal()));
  }
  const Canonical canonical = MakeCanonical(request, request.query, request.headers, payload_hash);
  request.headers.emplace_back(
      "Authorization", "AWS4-HMAC-SHA256 Credential=" + CredentialText(credentials, scope, time) +
                           ",SignedHeaders=" + canonical.signed_headers +
                           ",Signature=" + Signature(canonical, credentials, scope, time));
}

std::string PresignUrl(const net::HttpRequest& request, const Credentials& credentials,
                       const SigningScope& scope, TimePoint now, std::chrono::seconds expires) {
  const std::string time = BasicTime(now);
  net::HttpRequest signed_request = request;
  net::HttpFields& query = signed_request.query;
  query.emplace_back("X-Amz-Algorithm", "AWS4-HMAC-SHA256");
  query.emplace_back("X-Amz-Credential", CredentialText(credentials, scope, time));
  query.emplace_back("X-Amz-Date", time);
  query.emplace_back("X-Amz-Expires", fmt::format("{}", expires.count()));
  query.emplace_back("X-Amz-SignedHeaders", "host");
  if (!credentials.session_token.empty()) {
    query.emplace_back("X-Amz-Security-Token", std::string(credentials.session_token.Reveal()));
  }
  const Canonical canonical = MakeCanonical(signed_request, query, {}, "UNSIGNED-PAYLOAD");
  query.emplace_back("X-Amz-Signature", Signature(canonical, credentials, scope, time));
  return signed_request.Url();
}

}  // namespace nstarx::connectors::aws
