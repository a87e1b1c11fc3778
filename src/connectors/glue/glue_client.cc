#include "connectors/glue/glue_client.h"

#include <fmt/format.h>

#include "connectors/aws/aws_errors.h"
#include "connectors/aws/sigv4.h"

namespace nstarx::connectors::glue {
namespace {

constexpr size_t kBodyMax = 64 << 20;

struct Row {
  std::string_view vendor;
  ErrorKind kind;
  std::string_view code;
  std::string_view stage;
};

constexpr Row kRows[] = {
    {"EntityNotFoundException", ErrorKind::kNotFound, "query.undefined_table", "query"},
    {"AlreadyExistsException", ErrorKind::kAlreadyExists, "metadata.exists", "query"},
    {"AccessDeniedException", ErrorKind::kPermissionDenied, "query.forbidden", "query"},
    {"AccessDenied", ErrorKind::kPermissionDenied, "query.forbidden", "query"},
    {"InvalidInputException", ErrorKind::kInvalidArgument, "metadata.change_refused", "query"},
    {"ValidationException", ErrorKind::kInvalidArgument, "metadata.change_refused", "query"},
    {"ConcurrentModificationException", ErrorKind::kConflict, "metadata.conflict", "query"},
    {"ResourceNumberLimitExceededException", ErrorKind::kResourceExhausted, "metadata.limit",
     "query"},
    {"GlueEncryptionException", ErrorKind::kPermissionDenied, "metadata.encrypted", "query"},
    {"OperationTimeoutException", ErrorKind::kUnavailable, "service.unavailable", "query"},
    {"InternalServiceException", ErrorKind::kUnavailable, "service.unavailable", "query"},
    {"InvalidSignatureException", ErrorKind::kUnauthenticated, "login.wrong_secret_key", "login"},
    {"IncompleteSignature", ErrorKind::kUnauthenticated, "login.wrong_secret_key", "login"},
};

/// "com.amazonaws.glue#Name" and "Name:http://…" without what is around the name.
std::string_view BareName(std::string_view type) {
  if (const size_t hash = type.rfind('#'); hash != type.npos) type.remove_prefix(hash + 1);
  return type.substr(0, type.find(':'));
}

}  // namespace

Error FromGlueAnswer(int status, std::string_view body, std::string_view error_type) {
  aws::ServiceFailure failure;
  const auto parsed = ParseJson(body);
  if (parsed && parsed->is_object()) {
    const json::object& root = parsed->get_object();
    failure.http_status = status;
    failure.code = BareName(GetString(root, "__type"));
    failure.message = GetString(root, "Message", GetString(root, "message"));
  } else {
    failure = aws::ReadFailure(status, body);
  }
  if (failure.code.empty()) failure.code = BareName(error_type);
  // A signature from a wrong clock is refused with the same type as one from a wrong secret.
  if (failure.code == "InvalidSignatureException" &&
      failure.message.find("expired") != std::string::npos) {
    failure.code = "RequestExpired";
  }
  for (const Row& row : kRows) {
    if (row.vendor != failure.code) continue;
    std::string message = row.kind == ErrorKind::kUnauthenticated
                              ? "The secret access key does not belong to the access key id"
                              : fmt::format("Glue says: {}", failure.message.substr(0, 500));
    Error error(row.kind, std::string(row.code), std::move(message));
    if (row.kind == ErrorKind::kUnavailable) error.WithAction(Action::kRetry);
    return error.WithStage(row.stage).WithConnector("glue").WithVendorCode(failure.code);
  }
  const Error known = aws::FromServiceFailure(failure, "");
  std::string code = known.code();
  if (code == "object.no_privilege") code = "query.forbidden";
  if (code == "service.error" || code == "region.wrong") code = "query.failed";
  return Error(known.kind(), std::move(code), known.message())
      .WithStage(known.stage())
      .WithAction(known.action())
      .WithConnector("glue")
      .WithVendorCode(known.vendor_code());
}

Result<json::object> GlueClient::Call(const Context& context, std::string_view action,
                                      json::object body) {
  if (!settings_.catalog_id.empty()) body["CatalogId"] = settings_.catalog_id;
  const std::string text = json::serialize(body);
  net::HttpRequest request;
  request.method = "POST";
  request.service = settings_.service;
  request.path = settings_.service.base_path + "/";
  request.headers = {{"Content-Type", "application/x-amz-json-1.1"},
                     {"X-Amz-Target", fmt::format("AWSGlue.{}", action)}};
  request.body = text;
  NSTARX_TRY(const aws::CredentialsPtr credentials, credentials_->Get(context));
  if (credentials != nullptr) {
    aws::SignRequest(request, *credentials, {settings_.region, "glue"}, clock_.Now());
  }
  NSTARX_TRY(const net::HttpReply reply, http_->Send(context, request, kBodyMax));
  if (reply.status < 200 || reply.status > 299) {
    return FromGlueAnswer(reply.status, reply.body, reply.Header("x-amzn-errortype"));
  }
  if (reply.body.empty()) return json::object();
  auto parsed = ParseJson(reply.body);
  if (parsed && parsed->is_object()) return std::move(parsed->get_object());
  return Unavailable("protocol.malformed", "the service's answer is no JSON object")
      .WithStage("query")
      .WithConnector("glue");
}

}  // namespace nstarx::connectors::glue
