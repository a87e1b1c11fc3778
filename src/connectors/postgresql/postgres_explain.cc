#include <fmt/format.h>

#include "connectors/postgresql/postgres_session.h"

namespace nstarx::connectors::postgresql {
namespace {

constexpr int kDepthMax = 30;

/// The fields of a plan node that every system's plan has, and those that help to read it.
json::object PlanNode(const json::object& native, int depth) {
  json::object node;
  auto copy = [&](std::string_view from, std::string_view to) {
    if (const json::value* value = native.if_contains(from)) node[to] = *value;
  };
  copy("Node Type", "node");
  copy("Plan Rows", "rows");
  copy("Plan Width", "width");
  copy("Startup Cost", "startup_cost");
  copy("Total Cost", "cost");
  copy("Join Type", "join_type");
  copy("Schema", "schema");
  copy("Relation Name", "relation");
  copy("Alias", "alias");
  copy("Index Name", "index");
  copy("Index Cond", "index_condition");
  copy("Hash Cond", "hash_condition");
  copy("Merge Cond", "merge_condition");
  copy("Filter", "filter");
  copy("Sort Key", "sort_key");
  copy("Group Key", "group_key");
  copy("Workers Planned", "workers");
  json::array children;
  const json::value* plans = native.if_contains("Plans");
  if (plans != nullptr && plans->is_array() && depth < kDepthMax) {
    for (const json::value& child : plans->get_array()) {
      if (child.is_object()) children.push_back(PlanNode(child.get_object(), depth + 1));
    }
  }
  node["children"] = std::move(children);
  return node;
}

std::string Text(const std::optional<std::string>& cell) { return cell.value_or(""); }

}  // namespace

Result<json::object> PostgresSession::Explain(const Context& context,
                                              const connector::Statement& statement) {
  std::vector<SqlStatement> statements = SplitStatements(statement.text);
  if (statements.size() != 1) {
    return InvalidArgument("query.bad_value", "explain takes one statement").WithStage("query");
  }
  NSTARX_TRY(auto parameters, ParameterTexts(statement.parameters));
  constexpr std::string_view kPrefix = "EXPLAIN (FORMAT JSON) ";
  std::string sql = fmt::format("{}{}", kPrefix, statements.front().text);
  NSTARX_TRY(auto rows, Ask(context, sql, parameters));
  if (rows.size() != 1 || rows.front().size() != 1) return Internal("EXPLAIN gave no plan");
  NSTARX_TRY(json::value native, ParseJson(Text(rows.front().front())));
  json::object answer;
  if (native.is_array() && !native.get_array().empty() && native.get_array().front().is_object()) {
    const json::value* plan = native.get_array().front().get_object().if_contains("Plan");
    if (plan != nullptr && plan->is_object()) answer["plan"] = PlanNode(plan->get_object(), 0);
  }
  answer["native"] = std::move(native);
  return answer;
}

Result<connector::PrivilegeReport> PostgresSession::CheckPrivileges(const Context& context) {
  NSTARX_TRY(auto rows,
             Ask(context,
                 "SELECT current_user, pg_catalog.current_database(), r.rolsuper, "
                 "pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CONNECT'), "
                 "pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'), "
                 "pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMP'), "
                 "pg_catalog.pg_is_in_recovery(), "
                 "pg_catalog.current_setting('transaction_read_only') FROM pg_catalog.pg_roles r "
                 "WHERE r.rolname = current_user"));
  if (rows.size() != 1) return Internal("the server does not know its own user");
  const TextRow& row = rows.front();
  connector::PrivilegeReport report{.user = Text(row[0])};
  const std::string database = PathPart(Text(row[1]));
  constexpr std::string_view kDatabase[] = {"CONNECT", "CREATE", "TEMPORARY"};
  for (size_t i = 0; i < std::size(kDatabase); ++i) {
    std::string name = fmt::format("{} on database {}", kDatabase[i], database);
    if (row[3 + i] == "t") report.granted.push_back(std::move(name));
  }
  if (row[3] != "t") report.missing.push_back(fmt::format("CONNECT on database {}", database));
  report.facts = {
      {"superuser", row[2] == "t"}, {"standby", row[6] == "t"}, {"read_only", row[7] == "on"}};
  return AddSchemaPrivileges(context, std::move(report));
}

Result<connector::PrivilegeReport> PostgresSession::AddSchemaPrivileges(
    const Context& context, connector::PrivilegeReport report) {
  // What can be read and written, schema by schema; and tables that are in reach but not readable.
  NSTARX_TRY(
      auto schemas,
      Ask(context,
          "SELECT n.nspname, pg_catalog.has_schema_privilege(n.oid, 'USAGE'), "
          "pg_catalog.has_schema_privilege(n.oid, 'CREATE'), n.nspname = ANY "
          "(pg_catalog.current_schemas(false)), pg_catalog.count(c.oid), "
          "pg_catalog.count(c.oid) FILTER (WHERE pg_catalog.has_table_privilege(c.oid, "
          "'SELECT') OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT')), "
          "pg_catalog.count(c.oid) FILTER (WHERE pg_catalog.has_table_privilege(c.oid, "
          "'INSERT')) FROM pg_catalog.pg_namespace n LEFT JOIN pg_catalog.pg_class c ON "
          "c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f') WHERE n.nspname "
          "!~ '^pg_' AND n.nspname <> 'information_schema' GROUP BY n.oid, n.nspname ORDER "
          "BY n.nspname LIMIT 200"));
  json::object tables;
  for (const TextRow& row : schemas) {
    const std::string schema = PathPart(Text(row[0]));
    const bool on_path = row[3] == "t";
    if (row[1] == "t") report.granted.push_back(fmt::format("USAGE on schema {}", schema));
    if (row[2] == "t") report.granted.push_back(fmt::format("CREATE on schema {}", schema));
    if (row[1] != "t" && on_path) {
      report.missing.push_back(fmt::format("USAGE on schema {}", schema));
    }
    if (row[1] != "t") continue;
    const int64_t all = std::stoll(Text(row[4]));
    const int64_t readable = std::stoll(Text(row[5]));
    tables[schema] = json::object{
        {"tables", all}, {"readable", readable}, {"writable", std::stoll(Text(row[6]))}};
    if (readable > 0) {
      report.granted.push_back(
          fmt::format("SELECT on {} of {} tables in schema {}", readable, all, schema));
    } else if (all > 0 && on_path) {
      report.missing.push_back(fmt::format("SELECT on any of {} tables in schema {}", all, schema));
    }
  }
  report.facts["schemas"] = std::move(tables);
  return report;
}

}  // namespace nstarx::connectors::postgresql
