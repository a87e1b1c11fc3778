#include "result/cell.h"

#include <arrow/array/data.h>
#include <arrow/type.h>
#include <arrow/util/binary_view_util.h>
#include <arrow/util/decimal.h>
#include <arrow/util/float16.h>

#include <cmath>
#include <cstring>

#include "result/text_buffer.h"
#include "result/text_format.h"
#include "result/zone_clock.h"

namespace nstarx::result {
namespace {

constexpr int64_t kExactDouble = (int64_t{1} << 53) - 1;
constexpr int32_t kScaleMax = 1000;

template <class T>
T Load(const uint8_t* values, int64_t index) {
  T value;
  std::memcpy(&value, values + index * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

// Quotient rounded down, with the remainder that is never negative.
template <int64_t kDivisor>
std::pair<int64_t, int64_t> Split(int64_t value) {
  int64_t quotient = value / kDivisor;
  int64_t rest = value % kDivisor;
  if (rest < 0) {
    --quotient;
    rest += kDivisor;
  }
  return {quotient, rest};
}

constexpr int64_t PowerOfTen(int digits) {
  int64_t power = 1;
  for (int i = 0; i < digits; ++i) power *= 10;
  return power;
}

// The decimal digits of `value`, written before `end`.
char* DigitsBefore(char* end, unsigned __int128 value) {
  constexpr uint64_t kChunk = 10'000'000'000'000'000'000ULL;
  while (value > ~uint64_t{0}) {
    auto low = static_cast<uint64_t>(value % kChunk);
    value /= kChunk;
    for (int i = 0; i < 19; ++i) {
      *--end = static_cast<char>('0' + low % 10);
      low /= 10;
    }
  }
  auto rest = static_cast<uint64_t>(value);
  do {
    *--end = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest > 0);
  return end;
}

char* PutIsoFraction(char* at, uint64_t seconds, int64_t nanoseconds) {
  at = PutUnsigned(at, seconds);
  at = PutFraction(at, nanoseconds, 9);
  *at++ = 'S';
  return at;
}

}  // namespace

/// The functions that a Cell may point to, and the choice among them.
struct CellWriters {
  using Function = Cell::WriteFunction;
  struct Choice {
    Function json;
    Function csv;
  };

  // Runs `put` between quotes in JSON, bare in CSV.
  template <Dialect kDialect, class Put>
  static void Text(TextBuffer& out, size_t room, Put put) {
    char* at = out.Need(room + 2);
    if constexpr (kDialect == Dialect::kJson) *at++ = '"';
    at = put(at);
    if constexpr (kDialect == Dialect::kJson) *at++ = '"';
    out.Commit(at);
  }

  template <Dialect kDialect>
  static void Null(const Cell& cell, int64_t, TextBuffer& out) {
    cell.WriteNull(out);
  }

  template <Dialect kDialect>
  static void Boolean(const Cell& cell, int64_t index, TextBuffer& out) {
    out.Append((cell.values_[index >> 3] >> (index & 7) & 1) != 0 ? "true" : "false");
  }

  template <class T>
  struct Integer {
    template <Dialect kDialect>
    static void Write(const Cell& cell, int64_t index, TextBuffer& out) {
      const T value = Load<T>(cell.values_, index);
      char* at = out.Need(kValueRoom);
      bool quoted = false;
      if constexpr (kDialect == Dialect::kJson && sizeof(T) == 8) {
        quoted = std::is_signed_v<T>
                     ? static_cast<int64_t>(value) > kExactDouble ||
                           static_cast<int64_t>(value) < -kExactDouble
                     : static_cast<uint64_t>(value) > static_cast<uint64_t>(kExactDouble);
      }
      if (quoted) *at++ = '"';
      if constexpr (std::is_signed_v<T>) {
        at = PutInteger(at, value);
      } else {
        at = PutUnsigned(at, value);
      }
      if (quoted) *at++ = '"';
      out.Commit(at);
    }
  };

  // JSON has no NaN and no infinities: they are strings there.
  template <Dialect kDialect, class T>
  static void PutNumber(T value, TextBuffer& out) {
    char* at = out.Need(kValueRoom);
    const bool quoted = kDialect == Dialect::kJson && !std::isfinite(value);
    if (quoted) *at++ = '"';
    if constexpr (sizeof(T) == 8) {
      at = PutDouble(at, value);
    } else {
      at = PutFloat(at, value);
    }
    if (quoted) *at++ = '"';
    out.Commit(at);
  }

  template <class T>
  struct Floating {
    template <Dialect kDialect>
    static void Write(const Cell& cell, int64_t index, TextBuffer& out) {
      PutNumber<kDialect>(Load<T>(cell.values_, index), out);
    }
  };

  template <Dialect kDialect>
  static void HalfFloat(const Cell& cell, int64_t index, TextBuffer& out) {
    const auto bits = Load<uint16_t>(cell.values_, index);
    PutNumber<kDialect>(arrow::util::Float16::FromBits(bits).ToFloat(), out);
  }

  template <class T>
  struct Decimal {
    template <Dialect kDialect>
    static void Write(const Cell& cell, int64_t index, TextBuffer& out) {
      const auto value = static_cast<__int128>(Load<T>(cell.values_, index));
      const bool negative = value < 0;
      char digits[48];
      char* end = digits + sizeof digits;
      const char* begin = DigitsBefore(end, negative ? -static_cast<unsigned __int128>(value)
                                                     : static_cast<unsigned __int128>(value));
      Text<kDialect>(out, 64 + static_cast<size_t>(std::abs(cell.scale_)), [&](char* at) {
        return PutDecimal(at, negative, {begin, static_cast<size_t>(end - begin)}, cell.scale_);
      });
    }
  };

  template <Dialect kDialect>
  static void Decimal256(const Cell& cell, int64_t index, TextBuffer& out) {
    const std::string text = arrow::Decimal256(cell.values_ + index * 32).ToIntegerString();
    const bool negative = text[0] == '-';
    const auto digits = std::string_view(text).substr(negative ? 1 : 0);
    Text<kDialect>(out, 96 + static_cast<size_t>(std::abs(cell.scale_)),
                   [&](char* at) { return PutDecimal(at, negative, digits, cell.scale_); });
  }

  template <Dialect kDialect>
  static void Date32(const Cell& cell, int64_t index, TextBuffer& out) {
    const int64_t days = Load<int32_t>(cell.values_, index);
    Text<kDialect>(out, kValueRoom, [&](char* at) { return PutDate(at, days); });
  }

  template <Dialect kDialect>
  static void Date64(const Cell& cell, int64_t index, TextBuffer& out) {
    const int64_t days = Split<86'400'000>(Load<int64_t>(cell.values_, index)).first;
    Text<kDialect>(out, kValueRoom, [&](char* at) { return PutDate(at, days); });
  }

  template <int kDigits>
  struct Timestamp {
    template <Dialect kDialect>
    static void Write(const Cell& cell, int64_t index, TextBuffer& out) {
      auto [seconds, fraction] = Split<PowerOfTen(kDigits)>(Load<int64_t>(cell.values_, index));
      const int64_t offset = cell.zone_ ? cell.zone_->OffsetAt(seconds) : 0;
      const auto [days, clock] = Split<86'400>(seconds + offset);
      Text<kDialect>(out, kValueRoom, [&](char* at) {
        at = PutDate(at, days);
        *at++ = 'T';
        at = PutClock(at, clock);
        at = PutFraction(at, fraction, kDigits);
        return cell.zone_ ? PutZone(at, offset) : at;
      });
    }
  };

  template <class T, int kDigits>
  struct Time {
    template <Dialect kDialect>
    static void Write(const Cell& cell, int64_t index, TextBuffer& out) {
      const auto value = static_cast<int64_t>(Load<T>(cell.values_, index));
      const auto [seconds, fraction] = Split<PowerOfTen(kDigits)>(value < 0 ? 0 : value);
      Text<kDialect>(out, kValueRoom, [&](char* at) {
        return PutFraction(PutClock(at, seconds), fraction, kDigits);
      });
    }
  };

  template <int kDigits>
  struct Duration {
    template <Dialect kDialect>
    static void Write(const Cell& cell, int64_t index, TextBuffer& out) {
      const auto value = Load<int64_t>(cell.values_, index);
      const uint64_t size =
          value < 0 ? -static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
      constexpr auto kUnit = static_cast<uint64_t>(PowerOfTen(kDigits));
      Text<kDialect>(out, kValueRoom, [&](char* at) {
        if (value < 0) *at++ = '-';
        *at++ = 'P';
        *at++ = 'T';
        return PutIsoFraction(at, size / kUnit,
                              static_cast<int64_t>(size % kUnit) * PowerOfTen(9 - kDigits));
      });
    }
  };

  // P1Y2M3DT4.5S; every part carries its own sign, as PostgreSQL writes it too.
  static char* PutInterval(char* at, int64_t months, int64_t days, int64_t nanoseconds) {
    *at++ = 'P';
    if (months / 12 != 0) *(at = PutInteger(at, months / 12))++ = 'Y';
    if (months % 12 != 0) *(at = PutInteger(at, months % 12))++ = 'M';
    if (days != 0) *(at = PutInteger(at, days))++ = 'D';
    if (nanoseconds == 0 && (months != 0 || days != 0)) return at;
    *at++ = 'T';
    if (nanoseconds < 0) *at++ = '-';
    const uint64_t size =
        nanoseconds < 0 ? -static_cast<uint64_t>(nanoseconds) : static_cast<uint64_t>(nanoseconds);
    return PutIsoFraction(at, size / 1'000'000'000, static_cast<int64_t>(size % 1'000'000'000));
  }

  template <Dialect kDialect>
  static void MonthInterval(const Cell& cell, int64_t index, TextBuffer& out) {
    const int64_t months = Load<int32_t>(cell.values_, index);
    Text<kDialect>(out, kValueRoom, [&](char* at) { return PutInterval(at, months, 0, 0); });
  }

  template <Dialect kDialect>
  static void DayTimeInterval(const Cell& cell, int64_t index, TextBuffer& out) {
    const int64_t days = Load<int32_t>(cell.values_, 2 * index);
    const int64_t milliseconds = Load<int32_t>(cell.values_, 2 * index + 1);
    Text<kDialect>(out, kValueRoom,
                   [&](char* at) { return PutInterval(at, 0, days, milliseconds * 1'000'000); });
  }

  template <Dialect kDialect>
  static void MonthDayNanoInterval(const Cell& cell, int64_t index, TextBuffer& out) {
    const int64_t months = Load<int32_t>(cell.values_, 4 * index);
    const int64_t days = Load<int32_t>(cell.values_, 4 * index + 1);
    const auto nanoseconds = Load<int64_t>(cell.values_, 2 * index + 1);
    Text<kDialect>(out, kValueRoom,
                   [&](char* at) { return PutInterval(at, months, days, nanoseconds); });
  }

  template <class Offset>
  static std::string_view Slice(const Cell& cell, int64_t index) {
    const auto begin = Load<Offset>(cell.values_, index);
    const auto end = Load<Offset>(cell.values_, index + 1);
    if (begin == end) return {};
    return {reinterpret_cast<const char*>(cell.characters_) + begin,
            static_cast<size_t>(end - begin)};
  }
  static std::string_view View(const Cell& cell, int64_t index) {
    const auto* views = reinterpret_cast<const arrow::BinaryViewType::c_type*>(cell.values_);
    return arrow::util::FromBinaryView(views[index], cell.data_->buffers.data() + 2);
  }
  static std::string_view FixedWidth(const Cell& cell, int64_t index) {
    return {reinterpret_cast<const char*>(cell.values_) + index * cell.width_,
            static_cast<size_t>(cell.width_)};
  }

  using Getter = std::string_view (*)(const Cell& cell, int64_t index);
  template <Getter kGet>
  struct String {
    template <Dialect kDialect>
    static void Write(const Cell& cell, int64_t index, TextBuffer& out) {
      if constexpr (kDialect == Dialect::kJson) {
        WriteJsonString(kGet(cell, index), out);
      } else {
        WriteCsvString(kGet(cell, index), out);
      }
    }
  };
  template <Getter kGet>
  struct Binary {
    template <Dialect kDialect>
    static void Write(const Cell& cell, int64_t index, TextBuffer& out) {
      const std::string_view bytes = kGet(cell, index);
      const bool quoted = kDialect == Dialect::kJson || bytes.empty();
      if (quoted) out.Push('"');
      WriteBase64(bytes, out);
      if (quoted) out.Push('"');
    }
  };

  template <Dialect kDialect>
  static void Uuid(const Cell& cell, int64_t index, TextBuffer& out) {
    Text<kDialect>(out, kValueRoom,
                   [&](char* at) { return PutUuid(at, cell.values_ + index * 16); });
  }

  // Nested values are JSON in both dialects; in CSV the JSON text is a field like any other.
  template <Dialect kDialect, class Put>
  static void Nested(const Cell& cell, TextBuffer& out, Put put) {
    if constexpr (kDialect == Dialect::kJson) {
      put(out);
    } else {
      cell.scratch_->Clear();
      put(*cell.scratch_);
      WriteCsvString(cell.scratch_->view(), out);
    }
  }

  static void PutEntries(const Cell& entry, int64_t begin, int64_t end, TextBuffer& out) {
    out.Push('[');
    for (int64_t i = begin; i < end; ++i) {
      if (i > begin) out.Push(',');
      entry.Write(i, out);
    }
    out.Push(']');
  }

  template <class Offset>
  struct List {
    template <Dialect kDialect>
    static void Write(const Cell& cell, int64_t index, TextBuffer& out) {
      Nested<kDialect>(cell, out, [&](TextBuffer& to) {
        PutEntries(cell.children_[0], Load<Offset>(cell.values_, index),
                   Load<Offset>(cell.values_, index + 1), to);
      });
    }
  };

  template <Dialect kDialect>
  static void FixedSizeList(const Cell& cell, int64_t index, TextBuffer& out) {
    Nested<kDialect>(cell, out, [&](TextBuffer& to) {
      PutEntries(cell.children_[0], index * cell.width_, (index + 1) * cell.width_, to);
    });
  }

  template <Dialect kDialect>
  static void Struct(const Cell& cell, int64_t index, TextBuffer& out) {
    Nested<kDialect>(cell, out, [&](TextBuffer& to) {
      to.Push('{');
      for (size_t i = 0; i < cell.children_.size(); ++i) {
        if (i > 0) to.Push(',');
        to.Append(cell.keys_[i]);
        cell.children_[i].Write(index, to);
      }
      to.Push('}');
    });
  }

  // children_: key, value.
  template <Dialect kDialect>
  static void StringMap(const Cell& cell, int64_t index, TextBuffer& out) {
    Nested<kDialect>(cell, out, [&](TextBuffer& to) {
      const auto begin = Load<int32_t>(cell.values_, index);
      const auto end = Load<int32_t>(cell.values_, index + 1);
      to.Push('{');
      for (int64_t i = begin; i < end; ++i) {
        if (i > begin) to.Push(',');
        cell.children_[0].Write(i, to);
        to.Push(':');
        cell.children_[1].Write(i, to);
      }
      to.Push('}');
    });
  }
  template <Dialect kDialect>
  static void PairMap(const Cell& cell, int64_t index, TextBuffer& out) {
    Nested<kDialect>(cell, out, [&](TextBuffer& to) {
      const auto begin = Load<int32_t>(cell.values_, index);
      const auto end = Load<int32_t>(cell.values_, index + 1);
      to.Push('[');
      for (int64_t i = begin; i < end; ++i) {
        to.Append(i > begin ? ",[" : "[");
        cell.children_[0].Write(i, to);
        to.Push(',');
        cell.children_[1].Write(i, to);
        to.Push(']');
      }
      to.Push(']');
    });
  }

  template <class Index>
  struct Dictionary {
    template <Dialect kDialect>
    static void Write(const Cell& cell, int64_t index, TextBuffer& out) {
      cell.children_[0].Write(static_cast<int64_t>(Load<Index>(cell.values_, index)), out);
    }
  };

  template <class Family>
  static constexpr Choice Both() {
    return {&Family::template Write<Dialect::kJson>, &Family::template Write<Dialect::kCsv>};
  }

  static Choice OfTimestamp(arrow::TimeUnit::type unit) {
    switch (unit) {
      case arrow::TimeUnit::SECOND:
        return Both<Timestamp<0>>();
      case arrow::TimeUnit::MILLI:
        return Both<Timestamp<3>>();
      case arrow::TimeUnit::MICRO:
        return Both<Timestamp<6>>();
      case arrow::TimeUnit::NANO:
        return Both<Timestamp<9>>();
    }
    return {};
  }
  static Choice OfDuration(arrow::TimeUnit::type unit) {
    switch (unit) {
      case arrow::TimeUnit::SECOND:
        return Both<Duration<0>>();
      case arrow::TimeUnit::MILLI:
        return Both<Duration<3>>();
      case arrow::TimeUnit::MICRO:
        return Both<Duration<6>>();
      case arrow::TimeUnit::NANO:
        return Both<Duration<9>>();
    }
    return {};
  }
  static Choice OfIndex(arrow::Type::type index) {
    switch (index) {
      case arrow::Type::INT8:
        return Both<Dictionary<int8_t>>();
      case arrow::Type::INT16:
        return Both<Dictionary<int16_t>>();
      case arrow::Type::INT32:
        return Both<Dictionary<int32_t>>();
      case arrow::Type::INT64:
        return Both<Dictionary<int64_t>>();
      case arrow::Type::UINT8:
        return Both<Dictionary<uint8_t>>();
      case arrow::Type::UINT16:
        return Both<Dictionary<uint16_t>>();
      case arrow::Type::UINT32:
        return Both<Dictionary<uint32_t>>();
      default:
        return Both<Dictionary<uint64_t>>();
    }
  }

  static Choice OfNumber(const arrow::DataType& type);
  static Choice OfTime(const arrow::DataType& type);
  static Choice OfText(const arrow::DataType& type);
  static Choice OfNested(const arrow::DataType& type);
  static Status AddParts(Cell& cell, const arrow::DataType& type, Dialect dialect);
};

CellWriters::Choice CellWriters::OfNumber(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::NA:
      return Choice{&Null<Dialect::kJson>, &Null<Dialect::kCsv>};
    case arrow::Type::BOOL:
      return Choice{&Boolean<Dialect::kJson>, &Boolean<Dialect::kCsv>};
    case arrow::Type::INT8:
      return Both<Integer<int8_t>>();
    case arrow::Type::INT16:
      return Both<Integer<int16_t>>();
    case arrow::Type::INT32:
      return Both<Integer<int32_t>>();
    case arrow::Type::INT64:
      return Both<Integer<int64_t>>();
    case arrow::Type::UINT8:
      return Both<Integer<uint8_t>>();
    case arrow::Type::UINT16:
      return Both<Integer<uint16_t>>();
    case arrow::Type::UINT32:
      return Both<Integer<uint32_t>>();
    case arrow::Type::UINT64:
      return Both<Integer<uint64_t>>();
    case arrow::Type::HALF_FLOAT:
      return Choice{&HalfFloat<Dialect::kJson>, &HalfFloat<Dialect::kCsv>};
    case arrow::Type::FLOAT:
      return Both<Floating<float>>();
    case arrow::Type::DOUBLE:
      return Both<Floating<double>>();
    case arrow::Type::DECIMAL32:
      return Both<Decimal<int32_t>>();
    case arrow::Type::DECIMAL64:
      return Both<Decimal<int64_t>>();
    case arrow::Type::DECIMAL128:
      return Both<Decimal<__int128>>();
    case arrow::Type::DECIMAL256:
      return Choice{&Decimal256<Dialect::kJson>, &Decimal256<Dialect::kCsv>};
    default:
      return OfTime(type);
  }
}

CellWriters::Choice CellWriters::OfTime(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::DATE32:
      return Choice{&Date32<Dialect::kJson>, &Date32<Dialect::kCsv>};
    case arrow::Type::DATE64:
      return Choice{&Date64<Dialect::kJson>, &Date64<Dialect::kCsv>};
    case arrow::Type::TIMESTAMP:
      return OfTimestamp(static_cast<const arrow::TimestampType&>(type).unit());
    case arrow::Type::DURATION:
      return OfDuration(static_cast<const arrow::DurationType&>(type).unit());
    case arrow::Type::TIME32:
      return static_cast<const arrow::Time32Type&>(type).unit() == arrow::TimeUnit::SECOND
                 ? Both<Time<int32_t, 0>>()
                 : Both<Time<int32_t, 3>>();
    case arrow::Type::TIME64:
      return static_cast<const arrow::Time64Type&>(type).unit() == arrow::TimeUnit::MICRO
                 ? Both<Time<int64_t, 6>>()
                 : Both<Time<int64_t, 9>>();
    case arrow::Type::INTERVAL_MONTHS:
      return Choice{&MonthInterval<Dialect::kJson>, &MonthInterval<Dialect::kCsv>};
    case arrow::Type::INTERVAL_DAY_TIME:
      return Choice{&DayTimeInterval<Dialect::kJson>, &DayTimeInterval<Dialect::kCsv>};
    case arrow::Type::INTERVAL_MONTH_DAY_NANO:
      return Choice{&MonthDayNanoInterval<Dialect::kJson>, &MonthDayNanoInterval<Dialect::kCsv>};
    default:
      return OfText(type);
  }
}

CellWriters::Choice CellWriters::OfText(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::STRING:
      return Both<String<&Slice<int32_t>>>();
    case arrow::Type::LARGE_STRING:
      return Both<String<&Slice<int64_t>>>();
    case arrow::Type::STRING_VIEW:
      return Both<String<&View>>();
    case arrow::Type::BINARY:
      return Both<Binary<&Slice<int32_t>>>();
    case arrow::Type::LARGE_BINARY:
      return Both<Binary<&Slice<int64_t>>>();
    case arrow::Type::BINARY_VIEW:
      return Both<Binary<&View>>();
    case arrow::Type::FIXED_SIZE_BINARY:
      return Both<Binary<&FixedWidth>>();
    default:
      return OfNested(type);
  }
}

CellWriters::Choice CellWriters::OfNested(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::LIST:
      return Both<List<int32_t>>();
    case arrow::Type::LARGE_LIST:
      return Both<List<int64_t>>();
    case arrow::Type::FIXED_SIZE_LIST:
      return Choice{&FixedSizeList<Dialect::kJson>, &FixedSizeList<Dialect::kCsv>};
    case arrow::Type::STRUCT:
      return Choice{&Struct<Dialect::kJson>, &Struct<Dialect::kCsv>};
    case arrow::Type::MAP: {
      const auto key = static_cast<const arrow::MapType&>(type).key_type()->id();
      const bool named = arrow::is_base_binary_like(key) || key == arrow::Type::STRING_VIEW;
      return named ? Choice{&StringMap<Dialect::kJson>, &StringMap<Dialect::kCsv>}
                   : Choice{&PairMap<Dialect::kJson>, &PairMap<Dialect::kCsv>};
    }
    case arrow::Type::DICTIONARY:
      return OfIndex(static_cast<const arrow::DictionaryType&>(type).index_type()->id());
    default:
      return {};
  }
}

Status CellWriters::AddParts(Cell& cell, const arrow::DataType& type, Dialect dialect) {
  const auto add = [&](const arrow::DataType& part, Dialect in) -> Status {
    NSTARX_TRY(auto child, Cell::Make(part, in));
    cell.children_.push_back(std::move(child));
    return {};
  };
  switch (type.id()) {
    case arrow::Type::DECIMAL32:
    case arrow::Type::DECIMAL64:
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256:
      cell.scale_ = static_cast<const arrow::DecimalType&>(type).scale();
      if (std::abs(static_cast<int64_t>(cell.scale_)) > kScaleMax) {
        return Unimplemented("result.unsupported_type", "the scale of a decimal is beyond 1000");
      }
      return {};
    case arrow::Type::TIMESTAMP: {
      const auto& zone = static_cast<const arrow::TimestampType&>(type).timezone();
      if (!zone.empty()) cell.zone_ = ZoneClock::Make(zone);
      return {};
    }
    case arrow::Type::FIXED_SIZE_BINARY:
      cell.width_ = static_cast<const arrow::FixedSizeBinaryType&>(type).byte_width();
      return {};
    case arrow::Type::DICTIONARY:
      return add(*static_cast<const arrow::DictionaryType&>(type).value_type(), dialect);
    case arrow::Type::MAP: {
      const auto& map = static_cast<const arrow::MapType&>(type);
      NSTARX_RETURN_IF_ERROR(add(*map.key_type(), Dialect::kJson));
      return add(*map.item_type(), Dialect::kJson);
    }
    case arrow::Type::FIXED_SIZE_LIST:
      cell.width_ = static_cast<const arrow::FixedSizeListType&>(type).list_size();
      return add(*type.field(0)->type(), Dialect::kJson);
    default:
      break;
  }
  for (const auto& field : type.fields()) {
    TextBuffer key;
    WriteJsonString(field->name(), key);
    key.Push(':');
    cell.keys_.emplace_back(key.view());
    NSTARX_RETURN_IF_ERROR(add(*field->type(), Dialect::kJson));
  }
  return {};
}

Cell::Cell() = default;
Cell::Cell(Cell&&) noexcept = default;
Cell& Cell::operator=(Cell&&) noexcept = default;
Cell::~Cell() = default;

Result<Cell> Cell::Make(const arrow::DataType& type, Dialect dialect) {
  const arrow::DataType* shape = &type;
  bool uuid = false;
  while (shape->id() == arrow::Type::EXTENSION) {
    const auto& extension = static_cast<const arrow::ExtensionType&>(*shape);
    shape = extension.storage_type().get();
    uuid = extension.extension_name() == "arrow.uuid" &&
           shape->id() == arrow::Type::FIXED_SIZE_BINARY &&
           static_cast<const arrow::FixedSizeBinaryType*>(shape)->byte_width() == 16;
  }
  using Choice = CellWriters::Choice;
  const Choice choice =
      uuid ? Choice{&CellWriters::Uuid<Dialect::kJson>, &CellWriters::Uuid<Dialect::kCsv>}
           : CellWriters::OfNumber(*shape);
  if (choice.json == nullptr) {
    return Unimplemented("result.unsupported_type",
                         "text formats cannot hold the type " + type.ToString())
        .WithHint("Ask for application/vnd.apache.arrow.stream, or cast the column in the query.");
  }
  Cell cell;
  cell.csv_ = dialect == Dialect::kCsv;
  cell.write_ = cell.csv_ ? choice.csv : choice.json;
  if (cell.csv_ && arrow::is_nested(shape->id())) cell.scratch_ = std::make_unique<TextBuffer>();
  NSTARX_RETURN_IF_ERROR(CellWriters::AddParts(cell, *shape, dialect));
  return cell;
}

void Cell::Bind(const arrow::ArrayData& data) {
  const auto pointer = [&](size_t index) -> const uint8_t* {
    return index < data.buffers.size() && data.buffers[index] ? data.buffers[index]->data()
                                                              : nullptr;
  };
  data_ = &data;
  offset_ = data.offset;
  validity_ = pointer(0);
  values_ = pointer(1);
  characters_ = pointer(2);
  if (children_.empty()) return;
  if (data.dictionary) {
    children_[0].Bind(*data.dictionary);
    return;
  }
  const bool map = children_.size() == 2 && keys_.empty();
  const auto& parts = map ? data.child_data[0]->child_data : data.child_data;
  for (size_t i = 0; i < children_.size(); ++i) children_[i].Bind(*parts[i]);
  // The entries of a map are a struct that may have an offset of its own.
  if (map) {
    for (Cell& child : children_) child.offset_ += data.child_data[0]->offset;
  }
}

bool Cell::IsNull(int64_t row) const {
  const int64_t index = offset_ + row;
  return validity_ != nullptr && (validity_[index >> 3] >> (index & 7) & 1) == 0;
}

void Cell::WriteNull(TextBuffer& out) const {
  if (!csv_) out.Append("null");
}

}  // namespace nstarx::result
