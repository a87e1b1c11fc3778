#include "http/message_rows.h"

#include <arrow/api.h>
#include <arrow/compute/cast.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "http/message.h"
#include "http/row_objects.h"
#include "result/cell.h"
#include "result/text_buffer.h"

namespace nstarx::http {
namespace {

constexpr int64_t kBatchRows = 8192;
constexpr int64_t kBatchBytes = 2 << 20;
constexpr size_t kLineMax = 16 << 20;

Error Malformed(int64_t message, std::string what) {
  return InvalidArgument("request.malformed_data",
                         fmt::format("message {} of the request {}", message, what))
      .WithDetail("message", message)
      .WithHint(
          "A message is {\"key\": …, \"value\": …, \"headers\": {…}, \"partition\": n, "
          "\"timestamp\": ms or RFC 3339}.");
}

Status Check(const arrow::Status& status) {
  if (status.ok()) return {};
  return Internal("building messages failed: " + status.ToString());
}

std::shared_ptr<arrow::DataType> Timestamp() {
  return arrow::timestamp(arrow::TimeUnit::MILLI, "UTC");
}

std::shared_ptr<arrow::Schema> MessageSchema() {
  return arrow::schema(
      {arrow::field("key", arrow::binary()), arrow::field("value", arrow::binary()),
       arrow::field("headers", arrow::map(arrow::utf8(), arrow::binary())),
       arrow::field("partition", arrow::int32()), arrow::field("timestamp", Timestamp())});
}

void SkipSpace(std::string_view text, size_t& at) {
  while (at < text.size() &&
         (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r')) {
    ++at;
  }
}

/// The text of the value that begins at `at`, of valid JSON; `at` moves behind it.
std::string_view RawValue(std::string_view text, size_t& at) {
  const size_t begin = at;
  int depth = 0;
  bool quoted = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c == '\\') ++at;
      if (c == '"') quoted = false;
      continue;
    }
    if (c == '"') quoted = true;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth < 0) break;
    if (c == ',' && depth == 0) break;
  }
  at = std::min(at, text.size());
  size_t end = at;
  while (end > begin && (text[end - 1] == ' ' || text[end - 1] == '\n' || text[end - 1] == '\t' ||
                         text[end - 1] == '\r')) {
    --end;
  }
  return text.substr(begin, end - begin);
}

/// Gathers messages as JSON into batches.
class MessageBuilder {
 public:
  /// `raw` is the text of `message`, which is valid JSON.
  Status Add(const json::value& message, std::string_view raw) {
    const int64_t number = ++count_;
    if (!message.is_object()) return Malformed(number, "is not a JSON object");
    const json::object& row = message.get_object();
    for (const auto& [name, unused] : row) {
      if (name != "key" && name != "value" && name != "headers" && name != "partition" &&
          name != "timestamp") {
        return Malformed(number, fmt::format("has an unknown member '{}'", std::string_view(name)));
      }
    }
    NSTARX_RETURN_IF_ERROR(AddBytes(key_, row.if_contains("key"), RawMember(raw, "key")));
    NSTARX_RETURN_IF_ERROR(AddBytes(value_, row.if_contains("value"), RawMember(raw, "value")));
    NSTARX_RETURN_IF_ERROR(AddHeaders(number, row.if_contains("headers")));
    NSTARX_RETURN_IF_ERROR(AddPartition(number, row.if_contains("partition")));
    NSTARX_RETURN_IF_ERROR(AddTimestamp(number, row.if_contains("timestamp")));
    ++rows_;
    bytes_ += static_cast<int64_t>(raw.size());
    return {};
  }

  bool full() const { return rows_ >= kBatchRows || bytes_ >= kBatchBytes; }
  int64_t rows() const { return rows_; }
  int64_t count() const { return count_; }

  Result<std::shared_ptr<arrow::RecordBatch>> Take() {
    arrow::ArrayVector arrays(5);
    NSTARX_RETURN_IF_ERROR(Check(key_.Finish(&arrays[0])));
    NSTARX_RETURN_IF_ERROR(Check(value_.Finish(&arrays[1])));
    NSTARX_RETURN_IF_ERROR(Check(headers_.Finish(&arrays[2])));
    NSTARX_RETURN_IF_ERROR(Check(partition_.Finish(&arrays[3])));
    NSTARX_RETURN_IF_ERROR(Check(timestamp_.Finish(&arrays[4])));
    const int64_t rows = std::exchange(rows_, 0);
    bytes_ = 0;
    return arrow::RecordBatch::Make(MessageSchema(), rows, std::move(arrays));
  }

 private:
  static Status AddBytes(arrow::BinaryBuilder& out, const json::value* value,
                         std::string_view raw) {
    if (value == nullptr || value->is_null()) return Check(out.AppendNull());
    if (value->is_string()) return Check(out.Append(std::string_view(value->get_string())));
    return Check(out.Append(raw));
  }

  Status AddHeaders(int64_t number, const json::value* headers) {
    if (headers == nullptr || headers->is_null()) return Check(headers_.AppendNull());
    if (!headers->is_object()) return Malformed(number, "has headers that are no object");
    NSTARX_RETURN_IF_ERROR(Check(headers_.Append()));
    for (const auto& [name, value] : headers->get_object()) {
      if (!value.is_string() && !value.is_null()) {
        return Malformed(number, "has a header that is not text");
      }
      NSTARX_RETURN_IF_ERROR(Check(header_names_->Append(std::string_view(name))));
      NSTARX_RETURN_IF_ERROR(AddBytes(*header_values_, &value, {}));
    }
    return {};
  }

  Status AddPartition(int64_t number, const json::value* partition) {
    if (partition == nullptr || partition->is_null()) return Check(partition_.AppendNull());
    if (!partition->is_int64() || partition->get_int64() < 0 ||
        partition->get_int64() > INT32_MAX) {
      return Malformed(number, "has a partition that is no number from 0 to 2147483647");
    }
    return Check(partition_.Append(static_cast<int32_t>(partition->get_int64())));
  }

  Status AddTimestamp(int64_t number, const json::value* timestamp) {
    if (timestamp == nullptr || timestamp->is_null()) return Check(timestamp_.AppendNull());
    if (timestamp->is_int64() && timestamp->get_int64() >= 0) {
      return Check(timestamp_.Append(timestamp->get_int64()));
    }
    if (timestamp->is_string()) {
      if (const auto at = ParseTime(std::string_view(timestamp->get_string()))) {
        return Check(timestamp_.Append(
            std::chrono::duration_cast<std::chrono::milliseconds>(at->time_since_epoch()).count()));
      }
    }
    return Malformed(number, "has a timestamp that is neither milliseconds nor RFC 3339");
  }

  arrow::BinaryBuilder key_;
  arrow::BinaryBuilder value_;
  std::shared_ptr<arrow::StringBuilder> header_names_ = std::make_shared<arrow::StringBuilder>();
  std::shared_ptr<arrow::BinaryBuilder> header_values_ = std::make_shared<arrow::BinaryBuilder>();
  arrow::MapBuilder headers_{arrow::default_memory_pool(), header_names_, header_values_};
  arrow::Int32Builder partition_;
  arrow::TimestampBuilder timestamp_{Timestamp(), arrow::default_memory_pool()};
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
  int64_t count_ = 0;
};

class MessageStream : public connector::BatchStream {
 public:
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }

 private:
  const std::shared_ptr<arrow::Schema> schema_ = MessageSchema();
};

class WholeMessages final : public MessageStream {
 public:
  explicit WholeMessages(std::vector<std::shared_ptr<arrow::RecordBatch>> batches)
      : batches_(std::move(batches)) {}
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context&) override {
    if (next_ == batches_.size()) return std::shared_ptr<arrow::RecordBatch>();
    return batches_[next_++];
  }

 private:
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches_;
  size_t next_ = 0;
};

class LineMessages final : public MessageStream {
 public:
  explicit LineMessages(std::unique_ptr<connector::ByteStream> body) : body_(std::move(body)) {}

  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    while (!messages_.full()) {
      NSTARX_TRY(const bool more, Line(context));
      if (!more) break;
    }
    if (messages_.rows() == 0) return std::shared_ptr<arrow::RecordBatch>();
    return messages_.Take();
  }

 private:
  /// Takes the next line; false at the end.
  Result<bool> Line(const Context& context) {
    size_t end = text_.find('\n', position_);
    while (end == text_.npos && !ended_) {
      text_.erase(0, std::exchange(position_, 0));
      if (text_.size() > kLineMax) {
        return Error(ErrorKind::kResourceExhausted, "request.too_large",
                     "a message of the request has more than 16 MiB")
            .WithAction(Action::kFixInput);
      }
      const size_t before = text_.size();
      text_.resize(before + (64 << 10));
      auto got = body_->Read(context, std::as_writable_bytes(std::span(text_)).subspan(before));
      text_.resize(before + (got ? *got : 0));
      if (!got) return std::move(got).error();
      ended_ = *got == 0;
      end = text_.find('\n', before);
    }
    if (position_ >= text_.size()) return false;
    const std::string_view line =
        std::string_view(text_).substr(position_, end == text_.npos ? end : end - position_);
    position_ = end == text_.npos ? text_.size() : end + 1;
    if (line.find_first_not_of(" \t\r") == line.npos) return true;
    const auto message = ParseJson(line);
    if (!message) return Malformed(messages_.count() + 1, "is not JSON");
    NSTARX_RETURN_IF_ERROR(messages_.Add(*message, line));
    return true;
  }

  const std::unique_ptr<connector::ByteStream> body_;
  MessageBuilder messages_;
  std::string text_;
  size_t position_ = 0;
  bool ended_ = false;
};

/// Rows with the columns of messages, cast; or rows that become JSON.
class RowMessages final : public MessageStream {
 public:
  explicit RowMessages(std::unique_ptr<connector::BatchStream> rows) : rows_(std::move(rows)) {}

  Status Open() {
    const arrow::Schema& schema = *rows_->schema();
    layout_ = schema.GetFieldIndex("value") >= 0 || schema.GetFieldIndex("key") >= 0;
    if (layout_) return {};
    NSTARX_TRY(auto objects, RowObjects::Make(schema));
    objects_.emplace(std::move(objects));
    return {};
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    NSTARX_TRY(const auto batch, rows_->Next(context));
    if (batch == nullptr) return batch;
    arrow::ArrayVector arrays;
    for (const auto& field : schema()->fields()) {
      NSTARX_TRY(auto array, layout_ ? Column(*batch, *field) : Document(*batch, *field));
      arrays.push_back(std::move(array));
    }
    return arrow::RecordBatch::Make(schema(), batch->num_rows(), std::move(arrays));
  }

 private:
  using ArrayResult = Result<std::shared_ptr<arrow::Array>>;

  static ArrayResult Nulls(const arrow::DataType& type, int64_t rows) {
    auto nulls = arrow::MakeArrayOfNull(type.GetSharedPtr(), rows);
    if (!nulls.ok()) return Check(nulls.status()).error();
    return *nulls;
  }

  static ArrayResult Column(const arrow::RecordBatch& batch, const arrow::Field& field) {
    const auto found = batch.GetColumnByName(field.name());
    if (found == nullptr) return Nulls(*field.type(), batch.num_rows());
    const auto id = found->type_id();
    const bool bytes = field.type()->id() == arrow::Type::BINARY;
    if (bytes && id != arrow::Type::STRING && id != arrow::Type::LARGE_STRING &&
        id != arrow::Type::LARGE_BINARY && id != arrow::Type::BINARY && id != arrow::Type::NA) {
      return Text(*found);
    }
    auto cast = arrow::compute::Cast(*found, field.type(), arrow::compute::CastOptions::Safe());
    if (!cast.ok()) {
      return InvalidArgument(
                 "request.malformed_data",
                 fmt::format("the column {} of the messages is {}, not {}", field.name(),
                             found->type()->ToString(), field.type()->ToString()))
          .WithDetail("field", field.name());
    }
    return *cast;
  }

  /// Any column as JSON texts.
  static ArrayResult Text(const arrow::Array& column) {
    NSTARX_TRY(auto cell, result::Cell::Make(*column.type(), result::Dialect::kJson));
    cell.Bind(*column.data());
    arrow::BinaryBuilder out;
    result::TextBuffer text;
    for (int64_t row = 0; row < column.length(); ++row) {
      if (column.IsNull(row)) {
        NSTARX_RETURN_IF_ERROR(Check(out.AppendNull()));
        continue;
      }
      text.Clear();
      cell.Write(row, text);
      NSTARX_RETURN_IF_ERROR(Check(out.Append(text.view())));
    }
    std::shared_ptr<arrow::Array> array;
    NSTARX_RETURN_IF_ERROR(Check(out.Finish(&array)));
    return array;
  }

  ArrayResult Document(const arrow::RecordBatch& batch, const arrow::Field& field) {
    if (field.name() != "value") return Nulls(*field.type(), batch.num_rows());
    objects_->Bind(batch);
    arrow::BinaryBuilder out;
    result::TextBuffer text;
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      text.Clear();
      objects_->Write(row, text);
      NSTARX_RETURN_IF_ERROR(Check(out.Append(text.view())));
    }
    std::shared_ptr<arrow::Array> array;
    NSTARX_RETURN_IF_ERROR(Check(out.Finish(&array)));
    return array;
  }

  const std::unique_ptr<connector::BatchStream> rows_;
  bool layout_ = false;
  std::optional<RowObjects> objects_;
};

}  // namespace

std::string_view RawMember(std::string_view object, std::string_view name) {
  size_t at = 0;
  SkipSpace(object, at);
  ++at;  // the brace
  while (true) {
    SkipSpace(object, at);
    if (at >= object.size() || object[at] != '"') return {};
    const size_t begin = at++;
    for (; at < object.size() && object[at] != '"'; ++at) {
      if (object[at] == '\\') ++at;
    }
    ++at;
    const auto key = ParseJson(object.substr(begin, at - begin));
    SkipSpace(object, at);
    ++at;  // the colon
    SkipSpace(object, at);
    const std::string_view value = RawValue(object, at);
    if (key && key->is_string() && std::string_view(key->get_string()) == name) return value;
    SkipSpace(object, at);
    if (at >= object.size() || object[at] != ',') return {};
    ++at;
  }
}

Result<std::unique_ptr<connector::BatchStream>> MessagesOfJson(std::string_view body,
                                                               std::string& topic) {
  NSTARX_TRY(const json::value parsed, ParseJson(body));
  const json::object* document = parsed.if_object();
  const json::value* list = document != nullptr ? document->if_contains("messages") : nullptr;
  if (list == nullptr || !list->is_array()) {
    return InvalidArgument("request.missing_field", "'messages' is missing, or is no array")
        .WithDetail("field", "messages")
        .WithHint("Send {\"topic\": \"orders\", \"messages\": [{\"value\": …}]}.");
  }
  for (const auto& [name, value] : *document) {
    if (name == "messages" || (name == "topic" && value.is_string())) continue;
    const std::string_view field(name);
    return InvalidArgument(field == "topic" ? "request.wrong_type" : "request.unknown_field",
                           field == "topic" ? std::string("'topic' must be text")
                                            : fmt::format("unknown field '{}'", field))
        .WithDetail("field", field);
  }
  if (document->contains("topic")) topic = GetString(*document, "topic");
  const std::string_view raw = RawMember(body, "messages");
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  MessageBuilder messages;
  size_t at = 1;  // behind the bracket
  for (const json::value& message : list->get_array()) {
    SkipSpace(raw, at);
    const std::string_view text = RawValue(raw, at);
    ++at;  // the comma
    NSTARX_RETURN_IF_ERROR(messages.Add(message, text));
    if (!messages.full()) continue;
    NSTARX_TRY(batches.emplace_back(), messages.Take());
  }
  if (messages.rows() > 0) {
    NSTARX_TRY(batches.emplace_back(), messages.Take());
  }
  return std::make_unique<WholeMessages>(std::move(batches));
}

std::unique_ptr<connector::BatchStream> MessagesOfNdjson(
    std::unique_ptr<connector::ByteStream> body) {
  return std::make_unique<LineMessages>(std::move(body));
}

Result<std::unique_ptr<connector::BatchStream>> MessagesOfRows(
    std::unique_ptr<connector::BatchStream> rows) {
  auto messages = std::make_unique<RowMessages>(std::move(rows));
  NSTARX_RETURN_IF_ERROR(messages->Open());
  return messages;
}

}  // namespace nstarx::http
