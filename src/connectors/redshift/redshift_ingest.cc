#include <arrow/api.h>
#include <arrow/compute/cast.h>
#include <fmt/format.h>

#include "connectors/redshift/redshift_errors.h"
#include "connectors/redshift/redshift_session.h"

namespace nstarx::connectors::redshift {
namespace {

using postgresql::QuoteName;

/// Bounds of one INSERT: the protocol counts parameters with 16 bits.
constexpr size_t kParametersMax = 16'000;
constexpr size_t kBytesMax = size_t{1} << 20;

Error Refuse(std::string code, std::string message) {
  return InvalidArgument(std::move(code), std::move(message))
      .WithStage("query")
      .WithConnector("redshift");
}

/// The column type that holds an Arrow type without loss; empty when there is none.
std::string SqlTypeFor(const arrow::Field& field) {
  const arrow::DataType& type = *field.type();
  switch (type.id()) {
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::NA:
      return "varchar(65535)";
    case arrow::Type::TIMESTAMP:
      // Nanoseconds have no place.
      if (static_cast<const arrow::TimestampType&>(type).unit() == arrow::TimeUnit::NANO) return "";
      return postgresql::SqlTypeOf(field);
    case arrow::Type::TIME64:
      if (static_cast<const arrow::Time64Type&>(type).unit() == arrow::TimeUnit::NANO) return "";
      return "time";
    case arrow::Type::DECIMAL128: {
      const auto& decimal = static_cast<const arrow::DecimalType&>(type);
      if (decimal.scale() < 0 || decimal.scale() > 37) return "";
      return postgresql::SqlTypeOf(field);
    }
    case arrow::Type::BOOL:
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::INT64:
    case arrow::Type::UINT8:
    case arrow::Type::UINT16:
    case arrow::Type::UINT32:
    case arrow::Type::UINT64:
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
    case arrow::Type::DATE32:
    case arrow::Type::TIME32:
      return postgresql::SqlTypeOf(field);
    default:
      return "";
  }
}

struct Plan {
  std::string table;
  std::string columns;
  std::string definition;
  std::vector<std::string> types;
};

Result<Plan> PlanOf(std::string_view path, const arrow::Schema& schema) {
  const std::vector<std::string> parts = postgresql::SplitPath(path);
  if (parts.empty() || parts.size() > 2) {
    return Refuse("query.undefined_table", fmt::format("'{}' is no table's path", path))
        .WithHint("Write table or schema.table, with \"…\" around names that need it.");
  }
  if (schema.num_fields() == 0) return Refuse("ingest.no_columns", "the rows have no columns");
  if (schema.num_fields() > 1600) {
    return Refuse("ingest.unsupported_type", "Redshift's tables have at most 1600 columns");
  }
  Plan plan{.table = QuoteName(parts[0])};
  if (parts.size() == 2) plan.table += "." + QuoteName(parts[1]);
  for (const auto& field : schema.fields()) {
    plan.types.push_back(SqlTypeFor(*field));
    if (plan.types.back().empty()) {
      return Refuse("ingest.unsupported_type",
                    fmt::format("column '{}' has the type {}, which is not written to Redshift",
                                field->name(), field->type()->ToString()))
          .WithDetail("column_name", field->name())
          .WithHint("Cast the column before it is written, e.g. to text.");
    }
    const std::string_view separator = plan.columns.empty() ? "" : ", ";
    plan.columns += fmt::format("{}{}", separator, QuoteName(field->name()));
    plan.definition +=
        fmt::format("{}{} {}", separator, QuoteName(field->name()), plan.types.back());
  }
  return plan;
}

/// A decimal digit by digit: Arrow's own text of small ones has an exponent.
std::shared_ptr<arrow::StringArray> PlainDecimals(const arrow::Decimal128Array& decimals) {
  const auto scale =
      static_cast<size_t>(static_cast<const arrow::DecimalType&>(*decimals.type()).scale());
  arrow::StringBuilder builder;
  for (int64_t row = 0; row < decimals.length(); ++row) {
    if (decimals.IsNull(row)) {
      if (!builder.AppendNull().ok()) return nullptr;
      continue;
    }
    std::string text = arrow::Decimal128(decimals.GetValue(row)).ToIntegerString();
    const bool negative = text.starts_with('-');
    if (negative) text.erase(0, 1);
    if (text.size() <= scale) text.insert(0, scale + 1 - text.size(), '0');
    if (scale > 0) text.insert(text.size() - scale, 1, '.');
    if (negative) text.insert(0, 1, '-');
    if (!builder.Append(text).ok()) return nullptr;
  }
  std::shared_ptr<arrow::StringArray> texts;
  return builder.Finish(&texts).ok() ? texts : nullptr;
}

Result<std::vector<std::shared_ptr<arrow::StringArray>>> TextsOf(const arrow::RecordBatch& batch) {
  std::vector<std::shared_ptr<arrow::StringArray>> texts;
  for (int i = 0; i < batch.num_columns(); ++i) {
    if (batch.column(i)->type_id() == arrow::Type::DECIMAL128) {
      texts.push_back(PlainDecimals(static_cast<const arrow::Decimal128Array&>(*batch.column(i))));
      if (texts.back() == nullptr) {
        return Error(ErrorKind::kResourceExhausted, "query.out_of_memory",
                     "there is no memory for a batch of decimals")
            .WithStage("query");
      }
      continue;
    }
    auto text = arrow::compute::Cast(*batch.column(i), arrow::utf8());
    if (!text.ok()) {
      return Refuse("query.bad_value", fmt::format("column '{}' has a value that has no text: {}",
                                                   batch.column_name(i), text.status().message()))
          .WithDetail("column_name", batch.column_name(i));
    }
    texts.push_back(std::static_pointer_cast<arrow::StringArray>(*text));
  }
  return texts;
}

std::string CellText(std::string_view text, arrow::Type::type type) {
  if (type == arrow::Type::FLOAT || type == arrow::Type::DOUBLE) {
    if (text == "inf") return "Infinity";
    if (text == "-inf") return "-Infinity";
    if (text == "nan") return "NaN";
  }
  return std::string(text);
}

/// Writes the rows of a batch with as few INSERTs as the bounds allow.
Result<int64_t> Insert(RedshiftSession& session, const Context& context, const Plan& plan,
                       const arrow::RecordBatch& batch) {
  NSTARX_TRY(const auto texts, TextsOf(batch));
  std::string sql;
  std::vector<std::optional<std::string>> values;
  size_t bytes = 0;
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    sql +=
        sql.empty() ? fmt::format("INSERT INTO {} ({}) VALUES ", plan.table, plan.columns) : ", ";
    for (size_t i = 0; i < texts.size(); ++i) {
      if (texts[i]->IsNull(row)) {
        values.emplace_back();
      } else {
        values.emplace_back(
            CellText(texts[i]->GetView(row), batch.column(static_cast<int>(i))->type_id()));
        if (values.back()->find('\0') != std::string::npos) {
          return Refuse("query.bad_value", "a text has a zero byte, which Redshift can't hold")
              .WithDetail("column_name", batch.column_name(static_cast<int>(i)));
        }
        bytes += values.back()->size();
      }
      sql += fmt::format("{}CAST(${} AS {})", i == 0 ? "(" : ", ", values.size(), plan.types[i]);
    }
    sql += ')';
    const bool last = row + 1 == batch.num_rows();
    if (!last && bytes < kBytesMax && values.size() + texts.size() <= kParametersMax) continue;
    NSTARX_RETURN_IF_ERROR(session.Ask(context, sql, values));
    sql.clear();
    values.clear();
    bytes = 0;
  }
  return batch.num_rows();
}

Result<int64_t> InTransaction(RedshiftSession& session, const Context& context, const Plan& plan,
                              connector::IngestMode mode, connector::BatchStream& source) {
  NSTARX_RETURN_IF_ERROR(session.Ask(context, "BEGIN"));
  if (mode == connector::IngestMode::kReplace) {
    NSTARX_RETURN_IF_ERROR(session.Ask(context, "DROP TABLE IF EXISTS " + plan.table));
  }
  if (mode != connector::IngestMode::kAppend) {
    NSTARX_RETURN_IF_ERROR(
        session.Ask(context, fmt::format("CREATE TABLE {} ({})", plan.table, plan.definition)));
  }
  int64_t rows = 0;
  for (;;) {
    NSTARX_TRY(auto batch, source.Next(context));
    if (batch == nullptr) break;
    NSTARX_TRY(const int64_t written, Insert(session, context, plan, *batch));
    rows += written;
  }
  NSTARX_RETURN_IF_ERROR(session.Ask(context, "COMMIT"));
  return rows;
}

}  // namespace

Result<int64_t> RedshiftSession::Ingest(const Context& context, std::string_view path,
                                        connector::IngestMode mode,
                                        connector::BatchStream& source) {
  if (options().read_only) {
    return Error(ErrorKind::kPermissionDenied, "query.read_only",
                 "this connection is read-only: it runs queries only")
        .WithStage("query")
        .WithConnector("redshift");
  }
  NSTARX_TRY(const Plan plan, PlanOf(path, *source.schema()));
  auto rows = InTransaction(*this, context, plan, mode, source);
  if (rows) return rows;
  // Taken back whole.
  (void)EndStatement(context, wire().syncs_expected() == 0, false);
  return Refine(std::move(rows).error());
}

}  // namespace nstarx::connectors::redshift
