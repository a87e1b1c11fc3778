#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <benchmark/benchmark.h>

#include "result/encode.h"

namespace nstarx::result {
namespace {

/// The same batch again and again: eight columns like those of an order line.
class RepeatedBatch : public connector::BatchStream {
 public:
  RepeatedBatch(std::shared_ptr<arrow::RecordBatch> batch, int times)
      : batch_(std::move(batch)), schema_(batch_->schema()), left_(times) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context&) override {
    return left_-- > 0 ? batch_ : nullptr;
  }

 private:
  std::shared_ptr<arrow::RecordBatch> batch_;
  std::shared_ptr<arrow::Schema> schema_;
  int left_;
};

std::shared_ptr<arrow::RecordBatch> OrderLines(int64_t rows) {
  arrow::Int64Builder key;
  arrow::Int32Builder line;
  arrow::Decimal128Builder price(arrow::decimal128(15, 2));
  arrow::DoubleBuilder weight;
  arrow::Date32Builder shipped;
  arrow::TimestampBuilder changed(arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"),
                                  arrow::default_memory_pool());
  arrow::StringBuilder mode;
  arrow::StringBuilder comment;
  arrow::Status status;
  for (int64_t i = 0; i < rows; ++i) {
    status &= key.Append(i * 6'000'003 % 60'000'000);
    status &= line.Append(static_cast<int32_t>(i % 7));
    status &= price.Append(arrow::Decimal128(i * 7919 % 10'494'950));
    status &= weight.Append(static_cast<double>(i % 1013) * 0.01);
    status &= shipped.Append(static_cast<int32_t>(8036 + i % 2526));
    status &= changed.Append(1'700'000'000'000'000 + i * 1'234'567);
    status &= mode.Append(i % 2 == 0 ? "TRUCK" : "AIR");
    status &= comment.Append("carefully final deposits sleep quickly");
  }
  const auto done = [&](arrow::ArrayBuilder& builder) { return builder.Finish().ValueOrDie(); };
  std::vector<std::shared_ptr<arrow::Array>> columns = {done(key),    done(line),    done(price),
                                                        done(weight), done(shipped), done(changed),
                                                        done(mode),   done(comment)};
  std::vector<std::shared_ptr<arrow::Field>> fields;
  const char* names[] = {"key", "line", "price", "weight", "shipped", "changed", "mode", "comment"};
  for (size_t i = 0; i < columns.size(); ++i) {
    fields.push_back(arrow::field(names[i], columns[i]->type()));
  }
  return arrow::RecordBatch::Make(arrow::schema(fields), rows, columns);
}

void Run(benchmark::State& state, Negotiated how, int64_t rows, int times) {
  const auto batch = OrderLines(rows);
  int64_t bytes = 0;
  for (auto _ : state) {
    auto source = EncodeBatches(std::make_unique<RepeatedBatch>(batch, times), how);
    while (true) {
      auto chunk = source->Next(Context());
      if (!chunk || !*chunk) break;
      bytes += static_cast<int64_t>((*chunk)->size());
    }
  }
  state.SetBytesProcessed(bytes);
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * rows * times);
}

BENCHMARK_CAPTURE(Run, arrow, {Format::kArrowStream, Compression::kNone}, 16384, 64);
BENCHMARK_CAPTURE(Run, arrow_lz4, {Format::kArrowStream, Compression::kLz4}, 16384, 64);
BENCHMARK_CAPTURE(Run, arrow_zstd, {Format::kArrowStream, Compression::kZstd}, 16384, 64);
BENCHMARK_CAPTURE(Run, json, {Format::kJson, Compression::kNone}, 16384, 16);
BENCHMARK_CAPTURE(Run, ndjson, {Format::kNdjson, Compression::kNone}, 16384, 16);
BENCHMARK_CAPTURE(Run, csv, {Format::kCsv, Compression::kNone}, 16384, 16);
BENCHMARK_CAPTURE(Run, parquet, {Format::kParquet, Compression::kNone}, 16384, 64);
BENCHMARK_CAPTURE(Run, one_row_json, {Format::kJson, Compression::kNone}, 1, 1);
BENCHMARK_CAPTURE(Run, one_row_arrow, {Format::kArrowStream, Compression::kNone}, 1, 1);

}  // namespace
}  // namespace nstarx::result
