#include "connectors/kinesis/kinesis_errors.h"

#include <fmt/format.h>

#include "connectors/aws/json_client.h"

namespace nstarx::connectors::kinesis {
namespace {

struct Row {
  std::string_view vendor;
  ErrorKind kind;
  std::string_view code;
};

constexpr Row kRows[] = {
    {"ResourceNotFoundException", ErrorKind::kNotFound, "stream.unknown_topic"},
    {"ResourceInUseException", ErrorKind::kConflict, "stream.not_active"},
    {"ExpiredIteratorException", ErrorKind::kUnavailable, "stream.expired_iterator"},
    {"ExpiredNextTokenException", ErrorKind::kUnavailable, "stream.expired_iterator"},
    {"InvalidArgumentException", ErrorKind::kInvalidArgument, "stream.bad_argument"},
    {"ValidationException", ErrorKind::kInvalidArgument, "stream.bad_argument"},
    {"KMSAccessDeniedException", ErrorKind::kPermissionDenied, "stream.key_unusable"},
    {"KMSDisabledException", ErrorKind::kPermissionDenied, "stream.key_unusable"},
    {"KMSInvalidStateException", ErrorKind::kPermissionDenied, "stream.key_unusable"},
    {"KMSNotFoundException", ErrorKind::kPermissionDenied, "stream.key_unusable"},
    {"KMSOptInRequired", ErrorKind::kPermissionDenied, "stream.key_unusable"},
    {"KMSThrottlingException", ErrorKind::kUnavailable, "service.busy"},
};

}  // namespace

Error FromKinesisFailure(const aws::ServiceFailure& failure, std::string_view subject) {
  for (const Row& row : kRows) {
    if (row.vendor != failure.code) continue;
    std::string message = failure.message.empty() ? fmt::format("Kinesis answers {}", failure.code)
                                                  : failure.message.substr(0, 1000);
    if (!subject.empty()) message = fmt::format("{}: {}", subject, message);
    return Error(row.kind, std::string(row.code), std::move(message))
        .WithStage("query")
        .WithVendorCode(failure.code);
  }
  return aws::FromJsonFailure(failure, subject);
}

Error Refused(std::string_view code, std::string message) {
  return InvalidArgument(std::string(code), std::move(message)).WithStage("query");
}

}  // namespace nstarx::connectors::kinesis
