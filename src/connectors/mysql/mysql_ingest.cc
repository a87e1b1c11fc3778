#include "connectors/mysql/mysql_ingest.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <optional>

#include "base/id.h"
#include "connectors/mysql/mysql_errors.h"

namespace nstarx::connectors::mysql {
namespace {

constexpr size_t kLoadChunk = 1 << 20;
constexpr size_t kInsertBytes = 512 << 10;
constexpr int64_t kMicrosPerSecond = 1'000'000;

Error Refuse(std::string_view code, std::string message) {
  return InvalidArgument(std::string(code), std::move(message))
      .WithStage("query")
      .WithConnector("mysql");
}

bool IsBinary(const arrow::DataType& type) {
  return type.id() == arrow::Type::BINARY || type.id() == arrow::Type::LARGE_BINARY ||
         type.id() == arrow::Type::FIXED_SIZE_BINARY;
}

bool IsText(const arrow::DataType& type) {
  return type.id() == arrow::Type::STRING || type.id() == arrow::Type::LARGE_STRING;
}

void AppendDay(int64_t days, std::string* out) {
  const std::chrono::year_month_day day{std::chrono::sys_days(std::chrono::days(days))};
  fmt::format_to(std::back_inserter(*out), "{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                 static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

void AppendClock(int64_t micros, std::string* out) {
  const int64_t seconds = micros / kMicrosPerSecond;
  fmt::format_to(std::back_inserter(*out), "{:02}:{:02}:{:02}.{:06}", seconds / 3600,
                 seconds / 60 % 60, seconds % 60, micros % kMicrosPerSecond);
}

bool AppendTimestamp(const arrow::Array& array, int64_t row, std::string* out) {
  const auto unit = static_cast<const arrow::TimestampType&>(*array.type()).unit();
  const int64_t factor = unit == arrow::TimeUnit::SECOND  ? kMicrosPerSecond
                         : unit == arrow::TimeUnit::MILLI ? 1000
                                                          : 1;
  int64_t micros = static_cast<const arrow::TimestampArray&>(array).Value(row);
  if (__builtin_mul_overflow(micros, factor, &micros)) return false;
  constexpr int64_t kDay = 86'400 * kMicrosPerSecond;
  int64_t days = micros / kDay;
  int64_t rest = micros % kDay;
  if (rest < 0) {
    rest += kDay;
    --days;
  }
  if (days < -719'162 || days > 2'932'896) return false;  // years 1 to 9999
  AppendDay(days, out);
  *out += ' ';
  AppendClock(rest, out);
  return true;
}

template <class ArrayType>
bool AppendInteger(const arrow::Array& array, int64_t row, std::string* out) {
  fmt::format_to(std::back_inserter(*out), "{}", static_cast<const ArrayType&>(array).Value(row));
  return true;
}

template <class ArrayType>
bool AppendReal(const arrow::Array& array, int64_t row, std::string* out) {
  const auto value = static_cast<const ArrayType&>(array).Value(row);
  if (!std::isfinite(value)) return false;
  char text[40];
  out->append(text, std::to_chars(text, text + sizeof(text), value).ptr);
  return true;
}

template <class ArrayType>
bool AppendBytes(const arrow::Array& array, int64_t row, std::string* out) {
  *out += static_cast<const ArrayType&>(array).GetView(row);
  return true;
}

template <class ArrayType>
bool AppendDecimal(const arrow::Array& array, int64_t row, std::string* out) {
  *out += static_cast<const ArrayType&>(array).FormatValue(row);
  return true;
}

bool AppendBool(const arrow::Array& array, int64_t row, std::string* out) {
  *out += static_cast<const arrow::BooleanArray&>(array).Value(row) ? '1' : '0';
  return true;
}

bool AppendDate(const arrow::Array& array, int64_t row, std::string* out) {
  const int32_t days = static_cast<const arrow::Date32Array&>(array).Value(row);
  if (days < -719'162 || days > 2'932'896) return false;
  AppendDay(days, out);
  return true;
}

/// A time of day or a duration, both in microseconds.
bool AppendTime(const arrow::Array& array, int64_t row, std::string* out) {
  int64_t micros = array.type_id() == arrow::Type::TIME64
                       ? static_cast<const arrow::Time64Array&>(array).Value(row)
                       : static_cast<const arrow::DurationArray&>(array).Value(row);
  if (micros == std::numeric_limits<int64_t>::min()) return false;
  if (micros < 0) {
    *out += '-';
    micros = -micros;
  }
  if (micros >= 839 * 3600 * kMicrosPerSecond) return false;
  AppendClock(micros, out);
  return true;
}

bool AppendNothing(const arrow::Array&, int64_t, std::string*) { return true; }

/// Writes the value as the text that MySQL reads; false when MySQL has no such value.
using Formatter = bool (*)(const arrow::Array& array, int64_t row, std::string* out);

Formatter FormatterOf(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::NA:
      return AppendNothing;
    case arrow::Type::BOOL:
      return AppendBool;
    case arrow::Type::INT8:
      return AppendInteger<arrow::Int8Array>;
    case arrow::Type::INT16:
      return AppendInteger<arrow::Int16Array>;
    case arrow::Type::INT32:
      return AppendInteger<arrow::Int32Array>;
    case arrow::Type::INT64:
      return AppendInteger<arrow::Int64Array>;
    case arrow::Type::UINT8:
      return AppendInteger<arrow::UInt8Array>;
    case arrow::Type::UINT16:
      return AppendInteger<arrow::UInt16Array>;
    case arrow::Type::UINT32:
      return AppendInteger<arrow::UInt32Array>;
    case arrow::Type::UINT64:
      return AppendInteger<arrow::UInt64Array>;
    case arrow::Type::FLOAT:
      return AppendReal<arrow::FloatArray>;
    case arrow::Type::DOUBLE:
      return AppendReal<arrow::DoubleArray>;
    case arrow::Type::STRING:
      return AppendBytes<arrow::StringArray>;
    case arrow::Type::LARGE_STRING:
      return AppendBytes<arrow::LargeStringArray>;
    case arrow::Type::BINARY:
      return AppendBytes<arrow::BinaryArray>;
    case arrow::Type::LARGE_BINARY:
      return AppendBytes<arrow::LargeBinaryArray>;
    case arrow::Type::FIXED_SIZE_BINARY:
      return AppendBytes<arrow::FixedSizeBinaryArray>;
    case arrow::Type::DATE32:
      return AppendDate;
    case arrow::Type::TIME64:
    case arrow::Type::DURATION:
      return AppendTime;
    case arrow::Type::TIMESTAMP:
      return AppendTimestamp;
    case arrow::Type::DECIMAL128:
      return AppendDecimal<arrow::Decimal128Array>;
    case arrow::Type::DECIMAL256:
      return AppendDecimal<arrow::Decimal256Array>;
    default:
      return nullptr;
  }
}

void AppendHex(std::string_view bytes, std::string* out) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (unsigned char byte : bytes) {
    *out += kDigits[byte >> 4];
    *out += kDigits[byte & 15];
  }
}

void AppendEscaped(std::string_view text, std::string* out) {
  for (char letter : text) {
    switch (letter) {
      case '\\':
        *out += "\\\\";
        break;
      case '\t':
        *out += "\\t";
        break;
      case '\n':
        *out += "\\n";
        break;
      case '\0':
        *out += "\\0";
        break;
      default:
        *out += letter;
    }
  }
}

Error NotStorable(const arrow::RecordBatch& batch, int column, int64_t row) {
  return Refuse("ingest.value_not_storable",
                fmt::format("MySQL can't hold the value of column '{}' in row {} of its batch",
                            batch.column_name(column), row + 1))
      .WithDetail("column", batch.column_name(column))
      .WithDetail("row", row + 1);
}

/// Rows as "(…),(…)" for INSERT; text and bytes in hexadecimal.
Status AppendInsertRow(const arrow::RecordBatch& batch, int64_t row, std::string* out) {
  *out += '(';
  std::string value;
  for (int i = 0; i < batch.num_columns(); ++i) {
    const arrow::Array& array = *batch.column(i);
    const arrow::DataType& type = *array.type();
    if (i > 0) *out += ',';
    if (array.IsNull(row)) {
      *out += "NULL";
      continue;
    }
    value.clear();
    if (!FormatterOf(type)(array, row, &value)) return NotStorable(batch, i, row);
    if (IsText(type) || IsBinary(type)) {
      *out += IsText(type) ? "_utf8mb4 x'" : "x'";
      AppendHex(value, out);
      *out += '\'';
    } else {
      *out += '\'' + value + '\'';
    }
  }
  *out += ')';
  return {};
}

/// The server's first warning as the error that it is in strict mode.
Error FirstWarning(Conversation& conversation) {
  auto rows = conversation.Rows("SHOW WARNINGS LIMIT 1");
  if (!rows) return std::move(rows).error();
  if (rows->empty() || rows->front().size() < 3) {
    return Refuse("query.value_out_of_range", "Not every row was accepted");
  }
  const std::string& code = rows->front()[1];
  int number = 0;
  std::from_chars(code.data(), code.data() + code.size(), number);
  return MapError(number, {}, rows->front()[2], {});
}

/// An INSERT whose warnings are errors, whatever the server's SQL mode is.
Status Insert(Conversation& conversation, std::string_view text) {
  NSTARX_TRY(const ResultHeader header, conversation.Query(text));
  if (header.warnings > 0) return FirstWarning(conversation);
  return {};
}

std::string LoadStatement(const std::string& target, const arrow::Schema& schema) {
  std::string columns;
  std::string set;
  for (int i = 0; i < schema.num_fields(); ++i) {
    const auto& field = schema.field(i);
    columns += i > 0 ? ", " : "";
    if (!IsBinary(*field->type())) {
      columns += Quote(field->name());
      continue;
    }
    // Bytes travel as hexadecimal, because the text of a file has one character set.
    columns += fmt::format("@nstarx_{}", i);
    set += fmt::format("{} {} = UNHEX(@nstarx_{})", set.empty() ? " SET" : ",",
                       Quote(field->name()), i);
  }
  return fmt::format(
      "LOAD DATA LOCAL INFILE 'nstarx' INTO TABLE {} CHARACTER SET utf8mb4 FIELDS TERMINATED BY "
      "'\\t' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' ({}){}",
      target, columns, set);
}

/// Feeds the running LOAD DATA from `source`; the line is unusable after an error of the source.
Result<int64_t> FeedLoad(const Context& context, Conversation& conversation,
                         connector::BatchStream& source) {
  Wire& wire = conversation.wire();
  std::string chunk;
  int64_t rows = 0;
  const auto feed = [&]() -> Status {
    for (;;) {
      NSTARX_TRY(const auto batch, source.Next(context));
      if (batch == nullptr) break;
      for (int64_t at = 0; at < batch->num_rows(); at += 1024) {
        const auto slice = batch->Slice(at, 1024);
        NSTARX_RETURN_IF_ERROR(AppendLoadRows(*slice, &chunk));
        if (chunk.size() < kLoadChunk) continue;
        NSTARX_RETURN_IF_ERROR(wire.SendMore(chunk));
        chunk.clear();
      }
      rows += batch->num_rows();
    }
    if (!chunk.empty()) NSTARX_RETURN_IF_ERROR(wire.SendMore(chunk));
    return wire.SendMore({});
  };
  if (Status fed = feed(); !fed) {
    // Ending the content here would load half of it: cut the line, and the server rolls back.
    wire.Break();
    return std::move(fed).error();
  }
  NSTARX_TRY(const Packet packet, wire.Receive());
  if (packet.IsError()) return Conversation::ErrorOf(packet, {});
  PacketReader reader(packet);
  reader.Fixed(1);
  const auto loaded = static_cast<int64_t>(reader.Length());
  reader.Length();
  reader.Fixed(2);
  const uint64_t warnings = reader.Fixed(2);
  // LOCAL turns errors into warnings; here they are errors again.
  if (warnings > 0 || loaded != rows) return FirstWarning(conversation);
  return rows;
}

Result<int64_t> FeedInserts(const Context& context, Conversation& conversation,
                            const std::string& target, connector::BatchStream& source) {
  std::string columns;
  for (const auto& field : source.schema()->fields()) {
    columns += (columns.empty() ? "" : ", ") + Quote(field->name());
  }
  const std::string head = fmt::format("INSERT INTO {} ({}) VALUES ", target, columns);
  std::string text;
  int64_t rows = 0;
  for (;;) {
    NSTARX_RETURN_IF_ERROR(context.Check());
    NSTARX_TRY(const auto batch, source.Next(context));
    if (batch == nullptr) break;
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      text += text.empty() ? head : ",";
      NSTARX_RETURN_IF_ERROR(AppendInsertRow(*batch, row, &text));
      if (text.size() < kInsertBytes) continue;
      NSTARX_RETURN_IF_ERROR(Insert(conversation, text));
      text.clear();
    }
    rows += batch->num_rows();
  }
  if (!text.empty()) NSTARX_RETURN_IF_ERROR(Insert(conversation, text));
  return rows;
}

Result<int64_t> Fill(const Context& context, Conversation& conversation, const std::string& target,
                     connector::BatchStream& source) {
  NSTARX_RETURN_IF_ERROR(conversation.Run("START TRANSACTION"));
  const auto write = [&]() -> Result<int64_t> {
    auto header = conversation.Query(LoadStatement(target, *source.schema()));
    if (header && header->wants_file) return FeedLoad(context, conversation, source);
    if (header) return Unavailable("connection.protocol", "LOAD DATA did not ask for its content");
    const std::string& code = header.error().vendor_code();
    if (code != "1148" && code != "3948" && code != "4166") return std::move(header).error();
    return FeedInserts(context, conversation, target, source);
  };
  Result<int64_t> rows = write();
  if (!conversation.wire().usable()) return rows;
  if (rows) {
    NSTARX_RETURN_IF_ERROR(conversation.Run("COMMIT"));
    return rows;
  }
  Status ignored = conversation.Run("ROLLBACK");
  return rows;
}

Result<bool> Exists(Conversation& conversation, const TablePath& table) {
  NSTARX_TRY(const auto rows,
             conversation.Rows(fmt::format("SELECT 1 FROM information_schema.tables WHERE"
                                           " table_schema = {} AND table_name = {}",
                                           Literal(table.database), Literal(table.table))));
  return !rows.empty();
}

Status CreateTable(Conversation& conversation, const TablePath& table,
                   const arrow::Schema& schema) {
  std::string columns;
  for (const auto& field : schema.fields()) {
    columns += fmt::format("{}{} {}", columns.empty() ? "" : ", ", Quote(field->name()),
                           ToDeclared(*field->type()));
  }
  return conversation.Run(
      fmt::format("CREATE TABLE {} ({}) DEFAULT CHARACTER SET utf8mb4", table.Quoted(), columns));
}

}  // namespace

Status AppendLoadRows(const arrow::RecordBatch& batch, std::string* out) {
  struct Plan {
    const arrow::Array* array;
    Formatter format;
    bool text;
    bool binary;
  };
  std::vector<Plan> plans;
  for (const auto& array : batch.columns()) {
    plans.push_back({array.get(), FormatterOf(*array->type()), IsText(*array->type()),
                     IsBinary(*array->type())});
  }
  std::string value;
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    for (size_t i = 0; i < plans.size(); ++i) {
      const Plan& plan = plans[i];
      if (i > 0) *out += '\t';
      if (plan.array->IsNull(row)) {
        *out += "\\N";
        continue;
      }
      if (!plan.text && !plan.binary) {
        if (plan.format(*plan.array, row, out)) continue;
        return NotStorable(batch, static_cast<int>(i), row);
      }
      value.clear();
      plan.format(*plan.array, row, &value);
      if (plan.text) {
        AppendEscaped(value, out);
      } else {
        AppendHex(value, out);
      }
    }
    *out += '\n';
  }
  return {};
}

Result<int64_t> IngestInto(const Context& context, Conversation& conversation,
                           const TablePath& table, std::string_view path,
                           connector::IngestMode mode, connector::BatchStream& source) {
  const arrow::Schema& schema = *source.schema();
  if (schema.num_fields() == 0) return Refuse("ingest.unsupported_type", "There are no columns");
  for (const auto& field : schema.fields()) {
    if (!ToDeclared(*field->type()).empty() && FormatterOf(*field->type()) != nullptr) continue;
    return Refuse("ingest.unsupported_type",
                  fmt::format("Column '{}' is {}, which MySQL can't store", field->name(),
                              field->type()->ToString()));
  }
  NSTARX_TRY(const bool exists, Exists(conversation, table));
  if (mode == connector::IngestMode::kAppend) {
    if (!exists) return NoSuchTable(path);
    return Fill(context, conversation, table.Quoted(), source);
  }
  if (mode == connector::IngestMode::kCreate && exists) {
    return Error(ErrorKind::kAlreadyExists, "ingest.table_exists",
                 fmt::format("The table {} is already there", path))
        .WithStage("query")
        .WithConnector("mysql");
  }
  // CREATE and DROP commit by themselves: fill a table of another name, then rename at once.
  const TablePath staging{table.database, NewId("nstarx")};
  NSTARX_RETURN_IF_ERROR(CreateTable(conversation, staging, schema));
  Result<int64_t> rows = Fill(context, conversation, staging.Quoted(), source);
  if (rows) {
    const TablePath old{table.database, NewId("nstarx")};
    Status renamed =
        exists ? conversation.Run(fmt::format("RENAME TABLE {} TO {}, {} TO {}", table.Quoted(),
                                              old.Quoted(), staging.Quoted(), table.Quoted()))
               : conversation.Run(
                     fmt::format("RENAME TABLE {} TO {}", staging.Quoted(), table.Quoted()));
    if (renamed) {
      if (exists) NSTARX_RETURN_IF_ERROR(conversation.Run("DROP TABLE " + old.Quoted()));
      return rows;
    }
    rows = std::move(renamed).error();
  }
  if (conversation.wire().usable()) {
    const Context patience = Context().WithTimeout(std::chrono::seconds(3));
    conversation.wire().set_patience({.context = &patience});
    Status ignored = conversation.Run("DROP TABLE IF EXISTS " + staging.Quoted());
    conversation.wire().set_patience({.context = &context});
  }
  return rows;
}

}  // namespace nstarx::connectors::mysql
