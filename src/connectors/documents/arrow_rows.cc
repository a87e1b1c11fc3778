#include "connectors/documents/arrow_rows.h"

#include "connectors/documents/arrow_rows_walk.h"

namespace nstarx::connectors::documents {
namespace {

Status CheckType(const std::string& column, const arrow::DataType& type) {
  using arrow::Type;
  switch (type.id()) {
    case Type::STRUCT:
    case Type::LIST:
    case Type::LARGE_LIST:
    case Type::FIXED_SIZE_LIST:
      for (const auto& field : type.fields()) {
        NSTARX_RETURN_IF_ERROR(CheckType(column, *field->type()));
      }
      return {};
    case Type::DICTIONARY:
      return CheckType(column, *static_cast<const arrow::DictionaryType&>(type).value_type());
    case Type::MAP:
    case Type::DURATION:
    case Type::INTERVAL_MONTHS:
    case Type::INTERVAL_DAY_TIME:
    case Type::INTERVAL_MONTH_DAY_NANO:
    case Type::SPARSE_UNION:
    case Type::DENSE_UNION:
    case Type::RUN_END_ENCODED:
    case Type::STRING_VIEW:
    case Type::BINARY_VIEW:
    case Type::LIST_VIEW:
    case Type::LARGE_LIST_VIEW:
    case Type::EXTENSION:
      return Unimplemented(
          "query.unsupported_type",
          fmt::format("column {}: {} has no form in a document", column, type.ToString()));
    default:
      return {};
  }
}

}  // namespace

std::string IsoDate(int64_t days) {
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::string IsoTimeOfDay(int64_t nanos) {
  const int64_t seconds = nanos / 1'000'000'000;
  std::string out =
      fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (const int64_t fraction = nanos % 1'000'000'000; fraction % 1000 != 0) {
    out += fmt::format(".{:09}", fraction);
  } else if (fraction != 0) {
    out += fmt::format(".{:06}", fraction / 1000);
  }
  return out;
}

Status CheckRows(const arrow::Schema& schema) {
  for (const auto& field : schema.fields()) {
    NSTARX_RETURN_IF_ERROR(CheckType(field->name(), *field->type()));
  }
  return {};
}

Status AppendJsonRow(const arrow::RecordBatch& batch, int64_t row, std::string* out) {
  JsonText text(JsonText::Dialect::kPlain);
  std::swap(text.text(), *out);
  Status done = WalkRow(batch, row, text);
  std::swap(text.text(), *out);
  return done;
}

}  // namespace nstarx::connectors::documents
