#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace nstarx::connectors::aws {

/// What an AWS-like service said went wrong.
struct ServiceFailure {
  int http_status = 0;
  std::string code;     ///< "NoSuchKey"; empty when the answer had no body
  std::string message;  ///< the service's sentence
  std::string region;   ///< the right region, when the service told it
};

/// Reads <Error><Code>… and <ErrorResponse><Error>… bodies; anything else leaves code empty.
ServiceFailure ReadFailure(int http_status, std::string_view body);

/// Codes that every service of the family shares: login.unknown_access_key, login.wrong_secret_key,
/// login.token_expired, login.malformed_token, clock.skewed, region.wrong, service.busy,
/// service.unavailable, object.no_privilege; service.error for the rest. `subject` names the thing
/// asked for, for the message. The service's message is kept unless it may echo credentials.
Error FromServiceFailure(const ServiceFailure& failure, std::string_view subject);

}  // namespace nstarx::connectors::aws
