#include "connectors/redis/redis_catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "connectors/redis/redis_errors.h"
#include "connectors/redis/redis_statement.h"

namespace nstarx::connectors::redis {
namespace {

using Kind = Reply::Kind;
constexpr int64_t kMaxKeysSeen = 200'000;
constexpr size_t kMaxNames = 10'000;

/// Keys of one name at one level.
struct Group {
  int64_t keys = 0;
  bool prefix = false;
  bool deeper = false;
  std::string key;
};

bool ReadNumber(std::string_view text, int64_t* out) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return failure == std::errc() && end == text.data() + text.size() && *out >= 0;
}

void Count(std::map<std::string, Group>* groups, const std::string& key, std::string_view prefix,
           std::string_view separator) {
  if (!key.starts_with(prefix) || !IsUtf8(key)) return;
  const size_t end = separator.empty() ? std::string::npos : key.find(separator, prefix.size());
  const bool has_prefix = end != std::string::npos;
  const std::string name =
      has_prefix ? key.substr(prefix.size(), end + separator.size() - prefix.size()) + "*"
                 : key.substr(prefix.size());
  if (groups->size() >= kMaxNames && !groups->contains(name)) return;
  Group& group = (*groups)[name];
  ++group.keys;
  group.prefix = group.prefix || has_prefix;
  group.deeper = group.deeper ||
                 (has_prefix && key.find(separator, end + separator.size()) != std::string::npos);
  if (group.keys == 1) group.key = has_prefix ? key.substr(0, end + separator.size()) : key;
}

/// The plain keys' types, for those that may ask.
Status NameKinds(const Context& context, Client& client, std::vector<connector::Node>* nodes,
                 const std::vector<std::string>& keys) {
  std::vector<Arguments> asked;
  asked.reserve(keys.size());
  for (const std::string& key : keys) asked.push_back({"TYPE", key});
  if (asked.empty()) return {};
  NSTARX_TRY(const auto types, client.RunAll(context, asked));
  size_t at = 0;
  for (connector::Node& node : *nodes) {
    if (!node.kind.empty()) continue;
    const Reply& type = types[at++];
    node.kind = type.kind == Kind::kText ? type.text : "key";
  }
  return {};
}

}  // namespace

KeyPath ParseKeyPath(std::string_view path) {
  KeyPath out;
  const size_t slash = path.find('/');
  int64_t number = 0;
  if (ReadNumber(path.substr(0, slash), &number)) {
    out.database = number;
    if (slash != std::string_view::npos) out.pattern = path.substr(slash + 1);
  } else {
    out.pattern = path;
  }
  return out;
}

Result<std::vector<connector::Node>> ListDatabases(const Context& context, Client& client,
                                                   int64_t home, int64_t limit) {
  std::map<int64_t, int64_t> databases{{home, 0}};
  NSTARX_TRY(const auto answers, client.RunAll(context, {{"INFO", "keyspace"}}));
  std::string_view text = answers.front().text;
  if (answers.front().kind == Kind::kError) text = {};
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t colon = line.find(":keys=");
    int64_t number = 0;
    int64_t keys = 0;
    if (!line.starts_with("db") || colon == std::string_view::npos) continue;
    const std::string_view count = line.substr(colon + 6);
    if (!ReadNumber(line.substr(2, colon - 2), &number)) continue;
    if (ReadNumber(count.substr(0, count.find(',')), &keys)) databases[number] = keys;
  }
  std::vector<connector::Node> nodes;
  for (const auto& [number, keys] : databases) {
    connector::Node node;
    node.name = std::to_string(number);
    node.path = node.name;
    node.kind = "database";
    node.has_children = keys > 0 || number == home;
    if (answers.front().kind != Kind::kError) node.row_estimate = keys;
    nodes.push_back(std::move(node));
  }
  std::ranges::sort(nodes, {}, &connector::Node::name);
  if (std::ssize(nodes) > limit) nodes.resize(static_cast<size_t>(std::max<int64_t>(limit, 0)));
  return nodes;
}

Result<std::vector<connector::Node>> ListKeys(const Context& context, Client& client,
                                              const KeyPath& path, int64_t database,
                                              std::string_view separator, int64_t limit) {
  std::string prefix = path.pattern;
  if (!prefix.empty()) {
    if (!prefix.ends_with('*')) return std::vector<connector::Node>();
    prefix = UnescapePattern(std::string_view(prefix).substr(0, prefix.size() - 1));
  }
  NSTARX_RETURN_IF_ERROR(client.Select(context, database));
  std::map<std::string, Group> groups;
  std::string cursor = "0";
  int64_t seen = 0;
  do {
    NSTARX_RETURN_IF_ERROR(context.Check());
    NSTARX_TRY(const Reply page,
               client.Run(context,
                          {"SCAN", cursor, "MATCH", EscapePattern(prefix) + "*", "COUNT", "1000"}));
    if (page.items.size() != 2) break;
    cursor = page.items[0].text;
    seen += 1000;
    for (const Reply& key : page.items[1].items) Count(&groups, key.text, prefix, separator);
  } while (cursor != "0" && seen < kMaxKeysSeen);
  std::vector<connector::Node> nodes;
  std::vector<std::string> plain;
  for (const auto& [name, group] : groups) {
    if (std::ssize(nodes) >= limit) break;
    connector::Node node;
    node.name = name;
    node.path = fmt::format("{}/{}{}", database, EscapePattern(group.key), group.prefix ? "*" : "");
    node.has_children = group.deeper;
    if (group.prefix) {
      node.kind = "table";
      if (cursor == "0") node.row_estimate = group.keys;
    } else {
      plain.push_back(group.key);
    }
    nodes.push_back(std::move(node));
  }
  NSTARX_RETURN_IF_ERROR(NameKinds(context, client, &nodes, plain));
  return nodes;
}

Result<connector::PrivilegeReport> ReadPrivileges(const Context& context, Client& client) {
  connector::PrivilegeReport out;
  // Each is refused as a command before its key is looked at, so any key does.
  const std::string key = "nstarx:privileges";
  const std::vector<Arguments> probes{{"SCAN", "0", "COUNT", "1"},
                                      {"TYPE", key},
                                      {"PTTL", key},
                                      {"GET", key},
                                      {"HGETALL", key},
                                      {"LRANGE", key, "0", "0"},
                                      {"SMEMBERS", key},
                                      {"XLEN", key},
                                      {"ZCARD", key},
                                      {"INFO", "keyspace"},
                                      {"COMMAND", "INFO", "get"}};
  NSTARX_TRY(const auto answers, client.RunAll(context, probes));
  for (size_t at = 0; at < probes.size(); ++at) {
    const Reply& answer = answers[at];
    const bool refused = answer.kind == Kind::kError && answer.text.starts_with("NOPERM") &&
                         answer.text.find("command") != std::string::npos;
    (refused ? out.missing : out.granted).push_back(probes[at][0]);
  }
  NSTARX_TRY(const auto who, client.RunAll(context, {{"ACL", "WHOAMI"}}));
  if (who.front().kind != Kind::kText) return out;
  out.user = who.front().text;
  NSTARX_TRY(const auto rules, client.RunAll(context, {{"ACL", "GETUSER", out.user}}));
  for (const std::string_view part : {"commands", "keys", "channels"}) {
    const Reply* found = FindMember(rules.front(), part);
    // Redis 6 gives lists, later ones the rules as text. Passwords are not asked for.
    if (found != nullptr && found->kind == Kind::kText) out.facts[part] = found->text;
    if (found == nullptr || !found->IsAggregate()) continue;
    json::array list;
    for (const Reply& item : found->items) list.emplace_back(item.text);
    out.facts[part] = std::move(list);
  }
  return out;
}

}  // namespace nstarx::connectors::redis
