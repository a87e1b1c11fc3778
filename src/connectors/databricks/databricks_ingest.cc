#include <arrow/api.h>
#include <fmt/format.h>

#include "connectors/databricks/databricks_catalog.h"
#include "connectors/databricks/databricks_errors.h"
#include "connectors/databricks/databricks_session.h"
#include "connectors/databricks/statement_text.h"
#include "connectors/sql_ingest/insert_ingest.h"

namespace nstarx::connectors::databricks {
namespace {

/// Times of day have no type, and nanoseconds no place.
std::string Declare(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return "BOOLEAN";
    case arrow::Type::INT8:
      return "TINYINT";
    case arrow::Type::INT16:
    case arrow::Type::UINT8:
      return "SMALLINT";
    case arrow::Type::INT32:
    case arrow::Type::UINT16:
      return "INT";
    case arrow::Type::INT64:
    case arrow::Type::UINT32:
      return "BIGINT";
    case arrow::Type::UINT64:
      return "DECIMAL(20,0)";
    case arrow::Type::FLOAT:
      return "FLOAT";
    case arrow::Type::DOUBLE:
      return "DOUBLE";
    case arrow::Type::DECIMAL128: {
      const auto& decimal = static_cast<const arrow::DecimalType&>(type);
      if (decimal.scale() < 0) return {};
      return fmt::format("DECIMAL({},{})", decimal.precision(), decimal.scale());
    }
    case arrow::Type::NA:
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
      return "STRING";
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::FIXED_SIZE_BINARY:
      return "BINARY";
    case arrow::Type::DATE32:
      return "DATE";
    case arrow::Type::TIMESTAMP: {
      const auto& moment = static_cast<const arrow::TimestampType&>(type);
      if (moment.unit() == arrow::TimeUnit::NANO) return {};
      return moment.timezone().empty() ? "TIMESTAMP_NTZ" : "TIMESTAMP";
    }
    default:
      return {};
  }
}

}  // namespace

Result<int64_t> DatabricksSession::Ingest(const Context& context, std::string_view path,
                                          connector::IngestMode mode,
                                          connector::BatchStream& source) {
  if (read_only_) return ReadOnly("ingest");
  auto parts = SplitPath(path);
  if (!parts || parts->size() > 3) return UndefinedTable(path);
  sql_ingest::Target target{.table = QuotePath(*parts), .staging = {}};
  parts->back() += "__nstarx_" + sql_ingest::NewSuffix();
  target.staging = QuotePath(*parts);
  static constexpr sql_ingest::Dialect kDialect{
      .connector = "databricks",
      .system = "Databricks",
      .declare = Declare,
      .name_quote = '`',
      .before_hex = "UNHEX('",
      .after_hex = "')",
      .backslash_escapes = false,  // a setting of the session
      .columns_before_select = false};
  return sql_ingest::Ingest(
      context, kDialect, target, mode, source,
      [this](const Context& until, const std::string& statement) -> Status {
        NSTARX_TRY(const auto done,
                   Run(until, {.text = statement, .parameters = {}, .limit = {}}, false));
        (void)done;
        return {};
      });
}

}  // namespace nstarx::connectors::databricks
