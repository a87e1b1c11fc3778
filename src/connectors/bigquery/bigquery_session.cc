#include "connectors/bigquery/bigquery_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "connectors/bigquery/bigquery_catalog.h"
#include "connectors/bigquery/bigquery_errors.h"
#include "connectors/bigquery/bigquery_result.h"
#include "connectors/bigquery/statement_text.h"

namespace nstarx::connectors::bigquery {
namespace {

/// The first page comes with the answer; how many columns it has is not known before.
constexpr int64_t kFirstRows = 2000;

const json::object& ObjectAt(const json::object& object, std::string_view key) {
  static const json::object kEmpty;
  const auto* found = object.if_contains(key);
  return found && found->is_object() ? found->get_object() : kEmpty;
}

int64_t Number(std::string_view text) {
  int64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

}  // namespace

Status BigquerySession::Ping(const Context& context) {
  const auto answer =
      client_->Send(context, {.method = "GET",
                              .path = ResourcePath(client_->service().project) + "/datasets",
                              .query = {{"maxResults", "1"}},
                              .body = {},
                              .text = {}});
  // Who may run queries but not list datasets is logged in all the same.
  if (answer || answer.error().code() == "query.no_privilege") return {};
  return answer.error();
}

Status BigquerySession::CheckReads(const Context& context, const connector::Statement& statement) {
  if (!OnlyReads(statement.text)) return ReadOnly({});
  NSTARX_TRY(json::object fields, QueryFields(client_->service(), statement));
  NSTARX_TRY(const json::object statistics, runner_.DryRun(context, std::move(fields)));
  const std::string_view type = GetString(ObjectAt(statistics, "query"), "statementType");
  if (type != "SELECT") return ReadOnly(type.empty() ? "nothing" : type);
  return {};
}

Result<std::unique_ptr<connector::BatchStream>> BigquerySession::Run(
    const Context& context, const connector::Statement& statement) {
  NSTARX_TRY(json::object fields, QueryFields(client_->service(), statement));
  const int64_t wanted = statement.limit.value_or(-1);
  const int64_t first = wanted < 0 ? kFirstRows : std::clamp<int64_t>(wanted, 1, kFirstRows);
  NSTARX_TRY(const json::object answer, runner_.Run(context, std::move(fields), first));
  return OpenResult(client_->shared_service(), answer, wanted);
}

Result<std::unique_ptr<connector::BatchStream>> BigquerySession::Execute(
    const Context& context, const connector::Statement& statement,
    const connector::ExecuteOptions& /*options*/) {
  if (read_only_) NSTARX_RETURN_IF_ERROR(CheckReads(context, statement));
  return Run(context, statement);
}

Result<std::vector<connector::Node>> BigquerySession::List(const Context& context,
                                                           std::string_view path, int64_t limit) {
  return ListChildren(context, *client_, path, limit);
}

Result<connector::Description> BigquerySession::Describe(const Context& context,
                                                         std::string_view path) {
  return DescribeTable(context, *client_, path);
}

Result<std::unique_ptr<connector::BatchStream>> BigquerySession::Sample(const Context& context,
                                                                        std::string_view path,
                                                                        int64_t limit) {
  NSTARX_TRY(FoundTable table, FindTable(context, *client_, path));
  const int64_t rows = std::max<int64_t>(limit, 1);
  if (table.stored) {
    return OpenTable(client_->shared_service(),
                     ResourcePath(table.path.project, table.path.dataset, table.path.table),
                     std::move(table.fields), rows);
  }
  return Run(context,
             {.text = fmt::format("SELECT * FROM {} LIMIT {}", QuotePath(table.path), rows),
              .parameters = {},
              .limit = rows});
}

Result<json::object> BigquerySession::Explain(const Context& context,
                                              const connector::Statement& statement) {
  NSTARX_TRY(json::object fields, QueryFields(client_->service(), statement));
  NSTARX_TRY(json::object statistics, runner_.DryRun(context, std::move(fields)));
  const json::object& query = ObjectAt(statistics, "query");
  json::object plan = {{"node", GetString(query, "statementType", "QUERY")}};
  const std::string_view bytes =
      GetString(query, "totalBytesProcessed", GetString(statistics, "totalBytesProcessed"));
  if (!bytes.empty()) plan["bytes_processed"] = Number(bytes);
  json::array children;
  if (const auto* tables = query.if_contains("referencedTables"); tables && tables->is_array()) {
    for (const auto& each : tables->get_array()) {
      if (!each.is_object()) continue;
      const Path path{.project = std::string(GetString(each.get_object(), "projectId")),
                      .dataset = std::string(GetString(each.get_object(), "datasetId")),
                      .table = std::string(GetString(each.get_object(), "tableId"))};
      children.push_back(
          json::object{{"node", "table"},
                       {"relation", WritePath(path, client_->service().default_project)},
                       {"children", json::array()}});
    }
  }
  plan["children"] = std::move(children);
  return json::object{{"plan", std::move(plan)}, {"native", std::move(statistics)}};
}

}  // namespace nstarx::connectors::bigquery
