#include "connectors/sqlite/sqlite_reader.h"

#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <cmath>

namespace nstarx::connectors::sqlite {
namespace {

constexpr int64_t kBatchRows = 16'384;
constexpr int64_t kBatchBytes = 2 << 20;
constexpr std::chrono::milliseconds kFirstBatchPatience{250};
constexpr double kExactIntegers = 9007199254740992.0;  // 2^53

/// A value as SQLite stores it; bytes belong to the statement or to a Kept.
struct Cell {
  int storage = SQLITE_NULL;
  int64_t integer = 0;
  double real = 0;
  std::string_view bytes;
};

struct Kept {
  Cell cell;
  std::string bytes;
};

Cell ReadCell(sqlite3_stmt* statement, int index) {
  Cell cell{.storage = sqlite3_column_type(statement, index)};
  switch (cell.storage) {
    case SQLITE_INTEGER:
      cell.integer = sqlite3_column_int64(statement, index);
      break;
    case SQLITE_FLOAT:
      cell.real = sqlite3_column_double(statement, index);
      break;
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, index));
      cell.bytes = {text, static_cast<size_t>(sqlite3_column_bytes(statement, index))};
      break;
    }
    case SQLITE_BLOB: {
      const auto* blob = static_cast<const char*>(sqlite3_column_blob(statement, index));
      cell.bytes = {blob, static_cast<size_t>(sqlite3_column_bytes(statement, index))};
      break;
    }
    default:
      break;
  }
  return cell;
}

std::string_view StorageName(int storage) {
  switch (storage) {
    case SQLITE_INTEGER:
      return "an INTEGER";
    case SQLITE_FLOAT:
      return "a REAL";
    case SQLITE_TEXT:
      return "a TEXT";
    case SQLITE_BLOB:
      return "a BLOB";
    default:
      return "a NULL";
  }
}

bool IsExactInDouble(int64_t value) {
  return std::abs(static_cast<double>(value)) <= kExactIntegers;
}

template <class Decimal, class Builder>
bool AppendDecimal(arrow::ArrayBuilder& builder, std::string_view text, const ColumnType& type) {
  Decimal value;
  int32_t precision = 0;
  int32_t scale = 0;
  if (!Decimal::FromString(text, &value, &precision, &scale).ok()) return false;
  auto rescaled = value.Rescale(scale, type.scale);
  if (!rescaled.ok() || !rescaled->FitsInPrecision(type.precision)) return false;
  return static_cast<Builder&>(builder).Append(*rescaled).ok();
}

}  // namespace

struct SqliteStream::Column {
  std::string name;
  ColumnType type;
  std::unique_ptr<arrow::ArrayBuilder> builder;
  std::vector<Kept> pending;  ///< of the first batch, while the type is open

  bool AppendText(const Cell& cell);
  bool AppendNumber(const Cell& cell);
  bool AppendMoment(const Cell& cell);
  /// False when the cell does not fit the column.
  bool Append(const Cell& cell);
  ColumnType Decide() const;
};

bool SqliteStream::Column::AppendText(const Cell& cell) {
  auto& out = static_cast<arrow::StringBuilder&>(*builder);
  switch (cell.storage) {
    case SQLITE_TEXT:
      return IsUtf8(cell.bytes) && out.Append(cell.bytes).ok();
    case SQLITE_INTEGER:
      return out.Append(std::to_string(cell.integer)).ok();
    case SQLITE_FLOAT:
      return out.Append(FormatDouble(cell.real)).ok();
    default:
      return false;
  }
}

bool SqliteStream::Column::AppendNumber(const Cell& cell) {
  switch (type.kind) {
    case ColumnKind::kInt64:
      return cell.storage == SQLITE_INTEGER &&
             static_cast<arrow::Int64Builder&>(*builder).Append(cell.integer).ok();
    case ColumnKind::kDouble: {
      auto& out = static_cast<arrow::DoubleBuilder&>(*builder);
      if (cell.storage == SQLITE_FLOAT) return out.Append(cell.real).ok();
      return cell.storage == SQLITE_INTEGER && IsExactInDouble(cell.integer) &&
             out.Append(static_cast<double>(cell.integer)).ok();
    }
    case ColumnKind::kBool:
      return cell.storage == SQLITE_INTEGER && (cell.integer == 0 || cell.integer == 1) &&
             static_cast<arrow::BooleanBuilder&>(*builder).Append(cell.integer == 1).ok();
    default: {
      std::string text;
      if (cell.storage == SQLITE_INTEGER) {
        text = std::to_string(cell.integer);
      } else if (cell.storage == SQLITE_FLOAT) {
        text = FormatDouble(cell.real);
      } else if (cell.storage == SQLITE_TEXT) {
        text = cell.bytes;
      } else {
        return false;
      }
      if (type.precision > 38) {
        return AppendDecimal<arrow::Decimal256, arrow::Decimal256Builder>(*builder, text, type);
      }
      return AppendDecimal<arrow::Decimal128, arrow::Decimal128Builder>(*builder, text, type);
    }
  }
}

bool SqliteStream::Column::AppendMoment(const Cell& cell) {
  if (cell.storage != SQLITE_TEXT) return false;
  if (type.kind == ColumnKind::kDate) {
    const auto days = ParseDate(cell.bytes);
    return days && static_cast<arrow::Date32Builder&>(*builder).Append(*days).ok();
  }
  if (type.kind == ColumnKind::kTime) {
    const auto micros = ParseTime(cell.bytes);
    return micros && static_cast<arrow::Time64Builder&>(*builder).Append(*micros).ok();
  }
  const auto micros = ParseTimestamp(cell.bytes);
  return micros && static_cast<arrow::TimestampBuilder&>(*builder).Append(*micros).ok();
}

bool SqliteStream::Column::Append(const Cell& cell) {
  if (cell.storage == SQLITE_NULL) return builder->AppendNull().ok();
  switch (type.kind) {
    case ColumnKind::kDynamic:
    case ColumnKind::kText:
      return AppendText(cell);
    case ColumnKind::kBinary:
      return (cell.storage == SQLITE_BLOB || cell.storage == SQLITE_TEXT) &&
             static_cast<arrow::BinaryBuilder&>(*builder).Append(cell.bytes).ok();
    case ColumnKind::kDate:
    case ColumnKind::kTime:
    case ColumnKind::kTimestamp:
    case ColumnKind::kTimestampUtc:
      return AppendMoment(cell);
    default:
      return AppendNumber(cell);
  }
}

/// The narrowest of int64 < double < utf8 < binary that holds every value seen.
ColumnType SqliteStream::Column::Decide() const {
  bool integer = false;
  bool real = false;
  bool text = false;
  bool blob = false;
  bool inexact = false;
  for (const Kept& kept : pending) {
    integer |= kept.cell.storage == SQLITE_INTEGER;
    real |= kept.cell.storage == SQLITE_FLOAT;
    text |= kept.cell.storage == SQLITE_TEXT;
    blob |= kept.cell.storage == SQLITE_BLOB;
    inexact |= kept.cell.storage == SQLITE_INTEGER && !IsExactInDouble(kept.cell.integer);
  }
  if (blob) return {.kind = ColumnKind::kBinary};
  if (text || (real && inexact)) return {.kind = ColumnKind::kText};
  if (real) return {.kind = ColumnKind::kDouble};
  if (integer) return {.kind = ColumnKind::kInt64};
  return {.kind = ColumnKind::kText};
}

SqliteStream::SqliteStream(Database& database, StatementPointer statement, int64_t limit)
    : database_(database), statement_(std::move(statement)), limit_(limit) {}

SqliteStream::~SqliteStream() {
  statement_.reset();
  database_.Rollback();
}

std::unique_ptr<SqliteStream> SqliteStream::Affected(Database& database, int64_t rows) {
  std::unique_ptr<SqliteStream> stream(new SqliteStream(database, nullptr, 0));
  stream->schema_ = arrow::schema({});
  stream->rows_affected_ = rows;
  stream->finished_ = true;
  return stream;
}

Result<std::unique_ptr<SqliteStream>> SqliteStream::Start(const Context& context,
                                                          Database& database,
                                                          StatementPointer statement,
                                                          int64_t limit) {
  std::unique_ptr<SqliteStream> stream(new SqliteStream(database, std::move(statement), limit));
  sqlite3_stmt* raw = stream->statement_.get();
  for (int i = 0; i < sqlite3_column_count(raw); ++i) {
    const char* declared = sqlite3_column_decltype(raw, i);
    Column column;
    column.name = sqlite3_column_name(raw, i);
    if (declared != nullptr) column.type = FromDeclared(declared);
    stream->columns_.push_back(std::move(column));
  }
  Database::Watch watch(database, context);
  const bool writes = sqlite3_stmt_readonly(raw) == 0;
  const int64_t before = database.changes();
  const auto begun = Context::SteadyClock::now();
  for (Column& column : stream->columns_) {
    if (column.type.kind == ColumnKind::kDynamic) continue;
    auto made = arrow::MakeBuilder(ToArrow(column.type));
    if (!made.ok()) return Internal(made.status().message());
    column.builder = std::move(*made);
  }
  while (!stream->finished_ && stream->rows_ < kBatchRows && stream->batch_bytes_ < kBatchBytes &&
         (stream->rows_ == 0 || Context::SteadyClock::now() - begun < kFirstBatchPatience)) {
    NSTARX_RETURN_IF_ERROR(stream->ReadRow(true));
  }
  NSTARX_RETURN_IF_ERROR(stream->DecideTypes());
  if (writes) stream->rows_affected_ = database.changes() - before;
  return stream;
}

Status SqliteStream::ReadRow(bool first_batch) {
  if (limit_ >= 0 && rows_ >= limit_) return Finish();
  NSTARX_TRY(const bool row, database_.Step(statement_.get()));
  if (!row) return Finish();
  for (size_t i = 0; i < columns_.size(); ++i) {
    Column& column = columns_[i];
    const Cell cell = ReadCell(statement_.get(), static_cast<int>(i));
    batch_bytes_ += 8 + static_cast<int64_t>(cell.bytes.size());
    if (first_batch && column.builder == nullptr) {
      column.pending.push_back({cell, std::string(cell.bytes)});
      continue;
    }
    if (column.Append(cell)) continue;
    Error error = InvalidArgument(
        "query.type_mismatch",
        fmt::format("Column '{}' holds {} in row {} that is no {}", column.name,
                    StorageName(cell.storage), rows_ + 1, ToArrow(column.type)->ToString()));
    error.WithStage("query").WithConnector("sqlite");
    error.WithDetail("column", column.name).WithDetail("row", rows_ + 1);
    return error;
  }
  ++rows_;
  return {};
}

Status SqliteStream::DecideTypes() {
  arrow::FieldVector fields;
  for (Column& column : columns_) {
    if (column.builder == nullptr) {
      column.type = column.Decide();
      auto made = arrow::MakeBuilder(ToArrow(column.type));
      if (!made.ok()) return Internal(made.status().message());
      column.builder = std::move(*made);
      for (size_t row = 0; row < column.pending.size(); ++row) {
        Kept& kept = column.pending[row];
        kept.cell.bytes = kept.bytes;
        // Numbers beside a BLOB have no common type.
        if (!column.Append(kept.cell)) {
          Error error = InvalidArgument(
              "query.type_mismatch",
              fmt::format("Column '{}' mixes values without a common type; row {} is {}",
                          column.name, row + 1, StorageName(kept.cell.storage)));
          error.WithStage("query").WithConnector("sqlite");
          error.WithDetail("column", column.name).WithDetail("row", static_cast<int64_t>(row + 1));
          return error;
        }
      }
      column.pending = {};
    }
    fields.push_back(arrow::field(column.name, ToArrow(column.type)));
  }
  schema_ = arrow::schema(std::move(fields));
  if (rows_ > 0) {
    NSTARX_TRY(first_, ReadBatch());
  }
  return {};
}

/// What the builders hold, as a batch; null when they are empty.
Result<std::shared_ptr<arrow::RecordBatch>> SqliteStream::ReadBatch() {
  arrow::ArrayVector arrays;
  int64_t rows = 0;
  for (Column& column : columns_) {
    auto array = column.builder->Finish();
    if (!array.ok()) return Internal(array.status().message());
    rows = (*array)->length();
    arrays.push_back(std::move(*array));
  }
  batch_bytes_ = 0;
  if (rows == 0) return std::shared_ptr<arrow::RecordBatch>();
  return arrow::RecordBatch::Make(schema_, rows, std::move(arrays));
}

Status SqliteStream::Finish() {
  finished_ = true;
  statement_.reset();
  if (!database_.in_transaction()) return {};
  database_.Rollback();
  Error error = InvalidArgument("query.transaction_left_open",
                                "The request left a transaction open; it was rolled back");
  error.WithStage("query").WithConnector("sqlite");
  return error;
}

Result<std::shared_ptr<arrow::RecordBatch>> SqliteStream::Next(const Context& context) {
  if (first_ != nullptr) return std::move(first_);
  Database::Watch watch(database_, context);
  const int64_t until = rows_ + kBatchRows;
  while (!finished_ && rows_ < until && batch_bytes_ < kBatchBytes) {
    NSTARX_RETURN_IF_ERROR(ReadRow(false));
  }
  if (columns_.empty()) return std::shared_ptr<arrow::RecordBatch>();
  return ReadBatch();
}

}  // namespace nstarx::connectors::sqlite
