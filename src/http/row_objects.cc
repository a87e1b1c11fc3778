#include "http/row_objects.h"

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "result/text_format.h"

namespace nstarx::http {

Result<RowObjects> RowObjects::Make(const arrow::Schema& schema) {
  RowObjects out;
  for (const auto& field : schema.fields()) {
    NSTARX_TRY(auto cell, result::Cell::Make(*field->type(), result::Dialect::kJson));
    out.cells_.push_back(std::move(cell));
    result::TextBuffer name;
    name.Push(out.names_.empty() ? '{' : ',');
    result::WriteJsonString(field->name(), name);
    name.Push(':');
    out.names_.emplace_back(name.view());
  }
  return out;
}

void RowObjects::Bind(const arrow::RecordBatch& batch) {
  for (size_t i = 0; i < cells_.size(); ++i) {
    cells_[i].Bind(*batch.column_data(static_cast<int>(i)));
  }
}

void RowObjects::Write(int64_t row, result::TextBuffer& out) const {
  if (cells_.empty()) out.Push('{');
  for (size_t i = 0; i < cells_.size(); ++i) {
    out.Append(names_[i]);
    cells_[i].Write(row, out);
  }
  out.Push('}');
}

}  // namespace nstarx::http
