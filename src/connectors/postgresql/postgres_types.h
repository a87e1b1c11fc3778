#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace arrow {
class DataType;
class Field;
}  // namespace arrow

namespace nstarx::connectors::postgresql {

/// How the bytes of a cell become an Arrow value: one decoder each.
enum class CellKind : uint8_t {
  kBool,
  kInt16,
  kInt32,
  kInt64,
  kFloat,
  kDouble,
  kDecimal128,
  kDecimal256,
  kOpenNumeric,  ///< numeric without a precision: the type is known after the first batch
  kText,
  kJsonb,
  kBytes,
  kDate,
  kTime,
  kTimestamp,
  kInterval,
  kUuid,
  kList,
};

/// What becomes of numeric columns that have no precision.
enum class OpenNumeric { kDecimal, kText, kDouble };

/// A column's way from the wire to Arrow.
struct ColumnType {
  CellKind kind = CellKind::kText;
  bool binary = false;  ///< the format that the server is asked for
  int precision = 0;    ///< of decimals
  int scale = 0;
  std::shared_ptr<arrow::DataType> arrow;  ///< storage type
  std::string_view extension;              ///< canonical Arrow extension name, or empty
  std::shared_ptr<ColumnType> element;     ///< of lists
  uint32_t element_oid = 0;
};

/// Precision and scale in a numeric's type modifier; precision 0: none.
struct NumericModifier {
  int precision = 0;
  int scale = 0;
};
NumericModifier ReadNumericModifier(int32_t modifier);

/// The way of a type by its OID. Types without a row of their own (enums, ranges, network,
/// geometric, composite and extension types …) come as the server's own exact text.
ColumnType TypeOfColumn(uint32_t oid, int32_t modifier, OpenNumeric open_numeric);

/// The field that clients see, with the extension's name as metadata.
std::shared_ptr<arrow::Field> FieldOf(const std::string& name, const ColumnType& type);

/// The Arrow type's name as `describe` shows it.
std::string ArrowName(const ColumnType& type);

/// The column type that CREATE TABLE needs to hold an Arrow type; empty when there is none.
std::string SqlTypeOf(const arrow::Field& field);

}  // namespace nstarx::connectors::postgresql
