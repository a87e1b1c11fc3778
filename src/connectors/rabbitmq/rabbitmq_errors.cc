#include "connectors/rabbitmq/rabbitmq_errors.h"

#include <string>

#include "base/json.h"

namespace nstarx::connectors::rabbitmq {
namespace {

struct ReplyRow {
  uint16_t reply;
  std::string_view words;  ///< that the text must have; empty: any
  ErrorKind kind;
  std::string_view code;
  std::string_view stage;
};

/// The first that fits counts.
constexpr ReplyRow kRows[] = {
    {311, "", ErrorKind::kInvalidArgument, "stream.message_too_large", "query"},
    {320, "", ErrorKind::kUnavailable, "connection.lost", "query"},
    {402, "", ErrorKind::kNotFound, "login.unknown_vhost", "login"},
    {403, "exclusive", ErrorKind::kConflict, "stream.group_active", "query"},
    {403, "Login was refused", ErrorKind::kUnauthenticated, "login.wrong_password", "login"},
    {403, "", ErrorKind::kPermissionDenied, "query.forbidden", "query"},
    {404, "", ErrorKind::kNotFound, "stream.unknown_topic", "query"},
    {405, "", ErrorKind::kConflict, "stream.locked", "query"},
    {406, "message size", ErrorKind::kInvalidArgument, "stream.message_too_large", "query"},
    {406, "acknowledgement", ErrorKind::kUnavailable, "stream.ack_timeout", "query"},
    {501, "", ErrorKind::kUnavailable, "connection.protocol", "query"},
    {502, "", ErrorKind::kUnavailable, "connection.protocol", "query"},
    {503, "", ErrorKind::kUnavailable, "connection.protocol", "query"},
    {504, "", ErrorKind::kUnavailable, "connection.protocol", "query"},
    {505, "", ErrorKind::kUnavailable, "connection.protocol", "query"},
    {530, "not found", ErrorKind::kNotFound, "login.unknown_vhost", "login"},
    {530, "access to vhost", ErrorKind::kPermissionDenied, "login.vhost_refused", "login"},
    {530, "limit", ErrorKind::kResourceExhausted, "login.too_many_connections", "login"},
};

}  // namespace

Error MapReply(uint16_t code, std::string_view text) {
  ErrorKind kind = ErrorKind::kInternal;
  std::string_view name = "query.failed";
  std::string_view stage = "query";
  for (const ReplyRow& row : kRows) {
    if (row.reply != code || text.find(row.words) == std::string_view::npos) continue;
    kind = row.kind;
    name = row.code;
    stage = row.stage;
    break;
  }
  std::string message(IsUtf8(text) ? text : "the server's reason is not text");
  if (message.empty()) message = "the server gave no reason";
  Error error(kind, std::string(name), std::move(message));
  error.WithStage(stage).WithConnector("rabbitmq").WithVendorCode(std::to_string(code));
  return error;
}

}  // namespace nstarx::connectors::rabbitmq
