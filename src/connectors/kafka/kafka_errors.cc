#include "connectors/kafka/kafka_errors.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>

namespace nstarx::connectors::kafka {
namespace {

struct CodeRow {
  int vendor;
  ErrorKind kind;
  std::string_view code;
  std::string_view stage;
};

constexpr CodeRow kRows[] = {
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, ErrorKind::kUnauthenticated, "login.wrong_password",
     "login"},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, ErrorKind::kUnauthenticated,
     "login.wrong_password", "login"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, ErrorKind::kInvalidArgument,
     "login.mechanism_unsupported", "login"},
    {RD_KAFKA_RESP_ERR__SSL, ErrorKind::kUnavailable, "tls.handshake_failed", "tls"},
    {RD_KAFKA_RESP_ERR__RESOLVE, ErrorKind::kUnavailable, "dns.not_found", "resolve"},
    {RD_KAFKA_RESP_ERR__TRANSPORT, ErrorKind::kUnavailable, "connection.lost", "query"},
    {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, ErrorKind::kUnavailable, "connection.lost", "query"},
    {RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION, ErrorKind::kUnavailable, "connection.lost", "query"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, ErrorKind::kNotFound, "stream.unknown_topic", "query"},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, ErrorKind::kNotFound, "stream.unknown_topic",
     "query"},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, ErrorKind::kInvalidArgument, "stream.invalid_topic",
     "query"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, ErrorKind::kNotFound, "stream.unknown_partition",
     "query"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ErrorKind::kPermissionDenied, "query.forbidden",
     "query"},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, ErrorKind::kPermissionDenied, "query.forbidden",
     "query"},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, ErrorKind::kPermissionDenied,
     "query.forbidden", "query"},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ErrorKind::kInvalidArgument, "stream.message_too_large",
     "query"},
    {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, ErrorKind::kInvalidArgument,
     "stream.message_too_large", "query"},
    {RD_KAFKA_RESP_ERR_INVALID_RECORD, ErrorKind::kInvalidArgument, "stream.message_rejected",
     "query"},
    {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, ErrorKind::kInvalidArgument, "stream.message_rejected",
     "query"},
    {RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, ErrorKind::kInvalidArgument,
     "stream.offset_out_of_range", "query"},
    {RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, ErrorKind::kInvalidArgument,
     "stream.offset_out_of_range", "query"},
    {RD_KAFKA_RESP_ERR__TIMED_OUT, ErrorKind::kDeadlineExceeded, "query.timeout", "query"},
    {RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, ErrorKind::kDeadlineExceeded, "query.timeout", "query"},
    {RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, ErrorKind::kDeadlineExceeded, "query.timeout", "query"},
    {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, ErrorKind::kUnavailable, "stream.not_enough_replicas",
     "query"},
    {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, ErrorKind::kUnavailable,
     "stream.not_enough_replicas", "query"},
    {RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, ErrorKind::kUnavailable, "stream.no_leader", "query"},
    {RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, ErrorKind::kConflict, "stream.group_active", "query"},
    {RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, ErrorKind::kConflict, "stream.group_active", "query"},
    {RD_KAFKA_RESP_ERR_INVALID_GROUP_ID, ErrorKind::kInvalidArgument, "stream.invalid_group",
     "query"},
};

bool Says(std::string_view message, std::string_view words) {
  return message.find(words) != std::string_view::npos;
}

}  // namespace

Error MapCode(int code, std::string_view message) {
  const auto vendor = static_cast<rd_kafka_resp_err_t>(code);
  if (message.empty()) message = rd_kafka_err2str(vendor);
  ErrorKind kind = ErrorKind::kInternal;
  std::string_view name = "query.failed";
  std::string_view stage = "query";
  for (const CodeRow& row : kRows) {
    if (row.vendor != code) continue;
    kind = row.kind;
    name = row.code;
    stage = row.stage;
  }
  // Two causes that librdkafka tells apart only in words.
  if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION && Says(message, "nsupported SASL mechanism")) {
    kind = ErrorKind::kInvalidArgument;
    name = "login.mechanism_unsupported";
  }
  if (code == RD_KAFKA_RESP_ERR__SSL &&
      (Says(message, "certificate required") || Says(message, "bad certificate"))) {
    kind = ErrorKind::kUnauthenticated;
    name = "login.certificate_required";
    stage = "login";
  }
  Error error(kind, std::string(name), std::string(message));
  error.WithStage(stage).WithVendorCode(rd_kafka_err2name(vendor));
  return error;
}

bool EndsSession(int code) {
  return code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
         code == RD_KAFKA_RESP_ERR__FATAL;
}

}  // namespace nstarx::connectors::kafka
