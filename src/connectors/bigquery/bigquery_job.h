#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/json.h"
#include "connector/facets.h"
#include "connectors/bigquery/bigquery_client.h"

namespace nstarx::connectors::bigquery {

/// What jobs.query and a job's configuration.query have in common. Errors: query.parameter_count,
/// query.unsupported_parameter.
Result<json::object> QueryFields(const Service& service, const connector::Statement& statement);

/// The job that an answer is about.
Job JobOf(const json::object& answer, const Service& service);

/// Runs statements as jobs and waits for them. Used by one thread at a time, except Cancel().
class JobRunner {
 public:
  explicit JobRunner(BigqueryClient& client) : client_(client) {}

  /// Runs a statement to its end and returns the answer with at most `first_rows` rows. The job is
  /// cancelled when the context ends first, even one whose id is only then learnt.
  Result<json::object> Run(const Context& context, json::object fields, int64_t first_rows);
  /// The job's statistics as the service foresees them; nothing runs, nothing is billed.
  Result<json::object> DryRun(const Context& context, json::object fields);
  /// Stops what runs now, if anything does; any thread.
  void Cancel();

 private:
  Result<json::object> Begin(const Context& context, std::string_view body, std::string_view text);
  Result<json::object> Await(const Context& context, const Job& job, int64_t first_rows,
                             std::string_view text);

  BigqueryClient& client_;
  std::mutex mutex_;
  Job running_ NSTARX_GUARDED_BY(mutex_);
};

}  // namespace nstarx::connectors::bigquery
