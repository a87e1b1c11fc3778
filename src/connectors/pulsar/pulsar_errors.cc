#include "connectors/pulsar/pulsar_errors.h"

#include <fmt/format.h>

#include <utility>

#include "base/json.h"
#include "connectors/pulsar/libpulsar.h"

namespace nstarx::connectors::pulsar {
namespace {

struct ResultRow {
  int result;
  std::string_view name;
  ErrorKind kind;
  std::string_view code;
  std::string_view says;
};

constexpr ResultRow kRows[] = {
    {kTimeout, "Timeout", ErrorKind::kDeadlineExceeded, "query.timeout",
     "the broker did not answer in time"},
    {kLookupError, "LookupError", ErrorKind::kUnavailable, "stream.no_owner",
     "no broker owns the topic now"},
    {kConnectError, "ConnectError", ErrorKind::kUnavailable, "connection.lost",
     "the broker can't be reached"},
    {kReadError, "ReadError", ErrorKind::kUnavailable, "connection.lost",
     "reading from the broker failed"},
    {kAuthenticationError, "AuthenticationError", ErrorKind::kUnauthenticated, "login.wrong_token",
     "the broker refuses the login"},
    {kErrorGettingAuthenticationData, "ErrorGettingAuthenticationData", ErrorKind::kUnauthenticated,
     "login.wrong_token", "the token can't be used"},
    {kAuthorizationError, "AuthorizationError", ErrorKind::kPermissionDenied, "query.forbidden",
     "the login may not do this with the topic"},
    {kBrokerMetadataError, "BrokerMetadataError", ErrorKind::kUnavailable, "stream.no_owner",
     "the broker can't read its metadata"},
    {kBrokerPersistenceError, "BrokerPersistenceError", ErrorKind::kUnavailable,
     "stream.not_persisted", "the broker can't store or read messages"},
    {kConsumerBusy, "ConsumerBusy", ErrorKind::kConflict, "stream.group_active",
     "the subscription has an exclusive consumer"},
    {kNotConnected, "NotConnected", ErrorKind::kUnavailable, "connection.lost",
     "the broker is not connected"},
    {kAlreadyClosed, "AlreadyClosed", ErrorKind::kUnavailable, "connection.lost",
     "the connection is closed"},
    {kDisconnected, "Disconnected", ErrorKind::kUnavailable, "connection.lost",
     "the connection is closed"},
    {kTooManyLookups, "TooManyLookupRequestException", ErrorKind::kResourceExhausted,
     "stream.too_many_requests", "the broker has too many requests"},
    {kInvalidTopicName, "InvalidTopicName", ErrorKind::kInvalidArgument, "stream.invalid_topic",
     "the name can't be a topic's"},
    {kServiceUnitNotReady, "ServiceUnitNotReady", ErrorKind::kUnavailable, "stream.no_owner",
     "the topic moves between brokers"},
    {kQuotaExceededError, "ProducerBlockedQuotaExceededError", ErrorKind::kResourceExhausted,
     "stream.quota_exceeded", "the backlog quota of the namespace is used up"},
    {kQuotaExceededException, "ProducerBlockedQuotaExceededException",
     ErrorKind::kResourceExhausted, "stream.quota_exceeded",
     "the backlog quota of the namespace is used up"},
    {kMessageTooBig, "MessageTooBig", ErrorKind::kInvalidArgument, "stream.message_too_large",
     "a message is larger than the broker allows"},
    {kTopicNotFound, "TopicNotFound", ErrorKind::kNotFound, "stream.unknown_topic",
     "there is no such topic"},
    {kTopicTerminated, "TopicTerminated", ErrorKind::kConflict, "stream.topic_terminated",
     "the topic takes no more messages"},
    {kIncompatibleSchema, "IncompatibleSchema", ErrorKind::kInvalidArgument,
     "stream.incompatible_schema", "the topic has a schema that plain bytes do not fit"},
    {kNotAllowed, "NotAllowedError", ErrorKind::kInvalidArgument, "stream.message_rejected",
     "the broker does not allow it"},
    {kChecksumError, "ChecksumError", ErrorKind::kDataLoss, "stream.corrupt_message",
     "a message's checksum is wrong"},
    {kCryptoError, "CryptoError", ErrorKind::kInvalidArgument, "stream.encrypted",
     "a message is encrypted with a key that is not here"},
};

bool Says(std::string_view text, std::string_view words) {
  return text.find(words) != std::string_view::npos;
}

}  // namespace

Error Failed(ErrorKind kind, std::string_view code, std::string message, std::string_view stage) {
  Error error(kind, std::string(code), std::move(message));
  error.WithStage(stage).WithConnector("pulsar");
  return error;
}

Error MapResult(int result, std::string_view what) {
  for (const ResultRow& row : kRows) {
    if (row.result != result) continue;
    const bool login = row.code.starts_with("login.");
    return Failed(row.kind, row.code, fmt::format("{}: {}", what, row.says),
                  login ? "login" : "query")
        .WithVendorCode(std::string(row.name));
  }
  return Failed(ErrorKind::kInternal, "query.failed",
                fmt::format("{}: the Pulsar client fails with result {}", what, result))
      .WithVendorCode(std::to_string(result));
}

Error MapRefusal(int server_error, std::string_view message) {
  constexpr int kServerAuthentication = 3;
  constexpr int kServerAuthorization = 4;
  if (server_error == kServerAuthentication || server_error == kServerAuthorization) {
    // The broker's own words may quote what was sent.
    return Failed(
               ErrorKind::kUnauthenticated, "login.wrong_token",
               Says(message, "xpired") ? "the token has expired" : "the broker refuses the login",
               "login")
        .WithVendorCode(server_error == kServerAuthentication ? "AuthenticationError"
                                                              : "AuthorizationError");
  }
  return Failed(ErrorKind::kUnavailable, "login.refused",
                fmt::format("the broker refuses the connection with error {}", server_error),
                "login")
      .WithVendorCode(std::to_string(server_error));
}

Error MapStatus(int status, std::string_view body) {
  std::string reason;
  if (const auto value = ParseJson(body); value && value->is_object()) {
    reason = GetString(value->as_object(), "reason");
  }
  if (reason.size() > 400) reason.resize(400);
  if (!IsUtf8(reason)) reason.clear();
  const auto tell = [&](std::string_view otherwise) {
    return reason.empty() ? std::string(otherwise) : reason;
  };
  // A login that is good but may not do it is told with 401, too.
  const bool unauthorized = Says(reason, "nauthorized to") || Says(reason, "not authorized");
  if (status == 403 || (status == 401 && unauthorized)) {
    return Failed(ErrorKind::kPermissionDenied, "query.forbidden",
                  tell("the login may not ask the admin API for this"));
  }
  if (status == 401) {
    return Failed(ErrorKind::kUnauthenticated, "login.wrong_token",
                  "the admin API refuses the login", "login");
  }
  if (status == 404) return Failed(ErrorKind::kNotFound, "admin.not_found", tell("not found"));
  if (status == 412) {
    return Failed(ErrorKind::kInvalidArgument, "stream.invalid_topic", tell("not acceptable"));
  }
  return Failed(ErrorKind::kUnavailable, "admin.failed",
                fmt::format("the admin API answers with status {}{}{}", status,
                            reason.empty() ? "" : ": ", reason));
}

Error UnknownTopic(std::string_view topic) {
  return Failed(ErrorKind::kNotFound, "stream.unknown_topic",
                fmt::format("there is no topic '{}'", topic))
      .WithDetail("topic", topic);
}

}  // namespace nstarx::connectors::pulsar
