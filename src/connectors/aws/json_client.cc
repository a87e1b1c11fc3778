#include "connectors/aws/json_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>

#include "base/json.h"
#include "connectors/aws/sigv4.h"

namespace nstarx::connectors::aws {
namespace {

constexpr int kRepetitionsMax = 10;

struct Renamed {
  std::string_view vendor;
  ErrorKind kind;
  std::string_view code;
  std::string_view stage;
  std::string_view text;
};

constexpr Renamed kRows[] = {
    {"AccessDeniedException", ErrorKind::kPermissionDenied, "query.no_privilege", "query",
     "The login may not do this"},
    {"MissingAuthenticationToken", ErrorKind::kUnauthenticated, "login.no_credentials", "login",
     "The service wants a signed request"},
    {"MissingAuthenticationTokenException", ErrorKind::kUnauthenticated, "login.no_credentials",
     "login", "The service wants a signed request"},
    {"IncompleteSignature", ErrorKind::kUnauthenticated, "login.wrong_secret_key", "login",
     "The service can't read the request's signature"},
    {"IncompleteSignatureException", ErrorKind::kUnauthenticated, "login.wrong_secret_key", "login",
     "The service can't read the request's signature"},
    {"RequestExpired", ErrorKind::kUnauthenticated, "clock.skewed", "login",
     "This machine's clock differs from the service's by more than the service allows"},
    {"ProvisionedThroughputExceededException", ErrorKind::kUnavailable, "service.busy", "query",
     "The provisioned throughput is used up"},
    {"RequestLimitExceeded", ErrorKind::kUnavailable, "service.busy", "query",
     "The account's limit of requests is reached"},
    {"LimitExceededException", ErrorKind::kUnavailable, "service.busy", "query",
     "Too many operations of this kind run at once"},
    {"InternalServerError", ErrorKind::kUnavailable, "service.unavailable", "query",
     "The service failed inside"},
    {"InternalFailure", ErrorKind::kUnavailable, "service.unavailable", "query",
     "The service failed inside"},
};

bool IsThrottled(const Error& error) { return error.code() == "service.busy"; }

double Jitter() {
  thread_local std::minstd_rand random(std::random_device{}());
  return std::uniform_real_distribution<double>(0.0, 1.0)(random);
}

Error Refused(const ServiceFailure& failure) {
  const bool skewed = failure.message.find("expired") != std::string::npos ||
                      failure.message.find("not yet current") != std::string::npos;
  const bool elsewhere = failure.message.find("scoped to") != std::string::npos;
  const std::string_view code = skewed      ? "clock.skewed"
                                : elsewhere ? "region.wrong"
                                            : "login.wrong_secret_key";
  const std::string_view text =
      skewed      ? "This machine's clock differs from the service's by more than it allows"
      : elsewhere ? "The endpoint is in another region than the configured one"
                  : "The secret access key does not belong to the access key id";
  Error error(elsewhere ? ErrorKind::kInvalidArgument : ErrorKind::kUnauthenticated,
              std::string(code), std::string(text));
  error.WithStage("login").WithVendorCode(failure.code);
  return error;
}

}  // namespace

ServiceFailure ReadJsonFailure(const net::HttpReply& reply) {
  ServiceFailure failure{.http_status = reply.status, .code = {}, .message = {}, .region = {}};
  std::string_view type = reply.Header("x-amzn-errortype");
  const auto body = ParseJson(reply.body);
  if (body && body->is_object()) {
    const json::object& object = body->get_object();
    if (type.empty()) type = GetString(object, "__type");
    failure.message = GetString(object, "message", GetString(object, "Message"));
  } else if (reply.body.starts_with('<')) {
    return ReadFailure(reply.status, reply.body);  // what stands before the service answers so
  }
  // "com.amazonaws.dynamodb.v20120810#ValidationException:http://…"
  if (const size_t hash = type.find('#'); hash != std::string_view::npos) {
    type.remove_prefix(hash + 1);
  }
  failure.code = type.substr(0, type.find(':'));
  return failure;
}

Error FromJsonFailure(const ServiceFailure& failure, std::string_view subject) {
  if (failure.code == "InvalidSignatureException" || failure.code == "SignatureDoesNotMatch") {
    return Refused(failure);
  }
  for (const Renamed& row : kRows) {
    if (row.vendor != failure.code) continue;
    std::string message(row.text);
    if (!subject.empty()) message += fmt::format(": {}", subject);
    Error error(row.kind, std::string(row.code), std::move(message));
    error.WithStage(row.stage).WithVendorCode(failure.code);
    if (row.kind == ErrorKind::kUnavailable) error.WithAction(Action::kRetry);
    return error;
  }
  Error error = FromServiceFailure(failure, subject);
  if (error.code() != "object.no_privilege") return error;
  return Error(ErrorKind::kPermissionDenied, "query.no_privilege", error.message())
      .WithStage("query")
      .WithVendorCode(error.vendor_code());
}

std::chrono::milliseconds RepeatAfter(int repetition, double fraction) {
  const int64_t whole = std::min<int64_t>(int64_t{50} << std::clamp(repetition, 0, 10), 5000);
  const double cut = std::clamp(fraction, 0.0, 1.0) / 2;
  return std::chrono::milliseconds(whole - static_cast<int64_t>(static_cast<double>(whole) * cut));
}

Status Pause(const Context& context, std::chrono::milliseconds time) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  const auto until = std::min(Context::SteadyClock::now() + time, context.deadline());
  never.wait_until(lock, context.stop_token(), until, [] { return false; });
  return context.Check();
}

JsonClient::JsonClient(Settings settings, std::shared_ptr<CredentialSource> credentials,
                       std::unique_ptr<net::HttpClient> http, const Clock& clock)
    : settings_(std::move(settings)),
      credentials_(std::move(credentials)),
      http_(std::move(http)),
      clock_(clock) {}

Result<net::HttpReply> JsonClient::Send(const Context& context, std::string_view operation,
                                        std::string_view body) {
  net::HttpRequest request;
  request.method = "POST";
  request.service = settings_.endpoint;
  request.path = settings_.endpoint.base_path + "/";
  request.headers = {{"Content-Type", "application/x-amz-json-" + settings_.version},
                     {"X-Amz-Target", fmt::format("{}.{}", settings_.target, operation)}};
  request.body = body;
  NSTARX_TRY(const CredentialsPtr credentials, credentials_->Get(context));
  if (credentials != nullptr) {
    SignRequest(request, *credentials, {settings_.region, settings_.service}, clock_.Now());
  }
  return http_->Send(context, request, settings_.reply_max);
}

Result<std::string> JsonClient::Call(const Context& context, std::string_view operation,
                                     std::string_view body, Repeat repeat, Refusal refusal,
                                     std::string_view subject) {
  for (int repetition = 0;; ++repetition) {
    NSTARX_TRY(net::HttpReply reply, Send(context, operation, body));
    if (reply.status / 100 == 2) return std::move(reply.body);
    Error error = refusal(ReadJsonFailure(reply), subject);
    const bool again =
        IsThrottled(error) || (repeat == Repeat::kAlways && error.code() == "service.unavailable");
    const auto wait = RepeatAfter(repetition, Jitter());
    if (!again || repetition == kRepetitionsMax || wait >= context.remaining()) return error;
    NSTARX_RETURN_IF_ERROR(Pause(context, wait));
  }
}

}  // namespace nstarx::connectors::aws
