#include "connectors/elasticsearch/elasticsearch_reader.h"

#include <arrow/api.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "connectors/documents/document_builder.h"
#include "connectors/documents/document_schema.h"
#include "connectors/documents/json_walk.h"
#include "connectors/elasticsearch/elasticsearch_errors.h"
#include "connectors/elasticsearch/elasticsearch_mappings.h"

namespace nstarx::connectors::elasticsearch {
namespace {

/// The columns are those of the mappings and of so many documents, or of so many bytes of them.
constexpr size_t kFirstDocuments = 1000;
constexpr size_t kFirstBytes = 4 << 20;
constexpr int64_t kFirstPage = 1000;
/// What a page should weigh: the server holds it as a whole.
constexpr int64_t kPageBytes = 8 << 20;
constexpr int64_t kBatchRows = 16'384;
constexpr int64_t kBatchBytes = 2 << 20;
constexpr std::chrono::milliseconds kBatchTime{250};
constexpr size_t kPieceBytes = 64 << 10;

constexpr documents::BuilderOptions kBuilding{.single_as_list = true, .coerce = true};
constexpr documents::SchemaOptions kLearning{.single_as_list = true};

/// Keeps documents as text until there is a builder, and then builds.
class DocumentSink {
 public:
  std::deque<std::string> waiting;
  size_t waiting_bytes = 0;
  std::unique_ptr<documents::DocumentBuilder> builder;
  int64_t rows_max = kBatchRows;

  /// The batch has its rows: what comes now waits as text.
  bool full() const { return builder->rows() >= rows_max || builder->size_bytes() >= kBatchBytes; }
  /// A document is half in the builder.
  bool building() const { return building_; }

  void BeginDocument() {
    building_ = builder != nullptr && waiting.empty() && !full();
    if (!building_) text_.Clear();
    Each([](auto& out) { out.BeginDocument(); });
  }
  void EndDocument() {
    Each([](auto& out) { out.EndDocument(); });
    if (std::exchange(building_, false)) return;
    waiting_bytes += text_.text().size();
    waiting.push_back(text_.text());
  }
  void Key(std::string_view name) {
    Each([name](auto& out) { out.Key(name); });
  }
  void BeginObject() {
    Each([](auto& out) { out.BeginObject(); });
  }
  void EndObject() {
    Each([](auto& out) { out.EndObject(); });
  }
  void BeginArray() {
    Each([](auto& out) { out.BeginArray(); });
  }
  void EndArray() {
    Each([](auto& out) { out.EndArray(); });
  }
  void Null() {
    Each([](auto& out) { out.Null(); });
  }
  void Bool(bool value) {
    Each([value](auto& out) { out.Bool(value); });
  }
  void Int(int64_t value) {
    Each([value](auto& out) { out.Int(value); });
  }
  void Double(double value) {
    Each([value](auto& out) { out.Double(value); });
  }
  void Decimal(std::string_view value) {
    Each([value](auto& out) { out.Decimal(value); });
  }
  void String(std::string_view value) {
    Each([value](auto& out) { out.String(value); });
  }

 private:
  template <class Event>
  void Each(Event event) {
    if (building_) {
      event(*builder);
    } else {
      event(text_);
    }
  }
  bool building_ = false;
  documents::JsonText text_{documents::JsonText::Dialect::kPlain};
};

std::shared_ptr<arrow::Schema> WithoutDrift(const arrow::Schema& schema) {
  auto out = schema.RemoveField(schema.num_fields() - 1);
  NSTARX_CHECK(out.ok());
  return *std::move(out);
}

/// What the mappings say of the columns that the search asks for, after those of the hit itself.
std::shared_ptr<arrow::Schema> KnownOf(const Search& search, const Mappings& mappings) {
  arrow::FieldVector fields;
  if (search.meta.id) fields.push_back(arrow::field("_id", arrow::utf8()));
  if (search.meta.index) fields.push_back(arrow::field("_index", arrow::utf8()));
  for (const auto& field : mappings.schema->fields()) {
    if (AsksFor(search, field->name())) fields.push_back(field);
  }
  if (search.meta.score) fields.push_back(arrow::field("_score", arrow::float64()));
  if (search.meta.sort) fields.push_back(documents::JsonTextField("_sort"));
  return arrow::schema(std::move(fields));
}

/// Hits as record batches, parsed while they arrive.
class HitStream final : public connector::BatchStream {
 public:
  using Router = HitsRouter<DocumentSink>;
  using Parser = boost::json::basic_parser<documents::JsonEvents<Router>>;

  HitStream(Client& client, Search search, Product product, Paging paging)
      : client_(client),
        left_(search.limit.value_or(-1)),
        router_(sink_, search.meta),
        pages_(client, std::move(search), product, paging) {}
  ~HitStream() override { body_.reset(); }

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }

  Status Start(const Context& context, const Mappings& mappings) {
    documents::SchemaInference inference(kLearning);
    inference.Seed(*KnownOf(pages_.search(), mappings));
    while (!over_ && left_ != 0 && sink_.waiting.size() < kFirstDocuments &&
           sink_.waiting_bytes < kFirstBytes) {
      NSTARX_RETURN_IF_ERROR(ReadPiece(context));
      if (left_ > 0 && static_cast<int64_t>(sink_.waiting.size()) >= left_) over_ = true;
    }
    for (const auto& text : sink_.waiting) {
      NSTARX_RETURN_IF_ERROR(documents::JsonWalk(text, inference, true));
    }
    sink_.builder = std::make_unique<documents::DocumentBuilder>(
        inference.Schema(), arrow::default_memory_pool(), kBuilding);
    schema_ = sink_.builder->schema();
    return over_ || left_ == 0 ? FinishWhole() : Status();
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    NSTARX_RETURN_IF_ERROR(context.Check());
    if (whole_ != nullptr) return std::exchange(whole_, nullptr);
    auto& builder = *sink_.builder;
    const auto begun = Context::SteadyClock::now();
    sink_.rows_max = left_ < 0 ? kBatchRows : std::min(left_, kBatchRows);
    while (left_ != 0 && (sink_.building() || !sink_.full())) {
      if (!sink_.building() && !sink_.waiting.empty()) {
        NSTARX_RETURN_IF_ERROR(documents::JsonWalk(sink_.waiting.front(), builder, true));
        sink_.waiting.pop_front();
        continue;
      }
      const bool waited = Context::SteadyClock::now() - begun >= kBatchTime;
      if (over_ || (waited && builder.rows() > 0 && body_ == nullptr)) break;
      NSTARX_RETURN_IF_ERROR(ReadPiece(context));
    }
    return Hand();
  }

 private:
  /// The rows so far, in one batch; none when there are none.
  Result<std::shared_ptr<arrow::RecordBatch>> Hand() {
    auto& builder = *sink_.builder;
    if (builder.rows() == 0) return nullptr;
    NSTARX_TRY(auto batch, builder.Finish());
    if (left_ >= 0 && batch->num_rows() > left_) batch = batch->Slice(0, left_);
    if (left_ > 0) left_ -= batch->num_rows();
    return batch;
  }

  /// Reads what is there of the answer at hand, or asks for the next one.
  Status ReadPiece(const Context& context) {
    if (body_ == nullptr) {
      NSTARX_TRY(body_, pages_.Next(context, page_));
      router_.NextAnswer(pages_.repeats_ties());
      boost::json::parse_options options;
      options.max_depth = documents::kJsonDepthMax;
      parser_.emplace(options, router_, false);
      bytes_ = 0;
    }
    auto count = body_->Read(context, piece_);
    if (!count) return client_.FailureOfStream(std::move(count).error());
    boost::system::error_code code;
    parser_->write_some(*count > 0, reinterpret_cast<const char*>(piece_.data()), *count, code);
    if (code) {
      return Failed(ErrorKind::kUnavailable, "response.malformed",
                    "The answer can not be read: " + code.message());
    }
    bytes_ += static_cast<int64_t>(*count);
    return *count > 0 ? Status() : EndAnswer();
  }

  Status EndAnswer() {
    body_.reset();
    parser_.reset();
    NSTARX_RETURN_IF_ERROR(CheckWhole(router_.shards(), router_.timed_out()));
    if (!router_.saw_hits()) {
      return Failed(ErrorKind::kUnavailable, "response.malformed", "The answer has no hits");
    }
    if (router_.hits() > 0) {
      const int64_t each = std::max<int64_t>(bytes_ / router_.hits(), 1);
      page_ = std::clamp<int64_t>(kPageBytes / each, 10, kWindow);
    }
    NSTARX_RETURN_IF_ERROR(pages_.Took(router_.hits(), router_.kept(), router_.last_sort(),
                                       router_.scroll_id(), router_.pit_id()));
    over_ = pages_.ended();
    return {};
  }

  /// All of a result that is known whole: without `_drift` when nothing drifted.
  Status FinishWhole() {
    body_.reset();
    pages_.Close();
    auto& builder = *sink_.builder;
    for (; !sink_.waiting.empty() && (left_ < 0 || builder.rows() < left_);
         sink_.waiting.pop_front()) {
      NSTARX_RETURN_IF_ERROR(documents::JsonWalk(sink_.waiting.front(), builder, true));
    }
    sink_.waiting.clear();
    over_ = true;
    const bool drifted = builder.drifted_rows() > 0;
    NSTARX_TRY(whole_, Hand());
    if (drifted) return {};
    schema_ = WithoutDrift(*schema_);
    if (whole_ != nullptr) {
      auto narrow = whole_->RemoveColumn(whole_->num_columns() - 1);
      NSTARX_CHECK(narrow.ok());
      whole_ = *std::move(narrow);
    }
    return {};
  }

  Client& client_;
  int64_t left_;
  DocumentSink sink_;
  Router router_;
  Pages pages_;
  std::optional<Parser> parser_;
  std::array<std::byte, kPieceBytes> piece_;
  std::unique_ptr<connector::ByteStream> body_;
  int64_t bytes_ = 0;
  int64_t page_ = kFirstPage;
  bool over_ = false;
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::RecordBatch> whole_;
};

/// One batch.
class WholeStream final : public connector::BatchStream {
 public:
  WholeStream(std::shared_ptr<arrow::Schema> schema, std::shared_ptr<arrow::RecordBatch> batch)
      : schema_(std::move(schema)), batch_(std::move(batch)) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& /*context*/) override {
    return std::exchange(batch_, nullptr);
  }

 private:
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::RecordBatch> batch_;
};

}  // namespace

Result<std::unique_ptr<connector::BatchStream>> StartSearch(const Context& context, Client& client,
                                                            Search search, Product product,
                                                            Paging paging) {
  NSTARX_TRY(const json::value reply,
             client.Ask(context, "GET", IndexPath(search.index, "/_mapping")));
  const Mappings mappings = ReadMappings(reply);
  // A pattern that matches nothing.
  if (reply.is_object() && reply.get_object().empty()) search.limit = 0;
  auto stream = std::make_unique<HitStream>(client, std::move(search), product, paging);
  NSTARX_RETURN_IF_ERROR(stream->Start(context, mappings));
  return std::unique_ptr<connector::BatchStream>(std::move(stream));
}

Result<std::unique_ptr<connector::BatchStream>> StreamOf(const std::deque<std::string>& rows) {
  documents::SchemaInference inference;
  for (const auto& row : rows) {
    NSTARX_RETURN_IF_ERROR(documents::JsonWalk(row, inference, true));
  }
  documents::DocumentBuilder builder(inference.Schema(), arrow::default_memory_pool());
  for (const auto& row : rows) {
    NSTARX_RETURN_IF_ERROR(documents::JsonWalk(row, builder, true));
  }
  auto schema = builder.schema();
  const bool drifted = builder.drifted_rows() > 0;
  std::shared_ptr<arrow::RecordBatch> batch;
  if (builder.rows() > 0) {
    NSTARX_TRY(batch, builder.Finish());
  }
  if (!drifted) {
    schema = WithoutDrift(*schema);
    if (batch != nullptr) {
      auto narrow = batch->RemoveColumn(batch->num_columns() - 1);
      NSTARX_CHECK(narrow.ok());
      batch = *std::move(narrow);
    }
  }
  return std::make_unique<WholeStream>(std::move(schema), std::move(batch));
}

}  // namespace nstarx::connectors::elasticsearch
