#include "connectors/snowflake/snowflake_session.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/snowflake/snowflake_catalog.h"
#include "connectors/snowflake/snowflake_errors.h"
#include "connectors/snowflake/snowflake_result.h"
#include "connectors/snowflake/statement_text.h"

namespace nstarx::connectors::snowflake {
namespace {

Result<json::object> Binding(size_t index, const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return json::object{{"type", "ANY"}, {"value", nullptr}};
    case json::kind::bool_:
      return json::object{{"type", "BOOLEAN"}, {"value", value.get_bool() ? "true" : "false"}};
    case json::kind::int64:
      return json::object{{"type", "FIXED"}, {"value", fmt::format("{}", value.get_int64())}};
    case json::kind::double_:
      return json::object{{"type", "REAL"}, {"value", fmt::format("{}", value.get_double())}};
    case json::kind::string:
      return json::object{{"type", "TEXT"}, {"value", value.get_string()}};
    default:
      return InvalidArgument("query.unsupported_parameter",
                             fmt::format("Parameter {} is no single value", index + 1))
          .WithStage("query")
          .WithConnector("snowflake");
  }
}

}  // namespace

Result<json::object> StatementFields(const connector::Statement& statement, bool reads) {
  NSTARX_RETURN_IF_ERROR(CheckMarkers(statement.text, statement.parameters.size()));
  json::object out = {{"sqlText", statement.text}};
  json::object bindings;
  for (size_t i = 0; i < statement.parameters.size(); ++i) {
    NSTARX_TRY(json::object each, Binding(i, statement.parameters[i]));
    bindings[fmt::format("{}", i + 1)] = std::move(each);
  }
  if (!bindings.empty()) out["bindings"] = std::move(bindings);
  if (reads && statement.limit.value_or(0) > 0) {
    out["parameters"] = json::object{{"ROWS_PER_RESULTSET", *statement.limit}};
  }
  return out;
}

Result<std::unique_ptr<connector::BatchStream>> SnowflakeSession::Execute(
    const Context& context, const connector::Statement& statement,
    const connector::ExecuteOptions& /*options*/) {
  const bool reads = OnlyReads(statement.text);
  if (read_only_ && !reads) return ReadOnly();
  NSTARX_TRY(const json::object fields, StatementFields(statement, reads));
  if (ChangesSession(statement.text)) changed_ = true;
  NSTARX_TRY(json::object data, client_->Query(context, fields));
  return OpenResult(context, client_->account(), std::move(data));
}

Result<std::vector<connector::Node>> SnowflakeSession::List(const Context& context,
                                                            std::string_view path, int64_t limit) {
  return ListChildren(context, *client_, path, limit);
}

Result<connector::Description> SnowflakeSession::Describe(const Context& context,
                                                          std::string_view path) {
  return DescribeTable(context, *client_, home_, path);
}

Result<std::unique_ptr<connector::BatchStream>> SnowflakeSession::Sample(const Context& context,
                                                                         std::string_view path,
                                                                         int64_t limit) {
  const auto parts = SplitPath(path);
  if (!parts || parts->size() > 3) return UndefinedTable(path);
  const std::string text =
      fmt::format("SELECT * FROM {} LIMIT {}", QuotePath(*parts), std::max<int64_t>(limit, 1));
  NSTARX_TRY(json::object data, client_->Query(context, {{"sqlText", text}}));
  return OpenResult(context, client_->account(), std::move(data));
}

Result<std::unique_ptr<connector::BatchStream>> SnowflakeSession::Scan(
    const Context& context, const connector::ScanRequest& request,
    const connector::ExecuteOptions& options) {
  const auto parts = SplitPath(request.path);
  if (!parts || parts->size() > 3) return UndefinedTable(request.path);
  const std::string text = connector::ScanText(QuotePath(*parts), request, '"');
  NSTARX_TRY(json::object data, client_->Query(context, {{"sqlText", text}}));
  return OpenResult(context, client_->account(), std::move(data));
}

}  // namespace nstarx::connectors::snowflake
