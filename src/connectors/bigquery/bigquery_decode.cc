#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <optional>

#include "base/base64.h"
#include "connectors/bigquery/bigquery_errors.h"
#include "connectors/bigquery/bigquery_moment.h"
#include "connectors/bigquery/bigquery_types.h"
#include "connectors/sql_text/pieces.h"

namespace nstarx::connectors::bigquery {
namespace {

Status Check(const arrow::Status& status) {
  if (status.ok()) return {};
  return Internal("Arrow can not build a column: " + status.message());
}

Error Unreadable(const DeclaredField& field) {
  return NotExact(field.name, "a value can not be read as " + field.native.substr(0, 60));
}

template <class Number>
std::optional<Number> Parsed(std::string_view text) {
  Number out = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
  if (text.empty() || read.ec != std::errc() || read.ptr != text.data() + text.size()) {
    return std::nullopt;
  }
  return out;
}

std::optional<double> Real(std::string_view text) {
  const std::string word = sql_text::Upper(text);
  if (word == "NAN") return std::numeric_limits<double>::quiet_NaN();
  if (word == "INF" || word == "INFINITY") return std::numeric_limits<double>::infinity();
  if (word == "-INF" || word == "-INFINITY") return -std::numeric_limits<double>::infinity();
  return Parsed<double>(text);
}

template <class Decimal, class Builder>
Status AppendDecimal(const DeclaredField& field, std::string_view text, int precision, int scale,
                     arrow::ArrayBuilder& builder) {
  Decimal value;
  int32_t sent_precision = 0;
  int32_t sent_scale = 0;
  if (!Decimal::FromString(text, &value, &sent_precision, &sent_scale).ok()) {
    return Unreadable(field);
  }
  if (sent_scale != scale) {
    const auto rescaled = value.Rescale(sent_scale, scale);
    if (!rescaled.ok()) return Unreadable(field);
    value = *rescaled;
  }
  if (!value.FitsInPrecision(precision)) {
    return NotExact(field.name, fmt::format("a number has more than {} digits", precision));
  }
  return Check(static_cast<Builder&>(builder).Append(value));
}

Status AppendText(const DeclaredField& field, std::string_view text, arrow::ArrayBuilder& builder);

/// "[2020-01-01, UNBOUNDED)"
Status AppendRange(const DeclaredField& field, std::string_view text,
                   arrow::ArrayBuilder& builder) {
  const size_t comma = text.find(',');
  if (comma == std::string_view::npos || !text.starts_with('[') || !text.ends_with(')')) {
    return Unreadable(field);
  }
  std::string_view ends[] = {text.substr(1, comma - 1),
                             text.substr(comma + 1, text.size() - comma - 2)};
  auto& made = static_cast<arrow::StructBuilder&>(builder);
  NSTARX_RETURN_IF_ERROR(Check(made.Append()));
  for (int i = 0; i < 2; ++i) {
    while (ends[i].starts_with(' ')) ends[i].remove_prefix(1);
    arrow::ArrayBuilder& end = *made.field_builder(i);
    const std::string word = sql_text::Upper(ends[i]);
    if (word == "UNBOUNDED" || word == "NULL") {
      NSTARX_RETURN_IF_ERROR(Check(end.AppendNull()));
    } else {
      NSTARX_RETURN_IF_ERROR(AppendText(field.fields[static_cast<size_t>(i)], ends[i], end));
    }
  }
  return {};
}

Status AppendMoment(const DeclaredField& field, std::string_view text,
                    arrow::ArrayBuilder& builder) {
  std::optional<int64_t> value;
  switch (field.kind) {
    case ValueKind::kDate: {
      const auto days = ReadDate(text);
      if (!days) return Unreadable(field);
      return Check(static_cast<arrow::Date32Builder&>(builder).Append(*days));
    }
    case ValueKind::kTime:
      value = ReadTime(text);
      if (!value) return Unreadable(field);
      return Check(static_cast<arrow::Time64Builder&>(builder).Append(*value));
    case ValueKind::kDatetime:
      value = ReadDatetime(text);
      break;
    default:
      value = Parsed<int64_t>(text);
      break;
  }
  if (!value) return Unreadable(field);
  return Check(static_cast<arrow::TimestampBuilder&>(builder).Append(*value));
}

Status AppendText(const DeclaredField& field, std::string_view text, arrow::ArrayBuilder& builder) {
  switch (field.kind) {
    case ValueKind::kInteger: {
      const auto value = Parsed<int64_t>(text);
      if (!value) return Unreadable(field);
      return Check(static_cast<arrow::Int64Builder&>(builder).Append(*value));
    }
    case ValueKind::kFloat: {
      const auto value = Real(text);
      if (!value) return Unreadable(field);
      return Check(static_cast<arrow::DoubleBuilder&>(builder).Append(*value));
    }
    case ValueKind::kNumeric:
      return AppendDecimal<arrow::Decimal128, arrow::Decimal128Builder>(field, text, 38, 9,
                                                                        builder);
    case ValueKind::kBigNumeric:
      return AppendDecimal<arrow::Decimal256, arrow::Decimal256Builder>(field, text, 76, 38,
                                                                        builder);
    case ValueKind::kBoolean:
      if (text != "true" && text != "false") return Unreadable(field);
      return Check(static_cast<arrow::BooleanBuilder&>(builder).Append(text == "true"));
    case ValueKind::kBytes: {
      const auto bytes = DecodeBase64(text);
      if (!bytes) return Unreadable(field);
      return Check(static_cast<arrow::BinaryBuilder&>(builder).Append(*bytes));
    }
    case ValueKind::kDate:
    case ValueKind::kTime:
    case ValueKind::kDatetime:
    case ValueKind::kTimestamp:
      return AppendMoment(field, text, builder);
    case ValueKind::kRange:
      return AppendRange(field, text, builder);
    case ValueKind::kStruct:
      return Malformed("a STRUCT that is a text");
    case ValueKind::kString:
      break;
  }
  return Check(static_cast<arrow::StringBuilder&>(builder).Append(text));
}

Status AppendRow(const std::vector<DeclaredField>& fields, const json::value& row,
                 const std::function<arrow::ArrayBuilder&(size_t)>& builder_of);

/// One value, or one element of a repeated field.
Status AppendOne(const DeclaredField& field, const json::value& value,
                 arrow::ArrayBuilder& builder) {
  if (value.is_null()) return Check(builder.AppendNull());
  if (field.kind == ValueKind::kStruct) {
    auto& made = static_cast<arrow::StructBuilder&>(builder);
    NSTARX_RETURN_IF_ERROR(Check(made.Append()));
    return AppendRow(field.fields, value, [&](size_t i) -> arrow::ArrayBuilder& {
      return *made.field_builder(static_cast<int>(i));
    });
  }
  if (value.is_string()) return AppendText(field, value.get_string(), builder);
  return AppendText(field, json::serialize(value), builder);
}

Status AppendCell(const DeclaredField& field, const json::value& value,
                  arrow::ArrayBuilder& builder) {
  if (!field.repeated || value.is_null()) return AppendOne(field, value, builder);
  if (!value.is_array()) return Malformed("a repeated field that is no list");
  auto& list = static_cast<arrow::ListBuilder&>(builder);
  NSTARX_RETURN_IF_ERROR(Check(list.Append()));
  for (const auto& each : value.get_array()) {
    const auto* cell = each.if_object();
    const auto* element = cell ? cell->if_contains("v") : nullptr;
    if (element == nullptr) return Malformed("an element without value");
    NSTARX_RETURN_IF_ERROR(AppendOne(field, *element, *list.value_builder()));
  }
  return {};
}

Status AppendRow(const std::vector<DeclaredField>& fields, const json::value& row,
                 const std::function<arrow::ArrayBuilder&(size_t)>& builder_of) {
  const auto* object = row.if_object();
  const auto* cells = object ? object->if_contains("f") : nullptr;
  if (cells == nullptr || !cells->is_array() || cells->get_array().size() != fields.size()) {
    return Malformed("a row with other columns than declared");
  }
  for (size_t i = 0; i < fields.size(); ++i) {
    const auto* cell = cells->get_array()[i].if_object();
    const auto* value = cell ? cell->if_contains("v") : nullptr;
    if (value == nullptr) return Malformed("a cell without value");
    NSTARX_RETURN_IF_ERROR(AppendCell(fields[i], *value, builder_of(i)));
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<arrow::RecordBatch>> DecodeRows(const std::vector<DeclaredField>& fields,
                                                       const std::shared_ptr<arrow::Schema>& schema,
                                                       const json::array& rows) {
  std::vector<std::unique_ptr<arrow::ArrayBuilder>> builders;
  for (const DeclaredField& field : fields) {
    auto builder = arrow::MakeBuilder(field.arrow);
    NSTARX_RETURN_IF_ERROR(Check(builder.status()));
    builders.push_back(*std::move(builder));
  }
  for (const auto& row : rows) {
    NSTARX_RETURN_IF_ERROR(
        AppendRow(fields, row, [&](size_t i) -> arrow::ArrayBuilder& { return *builders[i]; }));
  }
  arrow::ArrayVector out;
  for (const auto& builder : builders) {
    std::shared_ptr<arrow::Array> array;
    NSTARX_RETURN_IF_ERROR(Check(builder->Finish(&array)));
    out.push_back(std::move(array));
  }
  return arrow::RecordBatch::Make(schema, static_cast<int64_t>(rows.size()), std::move(out));
}

}  // namespace nstarx::connectors::bigquery
