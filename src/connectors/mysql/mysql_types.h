#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace arrow {
class DataType;
}

namespace nstarx::connectors::mysql {

/// Column types as the protocol numbers them.
enum class WireType : uint8_t {
  kDecimal = 0,
  kTiny = 1,
  kShort = 2,
  kLong = 3,
  kFloat = 4,
  kDouble = 5,
  kNull = 6,
  kTimestamp = 7,
  kLongLong = 8,
  kInt24 = 9,
  kDate = 10,
  kTime = 11,
  kDatetime = 12,
  kYear = 13,
  kNewDate = 14,
  kVarchar = 15,
  kBit = 16,
  kJson = 245,
  kNewDecimal = 246,
  kEnum = 247,
  kSet = 248,
  kTinyBlob = 249,
  kMediumBlob = 250,
  kLongBlob = 251,
  kBlob = 252,
  kVarString = 253,
  kString = 254,
  kGeometry = 255,
};

/// One column of a result as the server announces it.
struct ColumnDefinition {
  std::string name;
  WireType type = WireType::kString;
  uint16_t flags = 0;
  uint16_t charset = 0;
  uint32_t length = 0;
  uint8_t decimals = 0;

  bool is_unsigned() const { return (flags & 0x20) != 0; }
  bool is_binary() const { return charset == 63; }
};

/// What the values become.
enum class ColumnKind {
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kFloat,
  kDouble,
  kDecimal128,
  kDecimal256,
  kDate,
  kDatetime,
  kTimestamp,
  kTime,
  kBit,
  kText,
  kBinary,
  kGeometry,
};

struct ColumnType {
  ColumnKind kind = ColumnKind::kText;
  int precision = 0;  ///< of decimals
  int scale = 0;
  bool operator==(const ColumnType&) const = default;
};

ColumnType TypeOf(const ColumnDefinition& definition);
std::shared_ptr<arrow::DataType> ToArrow(const ColumnType& type);

/// The type of a column that information_schema describes: `bigint(20) unsigned`,
/// `decimal(15,2)`, …
ColumnType TypeOfDeclared(std::string_view column_type);

/// What CREATE TABLE must say to get the Arrow type back; empty when MySQL has nothing for it.
std::string ToDeclared(const arrow::DataType& type);

}  // namespace nstarx::connectors::mysql
