#include "connectors/redis/redis_ingest.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <optional>

#include "base/id.h"
#include "connectors/documents/arrow_rows_walk.h"
#include "connectors/redis/redis_errors.h"
#include "connectors/redis/redis_statement.h"

namespace nstarx::connectors::redis {
namespace {

using connector::IngestMode;
using enum ErrorKind;

constexpr size_t kRoundBytes = 1 << 20;
constexpr size_t kRoundRows = 4096;

/// The text of one value, none of NULL: scalars as they are written, nested ones as JSON.
class ValueText {
 public:
  explicit ValueText(std::optional<std::string>* out) : out_(*out) {}

  void BeginDocument() { BeginObject(); }
  void EndDocument() { EndObject(); }
  void BeginObject() {
    ++depth_;
    json_.BeginObject();
  }
  void EndObject() {
    json_.EndObject();
    Close();
  }
  void BeginArray() {
    ++depth_;
    json_.BeginArray();
  }
  void EndArray() {
    json_.EndArray();
    Close();
  }
  void Key(std::string_view name) { json_.Key(name); }
  void Null() {
    if (depth_ > 0) json_.Null();
  }
  void Bool(bool value) {
    if (depth_ > 0) return json_.Bool(value);
    out_ = value ? "true" : "false";
  }
  void Int(int64_t value) {
    if (depth_ > 0) return json_.Int(value);
    out_ = std::to_string(value);
  }
  void Double(double value) {
    if (depth_ > 0) return json_.Double(value);
    out_ = fmt::format("{}", value);
  }
  void Decimal(std::string_view text) {
    if (depth_ > 0) return json_.Decimal(text);
    out_ = text;
  }
  void String(std::string_view text) {
    if (depth_ > 0) return json_.String(text);
    out_ = text;
  }
  void Binary(std::string_view bytes) {
    if (depth_ > 0) return json_.Binary(bytes);
    out_ = bytes;
  }
  void Timestamp(int64_t micros) {
    if (depth_ > 0) return json_.Timestamp(micros);
    out_.emplace();
    documents::AppendIsoTime(micros, &*out_);
  }

 private:
  void Close() {
    if (--depth_ == 0) out_ = std::move(json_.text());
  }
  std::optional<std::string>& out_;
  documents::JsonText json_{documents::JsonText::Dialect::kPlain};
  int depth_ = 0;
};

Result<std::optional<std::string>> TextOf(const arrow::RecordBatch& batch, int column,
                                          int64_t row) {
  const arrow::Array& array = *batch.column(column);
  std::optional<std::string> out;
  if (array.IsNull(row)) return out;
  // Texts that are marked as JSON are stored as they are.
  if (array.type_id() == arrow::Type::STRING) {
    out = static_cast<const arrow::StringArray&>(array).GetString(row);
    return out;
  }
  ValueText sink(&out);
  NSTARX_RETURN_IF_ERROR(
      documents::RowWalk<ValueText>(sink).Value(*batch.schema()->field(column), array, row));
  return out;
}

/// Makes the commands of rows.
class RowWriter {
 public:
  explicit RowWriter(const KeyTemplate& keys) : keys_(keys) {}

  Status Begin(const arrow::Schema& schema) {
    NSTARX_RETURN_IF_ERROR(documents::CheckRows(schema));
    key_column_ = schema.GetFieldIndex("key");
    for (const auto& part : keys_.parts) {
      if (part.kind != KeyTemplate::Part::Kind::kColumn || key_column_ >= 0) continue;
      if (schema.GetFieldIndex(part.text) >= 0) continue;
      return QueryError(
          kInvalidArgument, "ingest.bad_path",
          fmt::format("The path takes the column '{}', which the rows have not", part.text));
    }
    return {};
  }

  Result<Arguments> Command(const arrow::RecordBatch& batch, int64_t row, int64_t number) const {
    NSTARX_TRY(std::string key, KeyOf(batch, row, number));
    Arguments command{"HSET", std::move(key)};
    for (int column = 0; column < batch.num_columns(); ++column) {
      if (column == key_column_) continue;
      NSTARX_TRY(auto text, TextOf(batch, column, row));
      if (!text) continue;
      command.push_back(batch.schema()->field(column)->name());
      command.push_back(std::move(*text));
    }
    if (command.size() > 2) return command;
    return QueryError(kInvalidArgument, "ingest.empty_row",
                      fmt::format("Row {} has only NULLs, and Redis keeps no empty hash", number))
        .WithDetail("row", number);
  }

 private:
  Result<std::string> KeyOf(const arrow::RecordBatch& batch, int64_t row, int64_t number) const {
    std::string key;
    if (key_column_ >= 0) return Needed(batch, key_column_, row, number);
    for (const auto& part : keys_.parts) {
      switch (part.kind) {
        case KeyTemplate::Part::Kind::kText:
          key += part.text;
          break;
        case KeyTemplate::Part::Kind::kUnique:
          key += NewId("row").substr(4);
          break;
        case KeyTemplate::Part::Kind::kColumn: {
          NSTARX_TRY(const std::string text,
                     Needed(batch, batch.schema()->GetFieldIndex(part.text), row, number));
          key += text;
        }
      }
    }
    return key;
  }

  static Result<std::string> Needed(const arrow::RecordBatch& batch, int column, int64_t row,
                                    int64_t number) {
    NSTARX_TRY(auto text, TextOf(batch, column, row));
    if (text) return std::move(*text);
    return QueryError(kInvalidArgument, "ingest.null_key",
                      fmt::format("Row {}: the column '{}', which the key is made of, is NULL",
                                  number, batch.schema()->field(column)->name()))
        .WithDetail("row", number);
  }

  const KeyTemplate& keys_;
  int key_column_ = -1;
};

/// Calls `use` with each page of keys of the pattern, until it says false.
template <class Use>
Status EachPage(const Context& context, Client& client, const std::string& pattern,
                const Use& use) {
  std::string cursor = "0";
  do {
    NSTARX_RETURN_IF_ERROR(context.Check());
    NSTARX_TRY(const Reply page,
               client.Run(context, {"SCAN", cursor, "MATCH", pattern, "COUNT", "1000"}));
    if (page.items.size() != 2) break;
    cursor = page.items[0].text;
    if (page.items[1].items.empty()) continue;
    NSTARX_TRY(const bool more, use(page.items[1]));
    if (!more) break;
  } while (cursor != "0");
  return {};
}

Status MakeRoom(const Context& context, Client& client, const std::string& pattern,
                IngestMode mode) {
  if (mode == IngestMode::kAppend) return {};
  return EachPage(context, client, pattern, [&](const Reply& keys) -> Result<bool> {
    if (mode == IngestMode::kCreate) {
      return Error(kAlreadyExists, "ingest.table_exists",
                   fmt::format("There are keys that match '{}' already", pattern))
          .WithStage("query")
          .WithConnector("redis");
    }
    Arguments command{"UNLINK"};
    for (const Reply& key : keys.items) command.push_back(key.text);
    NSTARX_TRY(const Reply done, client.Run(context, command));
    return true;
  });
}

Status Flush(const Context& context, Client& client, std::vector<Arguments>* commands,
             int64_t* written) {
  if (commands->empty()) return {};
  NSTARX_TRY(const auto answers, client.RunAll(context, *commands));
  for (const Reply& answer : answers) {
    if (answer.kind == Reply::Kind::kError) {
      return MapError(answer.text).WithDetail("rows_written", *written);
    }
    ++*written;
  }
  commands->clear();
  return {};
}

}  // namespace

Result<KeyTemplate> KeyTemplate::Parse(std::string_view text) {
  const auto bad = [](std::string_view why) {
    return QueryError(kInvalidArgument, "ingest.bad_path", std::string(why));
  };
  KeyTemplate out;
  bool distinct = false;
  const auto plain = [&out](char c) {
    if (out.parts.empty() || out.parts.back().kind != Part::Kind::kText) out.parts.emplace_back();
    out.parts.back().text.push_back(c);
  };
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '*') {
      out.parts.push_back({Part::Kind::kUnique, ""});
      distinct = true;
    } else if (text[at] == '{') {
      const size_t end = text.find('}', at);
      if (end == std::string_view::npos || end == at + 1) {
        return bad("The path has a { without a column's name and }");
      }
      out.parts.push_back({Part::Kind::kColumn, std::string(text.substr(at + 1, end - at - 1))});
      distinct = true;
      at = end;
    } else {
      if (text[at] == '\\' && at + 1 < text.size()) ++at;
      plain(text[at]);
    }
  }
  if (!distinct || out.parts[0].kind != Part::Kind::kText) {
    return bad("The path needs a prefix and {column} or *, as in user:{id} or event:*");
  }
  return out;
}

std::string KeyTemplate::Pattern() const {
  std::string out;
  for (const Part& part : parts)
    out += part.kind == Part::Kind::kText ? EscapePattern(part.text) : "*";
  return out;
}

Result<int64_t> IngestHashes(const Context& context, Client& client, std::string_view path,
                             IngestMode mode, connector::BatchStream& source) {
  NSTARX_TRY(const KeyTemplate keys, KeyTemplate::Parse(path));
  RowWriter writer(keys);
  NSTARX_RETURN_IF_ERROR(writer.Begin(*source.schema()));
  int64_t written = 0;
  int64_t number = 0;
  size_t bytes = 0;
  bool room = false;
  std::vector<Arguments> commands;
  for (;;) {
    NSTARX_TRY(const auto batch, source.Next(context));
    // Nothing is removed before the first rows are there.
    if (!room) NSTARX_RETURN_IF_ERROR(MakeRoom(context, client, keys.Pattern(), mode));
    room = true;
    if (batch == nullptr) break;
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      NSTARX_TRY(Arguments command, writer.Command(*batch, row, ++number));
      for (const std::string& argument : command) bytes += argument.size();
      commands.push_back(std::move(command));
      if (bytes < kRoundBytes && commands.size() < kRoundRows) continue;
      NSTARX_RETURN_IF_ERROR(Flush(context, client, &commands, &written));
      bytes = 0;
    }
  }
  NSTARX_RETURN_IF_ERROR(Flush(context, client, &commands, &written));
  return written;
}

}  // namespace nstarx::connectors::redis
