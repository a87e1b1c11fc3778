#include <arrow/api.h>
#include <fmt/format.h>

#include "connectors/snowflake/snowflake_errors.h"
#include "connectors/snowflake/snowflake_session.h"
#include "connectors/snowflake/statement_text.h"
#include "connectors/sql_ingest/insert_ingest.h"

namespace nstarx::connectors::snowflake {
namespace {

int Digits(arrow::TimeUnit::type unit) { return 3 * static_cast<int>(unit); }

std::string Declare(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return "BOOLEAN";
    case arrow::Type::INT8:
    case arrow::Type::UINT8:
      return "NUMBER(3,0)";
    case arrow::Type::INT16:
    case arrow::Type::UINT16:
      return "NUMBER(5,0)";
    case arrow::Type::INT32:
    case arrow::Type::UINT32:
      return "NUMBER(10,0)";
    case arrow::Type::INT64:
      return "NUMBER(19,0)";
    case arrow::Type::UINT64:
      return "NUMBER(20,0)";
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
      return "FLOAT";
    case arrow::Type::DECIMAL128: {
      const auto& decimal = static_cast<const arrow::DecimalType&>(type);
      if (decimal.scale() < 0 || decimal.scale() > 37) return {};
      return fmt::format("NUMBER({},{})", decimal.precision(), decimal.scale());
    }
    case arrow::Type::NA:
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
      return "VARCHAR";
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::FIXED_SIZE_BINARY:
      return "BINARY";
    case arrow::Type::DATE32:
      return "DATE";
    case arrow::Type::TIME32:
      return fmt::format("TIME({})", Digits(static_cast<const arrow::Time32Type&>(type).unit()));
    case arrow::Type::TIME64:
      return fmt::format("TIME({})", Digits(static_cast<const arrow::Time64Type&>(type).unit()));
    case arrow::Type::TIMESTAMP: {
      const auto& moment = static_cast<const arrow::TimestampType&>(type);
      return fmt::format("{}({})", moment.timezone().empty() ? "TIMESTAMP_NTZ" : "TIMESTAMP_TZ",
                         Digits(moment.unit()));
    }
    default:
      return {};
  }
}

}  // namespace

Result<int64_t> SnowflakeSession::Ingest(const Context& context, std::string_view path,
                                         connector::IngestMode mode,
                                         connector::BatchStream& source) {
  if (read_only_) return ReadOnly();
  auto parts = SplitPath(path);
  if (!parts || parts->size() > 3) return UndefinedTable(path);
  sql_ingest::Target target{.table = QuotePath(*parts), .staging = {}};
  parts->back() += "__nstarx_" + sql_ingest::NewSuffix();
  target.staging = QuotePath(*parts);
  static constexpr sql_ingest::Dialect kDialect{
      .connector = "snowflake", .system = "Snowflake", .declare = Declare};
  return sql_ingest::Ingest(context, kDialect, target, mode, source,
                            [this](const Context& until, const std::string& statement) -> Status {
                              NSTARX_TRY(const json::object data,
                                         client_->Query(until, {{"sqlText", statement}}));
                              (void)data;
                              return {};
                            });
}

}  // namespace nstarx::connectors::snowflake
