#include "connectors/mysql/mysql_decode.h"

#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <fmt/format.h>

#include <charconv>
#include <cstring>

#include "base/json.h"
#include "connectors/mysql/mysql_numbers.h"

namespace nstarx::connectors::mysql {

/// One column's decoders and the buffers of the batch under way.
struct RowDecoder::Column {
  /// Decodes a value of `size` bytes into row `row`; false: see `no_such_day`.
  using Text = bool (*)(Column& column, const uint8_t* text, size_t size, int64_t row);
  /// Decodes a binary value and returns what is behind it; null: see `no_such_day`.
  using Binary = const uint8_t* (*)(Column& column, const uint8_t* at, const uint8_t* end,
                                    int64_t row);
  std::string name;
  ColumnType type;
  int width = 0;  ///< bytes of a fixed value; 0 for text and binary
  Text text = nullptr;
  Binary binary = nullptr;
  bool zero_dates_are_null = false;
  bool no_such_day = false;

  std::shared_ptr<arrow::ResizableBuffer> values;  ///< fixed values, or the bytes of text
  std::shared_ptr<arrow::ResizableBuffer> offsets;
  std::shared_ptr<arrow::ResizableBuffer> validity;  ///< made at the first NULL
  uint8_t* out = nullptr;                            ///< of values
  int32_t* offset = nullptr;                         ///< of offsets
  int64_t capacity = 0;                              ///< of values, for text
  int64_t size = 0;                                  ///< bytes of text so far
  int64_t usual_size = 0;                            ///< of the last batch's text
  int64_t nulls = 0;

  bool SetNull(int64_t row);
  bool Grow(size_t more);
};

namespace {

using Column = RowDecoder::Column;
constexpr int64_t kTextBytesMax = (int64_t{1} << 31) - 1;

template <class T>
void Put(Column& column, int64_t row, T value) {
  std::memcpy(column.out + row * static_cast<int64_t>(sizeof(T)), &value, sizeof(T));
}

template <class T>
T Load(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

template <class T>
bool TextInteger(Column& column, const uint8_t* text, size_t size, int64_t row) {
  T value = 0;
  if (!ParseInteger(text, size, &value)) return false;
  Put(column, row, value);
  return true;
}

template <class T>
bool TextReal(Column& column, const uint8_t* text, size_t size, int64_t row) {
  T value = 0;
  const auto* begin = reinterpret_cast<const char*>(text);
  const auto read = std::from_chars(begin, begin + size, value);
  if (read.ec != std::errc() || read.ptr != begin + size) return false;
  Put(column, row, value);
  return true;
}

bool TextDecimal128(Column& column, const uint8_t* text, size_t size, int64_t row) {
  __int128 value = 0;
  if (!ParseDecimal128(text, size, column.type.scale, &value)) return false;
  Put(column, row, value);
  return true;
}

bool TextDecimal256(Column& column, const uint8_t* text, size_t size, int64_t row) {
  arrow::Decimal256 value;
  int32_t precision = 0;
  int32_t scale = 0;
  const std::string_view view(reinterpret_cast<const char*>(text), size);
  if (!arrow::Decimal256::FromString(view, &value, &precision, &scale).ok()) return false;
  auto rescaled = value.Rescale(scale, column.type.scale);
  if (!rescaled.ok() || !rescaled->FitsInPrecision(column.type.precision)) return false;
  rescaled->ToBytes(column.out + row * 32);
  return true;
}

/// A day that does not exist: NULL when the connection says so.
bool NoSuchDay(Column& column, int64_t row) {
  column.no_such_day = true;
  return column.zero_dates_are_null && column.SetNull(row);
}

bool TextDate(Column& column, const uint8_t* text, size_t size, int64_t row) {
  int32_t days = 0;
  const Moment moment = ParseDate(text, size, &days);
  if (moment == Moment::kNoSuchDay) return NoSuchDay(column, row);
  Put(column, row, days);
  return moment == Moment::kOk && size == 10;
}

bool TextDatetime(Column& column, const uint8_t* text, size_t size, int64_t row) {
  int64_t micros = 0;
  const Moment moment = ParseDatetime(text, size, &micros);
  if (moment == Moment::kNoSuchDay) return NoSuchDay(column, row);
  Put(column, row, micros);
  return moment == Moment::kOk;
}

bool TextTime(Column& column, const uint8_t* text, size_t size, int64_t row) {
  int64_t micros = 0;
  if (!ParseTime(text, size, &micros)) return false;
  Put(column, row, micros);
  return true;
}

/// BIT comes as big-endian bytes in both formats.
bool TextBit(Column& column, const uint8_t* text, size_t size, int64_t row) {
  if (size > 8) return false;
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) value = value << 8 | text[i];
  Put(column, row, value);
  return true;
}

bool TextBytes(Column& column, const uint8_t* text, size_t size, int64_t row) {
  if (column.size + static_cast<int64_t>(size) > column.capacity && !column.Grow(size)) {
    return false;
  }
  std::memcpy(column.out + column.size, text, size);
  column.size += static_cast<int64_t>(size);
  column.offset[row + 1] = static_cast<int32_t>(column.size);
  return true;
}

bool TextUtf8(Column& column, const uint8_t* text, size_t size, int64_t row) {
  if (!IsAscii(text, size) && !IsUtf8({reinterpret_cast<const char*>(text), size})) return false;
  return TextBytes(column, text, size, row);
}

/// Geometry is four bytes of SRID before the WKB.
bool TextGeometry(Column& column, const uint8_t* text, size_t size, int64_t row) {
  return size >= 4 && TextBytes(column, text + 4, size - 4, row);
}

/// Takes a length-encoded length; null when it does not fit.
inline const uint8_t* TakeLength(const uint8_t* at, const uint8_t* end, uint64_t* length) {
  if (at == end) return nullptr;
  const uint8_t first = *at++;
  if (first < 0xFB) {
    *length = first;
    return at;
  }
  const int bytes = first == 0xFC ? 2 : first == 0xFD ? 3 : first == 0xFE ? 8 : 0;
  if (bytes == 0 || end - at < bytes) return nullptr;
  *length = 0;
  std::memcpy(length, at, static_cast<size_t>(bytes));
  return at + bytes;
}

template <Column::Text kText>
const uint8_t* BinaryOfText(Column& column, const uint8_t* at, const uint8_t* end, int64_t row) {
  uint64_t length = 0;
  at = TakeLength(at, end, &length);
  if (at == nullptr || static_cast<uint64_t>(end - at) < length) return nullptr;
  return kText(column, at, length, row) ? at + length : nullptr;
}

/// A number as it is on the line; INT24 takes four bytes there too.
template <class T>
const uint8_t* BinaryFixed(Column& column, const uint8_t* at, const uint8_t* end, int64_t row) {
  if (end - at < static_cast<ptrdiff_t>(sizeof(T))) return nullptr;
  Put(column, row, Load<T>(at));
  return at + sizeof(T);
}

/// Date and time parts behind their length byte: 0, 4, 7 or 11 bytes.
bool ReadDatetime(const uint8_t* at, int length, bool* real, int32_t* days, int64_t* time) {
  *real = false;
  *time = 0;
  if (length == 0) return true;
  if (length != 4 && length != 7 && length != 11) return false;
  const int year = Load<uint16_t>(at);
  *real = IsRealDay(year, at[2], at[3]);
  if (*real) *days = DaysOf(year, at[2], at[3]);
  if (length >= 7) *time = (at[4] * 3600 + at[5] * 60 + at[6]) * int64_t{1'000'000};
  if (length == 11) *time += Load<uint32_t>(at + 7);
  return true;
}

template <bool kDateOnly>
const uint8_t* BinaryDatetime(Column& column, const uint8_t* at, const uint8_t* end, int64_t row) {
  if (at == end || end - at - 1 < *at) return nullptr;
  const int length = *at++;
  bool real = false;
  int32_t days = 0;
  int64_t time = 0;
  if (!ReadDatetime(at, length, &real, &days, &time)) return nullptr;
  if (!real) return NoSuchDay(column, row) ? at + length : nullptr;
  if constexpr (kDateOnly) {
    Put(column, row, days);
  } else {
    Put(column, row, days * int64_t{86'400'000'000} + time);
  }
  return at + length;
}

const uint8_t* BinaryTime(Column& column, const uint8_t* at, const uint8_t* end, int64_t row) {
  if (at == end || end - at - 1 < *at) return nullptr;
  const int length = *at++;
  if (length != 0 && length != 8 && length != 12) return nullptr;
  int64_t micros = 0;
  if (length != 0) {
    const int64_t seconds =
        int64_t{Load<uint32_t>(at + 1)} * 86'400 + at[5] * 3600 + at[6] * 60 + at[7];
    micros = seconds * 1'000'000 + (length == 12 ? Load<uint32_t>(at + 8) : 0);
    if (at[0] != 0) micros = -micros;
  }
  Put(column, row, micros);
  return at + length;
}

struct DecoderRow {
  ColumnKind kind;
  int width;
  Column::Text text;
  Column::Binary binary;
};
constexpr DecoderRow kDecoders[] = {
    {ColumnKind::kInt8, 1, TextInteger<int8_t>, BinaryFixed<int8_t>},
    {ColumnKind::kInt16, 2, TextInteger<int16_t>, BinaryFixed<int16_t>},
    {ColumnKind::kInt32, 4, TextInteger<int32_t>, BinaryFixed<int32_t>},
    {ColumnKind::kInt64, 8, TextInteger<int64_t>, BinaryFixed<int64_t>},
    {ColumnKind::kUint8, 1, TextInteger<uint8_t>, BinaryFixed<uint8_t>},
    {ColumnKind::kUint16, 2, TextInteger<uint16_t>, BinaryFixed<uint16_t>},
    {ColumnKind::kUint32, 4, TextInteger<uint32_t>, BinaryFixed<uint32_t>},
    {ColumnKind::kUint64, 8, TextInteger<uint64_t>, BinaryFixed<uint64_t>},
    {ColumnKind::kFloat, 4, TextReal<float>, BinaryFixed<float>},
    {ColumnKind::kDouble, 8, TextReal<double>, BinaryFixed<double>},
    {ColumnKind::kDecimal128, 16, TextDecimal128, BinaryOfText<TextDecimal128>},
    {ColumnKind::kDecimal256, 32, TextDecimal256, BinaryOfText<TextDecimal256>},
    {ColumnKind::kDate, 4, TextDate, BinaryDatetime<true>},
    {ColumnKind::kDatetime, 8, TextDatetime, BinaryDatetime<false>},
    {ColumnKind::kTimestamp, 8, TextDatetime, BinaryDatetime<false>},
    {ColumnKind::kTime, 8, TextTime, BinaryTime},
    {ColumnKind::kBit, 8, TextBit, BinaryOfText<TextBit>},
    {ColumnKind::kText, 0, TextUtf8, BinaryOfText<TextUtf8>},
    {ColumnKind::kBinary, 0, TextBytes, BinaryOfText<TextBytes>},
    {ColumnKind::kGeometry, 0, TextGeometry, BinaryOfText<TextGeometry>},
};

std::shared_ptr<arrow::ResizableBuffer> NewBuffer(int64_t size) {
  auto made = arrow::AllocateResizableBuffer(size);
  if (!made.ok()) return nullptr;
  return std::move(*made);
}

}  // namespace

bool RowDecoder::Column::SetNull(int64_t row) {
  if (validity == nullptr) {
    validity = NewBuffer((kBatchRows + 7) / 8);
    if (validity == nullptr) return false;
    std::memset(validity->mutable_data(), 0xFF, static_cast<size_t>(validity->size()));
  }
  validity->mutable_data()[row / 8] &= static_cast<uint8_t>(~(1u << (row % 8)));
  ++nulls;
  if (width == 0) {
    offset[row + 1] = static_cast<int32_t>(size);
  } else {
    std::memset(out + row * width, 0, static_cast<size_t>(width));
  }
  return true;
}

bool RowDecoder::Column::Grow(size_t more) {
  const int64_t needed = size + static_cast<int64_t>(more);
  if (needed > kTextBytesMax) return false;
  const int64_t larger = std::min(kTextBytesMax, std::max(needed, capacity * 2));
  if (!values->Resize(larger, false).ok()) return false;
  capacity = larger;
  out = values->mutable_data();
  return true;
}

RowDecoder::RowDecoder(const std::vector<ColumnDefinition>& definitions, RowFormat format,
                       ZeroDates zero_dates)
    : format_(format) {
  arrow::FieldVector fields;
  columns_.reserve(definitions.size());
  for (const ColumnDefinition& definition : definitions) {
    Column column;
    column.name = definition.name;
    column.type = TypeOf(definition);
    column.zero_dates_are_null = zero_dates == ZeroDates::kNull;
    for (const DecoderRow& row : kDecoders) {
      if (row.kind != column.type.kind) continue;
      column.width = row.width;
      column.text = row.text;
      column.binary = row.binary;
    }
    NSTARX_CHECK(column.text != nullptr);
    fields.push_back(arrow::field(column.name, ToArrow(column.type)));
    columns_.push_back(std::move(column));
  }
  schema_ = arrow::schema(std::move(fields));
}

RowDecoder::~RowDecoder() = default;

Status RowDecoder::Allocate() {
  constexpr int64_t kFirstTextBytes = 64 << 10;
  for (Column& column : columns_) {
    column.nulls = 0;
    column.validity = nullptr;
    column.size = 0;
    column.capacity = column.width > 0
                          ? kBatchRows * column.width
                          : std::max(kFirstTextBytes, column.usual_size + column.usual_size / 8);
    column.values = NewBuffer(column.capacity);
    if (column.width == 0) column.offsets = NewBuffer((kBatchRows + 1) * 4);
    if (column.values == nullptr || (column.width == 0 && column.offsets == nullptr)) {
      return Error(ErrorKind::kResourceExhausted, "query.out_of_memory", "No memory for a batch");
    }
    column.out = column.values->mutable_data();
    if (column.width == 0) {
      column.offset = reinterpret_cast<int32_t*>(column.offsets->mutable_data());
      column.offset[0] = 0;
    }
  }
  allocated_ = true;
  return {};
}

Error RowDecoder::Broken() const {
  return Error(ErrorKind::kUnavailable, "connection.protocol", "The server sent a malformed row")
      .WithStage("query")
      .WithConnector("mysql");
}

Error RowDecoder::Misfit(const Column& column) const {
  const int64_t row = rows_before_ + rows_ + 1;
  Error error =
      column.no_such_day
          ? InvalidArgument("query.zero_date",
                            fmt::format("Column '{}' holds a date that does not exist in row {}",
                                        column.name, row))
          : InvalidArgument("query.bad_value",
                            fmt::format("Column '{}' holds no {} in row {}", column.name,
                                        ToArrow(column.type)->ToString(), row));
  error.WithStage("query").WithConnector("mysql");
  error.WithDetail("column", column.name).WithDetail("row", row);
  return error;
}

Status RowDecoder::AppendText(Packet packet) {
  const uint8_t* at = packet.data;
  const uint8_t* end = packet.data + packet.size;
  for (Column& column : columns_) {
    if (at == end) return Broken();
    if (*at == 0xFB) {
      ++at;
      if (!column.SetNull(rows_)) return Misfit(column);
      continue;
    }
    uint64_t length = 0;
    at = TakeLength(at, end, &length);
    if (at == nullptr || static_cast<uint64_t>(end - at) < length) return Broken();
    if (!column.text(column, at, length, rows_)) return Misfit(column);
    at += length;
  }
  return at == end ? Status() : Broken();
}

Status RowDecoder::AppendBinary(Packet packet) {
  const size_t nulls = (columns_.size() + 9) / 8;
  if (packet.size < 1 + nulls || packet.data[0] != 0) return Broken();
  const uint8_t* bitmap = packet.data + 1;
  const uint8_t* at = bitmap + nulls;
  const uint8_t* end = packet.data + packet.size;
  size_t bit = 2;
  for (Column& column : columns_) {
    if ((bitmap[bit / 8] >> (bit % 8) & 1) != 0) {
      if (!column.SetNull(rows_)) return Misfit(column);
    } else {
      at = column.binary(column, at, end, rows_);
      if (at == nullptr) return Misfit(column);
    }
    ++bit;
  }
  return at == end ? Status() : Broken();
}

Status RowDecoder::Append(Packet packet) {
  if (!allocated_) NSTARX_RETURN_IF_ERROR(Allocate());
  NSTARX_RETURN_IF_ERROR(format_ == RowFormat::kText ? AppendText(packet) : AppendBinary(packet));
  ++rows_;
  bytes_ += static_cast<int64_t>(packet.size);
  return {};
}

Result<std::shared_ptr<arrow::RecordBatch>> RowDecoder::Finish() {
  std::vector<std::shared_ptr<arrow::ArrayData>> arrays;
  arrays.reserve(columns_.size());
  if (!allocated_) NSTARX_RETURN_IF_ERROR(Allocate());
  for (size_t i = 0; i < columns_.size(); ++i) {
    Column& column = columns_[i];
    std::vector<std::shared_ptr<arrow::Buffer>> buffers{std::move(column.validity)};
    // A batch that is nearly full keeps its buffers as they are: shrinking would copy.
    const bool partial = rows_ < kBatchRows / 2;
    if (column.width == 0) {
      column.usual_size = column.size;
      if (!column.values->Resize(column.size, partial).ok() ||
          !column.offsets->Resize((rows_ + 1) * 4, partial).ok()) {
        return Internal("A buffer can't be shrunk");
      }
      buffers.push_back(std::move(column.offsets));
      buffers.push_back(std::move(column.values));
    } else {
      if (!column.values->Resize(rows_ * column.width, partial).ok()) {
        return Internal("A buffer can't be shrunk");
      }
      buffers.push_back(std::move(column.values));
    }
    arrays.push_back(arrow::ArrayData::Make(schema_->field(static_cast<int>(i))->type(), rows_,
                                            std::move(buffers), column.nulls));
  }
  auto batch = arrow::RecordBatch::Make(schema_, rows_, std::move(arrays));
  rows_before_ += rows_;
  rows_ = 0;
  bytes_ = 0;
  allocated_ = false;
  return batch;
}

}  // namespace nstarx::connectors::mysql
