#pragma once

#include <arrow/json/from_string.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "result/encode.h"

namespace nstarx::result {

/// Gives out ready batches, then an error if there is one.
class ListStream : public connector::BatchStream {
 public:
  ListStream(std::shared_ptr<arrow::Schema> schema,
             std::vector<std::shared_ptr<arrow::RecordBatch>> batches,
             std::optional<Error> failure = std::nullopt, int64_t rows_affected = -1)
      : schema_(std::move(schema)),
        batches_(std::move(batches)),
        failure_(std::move(failure)),
        rows_affected_(rows_affected) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context&) override {
    if (next_ < batches_.size()) return std::exchange(batches_[next_++], nullptr);
    if (failure_) return *failure_;
    return std::shared_ptr<arrow::RecordBatch>();
  }
  int64_t rows_affected() const override { return rows_affected_; }

 private:
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches_;
  std::optional<Error> failure_;
  int64_t rows_affected_;
  size_t next_ = 0;
};

/// Bytes in pieces of `step`.
class TextBody : public connector::ByteStream {
 public:
  explicit TextBody(std::string text, size_t step = 7, std::optional<Error> failure = std::nullopt)
      : text_(std::move(text)), step_(step), failure_(std::move(failure)) {}
  Result<size_t> Read(const Context&, std::span<std::byte> into) override {
    const size_t count = std::min({into.size(), step_, text_.size() - at_});
    if (count == 0 && failure_) return *failure_;
    std::memcpy(into.data(), text_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  std::string text_;
  size_t step_;
  size_t at_ = 0;
  std::optional<Error> failure_;
};

inline std::shared_ptr<arrow::Array> ArrayOf(const std::shared_ptr<arrow::DataType>& type,
                                             std::string_view text) {
  auto array = arrow::json::ArrayFromJSONString(type, text);
  EXPECT_TRUE(array.ok()) << array.status().ToString();
  return array.ok() ? *array : nullptr;
}

inline std::shared_ptr<arrow::RecordBatch> BatchOf(
    const std::vector<std::pair<std::string, std::shared_ptr<arrow::Array>>>& columns) {
  std::vector<std::shared_ptr<arrow::Field>> fields;
  std::vector<std::shared_ptr<arrow::Array>> arrays;
  for (const auto& [name, array] : columns) {
    fields.push_back(arrow::field(name, array->type()));
    arrays.push_back(array);
  }
  const int64_t rows = arrays.empty() ? 0 : arrays[0]->length();
  return arrow::RecordBatch::Make(arrow::schema(fields), rows, arrays);
}

inline std::unique_ptr<connector::BatchStream> StreamOf(
    std::vector<std::shared_ptr<arrow::RecordBatch>> batches) {
  auto schema = batches[0]->schema();
  return std::make_unique<ListStream>(std::move(schema), std::move(batches));
}

struct Encoded {
  std::string bytes;
  size_t chunks = 0;
  size_t largest = 0;
  std::optional<Error> failure;
};

inline Encoded Drain(ChunkSource& source) {
  Encoded encoded;
  const Context context;
  while (true) {
    auto chunk = source.Next(context);
    if (!chunk) {
      encoded.failure = std::move(chunk).error();
      return encoded;
    }
    if (!*chunk) return encoded;
    EXPECT_GT((*chunk)->size(), 0U);
    ++encoded.chunks;
    encoded.largest = std::max(encoded.largest, (*chunk)->size());
    for (const auto& part : (*chunk)->parts) {
      encoded.bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
    }
  }
}

inline Encoded Encode(std::unique_ptr<connector::BatchStream> batches, Format format,
                      Compression compression = Compression::kNone) {
  return Drain(*EncodeBatches(std::move(batches), {format, compression}));
}

struct Decoded {
  std::shared_ptr<arrow::Schema> schema;
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  int64_t rows = 0;
  std::optional<Error> failure;
};

inline Decoded Decode(std::unique_ptr<connector::ByteStream> body, std::string_view content_type) {
  Decoded decoded;
  const Context context;
  auto stream = DecodeBatches(context, std::move(body), content_type);
  if (!stream) {
    decoded.failure = std::move(stream).error();
    return decoded;
  }
  decoded.schema = (*stream)->schema();
  while (true) {
    auto batch = (*stream)->Next(context);
    if (!batch) decoded.failure = std::move(batch).error();
    if (!batch || *batch == nullptr) return decoded;
    decoded.rows += (*batch)->num_rows();
    decoded.batches.push_back(*batch);
  }
}

inline Decoded Decode(const std::string& text, std::string_view content_type) {
  return Decode(std::make_unique<TextBody>(text, 4096), content_type);
}

}  // namespace nstarx::result
