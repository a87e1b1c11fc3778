#include "connectors/dynamodb/dynamodb_session.h"

#include <arrow/api.h>

#include <algorithm>
#include <map>
#include <set>

#include "connectors/documents/document_schema.h"
#include "connectors/dynamodb/dynamodb_catalog.h"
#include "connectors/dynamodb/dynamodb_errors.h"
#include "connectors/dynamodb/dynamodb_ingest.h"
#include "connectors/dynamodb/dynamodb_reader.h"
#include "connectors/dynamodb/dynamodb_segments.h"
#include "connectors/dynamodb/dynamodb_values.h"

namespace nstarx::connectors::dynamodb {
namespace {

constexpr int64_t kDescribeItems = 500;
/// Pages of a size smaller than this cost more than they save.
constexpr int64_t kSmallLimit = 5000;

Operation ScanOf(std::string_view table) {
  Operation out{.name = "Scan",
                .arguments = {{"TableName", table}},
                .shape = AnswerShape::kItems,
                .reads_only = true};
  out.token_in_answer = "LastEvaluatedKey";
  out.token_in_request = "ExclusiveStartKey";
  return out;
}

/// As many as are wanted and the pool can give.
std::vector<std::unique_ptr<connector::SessionHandle>> Helpers(
    const Context& context, const connector::ExecuteOptions& options) {
  std::vector<std::unique_ptr<connector::SessionHandle>> out;
  while (options.siblings != nullptr && static_cast<int>(out.size()) + 1 < options.parallelism) {
    auto helper = options.siblings->TryBorrow(context);
    if (!helper || (*helper)->session().As<DynamodbSession>() == nullptr) break;
    out.push_back(std::move(*helper));
  }
  return out;
}

/// The kinds that a column was seen with: "N", "N|S".
std::string Joined(const std::set<std::string_view>& kinds) {
  std::string out;
  for (const std::string_view kind : kinds) {
    if (!out.empty()) out += '|';
    out += kind;
  }
  return out;
}

}  // namespace

Status DynamodbSession::Ping(const Context& context) {
  NSTARX_RETURN_IF_ERROR(CallOperation(
      context, *client_, {.name = "ListTables", .arguments = {{"Limit", 1}}, .reads_only = true}));
  return {};
}

Result<std::unique_ptr<connector::BatchStream>> DynamodbSession::Run(
    const Context& context, Operation operation, int64_t limit,
    const connector::ExecuteOptions& options) {
  if (operation.shape == AnswerShape::kDocument) {
    NSTARX_TRY(const std::string body, CallOperation(context, *client_, operation));
    return ItemStream::OfDocument(body);
  }
  if (operation.shape == AnswerShape::kWritten) {
    NSTARX_TRY(const std::string body, CallOperation(context, *client_, operation));
    NSTARX_TRY(json::value reply, ParseReply(body));
    std::deque<json::value> items;
    if (auto* item = reply.get_object().if_contains("Attributes")) items.push_back(*item);
    if (auto* list = reply.get_object().if_contains("Items"); list && list->is_array()) {
      for (auto& item : list->get_array()) items.push_back(std::move(item));
    }
    return ItemStream::Of(std::move(items), 1);
  }
  ItemStream::Settings settings{.limit = limit, .when_nothing = WithoutConditions(operation)};
  const bool pages = operation.shape == AnswerShape::kItems;
  if (pages && limit > 0 && limit <= kSmallLimit && !operation.arguments.contains("Limit") &&
      !Filters(operation)) {
    operation.arguments["Limit"] = limit;
  }
  std::unique_ptr<PageSource> source;
  if (limit < 0 && IsWholeScan(operation)) {
    auto helpers = Helpers(context, options);
    if (!helpers.empty()) {
      source = std::make_unique<SegmentedPages>(context, *client_, std::move(helpers), operation);
    }
  }
  if (source == nullptr) source = std::make_unique<ItemPages>(*client_, std::move(operation));
  return ItemStream::Start(context, *client_, std::move(source), std::move(settings));
}

Result<std::unique_ptr<connector::BatchStream>> DynamodbSession::Execute(
    const Context& context, const connector::Statement& statement,
    const connector::ExecuteOptions& options) {
  NSTARX_TRY(Operation operation, ParseOperation(statement));
  if (options_.read_only && !operation.reads_only) return ReadOnly(operation.name);
  return Run(context, std::move(operation), statement.limit.value_or(-1), options);
}

Result<std::unique_ptr<connector::BatchStream>> DynamodbSession::Sample(const Context& context,
                                                                        std::string_view path,
                                                                        int64_t limit) {
  return Run(context, ScanOf(path), std::max<int64_t>(limit, 1), {});
}

Result<std::vector<connector::Node>> DynamodbSession::List(const Context& context,
                                                           std::string_view path, int64_t limit) {
  if (path.empty()) return ListTables(context, *client_, limit);
  NSTARX_RETURN_IF_ERROR(DescribeTable(context, *client_, path));
  return std::vector<connector::Node>();
}

Result<connector::Description> DynamodbSession::Describe(const Context& context,
                                                         std::string_view path) {
  NSTARX_TRY(TableShape table, DescribeTable(context, *client_, path));
  connector::Description out = std::move(table.description);
  Operation scan = ScanOf(path);
  scan.arguments["Limit"] = kDescribeItems;
  std::deque<json::value> items;
  NSTARX_RETURN_IF_ERROR(ItemPages(*client_, scan).Next(context, &items));
  documents::SchemaInference inference;
  std::map<std::string, std::set<std::string_view>, std::less<>> kinds;
  for (const auto& [name, kind] : table.key_kinds) kinds[name].insert(kind);
  for (const auto& item : items) {
    NSTARX_RETURN_IF_ERROR(WalkItem(item, inference));
    for (const auto& member : item.get_object()) kinds[member.key()].insert(KindOf(member.value()));
  }
  const auto schema = inference.Schema();
  const auto add = [&](const std::string& name, bool primary) {
    const auto field = schema->GetFieldByName(name);
    auto& seen = kinds[name];
    if (seen.size() > 1) seen.erase("NULL");
    const std::string_view only = *seen.begin();
    const std::string fallback = only == "N" ? "int64" : only == "B" ? "binary" : "string";
    out.columns.push_back({.name = name,
                           .native_type = Joined(seen),
                           .arrow_type = field ? field->type()->ToString() : fallback,
                           .nullable = !primary,
                           .primary_key = primary});
  };
  for (const auto& name : table.key_names) add(name, true);
  std::vector<std::string> rest;
  for (const auto& [name, seen] : kinds) {
    if (std::ranges::find(table.key_names, name) == table.key_names.end()) rest.push_back(name);
  }
  for (const auto& name : rest) add(name, false);
  return out;
}

Result<int64_t> DynamodbSession::Ingest(const Context& context, std::string_view path,
                                        connector::IngestMode mode,
                                        connector::BatchStream& source) {
  if (options_.read_only) return ReadOnly("ingest");
  return IngestInto(context, *client_, std::string(path), mode, source);
}

}  // namespace nstarx::connectors::dynamodb
