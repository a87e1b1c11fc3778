#include "connectors/pulsar/pulsar_browse.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/percent.h"
#include "connectors/pulsar/pulsar_errors.h"

namespace nstarx::connectors::pulsar {
namespace {

Error Undefined(std::string_view path) {
  return Failed(ErrorKind::kNotFound, "query.undefined_table",
                fmt::format("there is no '{}'", IsUtf8(path) ? path : std::string_view()));
}

std::vector<std::string> Strings(const json::value& value) {
  std::vector<std::string> out;
  if (!value.is_array()) return out;
  for (const auto& row : value.get_array()) {
    if (row.is_string()) out.emplace_back(row.get_string());
  }
  std::ranges::sort(out);
  return out;
}

/// The last part of "tenant/namespace" or "persistent://tenant/namespace/topic".
std::string LastPart(const std::string& name) { return name.substr(name.rfind('/') + 1); }

Result<std::vector<connector::Node>> ListTopics(const Context& context, Admin& admin,
                                                std::string_view path, std::string_view place,
                                                int64_t limit) {
  auto partitioned = admin.Get(context, fmt::format("persistent/{}/partitioned", place));
  if (!partitioned) {
    if (partitioned.error().code() == "admin.not_found") return Undefined(path);
    return partitioned.error();
  }
  NSTARX_TRY(const auto all, admin.Get(context, fmt::format("persistent/{}", place)));
  std::vector<connector::Node> out;
  std::set<std::string, std::less<>> names;
  for (const std::string& full : Strings(*partitioned)) names.insert(LastPart(full));
  const auto add = [&](const std::string& name, std::string_view comment, bool children) {
    if (name.starts_with("__")) return;  // the cluster's own
    out.push_back({.name = name,
                   .path = fmt::format("{}/{}", path, name),
                   .kind = "topic",
                   .has_children = children,
                   .comment = std::string(comment)});
  };
  for (const std::string& name : names) add(name, "partitioned", true);
  for (const std::string& full : Strings(all)) {
    const std::string name = LastPart(full);
    const size_t suffix = name.rfind("-partition-");
    if (suffix != std::string::npos && names.contains(name.substr(0, suffix))) continue;
    add(name, "", false);
  }
  std::ranges::sort(out, {}, &connector::Node::name);
  if (static_cast<int64_t>(out.size()) > limit) out.resize(static_cast<size_t>(limit));
  return out;
}

/// `answer`, or only what the login names itself where it may not list.
Result<std::vector<std::string>> OrOwn(Result<json::value> answer, std::string own) {
  if (answer) return Strings(*answer);
  if (answer.error().code() != "query.forbidden" || own.empty()) return answer.error();
  return std::vector<std::string>{std::move(own)};
}

int64_t CountOf(const json::value& stats, std::string_view name) {
  const auto* rows = stats.is_object() ? stats.get_object().if_contains(name) : nullptr;
  if (rows == nullptr) return 0;
  if (rows->is_array()) return static_cast<int64_t>(rows->get_array().size());
  return rows->is_object() ? static_cast<int64_t>(rows->get_object().size()) : 0;
}

struct Use {
  int64_t producers = 0;
  int64_t consumers = 0;
  std::map<std::string, int64_t> backlog;  ///< by subscription

  void Add(const json::value& stats) {
    producers += CountOf(stats, "publishers");
    const auto* rows =
        stats.is_object() ? stats.get_object().if_contains("subscriptions") : nullptr;
    if (rows == nullptr || !rows->is_object()) return;
    for (const auto& [name, row] : rows->get_object()) {
      if (!row.is_object()) continue;
      backlog[std::string(name)] += GetInt(row.get_object(), "msgBacklog", 0);
      consumers += CountOf(row, "consumers");
    }
  }

  std::string ToString() const {
    std::string out = fmt::format("producers={}, consumers={}", producers, consumers);
    for (const auto& [name, count] : backlog) {
      out += fmt::format(", backlog of {}={}", name, count);
    }
    return out;
  }
};

std::string SchemaAndRetention(const Context& context, Admin& admin, const TopicName& name) {
  std::string out;
  const auto schema = admin.GetIfAllowed(
      context, fmt::format("schemas/{}/{}/{}/schema", PercentEncode(name.tenant),
                           PercentEncode(name.name_space), PercentEncode(name.topic)));
  if (schema.is_object()) {
    std::string text(GetString(schema.get_object(), "data"));
    if (text.size() > 4000) text.resize(4000);
    out += fmt::format(", schema={} version {}", GetString(schema.get_object(), "type"),
                       GetInt(schema.get_object(), "version", 0));
    if (!text.empty() && IsUtf8(text)) out += " " + text;
  }
  const auto retention = admin.GetIfAllowed(
      context, fmt::format("namespaces/{}/{}/retention", PercentEncode(name.tenant),
                           PercentEncode(name.name_space)));
  if (retention.is_object()) {
    out += fmt::format(", retention={} min and {} MB",
                       GetInt(retention.get_object(), "retentionTimeInMinutes", 0),
                       GetInt(retention.get_object(), "retentionSizeInMB", 0));
  }
  return out;
}

}  // namespace

std::vector<int32_t> TopicPath::Numbers() const {
  return partition ? std::vector<int32_t>{*partition} : topic.Numbers();
}

Result<TopicPath> FindPath(const Context& context, Admin& admin, std::string_view path) {
  TopicPath out;
  std::string_view name = path;
  if (name.starts_with("persistent://")) name.remove_prefix(13);
  if (std::ranges::count(name, '/') == 3) {
    const std::string_view digits = name.substr(name.rfind('/') + 1);
    int32_t number = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size()) return Undefined(path);
    out.partition = number;
    name = name.substr(0, name.rfind('/'));
  }
  auto topic = admin.Find(context, name);
  if (!topic) {
    if (topic.error().code() == "stream.unknown_topic") return Undefined(path);
    return topic.error();
  }
  out.topic = std::move(*topic);
  if (out.partition && (*out.partition < 0 || *out.partition >= out.topic.partitions)) {
    return Undefined(path);
  }
  return out;
}

Result<std::vector<connector::Node>> ListPath(const Context& context, Admin& admin,
                                              const Login& login, std::string_view path,
                                              int64_t limit) {
  const auto slashes = std::ranges::count(path, '/');
  const size_t slash = path.find('/');
  const std::string tenant(path.substr(0, slash));
  if (!path.empty() && (tenant.empty() || path.back() == '/' || !IsUtf8(path))) {
    return Undefined(path);
  }
  std::vector<connector::Node> out;
  const auto full = [&] { return static_cast<int64_t>(out.size()) >= limit; };
  if (path.empty()) {
    NSTARX_TRY(const auto names, OrOwn(admin.Get(context, "tenants"), login.tenant));
    for (const std::string& name : names) {
      if (full()) break;
      out.push_back({.name = name, .path = name, .kind = "tenant", .has_children = true});
    }
    return out;
  }
  if (slashes == 0) {
    auto answer = admin.Get(context, "namespaces/" + PercentEncode(tenant));
    if (!answer && answer.error().code() == "admin.not_found") return Undefined(path);
    NSTARX_TRY(const auto names,
               OrOwn(std::move(answer),
                     tenant == login.tenant ? tenant + "/" + login.name_space : std::string()));
    for (const std::string& name : names) {
      if (full()) break;
      out.push_back(
          {.name = LastPart(name), .path = name, .kind = "namespace", .has_children = true});
    }
    return out;
  }
  if (slashes == 1) {
    const std::string place = PercentEncode(tenant) + "/" + PercentEncode(path.substr(slash + 1));
    return ListTopics(context, admin, path, place, limit);
  }
  NSTARX_TRY(const TopicPath topic, FindPath(context, admin, path));
  if (topic.partition || topic.topic.partitions == 0) return out;
  for (const int32_t number : topic.topic.Numbers()) {
    if (full()) break;
    const std::string name = std::to_string(number);
    out.push_back({.name = name, .path = fmt::format("{}/{}", path, name), .kind = "partition"});
  }
  return out;
}

int64_t EstimateMessages(const Storage& storage, const json::value& stats) {
  const int64_t messages = stats.is_object() ? GetInt(stats.get_object(), "msgInCounter", 0) : 0;
  if (messages <= 0 || storage.entries_added <= 0) return storage.entries;
  if (storage.entries == storage.entries_added) return messages;
  return static_cast<int64_t>(static_cast<double>(storage.entries) * static_cast<double>(messages) /
                              static_cast<double>(storage.entries_added));
}

MessageId TailStart(const Storage& storage, int64_t entries) {
  MessageId out = storage.last;
  for (auto ledger = storage.ledgers.rbegin(); ledger != storage.ledgers.rend(); ++ledger) {
    if (ledger->id > storage.last.ledger) continue;
    out.ledger = ledger->id;
    const int64_t here =
        ledger->id == storage.last.ledger ? storage.last.entry + 1 : ledger->entries;
    if (here >= entries) {
      out.entry = here - entries - 1;
      return out;
    }
    entries -= here;
  }
  return MessageId{.partition = out.partition};  // from the beginning
}

Result<connector::Description> DescribeTopic(const Context& context, Admin& admin,
                                             const TopicPath& path) {
  const TopicName& name = path.topic.name;
  connector::Description out{.path = name.Path(), .kind = path.partition ? "partition" : "topic"};
  if (path.partition) out.path += fmt::format("/{}", *path.partition);
  out.columns = {{"topic", "topic", "string", false},
                 {"partition", "int32", "int32", false},
                 {"offset", "message id", "string", false},
                 {"timestamp", "timestamp", "timestamp[ms, tz=UTC]", true},
                 {"key", "string", "string", true},
                 {"headers", "properties", "map<string, binary>", true},
                 {"value", "bytes", "string or binary", true}};
  int64_t rows = 0;
  int64_t size = 0;
  Use use;
  for (const int32_t number : path.Numbers()) {
    NSTARX_TRY(const Storage storage, admin.AskStorage(context, path.topic, number));
    const auto stats =
        admin.GetIfAllowed(context, name.AdminPath(path.topic.Part(number)) + "/stats");
    rows += EstimateMessages(storage, stats);
    size += storage.size;
    use.Add(stats);
    out.partitions.push_back(fmt::format("{}: {} entries, {} to {}", number, storage.entries,
                                         storage.first.ToString(), storage.end.ToString()));
  }
  out.row_estimate = rows;
  out.size_bytes = size;
  out.comment = use.ToString() + SchemaAndRetention(context, admin, name);
  return out;
}

}  // namespace nstarx::connectors::pulsar
