#include "connectors/snowflake/snowflake_result.h"

#include <arrow/api.h>
#include <arrow/io/compressed.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <arrow/util/byte_size.h>
#include <arrow/util/compression.h>

#include <algorithm>
#include <charconv>

#include "base/base64.h"
#include "connectors/snowflake/snowflake_chunks.h"
#include "connectors/snowflake/snowflake_decode.h"
#include "connectors/snowflake/snowflake_errors.h"
#include "connectors/snowflake/snowflake_types.h"

namespace nstarx::connectors::snowflake {
namespace {

constexpr int64_t kBatchBytes = 2 << 20;
constexpr size_t kRowsMax = size_t{512} << 20;

bool IsGzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

/// One part of a result, read batch by batch; unpacked on the way.
class ArrowPart {
 public:
  static Result<std::unique_ptr<ArrowPart>> Open(std::string bytes) {
    auto out = std::make_unique<ArrowPart>();
    const bool packed = IsGzip(bytes);
    std::shared_ptr<arrow::io::InputStream> input =
        std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(std::move(bytes)));
    if (packed) {
      auto codec = arrow::util::Codec::Create(arrow::Compression::GZIP);
      if (!codec.ok()) return Internal("Arrow was built without gzip");
      out->codec_ = *std::move(codec);
      auto unpacked = arrow::io::CompressedInputStream::Make(out->codec_.get(), input);
      if (!unpacked.ok()) return Malformed("a broken gzip stream");
      input = *std::move(unpacked);
    }
    auto reader = arrow::ipc::RecordBatchStreamReader::Open(input);
    if (!reader.ok()) return Malformed("a broken Arrow stream");
    out->reader_ = *std::move(reader);
    return out;
  }
  const arrow::Schema& schema() const { return *reader_->schema(); }
  /// Null at the end.
  Result<std::shared_ptr<arrow::RecordBatch>> Next() {
    std::shared_ptr<arrow::RecordBatch> out;
    if (!reader_->ReadNext(&out).ok()) return Malformed("a broken Arrow stream");
    // The service is not trusted with our memory: offsets are checked too.
    if (out && !out->ValidateFull().ok()) return Malformed("a broken Arrow batch");
    return out;
  }

 private:
  std::unique_ptr<arrow::util::Codec> codec_;
  std::shared_ptr<arrow::RecordBatchReader> reader_;
};

class ResultStream final : public connector::BatchStream {
 public:
  ResultStream(std::vector<DeclaredColumn> columns, std::unique_ptr<Chunks> chunks, bool is_arrow)
      : columns_(std::move(columns)), chunks_(std::move(chunks)), is_arrow_(is_arrow) {}

  /// What came with the answer; it shows the form of columns whose type is not known.
  Status Start(const json::object& data) {
    const auto encoded = GetString(data, "rowsetBase64");
    if (!is_arrow_ || encoded.empty()) {
      schema_ = ResultSchema(columns_, nullptr);
      const auto* rows = data.if_contains("rowset");
      if (is_arrow_ || rows == nullptr || !rows->is_array()) return {};
      NSTARX_TRY(auto read, DecodeRows(columns_, schema_, rows->get_array()));
      Take(std::move(read));
      return {};
    }
    auto bytes = DecodeBase64(encoded);
    if (!bytes) return Malformed("rows that are no Base64");
    NSTARX_TRY(part_, ArrowPart::Open(*std::move(bytes)));
    schema_ = ResultSchema(columns_, &part_->schema());
    return {};
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }

  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    NSTARX_RETURN_IF_ERROR(context.Check());
    while (!batch_ || at_ >= batch_->num_rows()) {
      batch_ = nullptr;
      NSTARX_TRY(const bool more, Fill(context));
      if (!more) return std::shared_ptr<arrow::RecordBatch>();
    }
    auto slice = batch_->Slice(at_, std::min(step_, batch_->num_rows() - at_));
    at_ += slice->num_rows();
    if (!is_arrow_) return slice;
    return DecodeArrow(columns_, schema_, *slice);
  }

 private:
  void Take(std::shared_ptr<arrow::RecordBatch> batch) {
    const int64_t bytes = arrow::util::TotalBufferSize(*batch);
    step_ = std::max<int64_t>(1, batch->num_rows() / (bytes / kBatchBytes + 1));
    batch_ = std::move(batch);
    at_ = 0;
  }

  /// False at the end.
  Result<bool> Fill(const Context& context) {
    while (true) {
      if (part_) {
        NSTARX_TRY(auto read, part_->Next());
        if (read) {
          Take(std::move(read));
          return true;
        }
        part_ = nullptr;
      }
      NSTARX_TRY(auto chunk, chunks_->Next(context));
      if (!chunk) return false;
      if (is_arrow_) {
        NSTARX_TRY(part_, ArrowPart::Open(*std::move(chunk)));
        continue;
      }
      NSTARX_TRY(const json::array rows, ReadRows(*std::move(chunk)));
      NSTARX_TRY(auto read, DecodeRows(columns_, schema_, rows));
      Take(std::move(read));
      return true;
    }
  }

  std::vector<DeclaredColumn> columns_;
  const std::unique_ptr<Chunks> chunks_;
  const bool is_arrow_;
  std::shared_ptr<arrow::Schema> schema_;
  std::unique_ptr<ArrowPart> part_;
  std::shared_ptr<arrow::RecordBatch> batch_;
  int64_t at_ = 0;
  int64_t step_ = 1;
};

/// What a statement that writes leaves: no columns, and how many rows it changed.
class Written final : public connector::BatchStream {
 public:
  explicit Written(int64_t rows) : rows_(rows) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& /*context*/) override {
    return std::shared_ptr<arrow::RecordBatch>();
  }
  int64_t rows_affected() const override { return rows_; }

 private:
  const std::shared_ptr<arrow::Schema> schema_ = arrow::schema({});
  const int64_t rows_;
};

/// INSERT, UPDATE, DELETE, MERGE and inserts into several tables, by the protocol's numbers.
bool ChangesRows(int64_t statement_type) {
  return statement_type > 0x3000 && statement_type <= 0x3500;
}

/// One row that counts each kind of change ("number of rows inserted", …): their sum.
int64_t CountChanges(const json::object& data) {
  const auto* rows = data.if_contains("rowset");
  if (rows == nullptr || !rows->is_array() || rows->get_array().size() != 1) return -1;
  const auto& row = rows->get_array().front();
  if (!row.is_array()) return -1;
  int64_t out = 0;
  for (const auto& cell : row.get_array()) {
    if (!cell.is_string()) continue;
    const std::string_view text = cell.get_string();
    int64_t count = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), count);
    if (read.ec != std::errc() || count < 0 || __builtin_add_overflow(out, count, &out)) return -1;
  }
  return out;
}

}  // namespace

Result<json::array> ReadRows(std::string part) {
  // Rows with commas between, without the array's brackets.
  NSTARX_TRY(const std::string text, Unpack(std::move(part), kRowsMax));
  auto rows = ParseJson("[" + text + "]");
  if (!rows || !rows->is_array()) return Malformed("a part of a result is no JSON");
  return std::move(rows->get_array());
}

Result<std::string> Unpack(std::string packed, size_t most) {
  if (!IsGzip(packed)) return packed;
  auto codec = arrow::util::Codec::Create(arrow::Compression::GZIP);
  if (!codec.ok()) return Internal("Arrow was built without gzip");
  auto stream = arrow::io::CompressedInputStream::Make(
      codec->get(),
      std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(std::move(packed))));
  if (!stream.ok()) return Malformed("a broken gzip stream");
  std::string out;
  while (true) {
    const auto read = (*stream)->Read(1 << 20);
    if (!read.ok()) return Malformed("a broken gzip stream");
    if ((*read)->size() == 0) return out;
    if (out.size() + static_cast<size_t>((*read)->size()) > most) {
      return Malformed("a part of a result is too large");
    }
    out += (*read)->ToString();
  }
}

Result<std::unique_ptr<connector::BatchStream>> OpenResult(
    const Context& context, const std::shared_ptr<const Account>& account, json::object data) {
  NSTARX_RETURN_IF_ERROR(context.Check());
  if (ChangesRows(GetInt(data, "statementTypeId", 0))) {
    return std::make_unique<Written>(CountChanges(data));
  }
  const auto* rowtype = data.if_contains("rowtype");
  if (rowtype == nullptr || !rowtype->is_array()) return std::make_unique<Written>(-1);
  NSTARX_TRY(auto columns, ReadColumns(rowtype->get_array(), account->values));
  if (columns.empty()) return std::make_unique<Written>(-1);
  NSTARX_TRY(ChunkLinks links, ReadLinks(data));
  const bool is_arrow = GetString(data, "queryResultFormat") == "arrow";
  auto stream = std::make_unique<ResultStream>(
      std::move(columns), std::make_unique<Chunks>(account, std::move(links)), is_arrow);
  NSTARX_RETURN_IF_ERROR(stream->Start(data));
  return std::unique_ptr<connector::BatchStream>(std::move(stream));
}

}  // namespace nstarx::connectors::snowflake
