#include "connectors/aws/aws_errors.h"

#include "net/xml.h"

namespace nstarx::connectors::aws {
namespace {

struct Row {
  std::string_view vendor;
  ErrorKind kind;
  std::string_view code;
  std::string_view stage;
  std::string_view text;
};

constexpr auto kLogin = ErrorKind::kUnauthenticated;
constexpr auto kBusy = ErrorKind::kUnavailable;

constexpr Row kRows[] = {
    {"InvalidAccessKeyId", kLogin, "login.unknown_access_key", "login",
     "The service does not know this access key id"},
    {"InvalidClientTokenId", kLogin, "login.unknown_access_key", "login",
     "The service does not know this access key id"},
    {"UnrecognizedClientException", kLogin, "login.unknown_access_key", "login",
     "The service does not know this access key id"},
    {"SignatureDoesNotMatch", kLogin, "login.wrong_secret_key", "login",
     "The secret access key does not belong to the access key id"},
    {"ExpiredToken", kLogin, "login.token_expired", "login", "The session token has expired"},
    {"ExpiredTokenException", kLogin, "login.token_expired", "login",
     "The session token has expired"},
    {"TokenRefreshRequired", kLogin, "login.token_expired", "login",
     "The session token has expired"},
    {"InvalidToken", kLogin, "login.malformed_token", "login", "The session token is not valid"},
    {"InvalidTokenId", kLogin, "login.malformed_token", "login", "The session token is not valid"},
    {"RequestTimeTooSkewed", kLogin, "clock.skewed", "login",
     "This machine's clock differs from the service's by more than the service allows"},
    {"RequestExpired", kLogin, "clock.skewed", "login",
     "This machine's clock differs from the service's by more than the service allows"},
    {"AuthorizationHeaderMalformed", ErrorKind::kInvalidArgument, "region.wrong", "login",
     "The bucket lives in another region"},
    {"PermanentRedirect", ErrorKind::kInvalidArgument, "region.wrong", "login",
     "The bucket lives in another region"},
    {"IllegalLocationConstraintException", ErrorKind::kInvalidArgument, "region.wrong", "login",
     "The bucket lives in another region"},
    {"InvalidRegion", ErrorKind::kInvalidArgument, "region.wrong", "login",
     "The service does not have this region"},
    {"SlowDown", kBusy, "service.busy", "query", "The service asks to slow down"},
    {"SlowDownRead", kBusy, "service.busy", "query", "The service asks to slow down"},
    {"SlowDownWrite", kBusy, "service.busy", "query", "The service asks to slow down"},
    {"Throttling", kBusy, "service.busy", "query", "The service asks to slow down"},
    {"ThrottlingException", kBusy, "service.busy", "query", "The service asks to slow down"},
    {"RequestTimeout", kBusy, "service.unavailable", "query", "The service gave up waiting"},
    {"InternalError", kBusy, "service.unavailable", "query", "The service failed inside"},
    {"ServiceUnavailable", kBusy, "service.unavailable", "query", "The service is not available"},
    {"AccessDenied", ErrorKind::kPermissionDenied, "object.no_privilege", "query",
     "The login may not do this"},
    {"AllAccessDisabled", ErrorKind::kPermissionDenied, "object.no_privilege", "query",
     "The login may not do this"},
    {"AccountProblem", ErrorKind::kPermissionDenied, "object.no_privilege", "query",
     "The account has a problem"},
};

Row ByStatus(int status) {
  if (status == 401 || status == 403) {
    return {"", ErrorKind::kPermissionDenied, "object.no_privilege", "query",
            "The login may not do this"};
  }
  if (status == 301 || status == 307) {
    return {"", ErrorKind::kInvalidArgument, "region.wrong", "login",
            "The bucket lives in another region"};
  }
  if (status == 429 || status == 503) {
    return {"", kBusy, "service.busy", "query", "The service asks to slow down"};
  }
  if (status >= 500) {
    return {"", kBusy, "service.unavailable", "query", "The service failed inside"};
  }
  return {"", ErrorKind::kInvalidArgument, "service.error", "query",
          "The service refused the request"};
}

}  // namespace

ServiceFailure ReadFailure(int http_status, std::string_view body) {
  ServiceFailure failure{.http_status = http_status, .code = {}, .message = {}, .region = {}};
  const Result<net::XmlElement> root = net::ParseXml(body);
  if (!root) return failure;
  const net::XmlElement* error = root->name == "Error" ? &*root : root->Find("Error");
  if (const net::XmlElement* errors = root->Find("Errors"); error == nullptr && errors != nullptr) {
    error = errors->Find("Error");
  }
  if (error == nullptr) return failure;
  failure.code = error->TextOf("Code");
  failure.message = error->TextOf("Message");
  failure.region = error->TextOf("Region");
  return failure;
}

Error FromServiceFailure(const ServiceFailure& failure, std::string_view subject) {
  Row row = ByStatus(failure.http_status);
  for (const Row& known : kRows) {
    if (known.vendor == failure.code) row = known;
  }
  std::string message(row.text);
  if (!subject.empty()) message += fmt::format(": {}", subject);
  // Refused logins may be answered with the string that was signed; only the rest is quoted.
  if (row.kind != kLogin && !failure.message.empty() && failure.message.size() <= 500) {
    message += fmt::format(" ({})", failure.message);
  }
  Error error(row.kind, std::string(row.code), std::move(message));
  error.WithStage(row.stage);
  error.WithVendorCode(failure.code.empty() ? fmt::format("HTTP {}", failure.http_status)
                                            : failure.code);
  if (!failure.region.empty()) {
    error.WithDetail("region", failure.region);
    error.WithHint(fmt::format("Set the connection's region to {}.", failure.region));
  }
  if (row.kind == kBusy) error.WithAction(Action::kRetry);
  return error;
}

}  // namespace nstarx::connectors::aws
