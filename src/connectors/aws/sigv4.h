#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "connectors/aws/credentials.h"
#include "net/http_request.h"

namespace nstarx::connectors::aws {

/// What a signature is good for.
struct SigningScope {
  std::string region;
  std::string service;  ///< s3, sts, dynamodb …
};

/// Lower-case hex of SHA-256.
std::string Sha256Hex(std::string_view bytes);

/// Adds x-amz-date, x-amz-security-token, (for s3) x-amz-content-sha256 and authorization to the
/// request's headers. Every header that is already there is signed, Host too.
void SignRequest(net::HttpRequest& request, const Credentials& credentials,
                 const SigningScope& scope, TimePoint now);

/// The request as a URL that is good for `expires` from now without any header but Host.
std::string PresignUrl(const net::HttpRequest& request, const Credentials& credentials,
                       const SigningScope& scope, TimePoint now, std::chrono::seconds expires);

}  // namespace nstarx::connectors::aws
