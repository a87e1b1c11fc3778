#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/context.h"
#include "connectors/aws/aws_errors.h"
#include "connectors/aws/credentials.h"
#include "net/http_client.h"
#include "net/http_request.h"

namespace nstarx::connectors::aws {

/// Reads an answer of the JSON protocol: {"__type": "namespace#Code", "message": "…"}, or its
/// x-amzn-errortype header.
ServiceFailure ReadJsonFailure(const net::HttpReply& reply);

/// FromServiceFailure for services of the JSON protocol, whose refusals are about no object:
/// query.no_privilege, and clock.skewed or region.wrong behind a refused signature.
Error FromJsonFailure(const ServiceFailure& failure, std::string_view subject);

/// How long to wait before the n-th repetition (0, 1, …): doubles from 50 ms to 5 s, of which
/// `fraction` (0 … 1) takes away at most a half.
std::chrono::milliseconds RepeatAfter(int repetition, double fraction);

/// Waits, unless the context ends first: its error then.
Status Pause(const Context& context, std::chrono::milliseconds time);

/// One service of AWS's JSON protocol: every call is a signed POST that names its operation. Used
/// by one thread at a time.
class JsonClient {
 public:
  struct Settings {
    net::ServiceUrl endpoint;
    std::string region;
    std::string service;  ///< in signatures: "dynamodb"
    std::string target;   ///< before the operation's name: "DynamoDB_20120810"
    std::string version;  ///< "1.0" or "1.1"
    size_t reply_max = size_t{64} << 20;
  };
  /// What may be sent again.
  enum class Repeat {
    kThrottled,  ///< what the service did not begin: it throttles
    kAlways,     ///< also what it may have done (reads, writes of whole items)
  };

  JsonClient(Settings settings, std::shared_ptr<CredentialSource> credentials,
             std::unique_ptr<net::HttpClient> http, const Clock& clock);

  /// The reply's body, whatever its status; failures of the transport are errors.
  Result<net::HttpReply> Send(const Context& context, std::string_view operation,
                              std::string_view body);
  /// Sends, and sends again what may be as long as the context allows, at most ten times. A refused
  /// call is what `refusal` makes of it.
  using Refusal = Error (*)(const ServiceFailure& failure, std::string_view subject);
  Result<std::string> Call(const Context& context, std::string_view operation,
                           std::string_view body, Repeat repeat, Refusal refusal,
                           std::string_view subject);

  const Settings& settings() const { return settings_; }

 private:
  const Settings settings_;
  const std::shared_ptr<CredentialSource> credentials_;  // shared with the role's other sessions
  const std::unique_ptr<net::HttpClient> http_;
  const Clock& clock_;
};

}  // namespace nstarx::connectors::aws
