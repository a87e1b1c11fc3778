#include "connectors/dynamodb/dynamodb_ingest.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <set>

#include "connectors/documents/arrow_rows_walk.h"
#include "connectors/dynamodb/dynamodb_catalog.h"
#include "connectors/dynamodb/dynamodb_errors.h"
#include "connectors/dynamodb/dynamodb_reader.h"
#include "connectors/dynamodb/dynamodb_values.h"

namespace nstarx::connectors::dynamodb {
namespace {

using connector::IngestMode;

/// The service's limits of one BatchWriteItem.
constexpr int kItemsMax = 25;
constexpr size_t kBytesMax = 12 << 20;
constexpr std::chrono::milliseconds kStatusPause{200};
/// Rounds of unprocessed items without a single one written.
constexpr int kIdleRoundsMax = 10;

/// Items of one table on their way.
class ItemWriter {
 public:
  ItemWriter(aws::JsonClient& client, std::string table, std::vector<std::string> key_names)
      : client_(client), table_(std::move(table)), item_(std::move(key_names)) {}

  Status Add(const Context& context, const arrow::RecordBatch& batch, int64_t row) {
    NSTARX_RETURN_IF_ERROR(documents::WalkRow(batch, row, item_));
    NSTARX_RETURN_IF_ERROR(item_.failed());
    // One request can't hold two items of one key.
    if (count_ == kItemsMax || requests_.size() + item_.text().size() > kBytesMax ||
        keys_.contains(item_.key())) {
      NSTARX_RETURN_IF_ERROR(Flush(context));
    }
    if (count_ > 0) requests_ += ',';
    requests_ += R"({"PutRequest":{"Item":)" + item_.text() + "}}";
    keys_.insert(item_.key());
    ++count_;
    return {};
  }

  Status Flush(const Context& context) {
    if (count_ == 0) return {};
    std::string name;
    documents::AppendJsonString(table_, &name);
    std::string body = fmt::format(R"({{"RequestItems":{{{}:[{}]}}}})", name, requests_);
    size_t waiting = static_cast<size_t>(count_);
    for (int idle = 0; waiting > 0;) {
      // Whole items: to write one twice changes nothing.
      NSTARX_TRY(const std::string answer,
                 client_.Call(context, "BatchWriteItem", body, aws::JsonClient::Repeat::kAlways,
                              FromDynamodbFailure, table_));
      NSTARX_TRY(const json::value reply, ParseReply(answer));
      const json::value* rest = reply.get_object().if_contains("UnprocessedItems");
      if (rest == nullptr || !rest->is_object() || rest->get_object().empty()) break;
      const json::value* items = rest->get_object().if_contains(table_);
      const size_t left = items != nullptr && items->is_array() ? items->get_array().size() : 0;
      if (left == 0) break;
      idle = left == waiting ? idle + 1 : 0;
      waiting = left;
      if (idle > kIdleRoundsMax) return Busy();
      NSTARX_RETURN_IF_ERROR(aws::Pause(context, aws::RepeatAfter(idle, 0.3)));
      body = json::serialize(json::object{{"RequestItems", *rest}});
    }
    written_ += count_;
    count_ = 0;
    requests_.clear();
    keys_.clear();
    return {};
  }

  int64_t written() const { return written_; }

 private:
  Error Busy() const {
    return Unavailable(
               "service.busy",
               fmt::format("DynamoDB leaves items of {} unprocessed: its throughput is used "
                           "up; {} rows were written",
                           table_, written_))
        .WithStage("query")
        .WithConnector("dynamodb")
        .WithDetail("rows_written", written_)
        .WithAction(Action::kRetry);
  }

  aws::JsonClient& client_;
  const std::string table_;
  ItemText item_;
  std::string requests_;
  std::set<std::string> keys_;
  int count_ = 0;
  int64_t written_ = 0;
};

/// The kind of key that a column can be; empty when it can't.
std::string_view KeyKindOf(const arrow::DataType& type) {
  if (arrow::is_integer(type.id()) || arrow::is_decimal(type.id()) ||
      arrow::is_floating(type.id())) {
    return "N";
  }
  switch (type.id()) {
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::DATE32:
    case arrow::Type::DATE64:
    case arrow::Type::TIMESTAMP:
      return "S";
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::FIXED_SIZE_BINARY:
      return "B";
    default:
      return {};
  }
}

Error NoKey(std::string_view why) {
  return InvalidArgument("ingest.unsupported_key", std::string(why))
      .WithStage("query")
      .WithConnector("dynamodb");
}

/// The keys of the table: those it has, or else the first column.
Result<TableShape> KeysFor(const arrow::Schema& schema, const TableShape* there) {
  TableShape out;
  if (there != nullptr) {
    out = *there;
  } else if (schema.num_fields() > 0) {
    out.key_names = {schema.field(0)->name()};
  }
  for (const auto& name : out.key_names) {
    const auto field = schema.GetFieldByName(name);
    if (field == nullptr) {
      return NoKey(fmt::format("The rows have no column {}, which is the table's key", name));
    }
    const std::string_view kind = KeyKindOf(*field->type());
    if (kind.empty()) {
      return NoKey(
          fmt::format("Column {} of type {} can't be a key", name, field->type()->ToString()));
    }
    if (there == nullptr) out.key_kinds[name] = kind;
  }
  if (out.key_names.empty()) return NoKey("Rows without columns have no key");
  return out;
}

Status WaitWhile(const Context& context, aws::JsonClient& client, const std::string& table,
                 bool gone) {
  for (;;) {
    const auto shape = DescribeTable(context, client, table);
    if (!shape && shape.error().code() != "query.undefined_table") return shape.error();
    if (gone ? !shape : shape && shape->status == "ACTIVE") return {};
    NSTARX_RETURN_IF_ERROR(aws::Pause(context, kStatusPause));
  }
}

Status MakeTable(const Context& context, aws::JsonClient& client, const std::string& table,
                 const TableShape& keys) {
  json::array definitions;
  json::array key_schema;
  for (const auto& name : keys.key_names) {
    definitions.push_back(
        json::object{{"AttributeName", name}, {"AttributeType", keys.key_kinds.at(name)}});
    key_schema.push_back(
        json::object{{"AttributeName", name}, {"KeyType", key_schema.empty() ? "HASH" : "RANGE"}});
  }
  NSTARX_RETURN_IF_ERROR(CallOperation(context, client,
                                       {.name = "CreateTable",
                                        .arguments = {{"TableName", table},
                                                      {"BillingMode", "PAY_PER_REQUEST"},
                                                      {"AttributeDefinitions", definitions},
                                                      {"KeySchema", key_schema}}}));
  return WaitWhile(context, client, table, false);
}

}  // namespace

Result<int64_t> IngestInto(const Context& context, aws::JsonClient& client,
                           const std::string& table, IngestMode mode,
                           connector::BatchStream& source) {
  NSTARX_RETURN_IF_ERROR(documents::CheckRows(*source.schema()));
  const auto there = DescribeTable(context, client, table);
  if (!there && (there.error().code() != "query.undefined_table" || mode == IngestMode::kAppend)) {
    return there.error();
  }
  if (there && mode == IngestMode::kCreate) {
    return Error(ErrorKind::kAlreadyExists, "ingest.table_exists",
                 fmt::format("There is a table '{}' already", table))
        .WithStage("query")
        .WithConnector("dynamodb");
  }
  NSTARX_TRY(const TableShape keys, KeysFor(*source.schema(), there ? &*there : nullptr));
  if (there && mode == IngestMode::kReplace) {
    if (!there->description.indexes.empty()) {
      return NoKey(
          fmt::format("Table {} has secondary indexes, which replacing it would lose: "
                      "delete it first",
                      table));
    }
    NSTARX_RETURN_IF_ERROR(CallOperation(
        context, client, {.name = "DeleteTable", .arguments = {{"TableName", table}}}));
    NSTARX_RETURN_IF_ERROR(WaitWhile(context, client, table, true));
  }
  if (mode != IngestMode::kAppend) {
    NSTARX_RETURN_IF_ERROR(MakeTable(context, client, table, keys));
  }
  ItemWriter writer(client, table, keys.key_names);
  for (;;) {
    NSTARX_TRY(const auto batch, source.Next(context));
    if (batch == nullptr) break;
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      NSTARX_RETURN_IF_ERROR(writer.Add(context, *batch, row));
    }
  }
  NSTARX_RETURN_IF_ERROR(writer.Flush(context));
  return writer.written();
}

}  // namespace nstarx::connectors::dynamodb
