#include "connectors/dynamodb/dynamodb_catalog.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/dynamodb/dynamodb_reader.h"
#include "connectors/dynamodb/dynamodb_values.h"

namespace nstarx::connectors::dynamodb {
namespace {

const json::array& ArrayOf(const json::object& object, std::string_view key) {
  static const json::array kEmpty;
  const json::value* found = object.if_contains(key);
  return found != nullptr && found->is_array() ? found->get_array() : kEmpty;
}

const json::object& ObjectOf(const json::object& object, std::string_view key) {
  static const json::object kEmpty;
  const json::value* found = object.if_contains(key);
  return found != nullptr && found->is_object() ? found->get_object() : kEmpty;
}

std::vector<std::string> KeysOf(const json::object& object) {
  std::vector<std::string> out;
  for (const auto& key : ArrayOf(object, "KeySchema")) {
    if (!key.is_object()) continue;
    const std::string name(GetString(key.get_object(), "AttributeName"));
    const bool hash = GetString(key.get_object(), "KeyType") == "HASH";
    out.insert(hash ? out.begin() : out.end(), name);
  }
  return out;
}

std::string ThroughputOf(const json::object& table) {
  if (GetString(ObjectOf(table, "BillingModeSummary"), "BillingMode") == "PAY_PER_REQUEST") {
    return "on demand";
  }
  const json::object& throughput = ObjectOf(table, "ProvisionedThroughput");
  return fmt::format("provisioned {} read and {} write units",
                     GetInt(throughput, "ReadCapacityUnits", 0),
                     GetInt(throughput, "WriteCapacityUnits", 0));
}

void AddIndexes(const json::object& table, std::string_view member, std::string_view kind,
                connector::Description* out) {
  for (const auto& each : ArrayOf(table, member)) {
    if (!each.is_object()) continue;
    const json::object& index = each.get_object();
    out->indexes.push_back(
        {.name = std::string(GetString(index, "IndexName")),
         .columns = KeysOf(index),
         .unique = false,
         .definition = fmt::format("{} secondary index, projects {}", kind,
                                   GetString(ObjectOf(index, "Projection"), "ProjectionType"))});
  }
}

}  // namespace

Result<std::vector<connector::Node>> ListTables(const Context& context, aws::JsonClient& client,
                                                int64_t limit) {
  std::vector<connector::Node> out;
  Operation list{.name = "ListTables", .reads_only = true};
  // The service lists by name.
  while (static_cast<int64_t>(out.size()) < limit) {
    list.arguments["Limit"] = std::clamp<int64_t>(limit - static_cast<int64_t>(out.size()), 1, 100);
    NSTARX_TRY(const std::string body, CallOperation(context, client, list));
    NSTARX_TRY(const json::value reply, ParseReply(body));
    for (const auto& name : ArrayOf(reply.get_object(), "TableNames")) {
      if (!name.is_string()) continue;
      const std::string text(name.get_string());
      out.push_back({.name = text, .path = text, .kind = "table"});
    }
    const std::string_view last = GetString(reply.get_object(), "LastEvaluatedTableName");
    if (last.empty()) break;
    list.arguments["ExclusiveStartTableName"] = last;
  }
  std::ranges::sort(out, {}, &connector::Node::name);
  return out;
}

Result<TableShape> DescribeTable(const Context& context, aws::JsonClient& client,
                                 std::string_view table) {
  NSTARX_TRY(const std::string body, CallOperation(context, client,
                                                   {.name = "DescribeTable",
                                                    .arguments = {{"TableName", table}},
                                                    .reads_only = true}));
  NSTARX_TRY(const json::value reply, ParseReply(body));
  const json::object& found = ObjectOf(reply.get_object(), "Table");
  TableShape out;
  out.status = GetString(found, "TableStatus");
  out.key_names = KeysOf(found);
  for (const auto& each : ArrayOf(found, "AttributeDefinitions")) {
    if (!each.is_object()) continue;
    out.key_kinds[std::string(GetString(each.get_object(), "AttributeName"))] =
        GetString(each.get_object(), "AttributeType");
  }
  connector::Description& description = out.description;
  description.path = table;
  description.kind = "table";
  description.comment = fmt::format("{}, {}", out.status, ThroughputOf(found));
  description.keys.push_back(
      {.name = "primary", .kind = "primary", .columns = out.key_names, .references = {}});
  AddIndexes(found, "GlobalSecondaryIndexes", "global", &description);
  AddIndexes(found, "LocalSecondaryIndexes", "local", &description);
  description.row_estimate = GetInt(found, "ItemCount", 0);
  description.size_bytes = GetInt(found, "TableSizeBytes", 0);
  return out;
}

}  // namespace nstarx::connectors::dynamodb
