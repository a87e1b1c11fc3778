#include "connectors/s3/s3_errors.h"

namespace nstarx::connectors::s3 {
namespace {

struct Row {
  std::string_view vendor;
  ErrorKind kind;
  std::string_view code;
  std::string_view stage;
  std::string_view text;
};

constexpr Row kRows[] = {
    {"NoSuchBucket", ErrorKind::kNotFound, "bucket.not_found", "login",
     "The bucket does not exist at this endpoint"},
    {"InvalidBucketName", ErrorKind::kInvalidArgument, "config.invalid_bucket", "login",
     "The bucket's name is not allowed"},
    {"NoSuchKey", ErrorKind::kNotFound, "object.not_found", "query", "No object has this key"},
    {"NoSuchUpload", ErrorKind::kConflict, "object.changed", "query",
     "The upload was ended by someone else"},
    {"KeyTooLongError", ErrorKind::kInvalidArgument, "object.invalid_key", "query",
     "The key is not allowed"},
    {"XMinioInvalidObjectName", ErrorKind::kInvalidArgument, "object.invalid_key", "query",
     "The key is not allowed"},
    {"InvalidRange", ErrorKind::kInvalidArgument, "object.invalid_range", "query",
     "The range lies outside of the object"},
    {"EntityTooLarge", ErrorKind::kInvalidArgument, "object.too_large", "query",
     "The object is larger than the service allows"},
    {"PreconditionFailed", ErrorKind::kConflict, "object.changed", "query",
     "The object was changed meanwhile"},
    {"ConditionalRequestConflict", ErrorKind::kConflict, "object.changed", "query",
     "The object was changed meanwhile"},
};

}  // namespace

Error FromS3Failure(const aws::ServiceFailure& failure, std::string_view subject) {
  for (const Row& row : kRows) {
    if (row.vendor != failure.code) continue;
    return Error(row.kind, std::string(row.code), fmt::format("{}: {}", row.text, subject))
        .WithStage(row.stage)
        .WithVendorCode(failure.code);
  }
  if (failure.code.empty() && failure.http_status == 404) {
    return NotFound("object.not_found", fmt::format("No object has this key: {}", subject))
        .WithStage("query")
        .WithVendorCode("HTTP 404");
  }
  if (failure.code.empty() && failure.http_status == 412) {
    return Error(ErrorKind::kConflict, "object.changed", "The object was changed meanwhile")
        .WithStage("query");
  }
  return aws::FromServiceFailure(failure, subject);
}

Error FromArrowMessage(std::string_view message) {
  static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"ACCESS_DENIED", "AccessDenied"},
      {"AccessDenied", "AccessDenied"},
      {"INVALID_ACCESS_KEY_ID", "InvalidAccessKeyId"},
      {"SIGNATURE_DOES_NOT_MATCH", "SignatureDoesNotMatch"},
      {"NO_SUCH_BUCKET", "NoSuchBucket"},
      {"NO_SUCH_KEY", "NoSuchKey"},
      {"RESOURCE_NOT_FOUND", "NoSuchKey"},
      {"REQUEST_TIME_TOO_SKEWED", "RequestTimeTooSkewed"},
      {"SLOW_DOWN", "SlowDown"},
      {"ExpiredToken", "ExpiredToken"},
      {"InvalidTokenId", "InvalidTokenId"},
      {"InvalidToken", "InvalidToken"},
      {"PermanentRedirect", "PermanentRedirect"},
      {"INTERNAL_FAILURE", "InternalError"},
      {"SERVICE_UNAVAILABLE", "ServiceUnavailable"},
  };
  for (const auto& [name, vendor] : kNames) {
    if (message.find(name) == std::string_view::npos) continue;
    const aws::ServiceFailure failure{
        .http_status = 0, .code = std::string(vendor), .message = {}, .region = {}};
    Error error = FromS3Failure(failure, "a file of the query");
    if (error.code() == "object.no_privilege") {
      return Error(ErrorKind::kPermissionDenied, "query.no_privilege",
                   "The login may not read a file of the query")
          .WithStage("query")
          .WithVendorCode(std::string(vendor));
    }
    if (error.code() == "object.not_found") {
      return NotFound("query.undefined_table", "A file of the query does not exist any more")
          .WithStage("query")
          .WithVendorCode(std::string(vendor));
    }
    return error;
  }
  return Unavailable("connection.lost", "Reading a file of the query from the server failed")
      .WithStage("query")
      .WithAction(Action::kRetry);
}

}  // namespace nstarx::connectors::s3
