#include "connectors/databricks/databricks_types.h"

#include <arrow/api.h>
#include <arrow/compute/cast.h>
#include <arrow/util/base64.h>
#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "connectors/databricks/databricks_errors.h"

namespace nstarx::connectors::databricks {
namespace {

constexpr int kDepthMax = 24;
using TypePtr = std::shared_ptr<arrow::DataType>;

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::string Upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

/// Parts between commas that are in no brackets.
std::vector<std::string_view> SplitTop(std::string_view text) {
  std::vector<std::string_view> out;
  int depth = 0;
  size_t begin = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '<' || text[at] == '(') ++depth;
    if (text[at] == '>' || text[at] == ')') --depth;
    if (text[at] == ',' && depth == 0) {
      out.push_back(Trim(text.substr(begin, at - begin)));
      begin = at + 1;
    }
  }
  out.push_back(Trim(text.substr(begin)));
  return out;
}

TypePtr Decimal(std::string_view inside) {
  const auto parts = SplitTop(inside);
  const auto number = [&](size_t index, int fallback) {
    int out = fallback;
    if (index < parts.size()) {
      std::from_chars(parts[index].data(), parts[index].data() + parts[index].size(), out);
    }
    return out;
  };
  const int precision = number(0, 10);
  const int scale = number(1, 0);
  if (precision < 1 || precision > 38 || scale < 0 || scale > precision) return nullptr;
  return arrow::decimal128(precision, scale);
}

TypePtr TypeOf(std::string_view declared, int depth);

TypePtr Struct(std::string_view inside, int depth) {
  arrow::FieldVector fields;
  for (const std::string_view part : SplitTop(inside)) {
    const size_t colon = part.find(':');
    if (colon == std::string_view::npos) return nullptr;
    std::string_view name = Trim(part.substr(0, colon));
    if (name.size() > 1 && name.front() == '`' && name.back() == '`') {
      name = name.substr(1, name.size() - 2);
    }
    const TypePtr type = TypeOf(part.substr(colon + 1), depth + 1);
    if (!type) return nullptr;
    fields.push_back(arrow::field(std::string(name), type));
  }
  return arrow::struct_(std::move(fields));
}

TypePtr Scalar(const std::string& name) {
  if (name == "BOOLEAN") return arrow::boolean();
  if (name == "BYTE" || name == "TINYINT") return arrow::int8();
  if (name == "SHORT" || name == "SMALLINT") return arrow::int16();
  if (name == "INT" || name == "INTEGER") return arrow::int32();
  if (name == "LONG" || name == "BIGINT") return arrow::int64();
  if (name == "FLOAT" || name == "REAL") return arrow::float32();
  if (name == "DOUBLE") return arrow::float64();
  if (name == "DATE") return arrow::date32();
  if (name == "TIMESTAMP" || name == "TIMESTAMP_LTZ" || name == "TIMESTAMP WITH TIME ZONE") {
    return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
  }
  if (name == "TIMESTAMP_NTZ") return arrow::timestamp(arrow::TimeUnit::MICRO);
  if (name == "STRING" || name == "CHAR" || name == "VARCHAR") return arrow::utf8();
  if (name == "BINARY" || name == "BLOB") return arrow::binary();
  if (name == "DECIMAL" || name == "NUMERIC") return arrow::decimal128(10, 0);
  return nullptr;
}

TypePtr TypeOf(std::string_view declared, int depth) {
  declared = Trim(declared);
  if (depth > kDepthMax || declared.empty()) return nullptr;
  const size_t open = declared.find_first_of("<(");
  if (open == std::string_view::npos) return Scalar(Upper(declared));
  if (declared.back() != '>' && declared.back() != ')') return nullptr;
  const std::string name = Upper(Trim(declared.substr(0, open)));
  const std::string_view inside = declared.substr(open + 1, declared.size() - open - 2);
  if (name == "DECIMAL" || name == "NUMERIC") return Decimal(inside);
  if (name == "CHAR" || name == "VARCHAR" || name == "STRING") return arrow::utf8();
  if (name == "STRUCT") return Struct(inside, depth);
  if (name == "ARRAY") {
    const TypePtr element = TypeOf(inside, depth + 1);
    return element ? arrow::list(element) : nullptr;
  }
  if (name == "MAP") {
    const auto parts = SplitTop(inside);
    if (parts.size() != 2) return nullptr;
    const TypePtr key = TypeOf(parts[0], depth + 1);
    const TypePtr value = TypeOf(parts[1], depth + 1);
    return key && value ? arrow::map(key, value) : nullptr;
  }
  return nullptr;
}

bool IsNested(const arrow::DataType& type) { return arrow::is_nested(type.id()); }

TypePtr Chosen(const TypePtr& declared, const TypePtr& data) {
  const bool nothing = data == nullptr || data->id() == arrow::Type::NA;
  if (declared == nullptr) return nothing ? arrow::utf8() : data;
  if (!IsNested(*declared) || nothing) return declared;
  return data;
}

/// Text of a point in time, with or without a zone; without one it is UTC.
arrow::Result<std::shared_ptr<arrow::Array>> CastTime(const arrow::Array& array,
                                                      const TypePtr& type) {
  auto zoned = arrow::compute::Cast(array, type);
  if (zoned.ok()) return zoned;
  ARROW_ASSIGN_OR_RAISE(const auto plain,
                        arrow::compute::Cast(array, arrow::timestamp(arrow::TimeUnit::MICRO)));
  return arrow::compute::Cast(*plain, type);
}

}  // namespace

std::vector<DeclaredColumn> ReadColumns(const json::object& manifest) {
  std::vector<DeclaredColumn> out;
  const auto* schema = manifest.if_contains("schema");
  const auto* list =
      schema && schema->is_object() ? schema->get_object().if_contains("columns") : nullptr;
  if (!list || !list->is_array()) return out;
  for (const auto& each : list->get_array()) {
    if (!each.is_object()) continue;
    const json::object& column = each.get_object();
    std::string_view type = GetString(column, "type_text");
    if (type.empty()) type = GetString(column, "type_name");
    out.push_back({.name = std::string(GetString(column, "name")), .type = std::string(type)});
  }
  return out;
}

TypePtr ArrowTypeOf(std::string_view declared) { return TypeOf(declared, 0); }

std::shared_ptr<arrow::Schema> ResultSchema(const std::vector<DeclaredColumn>& columns,
                                            const arrow::Schema* data) {
  arrow::FieldVector fields;
  for (size_t i = 0; i < columns.size(); ++i) {
    const bool there = data && static_cast<size_t>(data->num_fields()) == columns.size();
    const TypePtr form = there ? data->field(static_cast<int>(i))->type() : nullptr;
    fields.push_back(arrow::field(columns[i].name, Chosen(ArrowTypeOf(columns[i].type), form)));
  }
  return arrow::schema(std::move(fields));
}

Result<std::shared_ptr<arrow::RecordBatch>> Conform(
    const std::shared_ptr<arrow::Schema>& schema,
    const std::shared_ptr<arrow::RecordBatch>& batch) {
  if (batch->num_columns() != schema->num_fields()) return Malformed("a chunk of other columns");
  arrow::ArrayVector arrays;
  for (int i = 0; i < batch->num_columns(); ++i) {
    const TypePtr& type = schema->field(i)->type();
    std::shared_ptr<arrow::Array> array = batch->column(i);
    if (!array->type()->Equals(type)) {
      const bool text_of_time =
          type->id() == arrow::Type::TIMESTAMP && array->type_id() == arrow::Type::STRING;
      auto cast = text_of_time ? CastTime(*array, type) : arrow::compute::Cast(*array, type);
      if (!cast.ok()) {
        return Error(ErrorKind::kDataLoss, "result.value_not_exact",
                     fmt::format("Column '{}' holds what is no exact {}", schema->field(i)->name(),
                                 type->ToString()))
            .WithStage("query")
            .WithConnector("databricks")
            .WithDetail("column", schema->field(i)->name());
      }
      array = *std::move(cast);
    }
    arrays.push_back(std::move(array));
  }
  return arrow::RecordBatch::Make(schema, batch->num_rows(), std::move(arrays));
}

Result<std::shared_ptr<arrow::RecordBatch>> RowsOfJson(const std::vector<DeclaredColumn>& columns,
                                                       const json::array& rows) {
  arrow::FieldVector fields;
  std::vector<std::unique_ptr<arrow::BinaryBuilder>> builders;
  for (const auto& column : columns) {
    const TypePtr type = ArrowTypeOf(column.type);
    const bool bytes = type && type->id() == arrow::Type::BINARY;
    if (bytes) {
      builders.push_back(std::make_unique<arrow::BinaryBuilder>());
    } else {
      builders.push_back(std::make_unique<arrow::StringBuilder>());
    }
    fields.push_back(arrow::field(column.name, bytes ? arrow::binary() : arrow::utf8()));
  }
  for (const auto& row : rows) {
    if (!row.is_array() || row.get_array().size() != columns.size()) {
      return Malformed("a row of other columns");
    }
    for (size_t i = 0; i < columns.size(); ++i) {
      const json::value& value = row.get_array()[i];
      std::string text = value.is_string() ? std::string(value.get_string())
                         : value.is_null() ? std::string()
                                           : json::serialize(value);
      if (fields[i]->type()->id() == arrow::Type::BINARY && !value.is_null()) {
        auto bytes = arrow::util::base64_decode(text);
        if (!bytes.ok()) return Malformed("a value that is no base64");
        text = *std::move(bytes);
      }
      const auto added =
          value.is_null() ? builders[i]->AppendNull() : builders[i]->Append(std::string_view(text));
      if (!added.ok()) return Malformed("more than fits into a column");
    }
  }
  arrow::ArrayVector arrays;
  for (auto& builder : builders) {
    auto array = builder->Finish();
    if (!array.ok()) return Malformed("more than fits into a column");
    arrays.push_back(*std::move(array));
  }
  return arrow::RecordBatch::Make(arrow::schema(std::move(fields)),
                                  static_cast<int64_t>(rows.size()), std::move(arrays));
}

}  // namespace nstarx::connectors::databricks
