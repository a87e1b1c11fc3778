#include "connectors/redis/redis_table_rows.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include "connectors/redis/redis_column.h"
#include "connectors/redis/redis_errors.h"

namespace nstarx::connectors::redis {
namespace {

using Kind = Reply::Kind;

std::shared_ptr<arrow::DataType> ArrowType(ColumnType type) {
  switch (type) {
    case ColumnType::kInteger:
      return arrow::int64();
    case ColumnType::kDouble:
      return arrow::float64();
    case ColumnType::kBinary:
      return arrow::binary();
    default:
      return arrow::utf8();
  }
}

Status Check(const arrow::Status& status) {
  if (status.ok()) return {};
  return QueryError(ErrorKind::kResourceExhausted, "query.value_too_large", status.message());
}

}  // namespace

std::string ArrowTypeName(ColumnType type) { return ArrowType(type)->ToString(); }

TableRows::TableRows(std::vector<TableColumn> columns) : columns_(std::move(columns)) {
  arrow::FieldVector fields;
  for (size_t at = 0; at < columns_.size(); ++at) {
    const TableColumn& column = columns_[at];
    fields.push_back(arrow::field(column.name, ArrowType(column.type)));
    if (column.source == ColumnSource::kField) fields_.emplace(column.field, at);
    has_drift_ = has_drift_ || column.source == ColumnSource::kDrift;
    has_type_ = has_type_ || column.source == ColumnSource::kType;
    has_ttl_ = has_ttl_ || column.source == ColumnSource::kTtl;
  }
  schema_ = arrow::schema(std::move(fields));
}

TableRows::Builder::Builder(const TableRows& layout)
    : layout_(layout), filled_(layout.columns_.size()) {
  for (const auto& field : layout.schema_->fields()) {
    auto made = arrow::MakeBuilder(field->type());
    NSTARX_CHECK(made.ok());
    builders_.push_back(std::move(*made));
  }
}
TableRows::Builder::~Builder() = default;
TableRows::Builder::Builder(Builder&&) noexcept = default;

void TableRows::Builder::Drift(std::string_view name, std::string_view text) {
  drift_.push_back(drift_.empty() ? '{' : ',');
  // A member's name must be text; bytes that are none are shown in hexadecimal.
  if (IsUtf8(name)) {
    AppendJsonText(name, &drift_);
  } else {
    std::string shown = "$hex:";
    for (const char c : name) {
      fmt::format_to(std::back_inserter(shown), "{:02x}", static_cast<unsigned char>(c));
    }
    AppendJsonText(shown, &drift_);
  }
  drift_.push_back(':');
  AppendJsonText(text, &drift_);
}

Status TableRows::Builder::PutNull(size_t column) {
  filled_[column] = true;
  return Check(builders_[column]->AppendNull());
}

Status TableRows::Builder::Put(size_t at, std::string_view text, const KeyValue& row) {
  const TableColumn& column = layout_.columns_[at];
  arrow::ArrayBuilder& builder = *builders_[at];
  bytes_ += text.size() + 8;
  int64_t integer = 0;
  double number = 0;
  filled_[at] = true;
  switch (column.type) {
    case ColumnType::kInteger:
      if (!ExactInteger(text, &integer)) break;
      return Check(static_cast<arrow::Int64Builder&>(builder).Append(integer));
    case ColumnType::kDouble:
      if (!ExactDouble(text, &number)) break;
      return Check(static_cast<arrow::DoubleBuilder&>(builder).Append(number));
    case ColumnType::kBinary:
      return Check(static_cast<arrow::BinaryBuilder&>(builder).Append(text));
    default:
      if (!IsUtf8(text)) break;
      return Check(static_cast<arrow::StringBuilder&>(builder).Append(text));
  }
  if (!layout_.has_drift_) {
    std::string key;
    AppendJsonText(row.key, &key);
    return QueryError(ErrorKind::kInvalidArgument, "query.type_mismatch",
                      fmt::format("Column '{}' of key {}: the value is not exactly a {}",
                                  column.name, key, ArrowTypeName(column.type)))
        .WithDetail("column", column.name);
  }
  Drift(column.name, text);
  return Check(builder.AppendNull());
}

Status TableRows::Builder::PutFields(const KeyValue& row) {
  for (size_t item = 0; item + 1 < row.value.items.size(); item += 2) {
    const std::string& name = row.value.items[item].text;
    const std::string& text = row.value.items[item + 1].text;
    const auto found = layout_.fields_.find(name);
    if (found != layout_.fields_.end() && !filled_[found->second]) {
      NSTARX_RETURN_IF_ERROR(Put(found->second, text, row));
    } else if (layout_.has_drift_) {
      Drift(name, text);
    }
  }
  return {};
}

Status TableRows::Builder::Append(const KeyValue& row) {
  filled_.assign(filled_.size(), false);
  drift_.clear();
  const bool hash = row.type == "hash";
  if (hash) NSTARX_RETURN_IF_ERROR(PutFields(row));
  std::string value;
  bool has_value = !hash && row.value.kind != Kind::kNull;
  if (has_value && row.value.kind == Kind::kText) value = row.value.text;
  if (has_value && row.value.kind != Kind::kText) AppendJson(row.value, &value);
  for (size_t at = 0; at < layout_.columns_.size(); ++at) {
    switch (layout_.columns_[at].source) {
      case ColumnSource::kKey:
        NSTARX_RETURN_IF_ERROR(Put(at, row.key, row));
        break;
      case ColumnSource::kType:
        NSTARX_RETURN_IF_ERROR(Put(at, row.type, row));
        break;
      case ColumnSource::kTtl:
        NSTARX_RETURN_IF_ERROR(row.ttl_ms < 0 ? PutNull(at)
                                              : Put(at, std::to_string(row.ttl_ms), row));
        break;
      case ColumnSource::kValue:
        if (has_value) NSTARX_RETURN_IF_ERROR(Put(at, value, row));
        has_value = false;
        break;
      default:
        break;
    }
  }
  if (layout_.has_drift_) {
    if (has_value) Drift("value", value);
    if (!hash && !layout_.has_type_) Drift("type", row.type);
    if (row.ttl_ms >= 0 && !layout_.has_ttl_) Drift("ttl_ms", std::to_string(row.ttl_ms));
  }
  return Close(row);
}

/// The drift, and NULL in what nothing was put into.
Status TableRows::Builder::Close(const KeyValue& row) {
  for (size_t at = 0; at < layout_.columns_.size(); ++at) {
    if (filled_[at]) continue;
    if (layout_.columns_[at].source == ColumnSource::kDrift && !drift_.empty()) {
      drift_.push_back('}');
      NSTARX_RETURN_IF_ERROR(Put(at, drift_, row));
    } else {
      NSTARX_RETURN_IF_ERROR(PutNull(at));
    }
  }
  ++rows_;
  return {};
}

Result<std::shared_ptr<arrow::RecordBatch>> TableRows::Builder::Finish(
    const std::shared_ptr<arrow::Schema>& schema) {
  std::vector<std::shared_ptr<arrow::Array>> arrays(builders_.size());
  for (size_t at = 0; at < builders_.size(); ++at) {
    NSTARX_RETURN_IF_ERROR(Check(builders_[at]->Finish(&arrays[at])));
  }
  return arrow::RecordBatch::Make(schema, rows_, std::move(arrays));
}

}  // namespace nstarx::connectors::redis
