#include "connectors/redshift/redshift_session.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <charconv>

#include "connectors/redshift/redshift_errors.h"

namespace nstarx::connectors::redshift {
namespace {

using postgresql::CellKind;
using postgresql::ColumnType;
using postgresql::TextRow;

constexpr uint32_t kSuperOid = 4000;

/// A result whose late errors are told as Redshift means them.
class RefinedStream final : public connector::BatchStream {
 public:
  explicit RefinedStream(std::unique_ptr<connector::BatchStream> inner)
      : inner_(std::move(inner)) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return inner_->schema(); }
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    auto batch = inner_->Next(context);
    if (!batch) return Refine(std::move(batch).error());
    return batch;
  }
  int64_t rows_affected() const override { return inner_->rows_affected(); }

 private:
  std::unique_ptr<connector::BatchStream> inner_;
};

std::optional<ColumnType> TypeOfOid(uint32_t oid) {
  if (oid != kSuperOid) return std::nullopt;
  return ColumnType{
      .kind = CellKind::kText, .binary = false, .arrow = arrow::utf8(), .extension = "arrow.json"};
}

/// A number in a plan's line behind `name`, e.g. "rows=".
std::optional<double> NumberBehind(std::string_view line, std::string_view name) {
  const size_t at = line.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  double number = 0;
  const char* begin = line.data() + at + name.size();
  if (std::from_chars(begin, line.data() + line.size(), number).ec != std::errc()) {
    return std::nullopt;
  }
  return number;
}

struct PlanLine {
  size_t indent = 0;
  json::object node;
};

json::object PlanNodeOf(std::string_view line) {
  json::object node;
  const size_t cost = line.find("  (cost=");
  std::string_view name = line.substr(0, cost);
  node["node"] = name;
  const std::string_view numbers = line.substr(cost);
  if (auto value = NumberBehind(numbers, "cost=")) node["startup_cost"] = *value;
  if (auto value = NumberBehind(numbers, "..")) node["cost"] = *value;
  if (auto value = NumberBehind(numbers, "rows=")) node["rows"] = *value;
  if (auto value = NumberBehind(numbers, "width=")) node["width"] = *value;
  if (const size_t on = name.find(" on "); on != std::string_view::npos) {
    std::string_view relation = name.substr(on + 4);
    node["node"] = name.substr(0, on);
    node["relation"] = relation.substr(0, relation.find(' '));
  }
  node["children"] = json::array();
  return node;
}

/// Hangs the last node of the way below the one before it.
void Fold(std::vector<PlanLine>& way) {
  PlanLine last = std::move(way.back());
  way.pop_back();
  way.back().node["children"].as_array().push_back(std::move(last.node));
}

}  // namespace

postgresql::Dialect RedshiftDialect() {
  return {.page_ranges = false, .read_only_blocks = true, .resets = false, .type_of = &TypeOfOid};
}

json::object PlanOfLines(const std::vector<std::string>& lines) {
  constexpr size_t kDepthMax = 30;
  std::vector<PlanLine> way;
  for (const std::string& text : lines) {
    std::string_view line = text;
    const size_t first = std::min(line.find_first_not_of(" ->"), line.size());
    line.remove_prefix(first);
    if (line.find("  (cost=") == std::string_view::npos) {
      const size_t colon = line.find(": ");
      if (way.empty() || colon == std::string_view::npos) continue;
      // "Hash Cond", "Filter", "Sort Key" … belong to the node above.
      if (line.starts_with("Filter: ")) way.back().node["filter"] = line.substr(colon + 2);
      if (line.starts_with("Hash Cond: ")) {
        way.back().node["hash_condition"] = line.substr(colon + 2);
      }
      continue;
    }
    while (way.size() > 1 && way.back().indent >= first) Fold(way);
    if (!way.empty() && way.back().indent >= first) continue;  // a second root: none is known
    if (way.size() >= kDepthMax) Fold(way);
    way.push_back({first, PlanNodeOf(line)});
  }
  if (way.empty()) return {};
  while (way.size() > 1) Fold(way);
  return std::move(way.front().node);
}

Result<std::unique_ptr<connector::BatchStream>> RedshiftSession::Execute(
    const Context& context, const connector::Statement& statement,
    const connector::ExecuteOptions& options) {
  auto stream = PostgresSession::Execute(context, statement, options);
  if (!stream) return Refine(std::move(stream).error());
  return std::make_unique<RefinedStream>(*std::move(stream));
}

Result<json::object> RedshiftSession::Explain(const Context& context,
                                              const connector::Statement& statement) {
  const auto statements = postgresql::SplitStatements(statement.text);
  if (statements.size() != 1) {
    return InvalidArgument("query.bad_value", "explain takes one statement").WithStage("query");
  }
  NSTARX_TRY(auto parameters, postgresql::ParameterTexts(statement.parameters));
  auto rows = Ask(context, fmt::format("EXPLAIN {}", statements.front().text), parameters);
  if (!rows) return Refine(std::move(rows).error());
  std::vector<std::string> lines;
  json::array native;
  for (const TextRow& row : *rows) {
    if (row.empty() || !row.front()) continue;
    native.emplace_back(*row.front());
    lines.push_back(*row.front());
  }
  json::object answer;
  if (json::object plan = PlanOfLines(lines); !plan.empty()) answer["plan"] = std::move(plan);
  answer["native"] = std::move(native);
  return answer;
}

Result<connector::PrivilegeReport> RedshiftSession::CheckPrivileges(const Context& context) {
  auto rows = Ask(context,
                  "SELECT current_user, current_database(), "
                  "has_database_privilege(current_database(), 'CREATE'), "
                  "has_database_privilege(current_database(), 'TEMP')");
  if (!rows) return Refine(std::move(rows).error());
  if (rows->size() != 1) return Internal("the server does not know its own user");
  const TextRow& row = rows->front();
  connector::PrivilegeReport report{.user = row[0].value_or("")};
  const std::string database = postgresql::PathPart(row[1].value_or(""));
  if (row[2] == "t") report.granted.push_back("CREATE on database " + database);
  if (row[3] == "t") report.granted.push_back("TEMPORARY on database " + database);
  auto schemas =
      Ask(context,
          "SELECT nspname, has_schema_privilege(nspname, 'USAGE'), "
          "has_schema_privilege(nspname, 'CREATE') FROM pg_namespace WHERE nspname NOT "
          "LIKE 'pg!_%' ESCAPE '!' AND nspname <> 'information_schema' ORDER BY nspname LIMIT "
          "200");
  if (!schemas) return Refine(std::move(schemas).error());
  for (const TextRow& schema : *schemas) {
    const std::string name = postgresql::PathPart(schema[0].value_or(""));
    if (schema[1] == "t") report.granted.push_back("USAGE on schema " + name);
    if (schema[2] == "t") report.granted.push_back("CREATE on schema " + name);
  }
  return report;
}

}  // namespace nstarx::connectors::redshift
