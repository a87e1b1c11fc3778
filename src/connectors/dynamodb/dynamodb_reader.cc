#include "connectors/dynamodb/dynamodb_reader.h"

#include <arrow/api.h>

#include <utility>

#include "connectors/documents/document_schema.h"
#include "connectors/documents/json_walk.h"
#include "connectors/dynamodb/dynamodb_errors.h"
#include "connectors/dynamodb/dynamodb_values.h"

namespace nstarx::connectors::dynamodb {
namespace {

/// The schema is that of so many items, or of so many bytes of pages.
constexpr size_t kFirstItems = 1000;
constexpr size_t kFirstBytes = 4 << 20;
constexpr int64_t kLearnItems = 100;
constexpr int64_t kBatchRows = 16'384;
constexpr int64_t kBatchBytes = 2 << 20;
/// Slow pages are not waited for longer than this once there are rows.
constexpr std::chrono::milliseconds kBatchTime{250};

Result<std::shared_ptr<arrow::Schema>> SchemaOf(const std::deque<json::value>& items) {
  documents::SchemaInference inference;
  for (const auto& item : items) NSTARX_RETURN_IF_ERROR(WalkItem(item, inference));
  return inference.Schema();
}

/// The schema without `_drift`, which is its last column.
std::shared_ptr<arrow::Schema> WithoutDrift(const arrow::Schema& schema) {
  auto out = schema.RemoveField(schema.num_fields() - 1);
  NSTARX_CHECK(out.ok());
  return *std::move(out);
}

void MoveAll(json::value& items, std::deque<json::value>* out) {
  if (!items.is_array()) return;
  for (auto& item : items.get_array()) out->push_back(std::move(item));
}

}  // namespace

Result<std::string> CallOperation(const Context& context, aws::JsonClient& client,
                                  const Operation& operation) {
  using Repeat = aws::JsonClient::Repeat;
  return client.Call(context, operation.name, json::serialize(operation.arguments),
                     operation.reads_only ? Repeat::kAlways : Repeat::kThrottled,
                     FromDynamodbFailure, operation.name);
}

Result<size_t> ItemPages::Next(const Context& context, std::deque<json::value>* out) {
  NSTARX_RETURN_IF_ERROR(context.Check());
  NSTARX_TRY(const std::string body, CallOperation(context, client_, operation_));
  NSTARX_TRY(json::value reply, ParseReply(body));
  const size_t before = out->size();
  NSTARX_RETURN_IF_ERROR(Take(std::move(reply), out));
  if (operation_.shape == AnswerShape::kBatchItems && !ended_) {
    empty_handed_ = out->size() == before ? empty_handed_ + 1 : 0;
    NSTARX_RETURN_IF_ERROR(aws::Pause(context, aws::RepeatAfter(empty_handed_, 0.5)));
  }
  return body.size();
}

Status ItemPages::Take(json::value reply, std::deque<json::value>* out) {
  json::object& answer = reply.get_object();
  switch (operation_.shape) {
    case AnswerShape::kItems: {
      if (auto* items = answer.if_contains("Items")) MoveAll(*items, out);
      auto* token = answer.if_contains(operation_.token_in_answer);
      ended_ = token == nullptr || token->is_null() ||
               (token->is_object() && token->get_object().empty());
      if (!ended_) operation_.arguments[operation_.token_in_request] = std::move(*token);
      return {};
    }
    case AnswerShape::kItem:
      ended_ = true;
      if (auto* item = answer.if_contains("Item")) out->push_back(std::move(*item));
      return {};
    case AnswerShape::kBatchItems:
      return TakeBatch(answer, out);
    case AnswerShape::kTransactItems: {
      ended_ = true;
      auto* responses = answer.if_contains("Responses");
      if (responses == nullptr || !responses->is_array()) return {};
      for (auto& response : responses->get_array()) {
        if (!response.is_object()) return MalformedValue("a response is no object");
        if (auto* item = response.get_object().if_contains("Item"))
          out->push_back(std::move(*item));
      }
      return {};
    }
    default:
      ended_ = true;
      return {};
  }
}

Status ItemPages::TakeBatch(json::object& reply, std::deque<json::value>* out) {
  if (auto* responses = reply.if_contains("Responses"); responses && responses->is_object()) {
    for (auto& table : responses->get_object()) MoveAll(table.value(), out);
  }
  auto* rest = reply.if_contains("UnprocessedKeys");
  ended_ = rest == nullptr || !rest->is_object() || rest->get_object().empty();
  if (!ended_) operation_.arguments["RequestItems"] = std::move(*rest);
  return {};
}

Result<std::unique_ptr<ItemStream>> ItemStream::Start(const Context& context,
                                                      aws::JsonClient& client,
                                                      std::unique_ptr<PageSource> pages,
                                                      Settings settings) {
  std::unique_ptr<ItemStream> stream(new ItemStream());
  stream->pages_ = std::move(pages);
  stream->left_ = settings.limit;
  size_t bytes = 0;
  while (stream->pages_ != nullptr && stream->items_.size() < kFirstItems && bytes < kFirstBytes) {
    NSTARX_TRY(const size_t page, stream->pages_->Next(context, &stream->items_));
    bytes += page;
    const auto items = static_cast<int64_t>(stream->items_.size());
    if (stream->left_ >= 0 && items >= stream->left_) {
      stream->items_.resize(static_cast<size_t>(stream->left_));
      stream->pages_.reset();
    } else if (stream->pages_->ended()) {
      stream->pages_.reset();
    }
  }
  if (!stream->items_.empty() || settings.when_nothing.name.empty()) {
    NSTARX_RETURN_IF_ERROR(stream->Learn(stream->items_));
  } else {
    std::deque<json::value> others;
    settings.when_nothing.arguments["Limit"] = kLearnItems;
    ItemPages sample(client, std::move(settings.when_nothing));
    NSTARX_RETURN_IF_ERROR(sample.Next(context, &others));
    NSTARX_RETURN_IF_ERROR(stream->Learn(others));
  }
  if (stream->pages_ == nullptr) NSTARX_RETURN_IF_ERROR(stream->FinishWhole());
  return stream;
}

Result<std::unique_ptr<ItemStream>> ItemStream::Of(std::deque<json::value> items,
                                                   int64_t rows_affected) {
  std::unique_ptr<ItemStream> stream(new ItemStream());
  stream->items_ = std::move(items);
  stream->rows_affected_ = rows_affected;
  NSTARX_RETURN_IF_ERROR(stream->Learn(stream->items_));
  NSTARX_RETURN_IF_ERROR(stream->FinishWhole());
  return stream;
}

Result<std::unique_ptr<ItemStream>> ItemStream::OfDocument(std::string_view body) {
  std::unique_ptr<ItemStream> stream(new ItemStream());
  documents::SchemaInference inference;
  NSTARX_RETURN_IF_ERROR(documents::JsonWalk(body, inference, true));
  stream->builder_ = std::make_unique<documents::DocumentBuilder>(inference.Schema(),
                                                                  arrow::default_memory_pool());
  NSTARX_RETURN_IF_ERROR(documents::JsonWalk(body, *stream->builder_, true));
  NSTARX_RETURN_IF_ERROR(stream->FinishWhole());
  return stream;
}

Status ItemStream::Learn(const std::deque<json::value>& items) {
  NSTARX_TRY(schema_, SchemaOf(items));
  builder_ = std::make_unique<documents::DocumentBuilder>(schema_, arrow::default_memory_pool());
  return {};
}

Status ItemStream::FinishWhole() {
  for (; !items_.empty(); items_.pop_front()) {
    NSTARX_RETURN_IF_ERROR(WalkItem(items_.front(), *builder_));
  }
  schema_ = builder_->schema();
  if (builder_->rows() > 0) {
    NSTARX_TRY(whole_, builder_->Finish());
  }
  if (builder_->drifted_rows() > 0) return {};
  schema_ = WithoutDrift(*schema_);
  if (whole_ != nullptr) {
    auto narrow = whole_->RemoveColumn(whole_->num_columns() - 1);
    NSTARX_CHECK(narrow.ok());
    whole_ = *std::move(narrow);
  }
  return {};
}

Status ItemStream::Fetch(const Context& context) {
  NSTARX_RETURN_IF_ERROR(pages_->Next(context, &items_));
  if (pages_->ended()) pages_.reset();
  return {};
}

Result<std::shared_ptr<arrow::RecordBatch>> ItemStream::Next(const Context& context) {
  NSTARX_RETURN_IF_ERROR(context.Check());
  if (whole_ != nullptr) return std::exchange(whole_, nullptr);
  const auto begun = Context::SteadyClock::now();
  while (builder_->rows() < kBatchRows && builder_->size_bytes() < kBatchBytes && left_ != 0) {
    if (items_.empty()) {
      const bool waited = Context::SteadyClock::now() - begun >= kBatchTime;
      if (pages_ == nullptr || (waited && builder_->rows() > 0)) break;
      NSTARX_RETURN_IF_ERROR(Fetch(context));
      continue;
    }
    NSTARX_RETURN_IF_ERROR(WalkItem(items_.front(), *builder_));
    items_.pop_front();
    if (left_ > 0) --left_;
  }
  if (builder_->rows() == 0) return nullptr;
  return builder_->Finish();
}

}  // namespace nstarx::connectors::dynamodb
