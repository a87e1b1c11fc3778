#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "connectors/snowflake/snowflake_account.h"

namespace arrow {
class DataType;
class Field;
class Schema;
}  // namespace arrow

namespace nstarx::connectors::snowflake {

enum class ValueKind {
  kNumber,
  kReal,
  kText,
  kBinary,
  kBoolean,
  kDate,
  kTime,
  kTimestamp,  ///< without time zone
  kInstant,    ///< TIMESTAMP_LTZ and TIMESTAMP_TZ
  kJson,       ///< VARIANT, OBJECT, ARRAY
  kDecimalFloat,
  kOther,  ///< as it comes
};

/// One column of a result as the service declares it.
struct DeclaredColumn {
  std::string name;
  std::string type;  ///< in capitals: FIXED, TEXT, TIMESTAMP_NTZ, …
  ValueKind kind = ValueKind::kOther;
  int precision = 38;
  int scale = 0;
  bool nullable = true;
  std::shared_ptr<arrow::DataType> arrow;
};

/// Reads the answer's rowtype and decides the Arrow types. response.malformed
Result<std::vector<DeclaredColumn>> ReadColumns(const json::array& rowtype,
                                                const ValueSettings& settings);

/// The Arrow type of a column of that type.
std::shared_ptr<arrow::DataType> ArrowType(ValueKind kind, int precision, int scale,
                                           const ValueSettings& settings);
ValueKind KindOf(std::string_view type);

/// The schema of the columns. `sent` is that of the first part when it came as Arrow: it decides
/// for types that are taken as they come.
std::shared_ptr<arrow::Schema> ResultSchema(std::vector<DeclaredColumn>& columns,
                                            const arrow::Schema* sent);

/// The Arrow type of a column by its declaration in SQL: "NUMBER(38,0)", "VARCHAR(16777216)", …
std::shared_ptr<arrow::DataType> ArrowTypeOfSql(std::string_view sql,
                                                const ValueSettings& settings);

}  // namespace nstarx::connectors::snowflake
