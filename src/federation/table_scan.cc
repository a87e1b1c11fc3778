#include "federation/table_scan.h"

#include <arrow/c/bridge.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <duckdb/catalog/catalog.hpp>
#include <duckdb/function/replacement_scan.hpp>
#include <duckdb/function/table/arrow.hpp>
#include <duckdb/parser/expression/constant_expression.hpp>
#include <duckdb/parser/expression/function_expression.hpp>
#include <duckdb/parser/parsed_data/create_table_function_info.hpp>
#include <duckdb/parser/tableref/table_function_ref.hpp>
#include <duckdb/planner/expression/bound_columnref_expression.hpp>
#include <duckdb/planner/expression/bound_comparison_expression.hpp>
#include <duckdb/planner/expression/bound_constant_expression.hpp>
#include <duckdb/planner/operator/logical_get.hpp>

#include "engine/arrow_input.h"
#include "federation/table_names.h"
#include "gateway/gateway.h"

namespace nstarx::federation {
namespace {

constexpr const char* kFunction = "connection_table";

struct ScansInfo final : duckdb::TableFunctionInfo {
  explicit ScansInfo(Scans& scans) : scans(scans) {}
  Scans& scans;
};

/// A table of a statement.
struct Table final : duckdb::TableFunctionData {
  Table(Scans& scans, TableName name) : scans(scans), name(std::move(name)) {}

  Scans& scans;
  const TableName name;
  std::shared_ptr<arrow::Schema> schema;
  duckdb::vector<std::string> names;  // of the schema's fields, as the engine wants them
  duckdb::vector<duckdb::shared_ptr<duckdb::ArrowType>> types;
  std::optional<int64_t> row_estimate;
  bool narrows = false;
  std::vector<connector::Comparison> where;
  mutable std::unique_ptr<connector::BatchStream> rows;  // begun; the first scan takes them
};

/// The one reader of a table.
struct Reading final : duckdb::GlobalTableFunctionState {
  duckdb::idx_t MaxThreads() const override { return 1; }

  std::unique_ptr<connector::BatchStream> rows;
  std::vector<int> columns;  // of `rows`, in the order that is wanted
  arrow::FieldVector fields;
  duckdb::arrow_column_map_t types;
  std::unique_ptr<duckdb::ArrowScanLocalState> batch;
};

/// Names that differ by more than case, as the engine wants them.
std::string UniqueName(const duckdb::vector<std::string>& taken, const std::string& name) {
  std::string unique = name;
  const auto is_taken = [&](const std::string& other) {
    return duckdb::StringUtil::CIEquals(other, unique);
  };
  for (int i = 1; std::ranges::any_of(taken, is_taken); ++i) {
    unique = fmt::format("{}_{}", name, i);
  }
  return unique;
}

void ReadTypes(duckdb::ClientContext& context, Table& table,
               duckdb::vector<duckdb::LogicalType>& return_types) {
  duckdb::ArrowSchemaWrapper root;
  arrow::FieldVector fields;
  for (const auto& field : table.schema->fields()) {
    fields.push_back(field->WithType(engine::InputType(field->type())));
  }
  const auto status = arrow::ExportSchema(*arrow::schema(std::move(fields)), &root.arrow_schema);
  if (!status.ok()) {
    throw duckdb::IOException("The columns of %s: %s", table.name.path, status.message());
  }
  for (int64_t i = 0; i < root.arrow_schema.n_children; ++i) {
    const auto& field = *table.schema->field(static_cast<int>(i));
    try {
      table.types.push_back(
          duckdb::ArrowType::GetArrowLogicalType(context, *root.arrow_schema.children[i]));
    } catch (const std::exception&) {
      table.scans.Fail(
          InvalidArgument("federation.unsupported_type",
                          fmt::format("The column '{}' of {} is of the type {}, which one SQL over "
                                      "connections can not hold exactly",
                                      field.name(), table.name.path, field.type()->ToString()))
              .WithStage("query")
              .WithDetail("column", field.name())
              .WithHint("Query that connection by itself, or a view that converts the column."),
          table.name.connection);
    }
    return_types.push_back(table.types.back()->GetDuckType());
    table.names.push_back(UniqueName(table.names, field.name()));
  }
}

duckdb::unique_ptr<duckdb::FunctionData> Bind(duckdb::ClientContext& context,
                                              duckdb::TableFunctionBindInput& input,
                                              duckdb::vector<duckdb::LogicalType>& return_types,
                                              duckdb::vector<std::string>& names) {
  Scans& scans = input.info->Cast<ScansInfo>().scans;
  TableName name;
  if (!input.inputs[0].IsNull()) name.connection = input.inputs[0].GetValue<std::string>();
  if (!input.inputs[1].IsNull()) name.path = input.inputs[1].GetValue<std::string>();
  auto table = duckdb::make_uniq<Table>(scans, std::move(name));
  auto opened = scans.gateway().OpenForScan(scans.context(), table->name.connection,
                                            table->name.path, scans.fingerprint());
  if (!opened) scans.Fail(std::move(opened).error(), table->name.connection);
  table->schema = opened->schema;
  table->row_estimate = opened->row_estimate;
  table->narrows = opened->rows == nullptr;
  table->rows = std::move(opened->rows);
  ReadTypes(context, *table, return_types);
  if (return_types.empty()) throw duckdb::BinderException("%s has no columns", table->name.path);
  names = table->names;
  return table;
}

duckdb::unique_ptr<duckdb::NodeStatistics> Cardinality(duckdb::ClientContext& context,
                                                       const duckdb::FunctionData* data) {
  const auto& table = data->Cast<Table>();
  if (table.row_estimate.value_or(-1) < 0) return nullptr;
  return duckdb::make_uniq<duckdb::NodeStatistics>(static_cast<duckdb::idx_t>(*table.row_estimate));
}

const char* OperatorOf(duckdb::ExpressionType type) {
  switch (type) {
    case duckdb::ExpressionType::COMPARE_EQUAL:
      return "=";
    case duckdb::ExpressionType::COMPARE_NOTEQUAL:
      return "<>";
    case duckdb::ExpressionType::COMPARE_LESSTHAN:
      return "<";
    case duckdb::ExpressionType::COMPARE_LESSTHANOREQUALTO:
      return "<=";
    case duckdb::ExpressionType::COMPARE_GREATERTHAN:
      return ">";
    case duckdb::ExpressionType::COMPARE_GREATERTHANOREQUALTO:
      return ">=";
    default:
      return nullptr;
  }
}

/// A comparison that means the same in every system: of a whole number, or the equality of a text.
/// What systems take for equal may be more than what the engine does: it compares again.
std::optional<connector::Comparison> ReadComparison(const duckdb::LogicalGet& get,
                                                    const Table& table,
                                                    const duckdb::Expression& expression) {
  if (expression.GetExpressionClass() != duckdb::ExpressionClass::BOUND_COMPARISON) return {};
  const auto& comparison = expression.Cast<duckdb::BoundComparisonExpression>();
  const duckdb::Expression* column = comparison.left.get();
  const duckdb::Expression* constant = comparison.right.get();
  auto type = comparison.GetExpressionType();
  if (column->GetExpressionClass() == duckdb::ExpressionClass::BOUND_CONSTANT) {
    std::swap(column, constant);
    type = duckdb::FlipComparisonExpression(type);
  }
  const char* op = OperatorOf(type);
  if (op == nullptr || column->GetExpressionClass() != duckdb::ExpressionClass::BOUND_COLUMN_REF ||
      constant->GetExpressionClass() != duckdb::ExpressionClass::BOUND_CONSTANT) {
    return {};
  }
  const auto& binding = column->Cast<duckdb::BoundColumnRefExpression>().binding;
  const auto& ids = get.GetColumnIds();
  if (binding.table_index != get.table_index || binding.column_index >= ids.size()) return {};
  const auto at = ids[binding.column_index].GetPrimaryIndex();
  if (at >= table.names.size()) return {};
  const std::string& name = table.schema->field(static_cast<int>(at))->name();
  const duckdb::Value& value = constant->Cast<duckdb::BoundConstantExpression>().value;
  if (value.IsNull() || table.schema->GetFieldIndex(name) < 0) return {};
  switch (value.type().id()) {
    case duckdb::LogicalTypeId::TINYINT:
    case duckdb::LogicalTypeId::SMALLINT:
    case duckdb::LogicalTypeId::INTEGER:
    case duckdb::LogicalTypeId::BIGINT:
      return connector::Comparison{.column = name, .op = op, .value = value.GetValue<int64_t>()};
    case duckdb::LogicalTypeId::VARCHAR:
      if (type != duckdb::ExpressionType::COMPARE_EQUAL) return {};
      return connector::Comparison{
          .column = name, .op = op, .value = value.GetValue<std::string>()};
    default:
      return {};
  }
}

/// Notes what the systems can leave out; the engine still applies every filter itself.
void NoteFilters(duckdb::ClientContext& context, duckdb::LogicalGet& get,
                 duckdb::FunctionData* data,
                 duckdb::vector<duckdb::unique_ptr<duckdb::Expression>>& filters) {
  auto& table = data->Cast<Table>();
  if (!table.narrows) return;
  table.where.clear();
  for (const auto& filter : filters) {
    if (auto found = ReadComparison(get, table, *filter)) table.where.push_back(*std::move(found));
  }
}

/// Which columns of the rows are wanted, found by name where the system was asked for them.
void MapColumns(const Table& table, Reading& reading,
                const std::vector<duckdb::column_t>& column_ids) {
  const auto& given = *reading.rows->schema();
  for (size_t i = 0; i < column_ids.size(); ++i) {
    const auto column = static_cast<int>(column_ids[i]);
    const auto& field = table.schema->field(column);
    const int at = table.narrows ? given.GetFieldIndex(field->name()) : column;
    if (at < 0 || !given.field(at)->type()->Equals(*field->type())) {
      table.scans.Fail(
          Error(ErrorKind::kConflict, "federation.columns_changed",
                fmt::format("The column '{}' of {} is not what it was when the statement began",
                            field->name(), table.name.path))
              .WithStage("query")
              .WithDetail("column", field->name())
              .WithHint("Run the statement again."),
          table.name.connection);
    }
    reading.columns.push_back(at);
    reading.fields.push_back(field->WithType(engine::InputType(field->type())));
    reading.types[i] = table.types[column_ids[i]];
  }
}

duckdb::unique_ptr<duckdb::GlobalTableFunctionState> Start(duckdb::ClientContext& context,
                                                           duckdb::TableFunctionInitInput& input) {
  const auto& table = input.bind_data->Cast<Table>();
  auto reading = duckdb::make_uniq<Reading>();
  std::vector<duckdb::column_t> wanted;
  for (const duckdb::column_t column : input.column_ids) {
    // A row number is what the engine asks for when it wants none: any column will do.
    wanted.push_back(column < table.names.size() ? column : 0);
  }
  reading->rows = std::move(table.rows);
  if (!reading->rows) {
    connector::ScanRequest request{.path = table.name.path, .where = table.where};
    for (const duckdb::column_t column : wanted) {
      const std::string& name = table.schema->field(static_cast<int>(column))->name();
      if (std::ranges::find(request.columns, name) == request.columns.end()) {
        request.columns.push_back(name);
      }
    }
    Scans& scans = table.scans;
    auto rows = table.narrows ? scans.gateway().Scan(scans.context(), table.name.connection,
                                                     request, scans.fingerprint())
                              : [&]() -> Result<std::unique_ptr<connector::BatchStream>> {
      // Rows that were begun are another scan's: once more from the start.
      NSTARX_TRY(auto again, scans.gateway().OpenForScan(scans.context(), table.name.connection,
                                                         table.name.path, scans.fingerprint()));
      return std::move(again.rows);
    }();
    if (!rows) scans.Fail(std::move(rows).error(), table.name.connection);
    reading->rows = *std::move(rows);
  }
  MapColumns(table, *reading, wanted);
  return reading;
}

/// False at the end of the table.
bool NextBatch(duckdb::ClientContext& context, const Table& table, Reading& reading) {
  std::shared_ptr<arrow::RecordBatch> batch;
  do {
    auto next = reading.rows->Next(table.scans.context());
    if (!next) table.scans.Fail(std::move(next).error(), table.name.connection);
    batch = *std::move(next);
    if (batch == nullptr) return false;
  } while (batch->num_rows() == 0);
  arrow::ArrayVector arrays;
  for (size_t i = 0; i < reading.columns.size(); ++i) {
    const auto& array = batch->column(reading.columns[i]);
    if (engine::HasNanoseconds(*array->data())) {
      table.scans.Fail(
          InvalidArgument("federation.inexact_value",
                          fmt::format("The column '{}' of {} has times with nanoseconds, "
                                      "which one SQL over connections can not hold exactly",
                                      reading.fields[i]->name(), table.name.path))
              .WithStage("query")
              .WithDetail("column", reading.fields[i]->name()),
          table.name.connection);
    }
    auto column = engine::InputColumn(array);
    if (!column) table.scans.Fail(std::move(column).error(), table.name.connection);
    arrays.push_back(*std::move(column));
  }
  const auto ordered =
      arrow::RecordBatch::Make(arrow::schema(reading.fields), batch->num_rows(), std::move(arrays));
  auto wrapped = duckdb::make_uniq<duckdb::ArrowArrayWrapper>();
  const auto status = arrow::ExportRecordBatch(*ordered, &wrapped->arrow_array);
  if (!status.ok()) {
    throw duckdb::IOException("The rows of %s: %s", table.name.path, status.message());
  }
  reading.batch = std::make_unique<duckdb::ArrowScanLocalState>(std::move(wrapped), context);
  return true;
}

void Scan(duckdb::ClientContext& context, duckdb::TableFunctionInput& input,
          duckdb::DataChunk& chunk) {
  const auto& table = input.bind_data->Cast<Table>();
  auto& reading = input.global_state->Cast<Reading>();
  if (!reading.batch && (!reading.rows || !NextBatch(context, table, reading))) {
    reading.rows.reset();  // Its session is free for the statement's other tables.
    chunk.SetCardinality(0);
    return;
  }
  auto& batch = *reading.batch;
  const auto left =
      static_cast<duckdb::idx_t>(batch.chunk->arrow_array.length) - batch.chunk_offset;
  const auto rows = std::min<duckdb::idx_t>(left, STANDARD_VECTOR_SIZE);
  chunk.SetCardinality(rows);
  duckdb::ArrowTableFunction::ArrowToDuckDB(batch, reading.types, chunk);
  batch.chunk_offset += rows;
  if (rows == left) reading.batch.reset();
}

duckdb::unique_ptr<duckdb::TableRef> Replace(
    duckdb::ClientContext& context, duckdb::ReplacementScanInput& input,
    duckdb::optional_ptr<duckdb::ReplacementScanData> data) {
  TableName name = NameOf(input.catalog_name, input.schema_name, input.table_name);
  if (name.connection.empty()) return nullptr;
  duckdb::vector<duckdb::unique_ptr<duckdb::ParsedExpression>> arguments;
  arguments.push_back(
      duckdb::make_uniq<duckdb::ConstantExpression>(duckdb::Value(name.connection)));
  arguments.push_back(duckdb::make_uniq<duckdb::ConstantExpression>(duckdb::Value(name.path)));
  auto table = duckdb::make_uniq<duckdb::TableFunctionRef>();
  table->function = duckdb::make_uniq<duckdb::FunctionExpression>(kFunction, std::move(arguments));
  table->alias = input.table_name;
  return table;
}

}  // namespace

void Scans::Fail(Error error, const std::string& connection) {
  const std::string text = error.message();
  if (!connection.empty()) error.WithDetail("connection", connection);
  {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::move(error);
  }
  throw duckdb::IOException("%s", text);
}

std::optional<Error> Scans::TakeFailure() {
  const std::lock_guard lock(mutex_);
  return std::exchange(failure_, std::nullopt);
}

void AddNames(duckdb::DBConfig& config) { config.replacement_scans.emplace_back(Replace); }

void AddScan(duckdb::Connection& connection, Scans& scans) {
  duckdb::TableFunction function(
      kFunction, {duckdb::LogicalType::VARCHAR, duckdb::LogicalType::VARCHAR}, Scan, Bind, Start);
  function.projection_pushdown = true;
  function.pushdown_complex_filter = NoteFilters;
  function.cardinality = Cardinality;
  function.function_info = duckdb::make_shared_ptr<ScansInfo>(scans);
  duckdb::CreateTableFunctionInfo info(std::move(function));
  info.on_conflict = duckdb::OnCreateConflict::REPLACE_ON_CONFLICT;
  info.internal = true;
  connection.BeginTransaction();
  duckdb::Catalog::GetSystemCatalog(*connection.context)
      .CreateTableFunction(*connection.context, info);
  connection.Commit();
}

}  // namespace nstarx::federation
