#include "connectors/dynamodb/dynamodb_errors.h"

#include <fmt/format.h>

#include "connectors/aws/json_client.h"

namespace nstarx::connectors::dynamodb {
namespace {

struct Row {
  std::string_view vendor;
  ErrorKind kind;
  std::string_view code;
};

constexpr Row kRows[] = {
    {"ResourceNotFoundException", ErrorKind::kNotFound, "query.undefined_table"},
    {"TableNotFoundException", ErrorKind::kNotFound, "query.undefined_table"},
    {"ResourceInUseException", ErrorKind::kConflict, "query.already_exists"},
    {"TableAlreadyExistsException", ErrorKind::kConflict, "query.already_exists"},
    {"ConditionalCheckFailedException", ErrorKind::kConflict, "query.condition_failed"},
    {"DuplicateItem", ErrorKind::kAlreadyExists, "query.constraint_violation"},
    {"DuplicateItemException", ErrorKind::kAlreadyExists, "query.constraint_violation"},
    {"TransactionCanceledException", ErrorKind::kConflict, "query.write_conflict"},
    {"TransactionConflictException", ErrorKind::kConflict, "query.write_conflict"},
    {"TransactionInProgressException", ErrorKind::kConflict, "query.write_conflict"},
    {"ItemCollectionSizeLimitExceededException", ErrorKind::kResourceExhausted,
     "query.item_too_large"},
    {"UnknownOperationException", ErrorKind::kUnimplemented, "query.unknown_operation"},
    {"SerializationException", ErrorKind::kInvalidArgument, "query.bad_value"},
};

/// One code for all that DynamoDB finds wrong: the sentence tells them apart.
std::string_view CodeOfValidation(std::string_view message) {
  const auto says = [&](std::string_view text) {
    return message.find(text) != std::string_view::npos;
  };
  if (says("wasn't well formed") || says("Syntax error") || says("Unexpected ") ||
      says("Unsupported ") || says("does not contain a FROM") || says("cannot be parsed")) {
    return "query.syntax_error";
  }
  if (says("Number of parameters")) return "query.parameter_count";
  if (says("size has exceeded") || says("exceeds the maximum")) return "query.item_too_large";
  return "query.bad_value";
}

Error Make(ErrorKind kind, std::string_view code, const aws::ServiceFailure& failure,
           std::string_view subject) {
  std::string message = failure.message.empty() ? fmt::format("DynamoDB answers {}", failure.code)
                                                : failure.message.substr(0, 1000);
  if (!subject.empty()) message = fmt::format("{}: {}", subject, message);
  return Error(kind, std::string(code), std::move(message))
      .WithStage("query")
      .WithConnector("dynamodb")
      .WithVendorCode(failure.code);
}

}  // namespace

Error FromDynamodbFailure(const aws::ServiceFailure& failure, std::string_view subject) {
  for (const Row& row : kRows) {
    if (row.vendor == failure.code) return Make(row.kind, row.code, failure, subject);
  }
  if (failure.code == "ValidationException") {
    return Make(ErrorKind::kInvalidArgument, CodeOfValidation(failure.message), failure, subject);
  }
  return aws::FromJsonFailure(failure, subject).WithConnector("dynamodb");
}

Error ReadOnly(std::string_view what) {
  return Error(ErrorKind::kPermissionDenied, "query.read_only",
               fmt::format("The connection is read-only: {} would write", what))
      .WithStage("query")
      .WithConnector("dynamodb");
}

}  // namespace nstarx::connectors::dynamodb
