#include "connectors/mongodb/mongodb_reader.h"

#include <arrow/api.h>
#include <bson/bson.h>

namespace nstarx::connectors::mongodb {
namespace {

/// The schema is that of so many documents, or of so many bytes of them.
constexpr size_t kFirstDocuments = 1000;
constexpr size_t kFirstBytes = 4 << 20;
constexpr int64_t kBatchRows = 16'384;
constexpr int64_t kBatchBytes = 2 << 20;

class CursorSource final : public DocumentSource {
 public:
  CursorSource(std::unique_ptr<Cursor> cursor, int64_t limit)
      : cursor_(std::move(cursor)), left_(limit) {}
  Result<const bson_t*> Next(const Context& context) override {
    if (left_ == 0) return nullptr;
    if (left_ > 0) --left_;
    return cursor_->Next(context);
  }

 private:
  std::unique_ptr<Cursor> cursor_;
  int64_t left_;
};

class ListSource final : public DocumentSource {
 public:
  explicit ListSource(std::vector<Bson> documents) : documents_(std::move(documents)) {}
  Result<const bson_t*> Next(const Context& /*context*/) override {
    return next_ < documents_.size() ? documents_[next_++].get() : nullptr;
  }

 private:
  std::vector<Bson> documents_;
  size_t next_ = 0;
};

}  // namespace

std::unique_ptr<DocumentSource> FromCursor(std::unique_ptr<Cursor> cursor, int64_t limit) {
  return std::make_unique<CursorSource>(std::move(cursor), limit);
}

std::unique_ptr<DocumentSource> FromList(std::vector<Bson> documents) {
  return std::make_unique<ListSource>(std::move(documents));
}

Result<std::unique_ptr<DocumentStream>> DocumentStream::Start(
    const Context& context, std::unique_ptr<DocumentSource> source,
    const std::function<Result<Shape>()>& empty_shape, int64_t rows_affected) {
  std::unique_ptr<DocumentStream> stream(new DocumentStream());
  stream->source_ = std::move(source);
  stream->rows_affected_ = rows_affected;
  Shape shape;
  shape.kind = Shape::Kind::kStruct;
  size_t bytes = 0;
  while (stream->first_.size() < kFirstDocuments && bytes < kFirstBytes) {
    NSTARX_TRY(const bson_t* document, stream->source_->Next(context));
    if (document == nullptr) {
      stream->ended_ = true;
      break;
    }
    NSTARX_RETURN_IF_ERROR(Observe(*document, &shape));
    bytes += document->len;
    stream->first_.emplace_back(bson_copy(document));
  }
  if (stream->first_.empty()) {
    // Nothing is read any more: the line is free for another command.
    stream->source_.reset();
    NSTARX_TRY(shape, empty_shape());
  } else {
    Settle(&shape, !stream->ended_);
  }
  stream->builder_ = std::make_unique<RowBuilder>(shape, !stream->ended_);
  return stream;
}

std::unique_ptr<DocumentStream> DocumentStream::Affected(int64_t rows) {
  std::unique_ptr<DocumentStream> stream(new DocumentStream());
  stream->ended_ = true;
  stream->rows_affected_ = rows;
  stream->builder_ = std::make_unique<RowBuilder>(Shape(), false);
  return stream;
}

Result<std::shared_ptr<arrow::RecordBatch>> DocumentStream::Next(const Context& context) {
  while (taken_ < first_.size() && builder_->bytes() < kBatchBytes) {
    NSTARX_RETURN_IF_ERROR(builder_->Append(*first_[taken_]));
    first_[taken_++].reset();
  }
  while (taken_ == first_.size() && !ended_ && builder_->rows() < kBatchRows &&
         builder_->bytes() < kBatchBytes) {
    NSTARX_TRY(const bson_t* document, source_->Next(context));
    if (document == nullptr) {
      ended_ = true;
      source_.reset();
      break;
    }
    NSTARX_RETURN_IF_ERROR(builder_->Append(*document));
  }
  NSTARX_RETURN_IF_ERROR(context.Check());
  if (builder_->rows() == 0) return nullptr;
  return builder_->Finish();
}

}  // namespace nstarx::connectors::mongodb
