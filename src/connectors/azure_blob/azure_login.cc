#include "connectors/azure_blob/azure_login.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <map>

#include "connectors/object_store/http_object_client.h"

namespace nstarx::connectors::azure_blob {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string_view HeaderOf(const net::HttpRequest& request, std::string_view lower_name) {
  for (const auto& [name, value] : request.headers) {
    if (Lower(name) == lower_name) return value;
  }
  return {};
}

std::string Signature(const Secret& key, std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.Reveal().data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
  std::string encoded(4 * ((size + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()), digest,
                                     static_cast<int>(size));
  encoded.resize(static_cast<size_t>(length));
  return encoded;
}

/// "2026-11-23T06:23:00Z".
std::string SasTime(TimePoint time) { return FormatTime(time).substr(0, 19) + "Z"; }

}  // namespace

Result<Secret> AzureLogin::DecodeKey(std::string_view base64) {
  const auto malformed = [] {
    return InvalidArgument("login.malformed_account_key",
                           "The account key is not base64 as the portal shows it")
        .WithStage("login")
        .WithDetail("field", "account_key");
  };
  if (base64.empty() || base64.size() % 4 != 0 || base64.size() > 4096) return malformed();
  std::string decoded(base64.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(decoded.data()),
                                   reinterpret_cast<const unsigned char*>(base64.data()),
                                   static_cast<int>(base64.size()));
  if (size < 0) {
    WipeString(decoded);
    return malformed();
  }
  size_t padding = 0;
  while (padding < 2 && base64[base64.size() - 1 - padding] == '=') ++padding;
  decoded.resize(static_cast<size_t>(size) - padding);
  return Secret::FromString(std::move(decoded));
}

std::string StringToSign(const net::HttpRequest& request, std::string_view account) {
  std::string text = request.method + "\n";
  const std::string length =
      request.body.empty() ? std::string() : fmt::format("{}", request.body.size());
  for (const std::string_view name :
       {"content-encoding", "content-language", "content-length", "content-md5", "content-type",
        "date", "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"}) {
    text += name == "content-length" ? std::string_view(length) : HeaderOf(request, name);
    text += '\n';
  }
  std::map<std::string, std::string> extensions;
  for (const auto& [name, value] : request.headers) {
    const std::string lower = Lower(name);
    if (lower.starts_with("x-ms-")) extensions[lower] = value;
  }
  for (const auto& [name, value] : extensions) text += fmt::format("{}:{}\n", name, value);
  text += fmt::format("/{}{}", account, request.path);
  std::map<std::string, std::string> query;
  for (const auto& [name, value] : request.query) query[Lower(name)] = value;
  for (const auto& [name, value] : query) text += fmt::format("\n{}:{}", name, value);
  return text;
}

void SignSharedKey(net::HttpRequest& request, std::string_view account, const Secret& key,
                   TimePoint now) {
  request.headers.emplace_back("x-ms-date", object_store::FormatHttpTime(now));
  const std::string signature = Signature(key, StringToSign(request, account));
  request.headers.emplace_back("Authorization", fmt::format("SharedKey {}:{}", account, signature));
}

void AddSas(net::HttpRequest& request, std::string_view token) {
  while (!token.empty()) {
    const size_t end = std::min(token.find('&'), token.size());
    const std::string_view pair = token.substr(0, end);
    token.remove_prefix(std::min(end + 1, token.size()));
    const size_t sign = pair.find('=');
    if (sign == 0 || sign == std::string_view::npos) continue;
    request.query.emplace_back(object_store::PercentDecode(pair.substr(0, sign), false),
                               object_store::PercentDecode(pair.substr(sign + 1), false));
  }
}

std::optional<TimePoint> SasExpiry(std::string_view token) {
  net::HttpRequest fields;
  AddSas(fields, token);
  for (const auto& [name, value] : fields.query) {
    if (name != "se") continue;
    const auto time = ParseTime(value.size() == 10 ? value + "T00:00:00Z" : value);
    if (time) return *time;
  }
  return std::nullopt;
}

net::HttpFields SignServiceSas(std::string_view account, std::string_view container,
                               std::string_view blob, std::string_view method, bool https_only,
                               const Secret& key, TimePoint now, std::chrono::seconds expires) {
  const std::string_view permissions = method == "GET" ? "r" : "cw";
  const std::string end = SasTime(now + expires);
  const std::string_view protocol = https_only ? "https" : "https,http";
  // Fields in the order of version 2020-12-06; empty ones keep their line.
  const std::string text =
      fmt::format("{}\n\n{}\n/blob/{}/{}/{}\n\n\n{}\n{}\nb\n\n\n\n\n\n\n", permissions, end,
                  account, container, blob, protocol, kApiVersion);
  return {{"sv", std::string(kApiVersion)},
          {"se", end},
          {"sr", "b"},
          {"sp", std::string(permissions)},
          {"spr", std::string(protocol)},
          {"sig", Signature(key, text)}};
}

}  // namespace nstarx::connectors::azure_blob
