#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <set>

#include "result/cell.h"
#include "result/sources.h"
#include "result/text_buffer.h"
#include "result/text_format.h"

namespace nstarx::result {
namespace {

/// What the three text formats share: pulling, cutting into chunks, reusing the buffer.
class TextSource : public ChunkSource {
 public:
  TextSource(std::unique_ptr<connector::BatchStream> batches, Dialect dialect)
      : batches_(std::move(batches)), dialect_(dialect) {}

  Result<std::optional<Chunk>> Next(const Context& context) override {
    if (failure_) return *failure_;
    if (ended_) return std::optional<Chunk>();
    TakeBuffer();
    const auto give_up = Context::SteadyClock::now() + kGatherTime;
    do {
      auto step = Step(context);
      if (step) continue;
      failure_ = std::move(step).error();
      if (!emitted_ || buffer_->size() == 0) return *failure_;
      break;  // what was gathered before the failure is still good
    } while (!ended_ && (buffer_->size() == 0 || (buffer_->size() < kChunkTarget &&
                                                  Context::SteadyClock::now() < give_up)));
    if (buffer_->size() == 0) return std::optional<Chunk>();
    emitted_ = true;
    Chunk chunk;
    chunk.parts.push_back(std::as_bytes(std::span(buffer_->view())));
    chunk.keep_alive = buffer_;
    return std::optional<Chunk>(std::move(chunk));
  }

 protected:
  virtual void Begin(const arrow::Schema& schema, TextBuffer& out) = 0;
  /// Writes rows from `row` on until the end of the batch or kTextChunkMax; returns the next row.
  virtual int64_t Rows(int64_t row, int64_t rows, TextBuffer& out) = 0;
  /// `rows_affected` is -1 when unknown or a query.
  virtual void End(int64_t row_count, int64_t rows_affected, TextBuffer& out) = 0;

  const std::vector<Cell>& cells() const { return cells_; }

 private:
  // The last chunk's buffer if its reader is done with it, else a fresh one.
  void TakeBuffer() {
    const bool keep =
        buffer_ && buffer_.use_count() == 1 && buffer_->capacity() <= 4 * kTextChunkMax;
    if (!keep) buffer_ = std::make_shared<TextBuffer>();
    buffer_->Clear();
  }

  Status Step(const Context& context) {
    if (batch_ == nullptr) {
      NSTARX_TRY(batch_, batches_->Next(context));
      if (!started_) NSTARX_RETURN_IF_ERROR(Start());
      if (batch_ == nullptr) {
        End(row_count_, batches_->rows_affected(), *buffer_);
        ended_ = true;
        return {};
      }
      row_ = 0;
      if (static_cast<size_t>(batch_->num_columns()) != cells_.size()) {
        return Internal("a record batch does not fit the schema of its stream");
      }
      for (size_t i = 0; i < cells_.size(); ++i) {
        cells_[i].Bind(*batch_->column_data(static_cast<int>(i)));
      }
    }
    row_ = Rows(row_, batch_->num_rows(), *buffer_);
    if (row_ < batch_->num_rows()) return {};
    row_count_ += batch_->num_rows();
    batch_ = nullptr;
    return {};
  }

  Status Start() {
    started_ = true;
    const arrow::Schema& schema = *batches_->schema();
    for (const auto& field : schema.fields()) {
      NSTARX_TRY(auto cell, Cell::Make(*field->type(), dialect_));
      cells_.push_back(std::move(cell));
    }
    Begin(schema, *buffer_);
    return {};
  }

  const std::unique_ptr<connector::BatchStream> batches_;
  const Dialect dialect_;
  std::vector<Cell> cells_;
  std::shared_ptr<arrow::RecordBatch> batch_;
  int64_t row_ = 0;
  int64_t row_count_ = 0;
  /// Lives on in the chunk that points into it.
  std::shared_ptr<TextBuffer> buffer_;
  std::optional<Error> failure_;
  bool started_ = false;
  bool emitted_ = false;
  bool ended_ = false;
};

void WriteInteger(int64_t value, TextBuffer& out) {
  out.Commit(PutInteger(out.Need(kValueRoom), value));
}

class JsonSource : public TextSource {
 public:
  explicit JsonSource(std::unique_ptr<connector::BatchStream> batches)
      : TextSource(std::move(batches), Dialect::kJson) {}

 private:
  void Begin(const arrow::Schema& schema, TextBuffer& out) override {
    out.Append(R"({"columns":[)");
    for (int i = 0; i < schema.num_fields(); ++i) {
      out.Append(i == 0 ? R"({"name":)" : R"(,{"name":)");
      WriteJsonString(schema.field(i)->name(), out);
      out.Append(R"(,"type":)");
      WriteJsonString(schema.field(i)->type()->ToString(), out);
      out.Push('}');
    }
    out.Append(R"(],"rows":[)");
  }

  int64_t Rows(int64_t row, int64_t rows, TextBuffer& out) override {
    for (; row < rows && out.size() < kTextChunkMax; ++row) {
      char separator = '[';
      if (!first_) out.Push(',');
      first_ = false;
      if (cells().empty()) out.Push('[');
      for (const Cell& cell : cells()) {
        out.Push(separator);
        separator = ',';
        cell.Write(row, out);
      }
      out.Push(']');
    }
    return row;
  }

  void End(int64_t row_count, int64_t rows_affected, TextBuffer& out) override {
    out.Append(R"(],"row_count":)");
    WriteInteger(row_count, out);
    if (rows_affected >= 0) {
      out.Append(R"(,"rows_affected":)");
      WriteInteger(rows_affected, out);
    }
    out.Append("}\n");
  }

  bool first_ = true;
};

class NdjsonSource : public TextSource {
 public:
  explicit NdjsonSource(std::unique_ptr<connector::BatchStream> batches)
      : TextSource(std::move(batches), Dialect::kJson) {}

 private:
  void Begin(const arrow::Schema& schema, TextBuffer&) override {
    std::set<std::string> names;
    for (const auto& field : schema.fields()) names.insert(field->name());
    std::set<std::string> used;
    for (const auto& field : schema.fields()) {
      // Members of an object must differ: the second "a" becomes "a_2".
      std::string name = field->name();
      for (int i = 2; used.contains(name); ++i) {
        const std::string next = field->name() + "_" + std::to_string(i);
        if (!names.contains(next) || used.contains(next)) name = next;
      }
      used.insert(name);
      TextBuffer key;
      key.Push(keys_.empty() ? '{' : ',');
      WriteJsonString(name, key);
      key.Push(':');
      keys_.emplace_back(key.view());
    }
  }

  int64_t Rows(int64_t row, int64_t rows, TextBuffer& out) override {
    for (; row < rows && out.size() < kTextChunkMax; ++row) {
      if (keys_.empty()) out.Push('{');
      for (size_t i = 0; i < keys_.size(); ++i) {
        out.Append(keys_[i]);
        cells()[i].Write(row, out);
      }
      out.Append("}\n");
    }
    return row;
  }

  void End(int64_t, int64_t rows_affected, TextBuffer& out) override {
    if (!keys_.empty() || rows_affected < 0) return;
    out.Append(R"({"rows_affected":)");
    WriteInteger(rows_affected, out);
    out.Append("}\n");
  }

  std::vector<std::string> keys_;
};

class CsvSource : public TextSource {
 public:
  explicit CsvSource(std::unique_ptr<connector::BatchStream> batches)
      : TextSource(std::move(batches), Dialect::kCsv) {}

 private:
  void Begin(const arrow::Schema& schema, TextBuffer& out) override {
    for (int i = 0; i < schema.num_fields(); ++i) {
      if (i > 0) out.Push(',');
      WriteCsvString(schema.field(i)->name(), out);
    }
    if (schema.num_fields() > 0) out.Append("\r\n");
  }

  int64_t Rows(int64_t row, int64_t rows, TextBuffer& out) override {
    for (; row < rows && out.size() < kTextChunkMax; ++row) {
      bool first = true;
      for (const Cell& cell : cells()) {
        if (!first) out.Push(',');
        first = false;
        cell.Write(row, out);
      }
      out.Append("\r\n");
    }
    return row;
  }

  void End(int64_t, int64_t rows_affected, TextBuffer& out) override {
    if (!cells().empty() || rows_affected < 0) return;
    out.Append("rows_affected\r\n");
    WriteInteger(rows_affected, out);
    out.Append("\r\n");
  }
};

}  // namespace

std::unique_ptr<ChunkSource> MakeTextSource(std::unique_ptr<connector::BatchStream> batches,
                                            Format format) {
  if (format == Format::kNdjson) return std::make_unique<NdjsonSource>(std::move(batches));
  if (format == Format::kCsv) return std::make_unique<CsvSource>(std::move(batches));
  return std::make_unique<JsonSource>(std::move(batches));
}

}  // namespace nstarx::result
