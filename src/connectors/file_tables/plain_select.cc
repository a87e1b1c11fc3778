#include "connectors/file_tables/plain_select.h"

#include <duckdb/parser/expression/columnref_expression.hpp>
#include <duckdb/parser/expression/star_expression.hpp>
#include <duckdb/parser/query_node/select_node.hpp>
#include <duckdb/parser/statement/select_statement.hpp>
#include <duckdb/parser/tableref/basetableref.hpp>

namespace nstarx::connectors::file_tables {
namespace {

bool IsBareStar(const duckdb::ParsedExpression& expression) {
  if (expression.GetExpressionClass() != duckdb::ExpressionClass::STAR) return false;
  const auto& star = expression.Cast<duckdb::StarExpression>();
  return star.relation_name.empty() && star.exclude_list.empty() && star.replace_list.empty() &&
         star.rename_list.empty() && !star.expr && !star.columns;
}

bool ReadColumns(const duckdb::SelectNode& node, std::vector<std::string>& columns) {
  if (node.select_list.size() == 1 && IsBareStar(*node.select_list.front())) return true;
  for (const auto& expression : node.select_list) {
    if (expression->GetExpressionClass() != duckdb::ExpressionClass::COLUMN_REF ||
        expression->HasAlias()) {
      return false;
    }
    const auto& column = expression->Cast<duckdb::ColumnRefExpression>();
    if (column.column_names.size() != 1) return false;
    columns.push_back(column.column_names.front());
  }
  return !columns.empty();
}

}  // namespace

std::optional<PlainSelect> ReadPlainSelect(const duckdb::SQLStatement& statement) {
  if (statement.type != duckdb::StatementType::SELECT_STATEMENT) return std::nullopt;
  const auto& query = *statement.Cast<duckdb::SelectStatement>().node;
  if (query.type != duckdb::QueryNodeType::SELECT_NODE || !query.modifiers.empty() ||
      !query.cte_map.map.empty()) {
    return std::nullopt;
  }
  const auto& node = query.Cast<duckdb::SelectNode>();
  if (node.where_clause || !node.groups.group_expressions.empty() || node.having || node.qualify ||
      node.sample || node.aggregate_handling != duckdb::AggregateHandling::STANDARD_HANDLING ||
      !node.from_table || node.from_table->type != duckdb::TableReferenceType::BASE_TABLE ||
      node.from_table->sample) {
    return std::nullopt;
  }
  const auto& table = node.from_table->Cast<duckdb::BaseTableRef>();
  if (!table.catalog_name.empty() || !table.schema_name.empty() || !table.alias.empty() ||
      !table.column_name_alias.empty() || table.at_clause) {
    return std::nullopt;
  }
  PlainSelect out{.path = table.table_name, .columns = {}};
  if (!ReadColumns(node, out.columns)) return std::nullopt;
  return out;
}

}  // namespace nstarx::connectors::file_tables
