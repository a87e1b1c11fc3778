#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/cassandra/cql_wire.h"

namespace arrow {
class DataType;
}  // namespace arrow

namespace nstarx::connectors::cassandra {

/// The option ids of the native protocol; kVector is a custom class on the wire.
enum class CqlKind : uint16_t {
  kCustom = 0x00,
  kAscii = 0x01,
  kBigint = 0x02,
  kBlob = 0x03,
  kBoolean = 0x04,
  kCounter = 0x05,
  kDecimal = 0x06,
  kDouble = 0x07,
  kFloat = 0x08,
  kInt = 0x09,
  kTimestamp = 0x0B,
  kUuid = 0x0C,
  kText = 0x0D,
  kVarint = 0x0E,
  kTimeuuid = 0x0F,
  kInet = 0x10,
  kDate = 0x11,
  kTime = 0x12,
  kSmallint = 0x13,
  kTinyint = 0x14,
  kDuration = 0x15,
  kList = 0x20,
  kMap = 0x21,
  kSet = 0x22,
  kUdt = 0x30,
  kTuple = 0x31,
  kVector = 0x1000,
};

struct CqlType {
  CqlKind kind = CqlKind::kCustom;
  std::string name;                      ///< of a UDT, or the class of a custom type
  std::vector<std::string> field_names;  ///< of a UDT
  std::vector<CqlType> children;
  int32_t dimension = 0;  ///< of a vector
  bool operator==(const CqlType&) const = default;
};

/// Deeper types, longer vectors and types with more leaves than this are refused.
constexpr int kTypeDepthMax = 32;
constexpr int32_t kDimensionMax = 8192;
constexpr int64_t kLeavesMax = 1 << 18;

/// How varint and decimal, which have no bound, become columns.
enum class NumericAs {
  kText,        ///< exact, whatever they are
  kDecimal128,  ///< decimal128(38, 10) and decimal128(38, 0); an error when a value does not fit
  kDecimal256,  ///< decimal256(76, 38) and decimal256(76, 0); the same
};

/// An [option] of the wire; fails the reader on what is no type.
CqlType ReadType(BodyReader& reader, int depth = 0);
/// A class name of the server with its parameters, as custom types have.
std::optional<CqlType> ParseClass(std::string_view name);
/// The fields of a keyspace's user-defined types by name, in CQL text.
struct UdtFields {
  std::vector<std::string> names;
  std::vector<std::string> types;
};
using UdtTable = std::map<std::string, UdtFields, std::less<>>;
/// A type as CQL writes it: `frozen<map<text, int>>`, a UDT of the table.
std::optional<CqlType> ParseCql(std::string_view text, const UdtTable& udts);

/// The type as CQL writes it.
std::string ToCql(const CqlType& type);
/// Values that one NULL of it costs in Arrow.
int64_t Leaves(const CqlType& type);
/// Bytes of a value inside a vector when they are always the same, else 0.
int32_t FixedSize(const CqlType& type);

/// The Arrow type. With `storage` extension types are replaced by what they are stored as.
std::shared_ptr<arrow::DataType> ToArrow(const CqlType& type, NumericAs numeric, bool storage);

}  // namespace nstarx::connectors::cassandra
