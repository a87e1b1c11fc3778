#include "connectors/hdfs/hdfs_errors.h"

#include <algorithm>

#include "base/json.h"

namespace nstarx::connectors::hdfs {
namespace {

struct Row {
  ErrorKind kind;
  std::string_view code;
  std::string_view stage;
  std::string_view text;
};

constexpr auto kLogin = ErrorKind::kUnauthenticated;
constexpr auto kDenied = ErrorKind::kPermissionDenied;
constexpr auto kBusy = ErrorKind::kUnavailable;
constexpr auto kInput = ErrorKind::kInvalidArgument;
constexpr auto kConflict = ErrorKind::kConflict;

constexpr Row kNotFoundRow{ErrorKind::kNotFound, "object.not_found", "query",
                           "No file has this path"};
constexpr Row kPathConflict{kConflict, "object.path_conflict", "query",
                            "A folder is where a file is wanted, or the other way round"};
constexpr Row kInvalidPath{kInput, "object.invalid_key", "query", "HDFS allows no such path"};
constexpr Row kQuota{ErrorKind::kResourceExhausted, "object.quota_exceeded", "query",
                     "The folder's quota is used up"};
constexpr Row kLease{kConflict, "object.changed", "query",
                     "Another client writes this file or took it away"};
constexpr Row kSafeMode{kBusy, "name_node.safe_mode", "query",
                        "The name node is in safe mode: nothing can be written"};
constexpr Row kNoDataNode{kBusy, "data_node.none", "query", "No data node takes or has the block"};
constexpr Row kKerberos{kLogin, "login.kerberos_required", "login",
                        "The cluster wants Kerberos or a delegation token"};
constexpr Row kTokenRefused{kLogin, "login.token_refused", "login",
                            "The cluster does not accept the delegation token"};
constexpr Row kBadUser{kInput, "login.invalid_user", "login",
                       "The cluster allows no such user name"};

constexpr std::pair<std::string_view, Row> kExceptions[] = {
    {"FileNotFoundException", kNotFoundRow},
    {"AccessControlException",
     {kDenied, "object.no_privilege", "query", "The user may not do this"}},
    {"AuthorizationException",
     {kDenied, "object.no_privilege", "query", "The user may not do this"}},
    {"SecurityException", kTokenRefused},
    {"InvalidToken", kTokenRefused},
    {"NegativeArraySizeException", kTokenRefused},  // of reading a token that is none
    {"AuthenticationException", kKerberos},
    {"StandbyException",
     {kBusy, "name_node.standby", "login", "The name node is in standby, and no other is active"}},
    {"SafeModeException", kSafeMode},
    {"ParentNotDirectoryException", kPathConflict},
    {"PathIsNotEmptyDirectoryException", kPathConflict},
    {"FileAlreadyExistsException", kPathConflict},
    {"InvalidPathException", kInvalidPath},
    {"PathComponentTooLongException", kInvalidPath},
    {"NSQuotaExceededException", kQuota},
    {"DSQuotaExceededException", kQuota},
    {"QuotaByStorageTypeExceededException", kQuota},
    {"AlreadyBeingCreatedException", kLease},
    {"RecoveryInProgressException", kLease},
    {"LeaseExpiredException", kLease},
    {"BlockMissingException", kNoDataNode},
};

// What only the sentence tells. The first that fits counts.
constexpr std::pair<std::string_view, Row> kSentences[] = {
    {"SafeModeException", kSafeMode},
    {"safe mode", kSafeMode},
    {"out of the range", {kInput, "object.invalid_range", "query", "The range lies outside"}},
    {"must both be directories", kPathConflict},
    {"is a directory", kPathConflict},
    {"is not a directory", kPathConflict},
    {"already exists as a directory", kPathConflict},
    {"Failed to find datanode", kNoDataNode},
    {"could only be written to", kNoDataNode},
    {"Could not obtain block", kNoDataNode},
    {"does not have any live nodes", kNoDataNode},
    {"Invalid path", kInvalidPath},
    {"Invalid file name", kInvalidPath},
    {"Pathname too long", kInvalidPath},
    {"does not belong to the domain", kBadUser},
    {"user.name", kBadUser},
};

Row RowOf(const HdfsFailure& failure) {
  if (failure.http_status == 401) return kKerberos;
  const auto* known = std::ranges::find(kExceptions, std::string_view(failure.exception),
                                        &std::pair<std::string_view, Row>::first);
  if (known != std::end(kExceptions)) return known->second;
  for (const auto& [part, row] : kSentences) {
    if (failure.message.find(part) != std::string::npos) return row;
  }
  if (failure.http_status == 429 || failure.exception == "RetriableException") {
    return {kBusy, "service.busy", "query", "The server asks to come later"};
  }
  if (failure.http_status >= 500) {
    return {kBusy, "service.unavailable", "query", "The server failed inside"};
  }
  return {kInput, "service.error", "query", "The server refused the request"};
}

}  // namespace

Error MalformedAnswer() {
  return Unavailable("response.malformed", "The server's answer is not that of WebHDFS")
      .WithStage("login");
}

HdfsFailure ReadFailure(int http_status, std::string_view body) {
  HdfsFailure failure{.http_status = http_status, .exception = {}, .message = {}};
  const Result<json::value> document = ParseJson(body);
  const json::object* object = document ? document->if_object() : nullptr;
  const json::value* remote = object ? object->if_contains("RemoteException") : nullptr;
  if (remote == nullptr || !remote->is_object()) return failure;
  failure.exception = GetString(remote->get_object(), "exception");
  failure.message = GetString(remote->get_object(), "message");
  return failure;
}

Error FromHdfsFailure(const HdfsFailure& failure, std::string_view subject) {
  const bool speaks_hdfs = !failure.exception.empty();
  if (!speaks_hdfs && failure.http_status < 500 && failure.http_status != 401 &&
      failure.http_status != 429) {
    return MalformedAnswer().WithVendorCode(fmt::format("HTTP {}", failure.http_status));
  }
  const Row row = RowOf(failure);
  std::string message(row.text);
  if (!subject.empty()) message += fmt::format(": {}", subject);
  // The first line only: stack traces follow now and then.
  const std::string_view said =
      std::string_view(failure.message).substr(0, failure.message.find('\n'));
  // What is said of logins may repeat the token.
  if (row.code != "object.not_found" && row.kind != kLogin && !said.empty() && said.size() <= 500) {
    message += fmt::format(" ({})", said);
  }
  Error error(row.kind, std::string(row.code), std::move(message));
  error.WithStage(row.stage);
  error.WithVendorCode(!speaks_hdfs || failure.exception.size() > 100
                           ? fmt::format("HTTP {}", failure.http_status)
                           : failure.exception);
  if (row.kind == kBusy) error.WithAction(Action::kRetry);
  return error;
}

}  // namespace nstarx::connectors::hdfs
