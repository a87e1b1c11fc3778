#include <arrow/api.h>
#include <fmt/format.h>

#include <utility>

#include "connectors/bigquery/bigquery_errors.h"
#include "connectors/bigquery/bigquery_session.h"
#include "connectors/bigquery/statement_text.h"
#include "connectors/sql_ingest/insert_ingest.h"

namespace nstarx::connectors::bigquery {
namespace {

std::string DeclareDecimal(const arrow::DecimalType& type) {
  const int scale = type.scale();
  const int whole = type.precision() - scale;
  if (scale < 0 || scale > 38 || whole > 38) return {};
  const std::string_view name = scale <= 9 && whole <= 29 ? "NUMERIC" : "BIGNUMERIC";
  return fmt::format("{}({}, {})", name, type.precision(), scale);
}

/// Nanoseconds have no place.
std::string Declare(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return "BOOL";
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::INT64:
    case arrow::Type::UINT8:
    case arrow::Type::UINT16:
    case arrow::Type::UINT32:
      return "INT64";
    case arrow::Type::UINT64:
      return "NUMERIC(20, 0)";
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
      return "FLOAT64";
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256:
      return DeclareDecimal(static_cast<const arrow::DecimalType&>(type));
    case arrow::Type::NA:
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
      return "STRING";
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::FIXED_SIZE_BINARY:
      return "BYTES";
    case arrow::Type::DATE32:
      return "DATE";
    case arrow::Type::TIME32:
      return "TIME";
    case arrow::Type::TIME64:
      if (static_cast<const arrow::Time64Type&>(type).unit() == arrow::TimeUnit::NANO) return {};
      return "TIME";
    case arrow::Type::TIMESTAMP: {
      const auto& moment = static_cast<const arrow::TimestampType&>(type);
      if (moment.unit() == arrow::TimeUnit::NANO) return {};
      return moment.timezone().empty() ? "DATETIME" : "TIMESTAMP";
    }
    default:
      return {};
  }
}

}  // namespace

Result<int64_t> BigquerySession::Ingest(const Context& context, std::string_view path,
                                        connector::IngestMode mode,
                                        connector::BatchStream& source) {
  if (read_only_) return ReadOnly("ingest");
  auto parts = ReadPath(path, client_->service().default_project);
  if (!parts) return UndefinedTable(path);
  if (parts->table.empty()) {
    parts->table = std::exchange(parts->dataset, client_->service().default_dataset);
  }
  if (parts->table.empty() || parts->dataset.empty()) return UndefinedTable(path);
  sql_ingest::Target target{.table = QuotePath(*parts), .staging = {}};
  parts->table += "__nstarx_" + sql_ingest::NewSuffix();
  target.staging = QuotePath(*parts);
  static constexpr sql_ingest::Dialect kDialect{.connector = "bigquery",
                                                .system = "BigQuery",
                                                .declare = Declare,
                                                .name_quote = '`',
                                                .before_hex = "FROM_HEX('",
                                                .after_hex = "')"};
  return sql_ingest::Ingest(
      context, kDialect, target, mode, source,
      [this](const Context& until, const std::string& statement) -> Status {
        NSTARX_TRY(const auto done, Run(until, {.text = statement, .parameters = {}, .limit = {}}));
        (void)done;
        return {};
      });
}

}  // namespace nstarx::connectors::bigquery
