#include "connectors/azure_blob/azure_errors.h"

#include "net/xml.h"

namespace nstarx::connectors::azure_blob {
namespace {

struct Row {
  std::string_view vendor;
  ErrorKind kind;
  std::string_view code;
  std::string_view stage;
  std::string_view text;
};

constexpr auto kLogin = ErrorKind::kUnauthenticated;
constexpr auto kDenied = ErrorKind::kPermissionDenied;
constexpr auto kBusy = ErrorKind::kUnavailable;
constexpr auto kInput = ErrorKind::kInvalidArgument;
constexpr std::string_view kMayNot = "The login may not do this";

constexpr Row kRows[] = {
    {"ContainerNotFound", ErrorKind::kNotFound, "container.not_found", "login",
     "The container does not exist in this account"},
    {"ContainerBeingDeleted", ErrorKind::kNotFound, "container.not_found", "login",
     "The container is being deleted"},
    {"ResourceNotFound", ErrorKind::kNotFound, "container.not_found", "login",
     "The container does not exist, or is not public"},
    {"InvalidResourceName", kInput, "config.invalid_container", "login",
     "The container's name is not allowed"},
    {"BlobNotFound", ErrorKind::kNotFound, "object.not_found", "query", "No object has this key"},
    {"InvalidUri", kInput, "object.invalid_key", "query", "The key is not allowed"},
    {"InvalidRange", kInput, "object.invalid_range", "query",
     "The range lies outside of the object"},
    {"RequestBodyTooLarge", kInput, "object.too_large", "query",
     "The object is larger than the service allows"},
    {"ConditionNotMet", ErrorKind::kConflict, "object.changed", "query",
     "The object was changed meanwhile"},
    {"InvalidBlockList", ErrorKind::kConflict, "object.changed", "query",
     "The upload was ended by someone else"},
    {"InvalidBlobType", ErrorKind::kConflict, "object.wrong_kind", "query",
     "A page or append blob has this key"},
    {"LeaseIdMissing", ErrorKind::kConflict, "object.leased", "query",
     "Someone holds a lease on the object"},
    {"BlobArchived", ErrorKind::kConflict, "object.archived", "query",
     "The object lies in the archive tier"},
    {"BlobImmutableDueToPolicy", ErrorKind::kConflict, "object.immutable", "query",
     "A retention policy protects the object"},
    {"NoAuthenticationInformation", kLogin, "login.anonymous_refused", "login",
     "The service wants a login"},
    {"PublicAccessNotPermitted", kLogin, "login.anonymous_refused", "login",
     "The account allows no anonymous access"},
    {"KeyBasedAuthenticationNotPermitted", kLogin, "login.shared_key_disabled", "login",
     "The account does not accept account keys and SAS"},
    {"AccountIsDisabled", kLogin, "login.account_disabled", "login", "The account is disabled"},
    {"InvalidAuthenticationInfo", kLogin, "login.token_refused", "login",
     "The service does not accept the access token"},
    {"AuthorizationFailure", kDenied, "object.no_privilege", "query", kMayNot},
    {"AuthorizationPermissionMismatch", kDenied, "object.no_privilege", "query", kMayNot},
    {"AuthorizationProtocolMismatch", kDenied, "login.https_required", "login",
     "The login is good for https only"},
    {"AuthorizationSourceIPMismatch", kDenied, "login.address_not_allowed", "login",
     "The login is not good for this machine's address"},
    {"AuthorizationResourceTypeMismatch", kDenied, "object.no_privilege", "query", kMayNot},
    {"AuthorizationServiceMismatch", kDenied, "object.no_privilege", "query", kMayNot},
    {"InsufficientAccountPermissions", kDenied, "object.no_privilege", "query", kMayNot},
    {"UnauthorizedBlobOverwrite", kDenied, "object.no_privilege", "query", kMayNot},
    {"AccountRequiresHttps", kDenied, "login.https_required", "login",
     "The account accepts https only"},
    {"ServerBusy", kBusy, "service.busy", "query", "The service asks to slow down"},
    {"OperationTimedOut", kBusy, "service.unavailable", "query", "The service gave up waiting"},
    {"InternalError", kBusy, "service.unavailable", "query", "The service failed inside"},
};

Row ByStatus(int status) {
  if (status == 401 || status == 403) return {"", kDenied, "object.no_privilege", "query", kMayNot};
  if (status == 404) {
    return {"", ErrorKind::kNotFound, "object.not_found", "query", "No object has this key"};
  }
  if (status == 412) {
    return {"", ErrorKind::kConflict, "object.changed", "query",
            "The object was changed meanwhile"};
  }
  if (status == 416) {
    return {"", kInput, "object.invalid_range", "query", "The range lies outside of the object"};
  }
  if (status == 429 || status == 503) {
    return {"", kBusy, "service.busy", "query", "The service asks to slow down"};
  }
  if (status >= 500) {
    return {"", kBusy, "service.unavailable", "query", "The service failed inside"};
  }
  return {"", kInput, "service.error", "query", "The service refused the request"};
}

bool Has(const AzureFailure& failure, std::string_view text) {
  return failure.detail.find(text) != std::string::npos ||
         failure.message.find(text) != std::string::npos;
}

/// One code of the service stands for wrong keys, wrong clocks and ended SAS alike.
Row Refused(const AzureFailure& failure, const LoginFacts& login) {
  if (login.sas_expired) {
    return {"", kLogin, "login.sas_expired", "login", "The SAS token has expired"};
  }
  if (login.sas) {
    if (Has(failure, "not valid in the specified time frame")) {
      return {"", kLogin, "clock.skewed", "login",
              "The SAS token is not valid yet, or this machine's clock is wrong"};
    }
    return {"", kLogin, "login.wrong_sas", "login", "The SAS token is not valid"};
  }
  if (login.oauth) {
    return {"", kLogin, "login.token_refused", "login",
            "The service does not accept the access token"};
  }
  if (Has(failure, "date header") || Has(failure, "Request date")) {
    return {"", kLogin, "clock.skewed", "login",
            "This machine's clock differs from the service's by more than the service allows"};
  }
  return {"", kLogin, "login.wrong_account_key", "login",
          "The account key does not belong to the account"};
}

}  // namespace

AzureFailure ReadFailure(int http_status, std::string_view body, std::string_view header_code) {
  AzureFailure failure{
      .http_status = http_status, .code = std::string(header_code), .message = {}, .detail = {}};
  const Result<net::XmlElement> root = net::ParseXml(body);
  if (!root || root->name != "Error") return failure;
  if (const auto code = root->TextOf("Code"); !code.empty()) failure.code = code;
  failure.message = root->TextOf("Message");
  failure.detail = root->TextOf("AuthenticationErrorDetail");
  return failure;
}

Error FromAzureFailure(const AzureFailure& failure, std::string_view subject,
                       const LoginFacts& login) {
  Row row = ByStatus(failure.http_status);
  for (const Row& known : kRows) {
    if (known.vendor == failure.code) row = known;
  }
  // Microsoft's emulator answers a wrong key with the code of a missing permission.
  if (failure.code == "AuthenticationFailed" || Has(failure, "failed to authenticate")) {
    row = Refused(failure, login);
  }
  // An ended SAS is also answered as a missing permission.
  if (login.sas_expired && row.kind == kDenied) row = Refused(failure, login);
  std::string message(row.text);
  if (!subject.empty()) message += fmt::format(": {}", subject);
  // Refused logins may be answered with the string that was signed; only what nothing is known of
  // is quoted.
  if (row.code == "service.error" && !failure.message.empty() && failure.message.size() <= 500) {
    message += fmt::format(" ({})", failure.message.substr(0, failure.message.find('\n')));
  }
  Error error(row.kind, std::string(row.code), std::move(message));
  error.WithStage(row.stage);
  error.WithVendorCode(failure.code.empty() || failure.code.size() > 100
                           ? fmt::format("HTTP {}", failure.http_status)
                           : failure.code);
  if (row.kind == kBusy) error.WithAction(Action::kRetry);
  return error;
}

}  // namespace nstarx::connectors::azure_blob
