#include "connectors/redis/redis_table.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "connectors/redis/redis_column.h"
#include "connectors/redis/redis_errors.h"
#include "connectors/redis/redis_table_rows.h"

namespace nstarx::connectors::redis {
namespace {

using Kind = Reply::Kind;
constexpr size_t kSampleKeys = 200;
constexpr size_t kSampleStep = 20;
constexpr size_t kSampleBytes = 8 << 20;
constexpr size_t kMaxSortedKeys = 1'000'000;
constexpr size_t kMaxChunk = 512;
constexpr size_t kMaxFieldColumns = 1000;
constexpr int64_t kBatchRows = 8192;
constexpr size_t kBatchBytes = 1 << 20;

Arguments ReadCommand(const std::string& type, const std::string& key) {
  if (type == "hash") return {"HGETALL", key};
  if (type == "string") return {"GET", key};
  if (type == "list") return {"LRANGE", key, "0", "-1"};
  if (type == "set") return {"SMEMBERS", key};
  if (type == "zset") return {"ZRANGE", key, "0", "-1", "WITHSCORES"};
  if (type == "stream") return {"XRANGE", key, "-", "+"};
  return {"EXISTS", key};
}

/// Errors hold text: a key that is none is shown as JSON shows bytes.
std::string ShownKey(const std::string& key) {
  if (IsUtf8(key)) return key;
  std::string out;
  AppendJsonText(key, &out);
  return out;
}

/// RESP2 gives members and scores by turns and scores as text; RESP3 pairs of member and number.
void PairUp(Reply* scores) {
  if (scores->items.size() % 2 != 0 || scores->items[0].IsAggregate()) return;
  std::vector<Reply> pairs(scores->items.size() / 2);
  for (size_t at = 0; at < pairs.size(); ++at) {
    Reply& score = scores->items[2 * at + 1];
    ScoreOf(&score);
    pairs[at].kind = Kind::kArray;
    pairs[at].items.push_back(std::move(scores->items[2 * at]));
    pairs[at].items.push_back(std::move(score));
  }
  scores->items = std::move(pairs);
}

bool HasWildcard(std::string_view pattern) {
  for (size_t at = 0; at < pattern.size(); ++at) {
    if (pattern[at] == '\\') {
      ++at;
    } else if (std::string_view("*?[").find(pattern[at]) != std::string_view::npos) {
      return true;
    }
  }
  return false;
}

ColumnType Narrowest(const std::vector<const std::string*>& values) {
  const auto all = [&values](const auto& fits) {
    return std::ranges::all_of(values, [&fits](const std::string* text) { return fits(*text); });
  };
  int64_t integer = 0;
  double number = 0;
  if (all([&integer](const std::string& text) { return ExactInteger(text, &integer); })) {
    return ColumnType::kInteger;
  }
  if (all([&number](const std::string& text) { return ExactDouble(text, &number); })) {
    return ColumnType::kDouble;
  }
  return all([](const std::string& text) { return IsUtf8(text); }) ? ColumnType::kText
                                                                   : ColumnType::kBinary;
}

/// Values of each field of the samples' hashes, in order of first appearance.
struct SeenFields {
  std::vector<std::string> order;
  std::unordered_map<std::string, std::vector<const std::string*>> values;

  explicit SeenFields(const std::vector<KeyValue>& samples) {
    // In order of keys: the same columns whatever order the server walks in.
    std::vector<const KeyValue*> hashes;
    for (const KeyValue& sample : samples) {
      if (sample.type == "hash") hashes.push_back(&sample);
    }
    std::ranges::sort(hashes, {}, &KeyValue::key);
    for (const KeyValue* sample : hashes) {
      const auto& items = sample->value.items;
      for (size_t at = 0; at + 1 < items.size(); at += 2) {
        auto [place, is_new] = values.try_emplace(items[at].text);
        if (is_new) order.push_back(items[at].text);
        place->second.push_back(&items[at + 1].text);
      }
    }
  }
};

std::vector<TableColumn> ChosenColumns(const TableScan& scan, const SeenFields& seen) {
  std::vector<TableColumn> columns;
  for (const TableField& field : scan.fields) {
    TableColumn column{field.name, ColumnSource::kField, field.type, field.name};
    if (field.name == "_key") column.source = ColumnSource::kKey;
    if (field.name == "_type") column.source = ColumnSource::kType;
    if (field.name == "_ttl_ms") column.source = ColumnSource::kTtl;
    if (column.source == ColumnSource::kTtl) column.type = ColumnType::kInteger;
    if (column.type == ColumnType::kGuess) {
      const auto found = seen.values.find(field.name);
      const bool known = column.source == ColumnSource::kField && found != seen.values.end();
      column.type = known ? Narrowest(found->second) : ColumnType::kText;
    }
    columns.push_back(std::move(column));
  }
  return columns;
}

/// Fields are those of hashes: other keys of the pattern are not looked at.
TableScan HashesOf(TableScan scan) {
  if (!scan.fields.empty() && scan.type.empty()) scan.type = "hash";
  return scan;
}

class TableStream final : public connector::BatchStream {
 public:
  TableStream(Client& client, const TableScan& scan)
      : client_(client), keys_(client, HashesOf(scan)) {
    facts_.types = scan.fields.empty();
    facts_.ttls = facts_.types || std::ranges::any_of(scan.fields, [](const TableField& field) {
                    return field.name == "_ttl_ms";
                  });
  }

  Status Start(const Context& context) {
    if (keys_.scan().database) {
      NSTARX_RETURN_IF_ERROR(client_.Select(context, *keys_.scan().database));
    }
    NSTARX_RETURN_IF_ERROR(keys_.Gather(context, kSampleKeys));
    const auto& fields = keys_.scan().fields;
    const bool known = !fields.empty() && std::ranges::all_of(fields, [](const TableField& field) {
      return field.type != ColumnType::kGuess || field.name.starts_with('_');
    });
    if (keys_.waiting().empty() && !known) {
      return QueryError(ErrorKind::kNotFound, "query.undefined_table",
                        fmt::format("No key matches '{}'", keys_.scan().pattern));
    }
    // A few keys at a time: their values may be large.
    size_t bytes = 0;
    for (size_t seen = 0; seen < kSampleKeys && bytes < kSampleBytes && !keys_.waiting().empty();) {
      NSTARX_TRY(auto rows, Fetch(context, kSampleStep));
      for (KeyValue& row : rows) {
        bytes += BytesOf(row.value);
        waiting_rows_.push_back(std::move(row));
      }
      seen += kSampleStep;
    }
    const bool complete = keys_.at_end() && keys_.waiting().empty();
    layout_ = TableRows(InferColumns(keys_.scan(), waiting_rows_, complete));
    return {};
  }

  const std::vector<TableColumn>& columns() const { return layout_.columns(); }
  const std::shared_ptr<arrow::Schema>& schema() const override { return layout_.schema(); }

  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    NSTARX_TRY(auto builder, layout_.Begin());
    while (builder.rows() < kBatchRows && builder.bytes() < kBatchBytes && !Enough(builder)) {
      if (waiting_rows_.empty()) {
        NSTARX_RETURN_IF_ERROR(keys_.Gather(context, chunk_));
        if (keys_.waiting().empty()) break;
        NSTARX_TRY(waiting_rows_, Fetch(context, chunk_));
      }
      const size_t before = builder.bytes();
      for (const KeyValue& row : waiting_rows_) NSTARX_RETURN_IF_ERROR(builder.Append(row));
      Adapt(builder.bytes() - before);
      waiting_rows_.clear();
    }
    given_ += builder.rows();
    if (builder.rows() == 0) return std::shared_ptr<arrow::RecordBatch>();
    return builder.Finish(layout_.schema());
  }

 private:
  bool Enough(const TableRows::Builder& builder) const {
    return keys_.scan().limit && given_ + builder.rows() >= *keys_.scan().limit;
  }

  /// Fewer keys at once when their values are large.
  void Adapt(size_t bytes) {
    chunk_ =
        bytes > kBatchBytes ? std::max<size_t>(chunk_ / 4, 4) : std::min(chunk_ * 2, kMaxChunk);
  }

  Result<std::vector<KeyValue>> Fetch(const Context& context, size_t count) {
    std::vector<std::string> keys;
    while (!keys_.waiting().empty() && keys.size() < count) {
      keys.push_back(std::move(keys_.waiting().front()));
      keys_.waiting().pop_front();
    }
    return FetchKeys(context, client_, keys, facts_);
  }

  Client& client_;
  KeyScan keys_;
  KeyFacts facts_;
  size_t chunk_ = 16;
  int64_t given_ = 0;
  TableRows layout_;
  std::vector<KeyValue> waiting_rows_;
};

}  // namespace

/// A pattern that only one key can match needs no walk through all keys.
Status KeyScan::Lookup(const Context& context, std::string key) {
  at_end_ = true;
  NSTARX_TRY(const Reply type, client_.Run(context, {"TYPE", key}));
  if (type.text != "none" && (scan_.type.empty() || type.text == scan_.type)) {
    waiting_.push_back(std::move(key));
  }
  return {};
}

Status KeyScan::Gather(const Context& context, size_t wanted) {
  if (!at_end_ && !HasWildcard(scan_.pattern)) {
    return Lookup(context, UnescapePattern(scan_.pattern));
  }
  const bool first = cursor_ == "0" && !at_end_;
  while (!at_end_ && (scan_.sorted || waiting_.size() < wanted)) {
    NSTARX_RETURN_IF_ERROR(context.Check());
    Arguments command{"SCAN", cursor_, "MATCH", scan_.pattern, "COUNT", "1000"};
    if (!scan_.type.empty()) command.insert(command.end(), {"TYPE", scan_.type});
    NSTARX_TRY(Reply page, client_.Run(context, command));
    if (page.items.size() != 2 || page.items[0].kind != Kind::kText) {
      return QueryError(ErrorKind::kUnavailable, "connection.protocol_error",
                        "The answer of SCAN has not its form");
    }
    cursor_ = page.items[0].text;
    at_end_ = cursor_ == "0";
    for (Reply& key : page.items[1].items) waiting_.push_back(std::move(key.text));
    if (scan_.sorted && waiting_.size() > kMaxSortedKeys) {
      return QueryError(
          ErrorKind::kResourceExhausted, "query.too_many_keys",
          fmt::format("More than {} keys match; they are too many to be sorted", kMaxSortedKeys));
    }
  }
  if (first && scan_.sorted) {
    std::ranges::sort(waiting_);
    const auto again = std::ranges::unique(waiting_);
    waiting_.erase(again.begin(), again.end());
  }
  return {};
}

Result<std::vector<KeyValue>> FetchKeys(const Context& context, Client& client,
                                        const std::vector<std::string>& keys, KeyFacts facts) {
  std::vector<KeyValue> rows(keys.size());
  std::vector<Arguments> asked;
  for (const std::string& key : keys) {
    if (facts.types) asked.push_back({"TYPE", key});
    if (facts.ttls) asked.push_back({"PTTL", key});
  }
  std::vector<Reply> answers;
  if (!asked.empty()) {
    NSTARX_TRY(answers, client.RunAll(context, asked));
  }
  for (const Reply& answer : answers) {
    if (answer.kind == Kind::kError) return MapError(answer.text);
  }
  asked.clear();
  size_t at = 0;
  for (size_t row = 0; row < keys.size(); ++row) {
    rows[row].key = keys[row];
    rows[row].type = facts.types ? answers[at++].text : "hash";
    if (facts.ttls) rows[row].ttl_ms = answers[at++].integer;
    asked.push_back(ReadCommand(rows[row].type, keys[row]));
  }
  NSTARX_TRY(std::vector<Reply> values, client.RunAll(context, asked));
  std::vector<KeyValue> found;
  for (size_t row = 0; row < keys.size(); ++row) {
    Reply& value = values[row];
    // Gone or replaced between the two questions, or expired.
    const bool changed = value.kind == Kind::kError && value.text.starts_with("WRONGTYPE");
    if (value.kind == Kind::kError && !changed) {
      return MapError(value.text).WithDetail("key", json::string_view(ShownKey(keys[row])));
    }
    const bool empty = value.IsAggregate() ? value.items.empty() : value.kind == Kind::kNull;
    if (changed || empty || rows[row].type == "none") continue;
    if (value.kind == Kind::kInteger) value = Reply();  // EXISTS: a type of a module.
    if (rows[row].type == "zset") PairUp(&value);
    rows[row].value = std::move(value);
    found.push_back(std::move(rows[row]));
  }
  return found;
}

std::vector<TableColumn> InferColumns(const TableScan& scan, const std::vector<KeyValue>& samples,
                                      bool complete) {
  const SeenFields seen(samples);
  if (!scan.fields.empty()) return ChosenColumns(scan, seen);
  const auto any = [&samples](const auto& has) { return std::ranges::any_of(samples, has); };
  const bool byte_keys = any([](const KeyValue& sample) { return !IsUtf8(sample.key); });
  std::vector<TableColumn> columns{
      {"key", ColumnSource::kKey, byte_keys ? ColumnType::kBinary : ColumnType::kText, ""}};
  const bool others = any([](const KeyValue& sample) { return sample.type != "hash"; });
  if (others) columns.push_back({"type", ColumnSource::kType, ColumnType::kText, ""});
  if (any([](const KeyValue& sample) { return sample.ttl_ms >= 0; })) {
    columns.push_back({"ttl_ms", ColumnSource::kTtl, ColumnType::kInteger, ""});
  }
  constexpr std::string_view kOurs[] = {"key", "type", "ttl_ms", "value", "_drift"};
  bool left_out = false;
  size_t fields = 0;
  for (const std::string& name : seen.order) {
    if (fields == kMaxFieldColumns || !IsUtf8(name)) {
      left_out = true;
      continue;
    }
    ++fields;
    const bool taken = std::ranges::find(kOurs, name) != std::end(kOurs);
    columns.push_back({taken ? "field:" + name : name, ColumnSource::kField,
                       Narrowest(seen.values.at(name)), name});
  }
  if (others) {
    const bool binary = any([](const KeyValue& sample) {
      return sample.type == "string" && !IsUtf8(sample.value.text);
    });
    columns.push_back(
        {"value", ColumnSource::kValue, binary ? ColumnType::kBinary : ColumnType::kText, ""});
  }
  if (!complete || left_out) {
    columns.push_back({"_drift", ColumnSource::kDrift, ColumnType::kText, ""});
  }
  return columns;
}

Result<std::unique_ptr<connector::BatchStream>> ScanTable(const Context& context, Client& client,
                                                          const TableScan& scan,
                                                          std::vector<TableColumn>* columns) {
  auto stream = std::make_unique<TableStream>(client, scan);
  NSTARX_RETURN_IF_ERROR(stream->Start(context));
  if (columns != nullptr) *columns = stream->columns();
  return std::unique_ptr<connector::BatchStream>(std::move(stream));
}

}  // namespace nstarx::connectors::redis
