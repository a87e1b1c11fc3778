#include <arrow/api.h>

#include "connectors/postgresql/postgres_decoder.h"

namespace nstarx::connectors::postgresql {

Result<std::vector<ResultColumn>> ParseRowDescription(std::string_view body) {
  constexpr size_t kFixed = 18;
  auto malformed = [] {
    return Error(ErrorKind::kDataLoss, "connection.protocol_violation",
                 "the server describes its columns in a form that nobody can read");
  };
  if (body.size() < 2) return malformed();
  std::vector<ResultColumn> columns(LoadBig16(body.data()));
  body.remove_prefix(2);
  for (ResultColumn& column : columns) {
    size_t end = body.find('\0');
    if (end == std::string_view::npos || body.size() - end - 1 < kFixed) return malformed();
    column.name = body.substr(0, end);
    const char* fixed = body.data() + end + 1;
    column.oid = LoadBig32(fixed + 6);
    column.modifier = static_cast<int32_t>(LoadBig32(fixed + 12));
    body.remove_prefix(end + 1 + kFixed);
  }
  return columns;
}

BatchDecoder::BatchDecoder(const std::vector<ResultColumn>& columns, std::vector<ColumnType> types,
                           bool check_utf8) {
  columns_.reserve(columns.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    names_.push_back(columns[i].name);
    open_ = open_ || types[i].kind == CellKind::kOpenNumeric;
    columns_.emplace_back(columns[i].name, std::move(types[i]), check_utf8);
  }
  if (!open_) MakeSchema();
}

void BatchDecoder::MakeSchema() {
  arrow::FieldVector fields;
  fields.reserve(columns_.size());
  for (size_t i = 0; i < columns_.size(); ++i) {
    fields.push_back(FieldOf(names_[i], columns_[i].type()));
  }
  schema_ = arrow::schema(std::move(fields));
}

Status BatchDecoder::Append(const RowBlock& block) {
  size_t bytes = 0;
  for (size_t i = 0; i < columns_.size(); ++i) {
    NSTARX_RETURN_IF_ERROR(columns_[i].Append(block.base, {block.column(i), block.rows}));
    bytes += columns_[i].bytes();
  }
  rows_ += block.rows;
  bytes_ = bytes;
  return {};
}

Status BatchDecoder::Settle(bool whole) {
  if (!open_) return {};
  for (ColumnDecoder& column : columns_) NSTARX_RETURN_IF_ERROR(column.Settle(whole));
  open_ = false;
  MakeSchema();
  return {};
}

Result<std::shared_ptr<arrow::RecordBatch>> BatchDecoder::Finish() {
  NSTARX_RETURN_IF_ERROR(Settle(false));
  std::vector<std::shared_ptr<arrow::ArrayData>> arrays;
  arrays.reserve(columns_.size());
  for (ColumnDecoder& column : columns_) {
    NSTARX_TRY(auto array, column.Finish());
    arrays.push_back(std::move(array));
  }
  auto batch = arrow::RecordBatch::Make(schema_, static_cast<int64_t>(rows_), std::move(arrays));
  rows_ = bytes_ = 0;
  return batch;
}

}  // namespace nstarx::connectors::postgresql
