#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/secret.h"
#include "connectors/object_store/bearer_token.h"
#include "net/http_request.h"

namespace nstarx::connectors::azure_blob {

/// The version of the REST API that requests are written for.
inline constexpr std::string_view kApiVersion = "2020-12-06";

/// What a connection proves itself with. Immutable once open; shared by its clients.
struct AzureLogin {
  enum class Method { kSharedKey, kSas, kOauth, kAnonymous };
  Method method = Method::kAnonymous;
  Secret account_key;                                ///< decoded, of kSharedKey
  Secret sas_token;                                  ///< without '?', of kSas
  std::shared_ptr<object_store::TokenSource> token;  // shared with the pool's sessions; of kOauth

  /// Decodes the key; login.malformed_account_key when it is no base64.
  static Result<Secret> DecodeKey(std::string_view base64);
};

using AzureLoginPtr = std::shared_ptr<const AzureLogin>;  // shared by a session's clients

/// The text that Shared Key signs (2015-02-21 and later).
std::string StringToSign(const net::HttpRequest& request, std::string_view account);

/// Adds x-ms-date and authorization of Shared Key.
void SignSharedKey(net::HttpRequest& request, std::string_view account, const Secret& key,
                   TimePoint now);

/// Adds a SAS token's fields to the query.
void AddSas(net::HttpRequest& request, std::string_view token);

/// The end of a SAS token, when it says one that can be read.
std::optional<TimePoint> SasExpiry(std::string_view token);

/// The fields of a service SAS for one blob: GET reads it, PUT creates or overwrites it.
net::HttpFields SignServiceSas(std::string_view account, std::string_view container,
                               std::string_view blob, std::string_view method, bool https_only,
                               const Secret& key, TimePoint now, std::chrono::seconds expires);

}  // namespace nstarx::connectors::azure_blob
