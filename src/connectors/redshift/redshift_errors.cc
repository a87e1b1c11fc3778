#include "connectors/redshift/redshift_errors.h"

namespace nstarx::connectors::redshift {
namespace {

struct Row {
  std::string_view stage;
  std::string_view words;
  ErrorKind kind;
  std::string_view code;
};

constexpr Row kRows[] = {
    {"login", "password authentication failed", ErrorKind::kUnauthenticated,
     "login.wrong_password"},
    {"query", "Serializable isolation violation", ErrorKind::kConflict,
     "query.serialization_failure"},
    {"query", "Disk Full", ErrorKind::kResourceExhausted, "query.disk_full"},
    {"query", "WLM", ErrorKind::kDeadlineExceeded, "query.timeout"},
    {"query", "Spectrum Scan Error", ErrorKind::kUnavailable, "query.external_data"},
    {"query", "S3 Query Exception", ErrorKind::kUnavailable, "query.external_data"},
    {"query", "not supported on Redshift tables", ErrorKind::kInvalidArgument,
     "query.not_supported"},
    {"query", "Out Of Memory", ErrorKind::kResourceExhausted, "query.out_of_memory"},
};

}  // namespace

Error Refine(Error error) {
  for (const Row& row : kRows) {
    if (error.sqlstate().empty() || row.stage != error.stage() || row.code == error.code() ||
        error.message().find(row.words) == std::string::npos) {
      continue;
    }
    Error named(row.kind, std::string(row.code), error.message());
    named.WithStage(error.stage()).WithSqlstate(error.sqlstate()).WithHints(error.hints());
    for (const auto& detail : error.details()) named.WithDetail(detail.key(), detail.value());
    return named.WithConnector("redshift");
  }
  return error.WithConnector("redshift");
}

}  // namespace nstarx::connectors::redshift
