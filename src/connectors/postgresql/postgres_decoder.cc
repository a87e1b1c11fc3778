#include "connectors/postgresql/postgres_decoder.h"

#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <limits>

#include "base/json.h"
#include "connectors/postgresql/postgres_numeric.h"

namespace nstarx::connectors::postgresql {
namespace {

constexpr uint32_t kNullLength = 0xFFFFFFFF;
constexpr size_t kSlack = 64;
constexpr int64_t kEpochDays = 10957;  ///< 1970-01-01 to 2000-01-01
constexpr int64_t kEpochMicros = kEpochDays * 86'400'000'000;
constexpr int64_t kDayMicros = 86'400'000'000;

uint32_t LengthOf(const char* cell) { return LoadBig32(cell); }

Error OutOfMemory(const arrow::Status& status) {
  return Error(ErrorKind::kResourceExhausted, "query.out_of_memory", status.ToString());
}

std::string_view WordsOf(NumericFault fault) {
  switch (fault) {
    case NumericFault::kNotFinite:
      return "NaN or infinity, which no decimal can hold";
    case NumericFault::kTooLarge:
      return "more digits than its decimal type can hold";
    case NumericFault::kInexact:
      return "more decimal places than its type can hold";
    default:
      return "a numeric that is malformed";
  }
}

/// Copies short strings without a call: up to 16 bytes are read and written whatever the length.
inline void CopyShort(char* to, const char* from, size_t length) {
  if (length <= 16) {
    __builtin_memcpy(to, from, 16);
  } else if (length <= 32) {
    __builtin_memcpy(to, from, 16);
    __builtin_memcpy(to + length - 16, from + length - 16, 16);
  } else {
    std::memcpy(to, from, length);
  }
}

arrow::Decimal256 ToDecimal256(const NumericCell& cell, const NumericScale& fit) {
  arrow::Decimal256 value(0);
  const arrow::Decimal256 base(10000);
  const int whole = fit.shift < 0 ? fit.digits - 1 : fit.digits;
  for (int i = 0; i < whole; ++i) value = value * base + arrow::Decimal256(cell.digit(i));
  if (fit.shift < 0) {
    auto power = static_cast<int64_t>(kPowersOfTen[4 + fit.shift]);
    auto last = static_cast<int64_t>(cell.digit(fit.digits - 1) / kPowersOfTen[-fit.shift]);
    value = value * arrow::Decimal256(power) + arrow::Decimal256(last);
  } else {
    value = value * arrow::Decimal256(arrow::BasicDecimal256::GetScaleMultiplier(fit.shift));
  }
  return cell.sign == NumericCell::kNegative ? -value : value;
}

NumericFault NumericToDecimal256(const NumericCell& cell, int precision, int scale,
                                 arrow::Decimal256& out) {
  NumericScale fit;
  if (auto fault = FitNumeric(cell, precision, scale, fit); fault != NumericFault::kNone) {
    return fault;
  }
  for (int i = 0; i < fit.digits; ++i) {
    if (cell.digit(i) > 9999) return NumericFault::kMalformed;
  }
  if (fit.shift < 0 && fit.digits > 0 &&
      cell.digit(fit.digits - 1) % kPowersOfTen[-fit.shift] != 0) {
    return NumericFault::kInexact;
  }
  out = fit.digits == 0 ? arrow::Decimal256(0) : ToDecimal256(cell, fit);
  return NumericFault::kNone;
}

}  // namespace

Result<char*> ColumnMemory::Reserve(size_t bytes) {
  size_t needed = used_ + bytes + kSlack;
  if (needed > capacity_) {
    size_t wanted = std::max({needed, capacity_ + capacity_ / 2, expected_});
    if (!buffer_) {
      auto made = arrow::AllocateResizableBuffer(static_cast<int64_t>(wanted));
      if (!made.ok()) return OutOfMemory(made.status());
      buffer_ = std::move(*made);
    } else if (auto status = buffer_->Resize(static_cast<int64_t>(wanted), false); !status.ok()) {
      return OutOfMemory(status);
    }
    data_ = reinterpret_cast<char*>(buffer_->mutable_data());
    capacity_ = wanted;
  }
  return data_ + used_;
}

const char* ColumnMemory::data() const { return data_; }

Result<std::shared_ptr<arrow::ResizableBuffer>> ColumnMemory::Release() {
  NSTARX_RETURN_IF_ERROR(Reserve(0));
  expected_ = used_ + used_ / 16 + kSlack;
  if (auto status = buffer_->Resize(static_cast<int64_t>(used_), false); !status.ok()) {
    return OutOfMemory(status);
  }
  buffer_->ZeroPadding();
  data_ = nullptr;
  used_ = capacity_ = 0;
  return std::move(buffer_);
}

ColumnDecoder::ColumnDecoder(std::string name, ColumnType type, bool check_utf8)
    : name_(std::move(name)), type_(std::move(type)), check_utf8_(check_utf8) {
  if (type_.kind == CellKind::kList) {
    element_ = std::make_unique<ColumnDecoder>(name_, *type_.element, check_utf8);
  }
}

Error ColumnDecoder::Wrong(std::string_view what) const {
  return Error(ErrorKind::kInvalidArgument, "query.value_out_of_range",
               fmt::format("column '{}' has {}", name_, what))
      .WithStage("query")
      .WithDetail("column_name", name_)
      .WithHint(fmt::format(
          "Cast it in the statement, e.g. \"{}\"::text, or leave such values out.", name_));
}

template <class T, class Load>
Status ColumnDecoder::AppendFixed(const char* base, std::span<const uint32_t> cells, Load load) {
  NSTARX_TRY(char* room, values_.Reserve(cells.size() * sizeof(T)));
  T* out = reinterpret_cast<T*>(room);
  for (size_t i = 0; i < cells.size(); ++i) {
    const char* cell = base + cells[i];
    const uint32_t length = LengthOf(cell);
    if (length == Load::kWireSize) [[likely]] {
      if (!load(cell + 4, out[i])) return Wrong(Load::kFault);
    } else if (length == kNullLength) {
      out[i] = T{};
      MarkNull(rows_ + i);
    } else {
      return Wrong("a value of the wrong size");
    }
  }
  values_.Advance(cells.size() * sizeof(T));
  rows_ += cells.size();
  return {};
}

namespace {

struct LoadBool {
  static constexpr uint32_t kWireSize = 1;
  static constexpr std::string_view kFault = "a boolean that is malformed";
  bool operator()(const char* at, uint8_t& out) const {
    out = static_cast<uint8_t>(*at);
    return out <= 1;
  }
};
struct LoadInt16 {
  static constexpr uint32_t kWireSize = 2;
  static constexpr std::string_view kFault;
  bool operator()(const char* at, uint16_t& out) const { return out = LoadBig16(at), true; }
};
struct LoadInt32 {
  static constexpr uint32_t kWireSize = 4;
  static constexpr std::string_view kFault;
  bool operator()(const char* at, uint32_t& out) const { return out = LoadBig32(at), true; }
};
struct LoadInt64 {
  static constexpr uint32_t kWireSize = 8;
  static constexpr std::string_view kFault;
  bool operator()(const char* at, uint64_t& out) const { return out = LoadBig64(at), true; }
};
struct LoadDate {
  static constexpr uint32_t kWireSize = 4;
  static constexpr std::string_view kFault = "an infinite date, which Arrow can't hold";
  bool operator()(const char* at, int32_t& out) const {
    int64_t days = static_cast<int32_t>(LoadBig32(at));
    out = static_cast<int32_t>(days + kEpochDays);
    return days != std::numeric_limits<int32_t>::min() &&
           days <= std::numeric_limits<int32_t>::max() - kEpochDays;
  }
};
struct LoadTime {
  static constexpr uint32_t kWireSize = 8;
  static constexpr std::string_view kFault = "a time of 24:00:00, which Arrow can't hold";
  bool operator()(const char* at, int64_t& out) const {
    out = static_cast<int64_t>(LoadBig64(at));
    return out >= 0 && out < kDayMicros;
  }
};
struct LoadTimestamp {
  static constexpr uint32_t kWireSize = 8;
  static constexpr std::string_view kFault = "an infinite timestamp, which Arrow can't hold";
  bool operator()(const char* at, int64_t& out) const {
    auto micros = static_cast<int64_t>(LoadBig64(at));
    return micros != std::numeric_limits<int64_t>::min() &&
           !__builtin_add_overflow(micros, kEpochMicros, &out);
  }
};
struct LoadInterval {
  static constexpr uint32_t kWireSize = 16;
  static constexpr std::string_view kFault = "an interval that Arrow can't hold";
  bool operator()(const char* at, arrow::MonthDayNanoIntervalType::MonthDayNanos& out) const {
    out.months = static_cast<int32_t>(LoadBig32(at + 12));
    out.days = static_cast<int32_t>(LoadBig32(at + 8));
    int64_t nanos = 0;
    bool overflow =
        __builtin_mul_overflow(static_cast<int64_t>(LoadBig64(at)), int64_t{1000}, &nanos);
    out.nanoseconds = nanos;
    return !overflow;
  }
};
struct Bytes16 {
  char bytes[16];
};
struct LoadUuid {
  static constexpr uint32_t kWireSize = 16;
  static constexpr std::string_view kFault;
  bool operator()(const char* at, Bytes16& out) const {
    __builtin_memcpy(out.bytes, at, 16);
    return true;
  }
};

}  // namespace

template <size_t kSkip>
Status ColumnDecoder::AppendBytes(const char* base, std::span<const uint32_t> cells) {
  NSTARX_TRY(char* offset_room, offsets_.Reserve((cells.size() + 1) * sizeof(int32_t)));
  auto* offsets = reinterpret_cast<int32_t*>(offset_room);
  size_t end = values_.used();
  for (size_t i = 0; i < cells.size(); ++i) {
    offsets[i] = static_cast<int32_t>(end);
    const uint32_t length = LengthOf(base + cells[i]);
    if (length == kNullLength) {
      MarkNull(rows_ + i);
      continue;
    }
    if constexpr (kSkip > 0) {
      if (length < kSkip || base[cells[i] + 4] != 1) return Wrong("a jsonb of unknown version");
    }
    end += length - kSkip;
    if (end > std::numeric_limits<int32_t>::max()) return Wrong("more than 2 GiB in one batch");
  }
  const size_t first = values_.used();
  NSTARX_TRY(char* out, values_.Reserve(end - first));
  for (uint32_t at : cells) {
    const uint32_t length = LengthOf(base + at);
    if (length == kNullLength) continue;
    CopyShort(out, base + at + 4 + kSkip, length - kSkip);
    out += length - kSkip;
  }
  values_.Advance(end - first);
  offsets_.Advance(cells.size() * sizeof(int32_t));
  rows_ += cells.size();
  return {};
}

Status ColumnDecoder::CheckUtf8(size_t first) const {
  const auto* offsets = reinterpret_cast<const int32_t*>(offsets_.data());
  for (size_t row = first; row < rows_; ++row) {
    size_t begin = static_cast<size_t>(offsets[row]);
    size_t end = row + 1 < rows_ ? static_cast<size_t>(offsets[row + 1]) : values_.used();
    if (!IsUtf8({values_.data() + begin, end - begin})) {
      return Wrong("text that is not UTF-8 (the database has no encoding)");
    }
  }
  return {};
}

Status ColumnDecoder::AppendDecimal128(const char* base, std::span<const uint32_t> cells) {
  NSTARX_TRY(char* room, values_.Reserve(cells.size() * sizeof(__int128)));
  const int precision = type_.precision;
  const int scale = type_.scale;
  for (size_t i = 0; i < cells.size(); ++i) {
    const char* cell = base + cells[i];
    const uint32_t length = LengthOf(cell);
    __int128 value = 0;
    if (length != kNullLength) [[likely]] {
      NumericCell numeric;
      NumericFault fault = ReadNumeric(cell + 4, length, numeric);
      if (fault == NumericFault::kNone) fault = NumericToInt128(numeric, precision, scale, value);
      if (fault != NumericFault::kNone) [[unlikely]]
        return Wrong(WordsOf(fault));
    } else {
      MarkNull(rows_ + i);
    }
    __builtin_memcpy(room + i * sizeof(value), &value, sizeof(value));
  }
  values_.Advance(cells.size() * sizeof(__int128));
  rows_ += cells.size();
  return {};
}

Status ColumnDecoder::AppendDecimal256(const char* base, std::span<const uint32_t> cells) {
  NSTARX_TRY(char* room, values_.Reserve(cells.size() * 32));
  for (size_t i = 0; i < cells.size(); ++i) {
    const char* cell = base + cells[i];
    const uint32_t length = LengthOf(cell);
    arrow::Decimal256 value(0);
    if (length != kNullLength) {
      NumericCell numeric;
      NumericFault fault = ReadNumeric(cell + 4, length, numeric);
      if (fault == NumericFault::kNone) {
        fault = NumericToDecimal256(numeric, type_.precision, type_.scale, value);
      }
      if (fault != NumericFault::kNone) return Wrong(WordsOf(fault));
    } else {
      MarkNull(rows_ + i);
    }
    value.ToBytes(reinterpret_cast<uint8_t*>(room) + i * 32);
  }
  values_.Advance(cells.size() * 32);
  rows_ += cells.size();
  return {};
}

Status ColumnDecoder::AppendDoubleText(const char* base, std::span<const uint32_t> cells) {
  NSTARX_TRY(char* room, values_.Reserve(cells.size() * sizeof(double)));
  auto* out = reinterpret_cast<double*>(room);
  for (size_t i = 0; i < cells.size(); ++i) {
    const char* cell = base + cells[i];
    const uint32_t length = LengthOf(cell);
    out[i] = 0;
    if (length == kNullLength) {
      MarkNull(rows_ + i);
      continue;
    }
    std::from_chars_result read = std::from_chars(cell + 4, cell + 4 + length, out[i]);
    if (read.ptr != cell + 4 + length || read.ec == std::errc::invalid_argument) {
      return Wrong("a number that is malformed");
    }
    if (read.ec == std::errc::result_out_of_range) return Wrong("a number beyond a double's range");
  }
  values_.Advance(cells.size() * sizeof(double));
  rows_ += cells.size();
  return {};
}

Status ColumnDecoder::AppendList(const char* base, std::span<const uint32_t> cells) {
  NSTARX_TRY(char* room, offsets_.Reserve((cells.size() + 1) * sizeof(int32_t)));
  auto* offsets = reinterpret_cast<int32_t*>(room);
  element_cells_.clear();
  for (size_t i = 0; i < cells.size(); ++i) {
    offsets[i] = static_cast<int32_t>(element_->rows() + element_cells_.size());
    const char* cell = base + cells[i];
    const uint32_t length = LengthOf(cell);
    if (length == kNullLength) {
      MarkNull(rows_ + i);
      continue;
    }
    if (length < 12) return Wrong("an array that is malformed");
    const uint32_t dimensions = LoadBig32(cell + 4);
    if (dimensions == 0) continue;
    if (dimensions > 1) return Wrong("an array of more than one dimension");
    if (length < 20 || LoadBig32(cell + 12) != type_.element_oid) {
      return Wrong("an array that is malformed");
    }
    const uint32_t count = LoadBig32(cell + 16);
    const char* end = cell + 4 + length;
    const char* at = cell + 24;
    for (uint32_t item = 0; item < count; ++item) {
      if (end - at < 4) return Wrong("an array that is malformed");
      element_cells_.push_back(static_cast<uint32_t>(at - base));
      const uint32_t size = LengthOf(at);
      at += 4;
      if (size == kNullLength) continue;
      if (static_cast<size_t>(end - at) < size) return Wrong("an array that is malformed");
      at += size;
    }
    if (at != end) return Wrong("an array that is malformed");
  }
  offsets_.Advance(cells.size() * sizeof(int32_t));
  rows_ += cells.size();
  return element_->Append(base, element_cells_);
}

Status ColumnDecoder::AppendTemporal(const char* base, std::span<const uint32_t> cells) {
  switch (type_.kind) {
    case CellKind::kDate:
      return AppendFixed<int32_t>(base, cells, LoadDate{});
    case CellKind::kTime:
      return AppendFixed<int64_t>(base, cells, LoadTime{});
    case CellKind::kTimestamp:
      return AppendFixed<int64_t>(base, cells, LoadTimestamp{});
    default:
      return AppendFixed<arrow::MonthDayNanoIntervalType::MonthDayNanos>(base, cells,
                                                                         LoadInterval{});
  }
}

Status ColumnDecoder::Append(const char* base, std::span<const uint32_t> cells) {
  switch (type_.kind) {
    case CellKind::kBool:
      return AppendFixed<uint8_t>(base, cells, LoadBool{});
    case CellKind::kInt16:
      return AppendFixed<uint16_t>(base, cells, LoadInt16{});
    case CellKind::kInt32:
    case CellKind::kFloat:
      return AppendFixed<uint32_t>(base, cells, LoadInt32{});
    case CellKind::kInt64:
      return AppendFixed<uint64_t>(base, cells, LoadInt64{});
    case CellKind::kDouble:
      return type_.binary ? AppendFixed<uint64_t>(base, cells, LoadInt64{})
                          : AppendDoubleText(base, cells);
    case CellKind::kDecimal128:
      return AppendDecimal128(base, cells);
    case CellKind::kDecimal256:
      return AppendDecimal256(base, cells);
    case CellKind::kText: {
      const size_t first = rows_;
      NSTARX_RETURN_IF_ERROR(AppendBytes<0>(base, cells));
      return check_utf8_ ? CheckUtf8(first) : Status();
    }
    case CellKind::kJsonb:
      return AppendBytes<1>(base, cells);
    case CellKind::kOpenNumeric:
    case CellKind::kBytes:
      return AppendBytes<0>(base, cells);
    case CellKind::kUuid:
      return AppendFixed<Bytes16>(base, cells, LoadUuid{});
    case CellKind::kList:
      return AppendList(base, cells);
    default:
      return AppendTemporal(base, cells);
  }
}

size_t ColumnDecoder::bytes() const {
  return values_.used() + offsets_.used() + (element_ ? element_->bytes() : 0);
}

Status ColumnDecoder::Settle(bool whole) {
  if (type_.kind != CellKind::kOpenNumeric || type_.precision > 0) return {};
  int precision = 76;
  int scale = 38;
  if (whole) {
    int integer_places = 1;
    int shown = 0;   // decimal places as the server prints them
    int needed = 0;  // decimal places that are not zero
    const auto* offsets = reinterpret_cast<const int32_t*>(offsets_.data());
    size_t next_null = 0;
    for (size_t row = 0; row < rows_; ++row) {
      if (next_null < nulls_.size() && nulls_[next_null] == row) {
        ++next_null;
        continue;
      }
      size_t begin = static_cast<size_t>(offsets[row]);
      size_t end = row + 1 < rows_ ? static_cast<size_t>(offsets[row + 1]) : values_.used();
      NumericCell cell;
      auto fault = ReadNumeric(values_.data() + begin, static_cast<uint32_t>(end - begin), cell);
      if (fault != NumericFault::kNone) return Wrong(WordsOf(fault));
      shown = std::max(shown, cell.display_scale);
      if (cell.digits == 0) continue;
      integer_places = std::max(integer_places, DecimalDigits(cell.digit(0)) + 4 * cell.weight);
      int places = 4 * (cell.digits - 1 - cell.weight);
      uint32_t last = cell.digit(cell.digits - 1);
      for (; last != 0 && last % 10 == 0; last /= 10) --places;
      needed = std::max(needed, places);
    }
    shown = std::max(shown, needed);
    scale = integer_places + shown <= 38 ? shown : integer_places + needed <= 38 ? needed : -1;
    precision = scale >= 0 ? 38 : 76;
    if (scale < 0) scale = integer_places + shown <= 76 ? shown : needed;
    if (integer_places + scale > 76) return Wrong(WordsOf(NumericFault::kTooLarge));
  }
  type_.precision = precision;
  type_.scale = scale;
  type_.arrow = precision == 38 ? arrow::decimal128(38, scale) : arrow::decimal256(76, scale);
  return {};
}

Result<std::shared_ptr<arrow::ArrayData>> ColumnDecoder::FinishOpenNumeric() {
  // The kept cells go through a decoder of the settled type; their length words are made anew.
  ColumnType settled = type_;
  settled.kind = type_.precision == 38 ? CellKind::kDecimal128 : CellKind::kDecimal256;
  ColumnDecoder decoder(name_, std::move(settled), false);
  const auto* offsets = reinterpret_cast<const int32_t*>(offsets_.data());
  std::string cells;
  cells.reserve(values_.used() + rows_ * 4 + kSlack);
  std::vector<uint32_t> starts(rows_);
  size_t next_null = 0;
  for (size_t row = 0; row < rows_; ++row) {
    size_t begin = static_cast<size_t>(offsets[row]);
    size_t end = row + 1 < rows_ ? static_cast<size_t>(offsets[row + 1]) : values_.used();
    bool null = next_null < nulls_.size() && nulls_[next_null] == row;
    next_null += null ? 1 : 0;
    starts[row] = static_cast<uint32_t>(cells.size());
    uint32_t length = __builtin_bswap32(null ? kNullLength : static_cast<uint32_t>(end - begin));
    cells.append(reinterpret_cast<const char*>(&length), sizeof(length));
    cells.append(values_.data() + begin, end - begin);
  }
  cells.append(kSlack, '\0');
  NSTARX_RETURN_IF_ERROR(decoder.Append(cells.data(), starts));
  NSTARX_RETURN_IF_ERROR(values_.Release());
  NSTARX_RETURN_IF_ERROR(offsets_.Release());
  rows_ = 0;
  nulls_.clear();
  return decoder.Finish();
}

Result<std::shared_ptr<arrow::ArrayData>> ColumnDecoder::Finish() {
  if (type_.kind == CellKind::kOpenNumeric) return FinishOpenNumeric();
  const auto rows = static_cast<int64_t>(rows_);
  std::shared_ptr<arrow::Buffer> validity;
  if (!nulls_.empty()) {
    auto made = arrow::AllocateBuffer((rows + 7) / 8);
    if (!made.ok()) return OutOfMemory(made.status());
    uint8_t* bits = (*made)->mutable_data();
    std::memset(bits, 0xFF, static_cast<size_t>((*made)->size()));
    for (uint32_t row : nulls_) bits[row / 8] &= static_cast<uint8_t>(~(1U << (row % 8)));
    validity = std::move(*made);
  }
  const auto null_count = static_cast<int64_t>(nulls_.size());
  nulls_.clear();
  rows_ = 0;
  bool with_offsets = type_.kind == CellKind::kList || type_.kind == CellKind::kText ||
                      type_.kind == CellKind::kJsonb || type_.kind == CellKind::kBytes;
  if (with_offsets) {
    NSTARX_TRY(char* last, offsets_.Reserve(sizeof(int32_t)));
    auto end = static_cast<int32_t>(element_ ? element_->rows() : values_.used());
    std::memcpy(last, &end, sizeof(end));
    offsets_.Advance(sizeof(end));
    NSTARX_TRY(std::shared_ptr<arrow::Buffer> offsets, offsets_.Release());
    if (element_) {
      NSTARX_TRY(auto items, element_->Finish());
      return arrow::ArrayData::Make(FieldOf(name_, type_)->type(), rows, {validity, offsets},
                                    {std::move(items)}, null_count);
    }
    NSTARX_TRY(std::shared_ptr<arrow::Buffer> values, values_.Release());
    return arrow::ArrayData::Make(type_.arrow, rows, {validity, offsets, values}, null_count);
  }
  if (type_.kind == CellKind::kBool) {
    auto made = arrow::AllocateEmptyBitmap(rows);
    if (!made.ok()) return OutOfMemory(made.status());
    uint8_t* bits = (*made)->mutable_data();
    for (int64_t row = 0; row < rows; ++row) {
      bits[row / 8] |= static_cast<uint8_t>(values_.data()[row] << (row % 8));
    }
    NSTARX_RETURN_IF_ERROR(values_.Release());
    return arrow::ArrayData::Make(type_.arrow, rows, {validity, std::move(*made)}, null_count);
  }
  NSTARX_TRY(std::shared_ptr<arrow::Buffer> values, values_.Release());
  return arrow::ArrayData::Make(type_.arrow, rows, {validity, values}, null_count);
}

}  // namespace nstarx::connectors::postgresql
