#include "connectors/cassandra/cql_rows.h"

#include <arrow/api.h>

#include "connectors/cassandra/cassandra_errors.h"
#include "connectors/cassandra/cql_decode.h"

namespace nstarx::connectors::cassandra {
namespace {

constexpr int64_t kNullsPerRow = 4 << 20;

/// Arrays of extension types are built as what they are stored as; this gives them their types.
std::shared_ptr<arrow::ArrayData> Retyped(const std::shared_ptr<arrow::ArrayData>& data,
                                          const std::shared_ptr<arrow::DataType>& type) {
  auto out = data->Copy();
  out->type = type;
  for (size_t i = 0; i < out->child_data.size(); ++i) {
    out->child_data[i] = Retyped(out->child_data[i], type->field(static_cast<int>(i))->type());
  }
  return out;
}

}  // namespace

Metadata ReadMetadata(BodyReader& reader, bool prepared) {
  constexpr uint32_t kGlobalTable = 1;
  constexpr uint32_t kMorePages = 2;
  constexpr uint32_t kNoMetadata = 4;
  Metadata metadata;
  const auto flags = static_cast<uint32_t>(reader.Int());
  const int32_t columns = reader.Int();
  if (prepared) {
    const int32_t keys = reader.Int();
    if (keys < 0) reader.Fail();
    for (int32_t i = 0; i < keys && reader.ok(); ++i)
      metadata.key_markers.push_back(reader.Short());
  }
  if ((flags & kMorePages) != 0) {
    if (const auto state = reader.Bytes()) metadata.paging_state = std::string(*state);
  }
  if (columns < 0) reader.Fail();
  if ((flags & kNoMetadata) != 0) return metadata;
  std::string_view keyspace;
  std::string_view table;
  if ((flags & kGlobalTable) != 0 && (columns > 0 || !prepared)) {
    keyspace = reader.String();
    table = reader.String();
  }
  for (int32_t i = 0; i < columns && reader.ok(); ++i) {
    ResultColumn column;
    column.keyspace = (flags & kGlobalTable) != 0 ? keyspace : reader.String();
    column.table = (flags & kGlobalTable) != 0 ? table : reader.String();
    column.name = reader.String();
    column.type = ReadType(reader);
    metadata.columns.push_back(std::move(column));
  }
  return metadata;
}

RowDecoder::RowDecoder(const std::vector<ResultColumn>& columns, NumericAs numeric)
    : budget_(std::make_unique<NullBudget>()) {
  arrow::FieldVector fields;
  for (const ResultColumn& column : columns) {
    fields.push_back(arrow::field(column.name, ToArrow(column.type, numeric, false)));
    // Cannot fail: every type that ToArrow gives has a builder.
    auto builder = arrow::MakeBuilder(ToArrow(column.type, numeric, true)).ValueOrDie();
    decoders_.push_back(MakeDecoder(column.type, builder.get(), numeric, budget_.get()));
    builders_.push_back(std::move(builder));
    null_bytes_ += 8 * Leaves(column.type);
  }
  schema_ = arrow::schema(std::move(fields));
}

RowDecoder::~RowDecoder() = default;

Status RowDecoder::Append(BodyReader& reader) {
  const size_t before = reader.left();
  budget_->left = kNullsPerRow;
  for (size_t i = 0; i < decoders_.size(); ++i) {
    const auto value = reader.Bytes();
    if (!reader.ok()) return ProtocolError("a row ends too early");
    if (const std::string wrong = decoders_[i]->Append(value); !wrong.empty()) {
      return BadValue(schema_->field(static_cast<int>(i))->name(), wrong);
    }
  }
  ++rows_;
  bytes_ += static_cast<int64_t>(before - reader.left()) + null_bytes_ +
            8 * (kNullsPerRow - budget_->left);
  return {};
}

Result<std::shared_ptr<arrow::RecordBatch>> RowDecoder::Finish() {
  arrow::ArrayVector arrays;
  for (size_t i = 0; i < builders_.size(); ++i) {
    auto array = builders_[i]->Finish();
    if (!array.ok()) return Internal(array.status().ToString());
    const auto& type = schema_->field(static_cast<int>(i))->type();
    arrays.push_back(arrow::MakeArray(Retyped((*array)->data(), type)));
  }
  auto batch = arrow::RecordBatch::Make(schema_, rows_, std::move(arrays));
  rows_ = 0;
  bytes_ = 0;
  return batch;
}

}  // namespace nstarx::connectors::cassandra
