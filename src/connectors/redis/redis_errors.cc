#include "connectors/redis/redis_errors.h"

#include <fmt/format.h>

#include <string>

namespace nstarx::connectors::redis {
namespace {

using enum ErrorKind;

struct Known {
  std::string_view prefix;  ///< of the reply, its first word or more
  ErrorKind kind;
  std::string_view code;
  std::string_view stage;  ///< empty: the caller's
};

// The first that fits counts: longer ones before their beginnings.
constexpr Known kKnown[] = {
    {"WRONGPASS", kUnauthenticated, "login.wrong_password", "login"},
    {"NOAUTH", kUnauthenticated, "login.password_required", "login"},
    {"ERR AUTH <password> called without any password", kUnauthenticated,
     "login.no_password_wanted", "login"},
    {"ERR Client sent AUTH, but no password is set", kUnauthenticated, "login.no_password_wanted",
     "login"},
    {"ERR invalid password", kUnauthenticated, "login.wrong_password", "login"},
    {"DENIED", kPermissionDenied, "login.protected_mode", "login"},
    {"ERR max number of clients reached", kResourceExhausted, "login.too_many_connections",
     "login"},
    {"ERR DB index is out of range", kNotFound, "login.unknown_database", ""},
    {"ERR invalid DB index", kInvalidArgument, "login.unknown_database", ""},
    {"ERR SELECT is not allowed in cluster mode", kInvalidArgument, "login.unknown_database", ""},
    {"NOPERM", kPermissionDenied, "query.no_privilege", ""},
    {"MOVED", kUnimplemented, "query.moved", ""},
    {"ASK ", kUnimplemented, "query.moved", ""},
    {"TRYAGAIN", kUnavailable, "query.cluster_busy", ""},
    {"CLUSTERDOWN", kUnavailable, "query.cluster_down", ""},
    {"CROSSSLOT", kInvalidArgument, "query.cross_slot", ""},
    {"LOADING", kUnavailable, "connection.loading", ""},
    {"MASTERDOWN", kUnavailable, "connection.no_primary", ""},
    {"READONLY", kPermissionDenied, "query.replica_read_only", ""},
    {"NOREPLICAS", kUnavailable, "query.no_replicas", ""},
    {"MISCONF", kUnavailable, "query.cannot_persist", ""},
    {"OOM", kResourceExhausted, "query.out_of_memory", ""},
    {"BUSYKEY", kAlreadyExists, "query.already_exists", ""},
    {"BUSYGROUP", kAlreadyExists, "query.already_exists", ""},
    {"BUSY", kUnavailable, "query.script_running", ""},
    {"WRONGTYPE", kInvalidArgument, "query.wrong_type", ""},
    {"NOSCRIPT", kNotFound, "query.unknown_script", ""},
    {"NOGROUP", kNotFound, "query.undefined_table", ""},
    {"UNBLOCKED", kCancelled, "query.cancelled", ""},
    {"EXECABORT", kInvalidArgument, "query.transaction_aborted", ""},
    {"ERR no such key", kNotFound, "query.undefined_table", ""},
    {"ERR unknown command", kInvalidArgument, "query.unknown_command", ""},
    {"ERR unknown subcommand", kInvalidArgument, "query.unknown_command", ""},
    {"ERR Unknown subcommand", kInvalidArgument, "query.unknown_command", ""},
    {"ERR wrong number of arguments", kInvalidArgument, "query.syntax_error", ""},
    {"ERR syntax error", kInvalidArgument, "query.syntax_error", ""},
    {"ERR value is not", kInvalidArgument, "query.bad_value", ""},
    {"ERR Error running script", kInvalidArgument, "query.script_failed", ""},
    {"ERR Error compiling script", kInvalidArgument, "query.syntax_error", ""},
    {"ERR user_script", kInvalidArgument, "query.script_failed", ""},
    {"ERR Protocol error", kUnavailable, "connection.protocol_error", ""},
};

std::string_view FirstWord(std::string_view text) { return text.substr(0, text.find(' ')); }

}  // namespace

Error QueryError(ErrorKind kind, std::string code, std::string message) {
  return Error(kind, std::move(code), std::move(message)).WithStage("query").WithConnector("redis");
}

Error MapError(std::string_view reply, std::string_view stage) {
  // Redis quotes the arguments of an unknown command; they may be secret.
  const std::string_view shown =
      reply.starts_with("ERR unknown command") ? reply.substr(0, reply.find(", with args")) : reply;
  Error error(kInvalidArgument, "query.failed", std::string(shown.substr(0, 500)));
  for (const Known& known : kKnown) {
    if (!reply.starts_with(known.prefix)) continue;
    error = Error(known.kind, std::string(known.code), std::string(shown.substr(0, 500)));
    if (!known.stage.empty()) stage = known.stage;
    break;
  }
  if (error.code() == "query.failed" && reply.find("ERR Script") != std::string_view::npos) {
    error = Error(kInvalidArgument, "query.script_failed", std::string(shown.substr(0, 500)));
  }
  if (stage == "login" && error.code() == "query.failed") {
    error = Error(kInvalidArgument, "login.failed", error.message());
  }
  if (stage == "login" && error.code() == "query.no_privilege") {
    error = Error(kPermissionDenied, "login.no_privilege", error.message());
  }
  return error.WithStage(stage).WithConnector("redis").WithVendorCode(
      std::string(FirstWord(reply).substr(0, 40)));
}

Error ConnectionLost(std::string_view why) {
  return Unavailable("connection.lost",
                     fmt::format("The connection to the server is gone: {}", why))
      .WithStage("query")
      .WithConnector("redis")
      .WithAction(Action::kRetry);
}

Error ExplainFirstAnswer(Error found, std::string_view first_bytes, bool uses_tls) {
  if (uses_tls && found.code() == "connection.lost") {
    Error error = Unavailable("login.client_certificate_required",
                              "The server closed the TLS connection before it answered; it most "
                              "likely wants a client certificate: " +
                                  found.message());
    return error.WithStage("login").WithConnector("redis").WithAction(Action::kFixCredentials);
  }
  const bool alert = !first_bytes.empty() && first_bytes[0] == '\x15';
  const bool closed = found.code() == "connection.lost";
  if (!uses_tls && (alert || closed)) {
    Error error = Unavailable("tls.required_by_server",
                              alert ? "The server answered with a TLS alert: its port wants TLS"
                                    : "The server closed the connection without an answer; its "
                                      "port may want TLS");
    return error.WithStage("tls").WithConnector("redis").WithAction(Action::kFixInput);
  }
  if (found.stage().empty() || found.stage() == "query") found.WithStage("login");
  return found;
}

}  // namespace nstarx::connectors::redis
