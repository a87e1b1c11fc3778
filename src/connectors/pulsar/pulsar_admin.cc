#include "connectors/pulsar/pulsar_admin.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/percent.h"
#include "connectors/pulsar/pulsar_errors.h"
#include "net/http_client.h"

namespace nstarx::connectors::pulsar {
namespace {

constexpr size_t kBodyMax = 32U << 20U;
constexpr int kRedirects = 4;
constexpr int64_t kPartitionsMax = 100'000;

int HexOf(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

/// A subscription's name as brokers store it: form encoding, which internalStats shows.
std::string DecodeForm(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text[i] == '%' && i + 2 < text.size();
    const int high = escaped ? HexOf(text[i + 1]) : -1;
    const int low = escaped ? HexOf(text[i + 2]) : -1;
    if (high >= 0 && low >= 0) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

/// The service and path of a redirect to the broker that owns the topic; TLS is never left.
Status Follow(const net::HttpReply& reply, net::HttpRequest& request) {
  const std::string_view location = reply.Header("location");
  const size_t scheme = location.find("://");
  const size_t path = scheme == std::string_view::npos ? scheme : location.find('/', scheme + 3);
  if (path == std::string_view::npos) {
    return Failed(ErrorKind::kUnavailable, "admin.failed", "the admin API redirects to nowhere");
  }
  auto service = net::ServiceUrl::Parse(location.substr(0, path));
  if (!service || (request.service.https && !service->https)) {
    return Failed(ErrorKind::kUnavailable, "admin.failed",
                  "the admin API redirects to an address that is not acceptable");
  }
  request.service = std::move(*service);
  const std::string_view target = location.substr(path);
  const size_t query = target.find('?');
  request.path = target.substr(0, query);
  request.query.clear();
  // The only parameter that brokers add.
  if (query != std::string_view::npos && target.find("authoritative=", query) != target.npos) {
    const bool yes = target.find("authoritative=true", query) != target.npos;
    request.query.emplace_back("authoritative", yes ? "true" : "false");
  }
  return {};
}

}  // namespace

Result<TopicName> TopicName::Parse(const Login& login, std::string_view text) {
  const std::string_view whole = text;
  constexpr std::string_view kScheme = "persistent://";
  if (text.starts_with(kScheme)) text.remove_prefix(kScheme.size());
  if (text.empty() || text.size() > 4096 || text.find('\0') != text.npos || !IsUtf8(text) ||
      text.find("://") != text.npos) {
    return UnknownTopic(IsUtf8(whole) ? whole : std::string_view());
  }
  const size_t first = text.find('/');
  if (first == text.npos) {
    return TopicName{
        .tenant = login.tenant, .name_space = login.name_space, .topic = std::string(text)};
  }
  const size_t second = text.find('/', first + 1);
  if (second == text.npos || text.find('/', second + 1) != text.npos) return UnknownTopic(whole);
  TopicName out{.tenant = std::string(text.substr(0, first)),
                .name_space = std::string(text.substr(first + 1, second - first - 1)),
                .topic = std::string(text.substr(second + 1))};
  if (out.tenant.empty() || out.name_space.empty() || out.topic.empty()) return UnknownTopic(whole);
  return out;
}

std::string TopicName::Path() const { return fmt::format("{}/{}/{}", tenant, name_space, topic); }

std::string TopicName::Full(std::optional<int32_t> partition) const {
  if (!partition) return "persistent://" + Path();
  return fmt::format("persistent://{}-partition-{}", Path(), *partition);
}

std::string TopicName::AdminPath(std::optional<int32_t> partition) const {
  std::string out = fmt::format("persistent/{}/{}/{}", PercentEncode(tenant),
                                PercentEncode(name_space), PercentEncode(topic));
  if (partition) out += fmt::format("-partition-{}", *partition);
  return out;
}

std::vector<int32_t> Topic::Numbers() const {
  std::vector<int32_t> out;
  for (int32_t number = 0; number < std::max(partitions, 1); ++number) out.push_back(number);
  return out;
}

std::optional<int32_t> Topic::Part(int32_t number) const {
  if (partitions == 0) return std::nullopt;
  return number;
}

Storage ReadStorage(const json::object& answer, int32_t id_partition) {
  Storage out;
  out.entries = std::max<int64_t>(GetInt(answer, "numberOfEntries", 0), 0);
  out.entries_added = GetInt(answer, "entriesAddedCounter", 0);
  out.size = GetInt(answer, "totalSize", 0);
  if (const auto* ledgers = answer.if_contains("ledgers"); ledgers && ledgers->is_array()) {
    for (const auto& row : ledgers->get_array()) {
      if (!row.is_object()) continue;
      out.ledgers.push_back({.id = GetInt(row.get_object(), "ledgerId", -1),
                             .entries = GetInt(row.get_object(), "entries", 0)});
    }
  }
  // The ledger that is written to counts none.
  if (!out.ledgers.empty() && out.ledgers.back().entries == 0) {
    out.ledgers.back().entries = std::max<int64_t>(GetInt(answer, "currentLedgerEntries", 0), 0);
  }
  out.last = MessageId::Parse(GetString(answer, "lastConfirmedEntry")).value_or(MessageId());
  out.last.partition = id_partition;
  out.end = out.last.NextEntry();
  if (out.last.ledger < 0 && !out.ledgers.empty()) {
    out.end = {.ledger = out.ledgers.back().id, .entry = 0, .partition = id_partition};
  }
  out.first = {.ledger = out.ledgers.empty() ? out.end.ledger : out.ledgers.front().id,
               .entry = 0,
               .partition = id_partition};
  if (out.end.EntryBefore(out.first)) out.first = out.end;
  if (const auto* cursors = answer.if_contains("cursors"); cursors && cursors->is_object()) {
    for (const auto& [name, row] : cursors->get_object()) {
      if (!row.is_object()) continue;
      auto mark = MessageId::Parse(GetString(row.get_object(), "markDeletePosition"));
      if (!mark) continue;
      mark->partition = id_partition;
      out.committed[DecodeForm(std::string_view(name.data(), name.size()))] = mark->NextEntry();
    }
  }
  return out;
}

Admin::Admin(const Login& login) : login_(login) {}
Admin::~Admin() = default;

Result<std::unique_ptr<Admin>> Admin::Open(const Login& login) {
  std::unique_ptr<Admin> admin(new Admin(login));
  net::HttpOptions options;
  options.ca_pem = login.ssl.certificate;
  options.connect_timeout = login.connect_timeout;
  NSTARX_TRY(admin->http_, net::HttpClient::Open(options));
  return admin;
}

Result<std::string> Admin::Call(const Context& context, std::string_view method,
                                std::string_view path, std::string_view body) {
  net::HttpRequest request;
  request.method = method;
  request.service = login_.admin;
  request.path = fmt::format("/admin/v2/{}", path);
  request.body = body;
  if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  for (int hop = 0; hop <= kRedirects; ++hop) {
    if (!login_.token.empty()) {
      std::string bearer = "Bearer ";
      bearer += login_.token.Reveal();
      request.headers.emplace_back("Authorization", std::move(bearer));
    }
    auto reply = http_->Send(context, request, kBodyMax);
    if (!login_.token.empty()) {
      WipeString(request.headers.back().second);
      request.headers.pop_back();
    }
    if (!reply) {
      Error error = reply.error();
      if (error.code() == "request.timeout") {
        return Failed(ErrorKind::kDeadlineExceeded, "admin.timeout",
                      "the admin API does not answer");
      }
      return error.WithConnector("pulsar").WithDetail("admin", login_.admin.Origin());
    }
    if (reply->status == 307 || reply->status == 302 || reply->status == 308) {
      NSTARX_RETURN_IF_ERROR(Follow(*reply, request));
      continue;
    }
    if (reply->status < 200 || reply->status > 299) return MapStatus(reply->status, reply->body);
    return std::move(reply->body);
  }
  return Failed(ErrorKind::kUnavailable, "admin.failed", "the admin API redirects in circles");
}

Result<json::value> Admin::Get(const Context& context, std::string_view path) {
  auto body = Call(context, "GET", path, "");
  // A connection that was kept may be one that the broker has given up.
  if (!body && body.error().code() == "connection.lost") body = Call(context, "GET", path, "");
  if (!body) return body.error();
  if (body->empty()) return json::value();
  auto value = ParseJson(*body);
  if (value) return value;
  return Failed(ErrorKind::kUnavailable, "admin.failed", "the answer of the admin port is no JSON");
}

json::value Admin::GetIfAllowed(const Context& context, std::string_view path) {
  auto value = Get(context, path);
  return value ? std::move(*value) : json::value();
}

Status Admin::Send(const Context& context, std::string_view method, std::string_view path,
                   const json::value& body) {
  const std::string text = json::serialize(body);
  if (auto done = Call(context, method, path, text); !done) return done.error();
  return {};
}

Result<Topic> Admin::Find(const Context& context, std::string_view name) {
  Topic out;
  NSTARX_TRY(out.name, TopicName::Parse(login_, name));
  auto answer = Get(context, out.name.AdminPath(std::nullopt) + "/partitions");
  const auto missing = [](const Error& error) {
    return error.code() == "admin.not_found" || error.code() == "stream.invalid_topic";
  };
  if (!answer) return missing(answer.error()) ? UnknownTopic(name) : answer.error();
  const int64_t partitions =
      answer->is_object() ? GetInt(answer->get_object(), "partitions", 0) : 0;
  if (partitions < 0 || partitions > kPartitionsMax) {
    return Failed(ErrorKind::kUnavailable, "admin.failed", "the number of partitions is absurd");
  }
  out.partitions = static_cast<int32_t>(partitions);
  if (partitions > 0) return out;
  // Brokers before 3.3 know no difference here between no partitions and no topic.
  const auto stats = Get(context, out.name.AdminPath(std::nullopt) + "/stats");
  if (!stats) return missing(stats.error()) ? UnknownTopic(name) : stats.error();
  return out;
}

Result<Storage> Admin::AskStorage(const Context& context, const Topic& topic, int32_t number) {
  auto answer = Get(context, topic.name.AdminPath(topic.Part(number)) + "/internalStats");
  if (!answer) {
    // A partition is made by its first use.
    if (answer.error().code() == "admin.not_found") return Storage();
    return answer.error();
  }
  return answer->is_object() ? ReadStorage(answer->get_object(), topic.IdPartition(number))
                             : Storage();
}

Result<MessageId> Admin::AskTime(const Context& context, const Topic& topic, int32_t number,
                                 int64_t timestamp_ms) {
  NSTARX_TRY(const auto answer,
             Get(context, fmt::format("{}/messageid/{}", topic.name.AdminPath(topic.Part(number)),
                                      std::max<int64_t>(timestamp_ms, 0))));
  if (!answer.is_object()) {
    return Failed(ErrorKind::kUnavailable, "admin.failed", "the answer names no message");
  }
  MessageId out{.ledger = GetInt(answer.get_object(), "ledgerId", -1),
                .entry = GetInt(answer.get_object(), "entryId", -1)};
  out.partition = topic.IdPartition(number);
  return out;
}

}  // namespace nstarx::connectors::pulsar
