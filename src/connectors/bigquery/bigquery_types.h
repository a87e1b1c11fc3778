#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"

namespace arrow {
class DataType;
class Field;
class RecordBatch;
class Schema;
}  // namespace arrow

namespace nstarx::connectors::bigquery {

enum class ValueKind {
  kInteger,
  kFloat,
  kNumeric,
  kBigNumeric,
  kBoolean,
  kString,  ///< and what is told as text: INTERVAL, GEOGRAPHY, JSON, types that are not known
  kBytes,
  kDate,
  kTime,
  kDatetime,
  kTimestamp,
  kRange,
  kStruct,
};

/// One column, or a field of a STRUCT, as the service declares it.
struct DeclaredField {
  std::string name;
  std::string native;  ///< as SQL writes it: INT64, NUMERIC(10, 2), ARRAY<STRUCT<a INT64>>
  ValueKind kind = ValueKind::kString;
  bool repeated = false;
  bool required = false;
  std::string comment;
  std::string default_value;
  std::vector<DeclaredField> fields;  ///< of a STRUCT; start and end of a RANGE
  std::shared_ptr<arrow::DataType> arrow;
};

/// Reads a TableSchema ("fields"). response.malformed
Result<std::vector<DeclaredField>> ReadFields(const json::object& schema);
std::shared_ptr<arrow::Schema> SchemaOf(const std::vector<DeclaredField>& fields);

/// Rows as the service sends them ({"f": [{"v": …}]}). Errors: result.value_not_exact naming the
/// column, response.malformed.
Result<std::shared_ptr<arrow::RecordBatch>> DecodeRows(const std::vector<DeclaredField>& fields,
                                                       const std::shared_ptr<arrow::Schema>& schema,
                                                       const json::array& rows);

}  // namespace nstarx::connectors::bigquery
