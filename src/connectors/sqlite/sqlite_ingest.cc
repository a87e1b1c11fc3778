#include "connectors/sqlite/sqlite_ingest.h"

#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <cmath>

#include "connectors/sqlite/sqlite_catalog.h"
#include "connectors/sqlite/sqlite_types.h"

namespace nstarx::connectors::sqlite {
namespace {

constexpr size_t kFaithfulDigits = 15;  // of a decimal that SQLite may turn into a REAL

Error Refuse(std::string_view code, std::string message) {
  Error error = InvalidArgument(std::string(code), std::move(message));
  error.WithStage("query").WithConnector("sqlite");
  return error;
}

/// Binds one cell; false when SQLite could not give the value back.
using Binder = bool (*)(sqlite3_stmt* statement, int place, const arrow::Array& array, int64_t row,
                        bool keeps_digits);

template <class ArrayType>
bool BindInteger(sqlite3_stmt* statement, int place, const arrow::Array& array, int64_t row, bool) {
  const auto value = static_cast<const ArrayType&>(array).Value(row);
  if (!std::in_range<int64_t>(value)) return false;
  return sqlite3_bind_int64(statement, place, static_cast<int64_t>(value)) == SQLITE_OK;
}

bool BindBool(sqlite3_stmt* statement, int place, const arrow::Array& array, int64_t row, bool) {
  const bool value = static_cast<const arrow::BooleanArray&>(array).Value(row);
  return sqlite3_bind_int64(statement, place, value ? 1 : 0) == SQLITE_OK;
}

template <class ArrayType>
bool BindReal(sqlite3_stmt* statement, int place, const arrow::Array& array, int64_t row, bool) {
  const double value = static_cast<const ArrayType&>(array).Value(row);
  return !std::isnan(value) && sqlite3_bind_double(statement, place, value) == SQLITE_OK;
}

bool BindWords(sqlite3_stmt* statement, int place, std::string_view text) {
  return sqlite3_bind_text64(statement, place, text.data(), text.size(), SQLITE_TRANSIENT,
                             SQLITE_UTF8) == SQLITE_OK;
}

template <class ArrayType>
bool BindText(sqlite3_stmt* statement, int place, const arrow::Array& array, int64_t row, bool) {
  const std::string_view text = static_cast<const ArrayType&>(array).GetView(row);
  return sqlite3_bind_text64(statement, place, text.empty() ? "" : text.data(), text.size(),
                             SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK;
}

template <class ArrayType>
bool BindBlob(sqlite3_stmt* statement, int place, const arrow::Array& array, int64_t row, bool) {
  const std::string_view bytes = static_cast<const ArrayType&>(array).GetView(row);
  return sqlite3_bind_blob64(statement, place, bytes.empty() ? "" : bytes.data(), bytes.size(),
                             SQLITE_STATIC) == SQLITE_OK;
}

bool BindDate(sqlite3_stmt* statement, int place, const arrow::Array& array, int64_t row, bool) {
  const std::string text = FormatDate(static_cast<const arrow::Date32Array&>(array).Value(row));
  return text.size() == 10 && BindWords(statement, place, text);
}

bool BindTime(sqlite3_stmt* statement, int place, const arrow::Array& array, int64_t row, bool) {
  const int64_t value = static_cast<const arrow::Time64Array&>(array).Value(row);
  return BindWords(statement, place, FormatTimeOfDay(value));
}

bool BindTimestamp(sqlite3_stmt* statement, int place, const arrow::Array& array, int64_t row,
                   bool) {
  const auto& type = static_cast<const arrow::TimestampType&>(*array.type());
  int64_t value = static_cast<const arrow::TimestampArray&>(array).Value(row);
  const int64_t scale = type.unit() == arrow::TimeUnit::SECOND  ? 1'000'000
                        : type.unit() == arrow::TimeUnit::MILLI ? 1'000
                                                                : 1;
  if (__builtin_mul_overflow(value, scale, &value)) return false;
  std::string text = FormatTimestamp(value);
  if (text.size() < 19 || text[4] != '-') return false;
  if (!type.timezone().empty()) text += 'Z';
  return BindWords(statement, place, text);
}

template <class ArrayType>
bool BindDecimal(sqlite3_stmt* statement, int place, const arrow::Array& array, int64_t row,
                 bool keeps_digits) {
  const std::string text = static_cast<const ArrayType&>(array).FormatValue(row);
  const auto digits = static_cast<size_t>(
      std::ranges::count_if(text, [](char letter) { return letter >= '0' && letter <= '9'; }));
  if (!keeps_digits && digits > kFaithfulDigits + 1) return false;
  return BindWords(statement, place, text);
}

bool BindNull(sqlite3_stmt* statement, int place, const arrow::Array&, int64_t, bool) {
  return sqlite3_bind_null(statement, place) == SQLITE_OK;
}

Binder BinderOf(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::NA:
      return BindNull;
    case arrow::Type::BOOL:
      return BindBool;
    case arrow::Type::INT8:
      return BindInteger<arrow::Int8Array>;
    case arrow::Type::INT16:
      return BindInteger<arrow::Int16Array>;
    case arrow::Type::INT32:
      return BindInteger<arrow::Int32Array>;
    case arrow::Type::INT64:
      return BindInteger<arrow::Int64Array>;
    case arrow::Type::UINT8:
      return BindInteger<arrow::UInt8Array>;
    case arrow::Type::UINT16:
      return BindInteger<arrow::UInt16Array>;
    case arrow::Type::UINT32:
      return BindInteger<arrow::UInt32Array>;
    case arrow::Type::UINT64:
      return BindInteger<arrow::UInt64Array>;
    case arrow::Type::FLOAT:
      return BindReal<arrow::FloatArray>;
    case arrow::Type::DOUBLE:
      return BindReal<arrow::DoubleArray>;
    case arrow::Type::STRING:
      return BindText<arrow::StringArray>;
    case arrow::Type::LARGE_STRING:
      return BindText<arrow::LargeStringArray>;
    case arrow::Type::BINARY:
      return BindBlob<arrow::BinaryArray>;
    case arrow::Type::LARGE_BINARY:
      return BindBlob<arrow::LargeBinaryArray>;
    case arrow::Type::FIXED_SIZE_BINARY:
      return BindBlob<arrow::FixedSizeBinaryArray>;
    case arrow::Type::DATE32:
      return BindDate;
    case arrow::Type::TIME64:
      return BindTime;
    case arrow::Type::TIMESTAMP:
      return BindTimestamp;
    case arrow::Type::DECIMAL128:
      return BindDecimal<arrow::Decimal128Array>;
    case arrow::Type::DECIMAL256:
      return BindDecimal<arrow::Decimal256Array>;
    default:
      return nullptr;
  }
}

struct Target {
  Binder bind = nullptr;
  bool keeps_digits = true;
};

Status CreateTable(Database& database, const std::string& table, const arrow::Schema& schema) {
  std::string columns;
  for (const auto& field : schema.fields()) {
    if (!columns.empty()) columns += ", ";
    columns += Quote(field->name()) + " " + ToDeclared(*field->type());
  }
  return database.Run(fmt::format("CREATE TABLE main.{} ({})", Quote(table), columns));
}

/// Whether a declared column has TEXT (or no) affinity, which keeps a decimal's every digit.
Result<bool> KeepsDigits(Database& database, const std::string& table, const std::string& column) {
  NSTARX_TRY(StatementPointer row,
             database.PrepareOne("SELECT upper(type) FROM pragma_table_info(?, 'main')"
                                 " WHERE name = ? COLLATE NOCASE"));
  sqlite3_bind_text(row.get(), 1, table.data(), static_cast<int>(table.size()), SQLITE_STATIC);
  sqlite3_bind_text(row.get(), 2, column.data(), static_cast<int>(column.size()), SQLITE_STATIC);
  NSTARX_TRY(const bool found, database.Step(row.get()));
  if (!found) return true;  // The INSERT names the missing column better.
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row.get(), 0));
  const std::string_view type = text != nullptr ? text : "";
  if (type.find("INT") != std::string_view::npos) return false;
  return type.empty() || type.find("CHAR") != std::string_view::npos ||
         type.find("TEXT") != std::string_view::npos ||
         type.find("CLOB") != std::string_view::npos || type.find("BLOB") != std::string_view::npos;
}

Result<std::vector<Target>> PrepareTargets(Database& database, const std::string& table,
                                           const arrow::Schema& schema) {
  std::vector<Target> targets;
  for (const auto& field : schema.fields()) {
    Target target{.bind = BinderOf(*field->type())};
    const bool decimal = arrow::is_decimal(field->type()->id());
    if (decimal) {
      NSTARX_TRY(target.keeps_digits, KeepsDigits(database, table, field->name()));
    }
    targets.push_back(target);
  }
  return targets;
}

Status WriteBatch(Database& database, sqlite3_stmt* insert, const std::vector<Target>& targets,
                  const arrow::RecordBatch& batch, int64_t written) {
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    for (int i = 0; i < batch.num_columns(); ++i) {
      const arrow::Array& array = *batch.column(i);
      const Target& target = targets[static_cast<size_t>(i)];
      const bool bound = array.IsNull(row)
                             ? sqlite3_bind_null(insert, i + 1) == SQLITE_OK
                             : target.bind(insert, i + 1, array, row, target.keeps_digits);
      if (bound) continue;
      Error error = Refuse("ingest.value_not_storable",
                           fmt::format("SQLite can't hold the value of column '{}' in row {}",
                                       batch.column_name(i), written + row + 1));
      error.WithDetail("column", batch.column_name(i)).WithDetail("row", written + row + 1);
      return error;
    }
    NSTARX_TRY(const bool more, database.Step(insert));
    (void)more;
    sqlite3_reset(insert);
  }
  return {};
}

Status PrepareTable(Database& database, std::string_view path, const std::string& table,
                    connector::IngestMode mode, const arrow::Schema& schema) {
  NSTARX_TRY(const bool exists, TableExists(database, table));
  switch (mode) {
    case connector::IngestMode::kAppend:
      if (!exists) return NoSuchTable(path);
      return {};
    case connector::IngestMode::kCreate:
      if (exists) {
        Error error(ErrorKind::kAlreadyExists, "ingest.table_exists",
                    fmt::format("The table {} is already there", path));
        error.WithStage("query").WithConnector("sqlite");
        return error;
      }
      return CreateTable(database, table, schema);
    case connector::IngestMode::kReplace:
      NSTARX_RETURN_IF_ERROR(database.Run("DROP TABLE IF EXISTS main." + Quote(table)));
      return CreateTable(database, table, schema);
  }
  return {};
}

Result<int64_t> WriteAll(const Context& context, Database& database, std::string_view path,
                         connector::IngestMode mode, connector::BatchStream& source) {
  const arrow::Schema& schema = *source.schema();
  NSTARX_TRY(const std::string table, TableOfPath(path));
  if (schema.num_fields() == 0) return Refuse("ingest.unsupported_type", "There are no columns");
  for (const auto& field : schema.fields()) {
    if (!ToDeclared(*field->type()).empty()) continue;
    return Refuse("ingest.unsupported_type",
                  fmt::format("Column '{}' is {}, which SQLite can't store", field->name(),
                              field->type()->ToString()));
  }
  NSTARX_RETURN_IF_ERROR(PrepareTable(database, path, table, mode, schema));
  NSTARX_TRY(const std::vector<Target> targets, PrepareTargets(database, table, schema));
  std::string names;
  std::string places;
  for (const auto& field : schema.fields()) {
    names += (names.empty() ? "" : ", ") + Quote(field->name());
    places += places.empty() ? "?" : ", ?";
  }
  NSTARX_TRY(StatementPointer insert,
             database.PrepareOne(
                 fmt::format("INSERT INTO main.{} ({}) VALUES ({})", Quote(table), names, places)));
  int64_t written = 0;
  for (;;) {
    NSTARX_RETURN_IF_ERROR(context.Check());
    NSTARX_TRY(const std::shared_ptr<arrow::RecordBatch> batch, source.Next(context));
    if (batch == nullptr) break;
    NSTARX_RETURN_IF_ERROR(WriteBatch(database, insert.get(), targets, *batch, written));
    written += batch->num_rows();
  }
  return written;
}

}  // namespace

Result<int64_t> IngestInto(const Context& context, Database& database, std::string_view path,
                           connector::IngestMode mode, connector::BatchStream& source) {
  Database::Watch watch(database, context);
  NSTARX_RETURN_IF_ERROR(database.Run("BEGIN IMMEDIATE"));
  Result<int64_t> written = WriteAll(context, database, path, mode, source);
  if (written) {
    if (Status committed = database.Run("COMMIT"); committed)
      return written;
    else
      written = std::move(committed).error();
  }
  database.Rollback();
  return written;
}

}  // namespace nstarx::connectors::sqlite
