#include "connectors/databricks/databricks_session.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "connectors/databricks/databricks_catalog.h"
#include "connectors/databricks/databricks_errors.h"
#include "connectors/databricks/databricks_result.h"
#include "connectors/databricks/statement_text.h"

namespace nstarx::connectors::databricks {
namespace {

constexpr std::string_view kStatements = "/api/2.0/sql/statements";
constexpr std::chrono::milliseconds kShortestPoll{10};
constexpr std::chrono::milliseconds kLongestPoll{1000};

const json::object& ObjectOf(const json::object& object, std::string_view key) {
  static const json::object kEmpty;
  const auto* found = object.if_contains(key);
  return found && found->is_object() ? found->get_object() : kEmpty;
}

bool Says(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// A server that has no links, only rows in its answers.
bool RefusesLinks(const Error& error) {
  return error.code() == "query.failed" &&
         (Says(error.message(), "isposition") || Says(error.message(), "EXTERNAL_LINKS") ||
          Says(error.message(), "ARROW_STREAM"));
}

Result<json::object> TypedParameter(size_t index, const json::value& value) {
  json::object out = {{"name", fmt::format("p{}", index + 1)}};
  switch (value.kind()) {
    case json::kind::null:
      out["type"] = "VOID";
      break;
    case json::kind::bool_:
      out["type"] = "BOOLEAN";
      out["value"] = value.get_bool() ? "true" : "false";
      break;
    case json::kind::int64:
      out["type"] = "BIGINT";
      out["value"] = fmt::format("{}", value.get_int64());
      break;
    case json::kind::double_:
      out["type"] = "DOUBLE";
      out["value"] = fmt::format("{}", value.get_double());
      break;
    case json::kind::string:
      out["type"] = "STRING";
      out["value"] = value.get_string();
      break;
    default:
      return InvalidArgument("query.unsupported_parameter",
                             fmt::format("Parameter {} is no single value", index + 1))
          .WithStage("query")
          .WithConnector("databricks");
  }
  return out;
}

}  // namespace

Result<json::object> StatementFields(const Workspace& workspace,
                                     const connector::Statement& statement, bool reads) {
  NSTARX_TRY(const std::string text, NameMarkers(statement.text, statement.parameters.size()));
  json::object out = {{"statement", text},
                      {"warehouse_id", workspace.warehouse_id},
                      {"wait_timeout", fmt::format("{}s", workspace.wait_seconds)},
                      {"on_wait_timeout", "CONTINUE"}};
  if (!workspace.catalog.empty()) out["catalog"] = workspace.catalog;
  if (!workspace.schema.empty()) out["schema"] = workspace.schema;
  if (workspace.byte_limit > 0) out["byte_limit"] = workspace.byte_limit;
  if (reads && statement.limit.value_or(0) > 0) out["row_limit"] = *statement.limit;
  json::array parameters;
  for (size_t i = 0; i < statement.parameters.size(); ++i) {
    NSTARX_TRY(json::object each, TypedParameter(i, statement.parameters[i]));
    parameters.push_back(std::move(each));
  }
  if (!parameters.empty()) out["parameters"] = std::move(parameters);
  return out;
}

Status DatabricksSession::Ping(const Context& context) {
  NSTARX_TRY(
      const json::object warehouse,
      client_->Call(context, "GET", "/api/2.0/sql/warehouses/" + client_->workspace().warehouse_id,
                    {}, {}, {}));
  return {};
}

Result<json::object> DatabricksSession::Submit(const Context& context, const json::object& fields,
                                               std::string_view text) {
  json::object body = fields;
  if (!inline_only_) {
    body["disposition"] = "EXTERNAL_LINKS";
    body["format"] = "ARROW_STREAM";
    auto answer = client_->Call(context, "POST", kStatements, {}, json::serialize(body), text);
    if (answer || !RefusesLinks(answer.error())) return answer;
    inline_only_ = true;
  }
  body["disposition"] = "INLINE";
  body["format"] = "JSON_ARRAY";
  return client_->Call(context, "POST", kStatements, {}, json::serialize(body), text);
}

void DatabricksSession::CancelStatement(const std::string& id) {
  const Context grace = Context().WithTimeout(std::chrono::seconds(1));
  auto client = DatabricksClient::Open(client_->shared_workspace());
  if (!client) return;
  // Best effort: the answer says nothing that could be acted upon.
  (void)(*client)->Call(grace, "POST", fmt::format("{}/{}/cancel", kStatements, id), {}, "{}", {});
}

void DatabricksSession::Cancel() {
  std::string id;
  {
    const std::lock_guard lock(mutex_);
    id = running_;
  }
  if (!id.empty()) CancelStatement(id);
}

Result<json::object> DatabricksSession::Await(const Context& context, json::object answer,
                                              std::string_view text) {
  const std::string id(GetString(answer, "statement_id"));
  if (id.empty() || id.find_first_of("/?#%") != std::string::npos) {
    return Malformed("a statement without id");
  }
  {
    const std::lock_guard lock(mutex_);
    running_ = id;
  }
  Result<json::object> out = [&]() -> Result<json::object> {
    const auto begun = std::chrono::steady_clock::now();
    while (true) {
      const json::object& status = ObjectOf(answer, "status");
      const std::string state(GetString(status, "state"));
      const json::object& error = ObjectOf(status, "error");
      if (state == "SUCCEEDED") return std::move(answer);
      if (state == "CANCELED") return Cancelled("The statement was cancelled in the system");
      if (state == "CLOSED") {
        return Error(ErrorKind::kUnavailable, "query.result_gone",
                     "The service has closed the statement and dropped its result")
            .WithStage("query")
            .WithConnector("databricks");
      }
      if (state != "PENDING" && state != "RUNNING") {
        return FromStatementError(GetString(error, "error_code"), GetString(error, "message"),
                                  GetString(status, "sql_state"), text);
      }
      // A tenth of the time so far: that much at most is an answer late.
      const auto wait = std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(
                                       std::chrono::steady_clock::now() - begun) /
                                       10,
                                   kShortestPoll, kLongestPoll);
      auto next = [&]() -> Result<json::object> {
        NSTARX_RETURN_IF_ERROR(Pause(context, wait));
        return client_->Call(context, "GET", fmt::format("{}/{}", kStatements, id), {}, {}, text);
      }();
      if (!next) {
        if (!context.Check()) {
          CancelStatement(id);
          return Error(std::move(next).error()).WithDetail("statement_state", state);
        }
        return next;
      }
      answer = *std::move(next);
    }
  }();
  const std::lock_guard lock(mutex_);
  running_.clear();
  return out;
}

Result<std::unique_ptr<connector::BatchStream>> DatabricksSession::Run(
    const Context& context, const connector::Statement& statement, bool reads) {
  NSTARX_TRY(const json::object fields, StatementFields(client_->workspace(), statement, reads));
  NSTARX_TRY(json::object answer, Submit(context, fields, statement.text));
  NSTARX_TRY(const json::object done, Await(context, std::move(answer), statement.text));
  return OpenResult(context, client_->shared_workspace(), done, statement.limit.value_or(-1),
                    reads);
}

Result<std::unique_ptr<connector::BatchStream>> DatabricksSession::Execute(
    const Context& context, const connector::Statement& statement,
    const connector::ExecuteOptions& /*options*/) {
  const bool reads = OnlyReads(statement.text);
  if (read_only_ && !reads) return ReadOnly("this statement");
  return Run(context, statement, reads);
}

Result<std::vector<connector::Node>> DatabricksSession::List(const Context& context,
                                                             std::string_view path, int64_t limit) {
  return ListChildren(context, *client_, path, limit);
}

Result<connector::Description> DatabricksSession::Describe(const Context& context,
                                                           std::string_view path) {
  return DescribeTable(context, *client_, path);
}

Result<std::unique_ptr<connector::BatchStream>> DatabricksSession::Sample(const Context& context,
                                                                          std::string_view path,
                                                                          int64_t limit) {
  const auto parts = SplitPath(path);
  if (!parts || parts->size() > 3) return UndefinedTable(path);
  const int64_t rows = std::max<int64_t>(limit, 1);
  return Run(context,
             {.text = fmt::format("SELECT * FROM {} LIMIT {}", QuotePath(*parts), rows),
              .parameters = {},
              .limit = rows},
             true);
}

Result<std::unique_ptr<connector::BatchStream>> DatabricksSession::Scan(
    const Context& context, const connector::ScanRequest& request,
    const connector::ExecuteOptions& options) {
  const auto parts = SplitPath(request.path);
  if (!parts || parts->size() > 3) return UndefinedTable(request.path);
  return Run(context, {.text = connector::ScanText(QuotePath(*parts), request, '`')}, true);
}

}  // namespace nstarx::connectors::databricks
