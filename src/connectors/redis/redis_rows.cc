#include "connectors/redis/redis_rows.h"

#include <arrow/api.h>

#include <algorithm>
#include <array>

#include "connectors/redis/redis_column.h"
#include "connectors/redis/redis_errors.h"

namespace nstarx::connectors::redis {
namespace {

using Kind = Reply::Kind;
constexpr int64_t kWindowItems = 16'384;
constexpr size_t kWindowBytes = 1 << 20;

enum class Shape { kValues, kPairs, kScores, kEntries, kStreams, kInfo };

Shape ShapeOf(const Arguments& command) {
  const std::string name = Upper(command[0]);
  if (name == "INFO") return Shape::kInfo;
  if (name == "XRANGE" || name == "XREVRANGE") return Shape::kEntries;
  if (name == "XREAD" || name == "XREADGROUP") return Shape::kStreams;
  if (name == "HGETALL") return Shape::kPairs;
  if (name == "CONFIG" && command.size() > 1 && Upper(command[1]) == "GET") return Shape::kPairs;
  const bool scores = std::any_of(command.begin() + 1, command.end(),
                                  [](const auto& word) { return Upper(word) == "WITHSCORES"; });
  if (scores && name.starts_with('Z')) return Shape::kScores;
  return Shape::kValues;
}

std::vector<std::string> NamesOf(Shape shape) {
  switch (shape) {
    case Shape::kPairs:
      return {"key", "value"};
    case Shape::kScores:
      return {"member", "score"};
    case Shape::kEntries:
      return {"id", "fields"};
    case Shape::kStreams:
      return {"stream", "id", "fields"};
    case Shape::kInfo:
      return {"section", "key", "value"};
    case Shape::kValues:
      break;
  }
  return {"value"};
}

Reply Text(std::string_view text) {
  Reply out;
  out.kind = Kind::kText;
  out.text = text;
  return out;
}

Error UnexpectedShape() {
  return QueryError(ErrorKind::kUnavailable, "connection.protocol_error",
                    "The answer has not the form that this command's answers have");
}

using Row = std::vector<Reply>;

/// One entry of a stream: [id, [field, value, …]]; fields are null for deleted pending ones.
Status AddEntry(Reply entry, Row prefix, std::vector<Row>* rows) {
  if (entry.items.size() != 2) return UnexpectedShape();
  prefix.push_back(std::move(entry.items[0]));
  Reply fields = std::move(entry.items[1]);
  fields.kind = Kind::kMap;
  prefix.push_back(std::move(fields));
  rows->push_back(std::move(prefix));
  return {};
}

std::vector<Row> InfoRows(std::string_view text) {
  std::vector<Row> rows;
  std::string section;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("# ")) section = line.substr(2);
    const size_t colon = line.find(':');
    if (line.empty() || line[0] == '#' || colon == std::string_view::npos) continue;
    rows.push_back({Text(section), Text(line.substr(0, colon)), Text(line.substr(colon + 1))});
  }
  return rows;
}

class ReplyStream final : public connector::BatchStream {
 public:
  ReplyStream(Client& client, Shape shape, bool binary)
      : client_(client), shape_(shape), binary_(binary) {}
  ~ReplyStream() override {
    if (left_ > 0) client_.Break();
  }

  Status Start(const Context& context) {
    NSTARX_TRY(ReplyHead head, client_.ReadHead(context));
    Reply& first = head.scalar;
    if (first.kind == Kind::kError) return MapError(first.text);
    if (first.IsAggregate()) {
      left_ = head.items;
      if (shape_ == Shape::kValues && first.kind == Kind::kMap) shape_ = Shape::kPairs;
    } else if (shape_ == Shape::kInfo) {
      rows_ = InfoRows(first.text);
    } else if (shape_ == Shape::kValues) {
      rows_.push_back({std::move(first)});
    } else if (first.kind != Kind::kNull) {
      // QUEUED inside of a transaction.
      shape_ = Shape::kValues;
      rows_.push_back({std::move(first)});
    }
    NSTARX_RETURN_IF_ERROR(Window(context));
    Settle();
    return {};
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }

  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    if (rows_.empty()) NSTARX_RETURN_IF_ERROR(Window(context));
    if (rows_.empty()) return std::shared_ptr<arrow::RecordBatch>();
    std::vector<std::shared_ptr<arrow::Array>> arrays;
    for (size_t column = 0; column < types_.size(); ++column) {
      ReplyColumn builder(types_[column]);
      for (size_t row = 0; row < rows_.size(); ++row) {
        NSTARX_RETURN_IF_ERROR(builder.Append(rows_[row][column], names_[column],
                                              given_ + static_cast<int64_t>(row) + 1));
      }
      NSTARX_TRY(auto array, builder.Finish());
      arrays.push_back(std::move(array));
    }
    const auto count = static_cast<int64_t>(rows_.size());
    given_ += count;
    rows_.clear();
    return arrow::RecordBatch::Make(schema_, count, std::move(arrays));
  }

 private:
  Result<Reply> Item(const Context& context) {
    NSTARX_TRY(Reply item, client_.ReadItem(context));
    --left_;
    bytes_ += BytesOf(item);
    return item;
  }

  /// Reads on until a batch is full or the answer ends.
  Status Window(const Context& context) {
    bytes_ = 0;
    int64_t items = 0;
    while (left_ > 0 && bytes_ < kWindowBytes && items++ < kWindowItems) {
      NSTARX_TRY(Reply item, Item(context));
      NSTARX_RETURN_IF_ERROR(Take(context, std::move(item)));
    }
    return {};
  }

  Status Take(const Context& context, Reply item) {
    switch (shape_) {
      case Shape::kEntries:
        return AddEntry(std::move(item), {}, &rows_);
      case Shape::kStreams:
        return TakeStream(context, std::move(item));
      case Shape::kScores:
        if (item.IsAggregate()) {
          if (item.items.size() != 2) return UnexpectedShape();
          rows_.push_back(std::move(item.items));
          return {};
        }
        [[fallthrough]];
      case Shape::kPairs: {
        if (left_ == 0) return UnexpectedShape();
        NSTARX_TRY(Reply second, Item(context));
        if (shape_ == Shape::kScores) ScoreOf(&second);
        rows_.push_back({std::move(item), std::move(second)});
        return {};
      }
      default:
        rows_.push_back({std::move(item)});
        return {};
    }
  }

  /// RESP3: name, entries by turns; RESP2: [name, entries].
  Status TakeStream(const Context& context, Reply item) {
    Reply name;
    Reply entries;
    if (item.IsAggregate()) {
      if (item.items.size() != 2) return UnexpectedShape();
      name = std::move(item.items[0]);
      entries = std::move(item.items[1]);
    } else {
      if (left_ == 0) return UnexpectedShape();
      name = std::move(item);
      NSTARX_TRY(entries, Item(context));
    }
    for (Reply& entry : entries.items) {
      NSTARX_RETURN_IF_ERROR(AddEntry(std::move(entry), {name}, &rows_));
    }
    return {};
  }

  /// Chooses the types by the first window.
  void Settle() {
    names_ = NamesOf(shape_);
    arrow::FieldVector fields;
    for (size_t column = 0; column < names_.size(); ++column) {
      std::vector<const Reply*> values;
      values.reserve(rows_.size());
      for (const Row& row : rows_) values.push_back(&row[column]);
      const bool map = names_[column] == "fields";
      ReplyType type = map ? MapTypeOf(values, binary_) : TypeOf(values, binary_);
      if (names_[column] == "score" && rows_.empty()) type = ReplyType::kDouble;
      types_.push_back(type);
      fields.push_back(arrow::field(names_[column], ReplyColumn(type).type()));
    }
    schema_ = arrow::schema(std::move(fields));
  }

  Client& client_;
  Shape shape_;
  const bool binary_;
  int64_t left_ = 0;
  int64_t given_ = 0;
  size_t bytes_ = 0;
  std::vector<Row> rows_;
  std::vector<std::string> names_;
  std::vector<ReplyType> types_;
  std::shared_ptr<arrow::Schema> schema_;
};

}  // namespace

Result<std::unique_ptr<connector::BatchStream>> StreamReply(const Context& context, Client& client,
                                                            const Arguments& command, bool binary) {
  auto stream = std::make_unique<ReplyStream>(client, ShapeOf(command), binary);
  NSTARX_RETURN_IF_ERROR(stream->Start(context));
  return std::unique_ptr<connector::BatchStream>(std::move(stream));
}

}  // namespace nstarx::connectors::redis
