#include "connectors/dynamodb/dynamodb_statement.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <vector>

#include "connectors/dynamodb/dynamodb_values.h"

namespace nstarx::connectors::dynamodb {
namespace {

struct Known {
  std::string_view name;
  AnswerShape shape;
  bool reads_only;
};

constexpr Known kKnown[] = {
    {"Scan", AnswerShape::kItems, true},
    {"Query", AnswerShape::kItems, true},
    {"GetItem", AnswerShape::kItem, true},
    {"BatchGetItem", AnswerShape::kBatchItems, true},
    {"TransactGetItems", AnswerShape::kTransactItems, true},
    {"ListTables", AnswerShape::kDocument, true},
    {"DescribeTable", AnswerShape::kDocument, true},
    {"DescribeTimeToLive", AnswerShape::kDocument, true},
    {"DescribeLimits", AnswerShape::kDocument, true},
    {"DescribeContinuousBackups", AnswerShape::kDocument, true},
    {"ListTagsOfResource", AnswerShape::kDocument, true},
    {"PutItem", AnswerShape::kWritten, false},
    {"UpdateItem", AnswerShape::kWritten, false},
    {"DeleteItem", AnswerShape::kWritten, false},
    {"BatchWriteItem", AnswerShape::kDocument, false},
    {"TransactWriteItems", AnswerShape::kDocument, false},
    {"BatchExecuteStatement", AnswerShape::kDocument, false},
    {"ExecuteTransaction", AnswerShape::kDocument, false},
    {"CreateTable", AnswerShape::kDocument, false},
    {"UpdateTable", AnswerShape::kDocument, false},
    {"DeleteTable", AnswerShape::kDocument, false},
    {"UpdateTimeToLive", AnswerShape::kDocument, false},
    {"TagResource", AnswerShape::kDocument, false},
    {"UntagResource", AnswerShape::kDocument, false},
};

Error Refuse(std::string_view code, std::string message) {
  return InvalidArgument(std::string(code), std::move(message))
      .WithStage("query")
      .WithConnector("dynamodb");
}

std::string_view Trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && (blank(text.back()) || text.back() == ';')) text.remove_suffix(1);
  return text;
}

bool IsWordChar(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// The first word outside of quotes and comments that equals `word` (upper case); npos if none.
size_t FindWord(std::string_view text, std::string_view word) {
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '\'' || c == '"') {
      const size_t end = text.find(c, i + 1);
      if (end == std::string_view::npos) return std::string_view::npos;
      i = end + 1;
      continue;
    }
    if (!IsWordChar(c)) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < text.size() && IsWordChar(text[end])) ++end;
    const bool same = std::ranges::equal(text.substr(i, end - i), word, [](char a, char b) {
      return std::toupper(static_cast<unsigned char>(a)) == b;
    });
    if (same) return i;
    i = end;
  }
  return std::string_view::npos;
}

/// The 1-based place of a byte in characters.
int64_t PositionOf(std::string_view text, uint64_t offset) {
  const std::string_view before = text.substr(0, std::min<size_t>(offset, text.size()));
  return 1 + std::ranges::count_if(
                 before, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

/// Puts parameters in the place of {"$param": n}.
Status Bind(json::value& value, const json::array& parameters, std::vector<bool>& used) {
  if (value.is_array()) {
    for (auto& item : value.get_array()) NSTARX_RETURN_IF_ERROR(Bind(item, parameters, used));
    return {};
  }
  if (!value.is_object()) return {};
  json::object& object = value.get_object();
  const json::value* place = object.if_contains("$param");
  if (place == nullptr || object.size() != 1) {
    for (auto& member : object) NSTARX_RETURN_IF_ERROR(Bind(member.value(), parameters, used));
    return {};
  }
  const int64_t number = place->is_int64() ? place->get_int64() : 0;
  if (number < 1 || number > static_cast<int64_t>(parameters.size())) {
    return Refuse("query.parameter_count", fmt::format("There is no parameter {} among {}",
                                                       json::serialize(*place), parameters.size()));
  }
  const auto index = static_cast<size_t>(number - 1);
  used[index] = true;
  NSTARX_TRY(json::object attribute, AttributeOf(parameters[index]));
  value = std::move(attribute);
  return {};
}

Result<Operation> ParseNative(std::string_view text, const json::array& parameters) {
  auto parsed = ParseJson(text);
  if (!parsed) {
    Error error = Refuse("query.syntax_error", parsed.error().message());
    if (const auto* offset = parsed.error().details().if_contains("offset")) {
      if (offset->is_number()) {
        error.WithDetail("position", PositionOf(text, offset->to_number<uint64_t>()));
      }
    }
    return error;
  }
  if (!parsed->is_object() || parsed->get_object().size() != 1 ||
      !parsed->get_object().begin()->value().is_object()) {
    return Refuse("query.syntax_error",
                  R"(An operation is one object, like {"Scan": {"TableName": "orders"}})");
  }
  const auto& member = *parsed->get_object().begin();
  const std::string_view name = member.key();
  const auto* const known = std::ranges::find(kKnown, name, &Known::name);
  if (known == std::end(kKnown)) {
    Error error = Refuse("query.unknown_operation",
                         fmt::format("There is no operation '{}' here", name.substr(0, 100)));
    std::vector<std::string> names;
    for (const Known& each : kKnown) names.emplace_back(each.name);
    const std::string_view close = ClosestWord(name, names);
    if (!close.empty()) error.WithHint(fmt::format("Did you mean {}?", close));
    return error;
  }
  Operation out{.name = std::string(name),
                .arguments = member.value().get_object(),
                .shape = known->shape,
                .reads_only = known->reads_only};
  if (known->shape == AnswerShape::kItems) {
    out.token_in_answer = "LastEvaluatedKey";
    out.token_in_request = "ExclusiveStartKey";
    // COUNT gives numbers instead of items.
    if (GetString(out.arguments, "Select") == "COUNT") out.shape = AnswerShape::kDocument;
  }
  std::vector<bool> used(parameters.size(), false);
  for (auto& argument : out.arguments) {
    NSTARX_RETURN_IF_ERROR(Bind(argument.value(), parameters, used));
  }
  if (std::ranges::find(used, false) != used.end()) {
    return Refuse("query.parameter_count",
                  fmt::format("{} parameters are given, but not each has its {{\"$param\": n}}",
                              parameters.size()));
  }
  return out;
}

}  // namespace

Result<Operation> ParseOperation(const connector::Statement& statement) {
  const std::string_view text = Trimmed(statement.text);
  if (text.empty()) return Refuse("query.syntax_error", "The statement is empty");
  if (text.front() == '{') return ParseNative(text, statement.parameters);
  Operation out;
  out.name = "ExecuteStatement";
  out.arguments["Statement"] = text;
  if (!statement.parameters.empty()) {
    json::array parameters;
    for (const auto& parameter : statement.parameters) {
      NSTARX_TRY(json::object attribute, AttributeOf(parameter));
      parameters.push_back(std::move(attribute));
    }
    out.arguments["Parameters"] = std::move(parameters);
  }
  out.reads_only = FindWord(text, "SELECT") == 0;
  out.shape = out.reads_only ? AnswerShape::kItems : AnswerShape::kWritten;
  if (out.reads_only) out.token_in_answer = out.token_in_request = "NextToken";
  return out;
}

bool Filters(const Operation& operation) {
  if (operation.name == "ExecuteStatement") {
    return FindWord(GetString(operation.arguments, "Statement"), "WHERE") != std::string_view::npos;
  }
  return operation.arguments.contains("FilterExpression") ||
         operation.arguments.contains("ScanFilter") || operation.arguments.contains("QueryFilter");
}

Operation WithoutConditions(const Operation& operation) {
  Operation out;
  if (operation.shape != AnswerShape::kItems) return out;
  out = operation;
  out.arguments.clear();
  if (operation.name == "ExecuteStatement") {
    const std::string_view text = GetString(operation.arguments, "Statement");
    const size_t end = std::min(FindWord(text, "WHERE"), FindWord(text, "ORDER"));
    const std::string_view whole = end == std::string_view::npos ? text : text.substr(0, end);
    // A ? in the list of columns would want its parameter.
    if (whole.find('?') != std::string_view::npos) return {};
    out.arguments["Statement"] = whole;
    return out;
  }
  out.name = "Scan";
  for (const std::string_view name : {"TableName", "IndexName", "ProjectionExpression"}) {
    if (const auto* given = operation.arguments.if_contains(name)) out.arguments[name] = *given;
  }
  const std::string_view projected = GetString(out.arguments, "ProjectionExpression");
  const auto* names = operation.arguments.if_contains("ExpressionAttributeNames");
  if (names != nullptr && names->is_object()) {
    json::object kept;
    for (const auto& name : names->get_object()) {
      if (projected.find(name.key()) != std::string_view::npos) kept[name.key()] = name.value();
    }
    if (!kept.empty()) out.arguments["ExpressionAttributeNames"] = std::move(kept);
  }
  return out;
}

}  // namespace nstarx::connectors::dynamodb
