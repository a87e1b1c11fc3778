#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/status.h"

namespace nstarx::connectors::bigquery {

/// What the service says of a request or a job that failed.
struct Failure {
  int http_status = 0;  ///< 0: a job's own error, in an answer of success
  std::string reason;
  std::string message;
};

/// Reads an error body ({"error": {"errors": [{"reason"}]}}); tolerates anything.
Failure ReadFailure(int http_status, std::string_view body);
/// An ErrorProto, as jobs have it in status.errorResult.
Failure ReadErrorProto(const json::object& proto);

/// `text` is the statement, for positions; empty where there is none.
Error FromFailure(const Failure& failure, std::string_view text);
/// The same request may be sent again: the service was busy or failed inside.
bool IsPassing(const Failure& failure);

/// query.read_only
Error ReadOnly(std::string_view statement_type);
/// response.malformed
Error Malformed(std::string_view what);
/// query.undefined_table naming the path.
Error UndefinedTable(std::string_view path);
/// result.value_not_exact naming the column.
Error NotExact(std::string_view column, std::string_view why);

}  // namespace nstarx::connectors::bigquery
