#include "connectors/snowflake/snowflake_client.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <condition_variable>

#include "connectors/snowflake/snowflake_errors.h"

namespace nstarx::connectors::snowflake {
namespace {

/// The first part of a result comes with the answer; the service keeps it to some MiB.
constexpr size_t kAnswerMax = size_t{256} << 20;
constexpr int kRepetitionsMax = 6;
constexpr std::chrono::seconds kGrace{1};

const json::object& DataOf(const json::object& answer) {
  static const json::object kEmpty;
  const auto* data = answer.if_contains("data");
  return data && data->is_object() ? data->get_object() : kEmpty;
}

/// Overwrites the secrets of a login.
void WipeCredentials(json::object& who) {
  for (const std::string_view name : {"PASSWORD", "TOKEN"}) {
    auto* value = who.if_contains(name);
    if (value && value->is_string()) std::ranges::fill(value->get_string(), '\0');
  }
}

bool InProgress(std::string_view code) { return code == "333333" || code == "333334"; }

}  // namespace

Status Pause(const Context& context, std::chrono::milliseconds time) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  const auto until = std::min(Context::SteadyClock::now() + time, context.deadline());
  never.wait_until(lock, context.stop_token(), until, [] { return false; });
  return context.Check();
}

std::string NewRequestId() {
  std::array<unsigned char, 16> bytes{};
  NSTARX_CHECK(RAND_bytes(bytes.data(), bytes.size()) == 1);
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0FU) | 0x40U);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3FU) | 0x80U);
  std::string out;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += fmt::format("{:02x}", bytes[i]);
  }
  return out;
}

Result<std::unique_ptr<SnowflakeClient>> SnowflakeClient::Open(
    std::shared_ptr<const Account> account) {
  NSTARX_TRY(auto http, net::HttpClient::Open(account->http));
  return std::unique_ptr<SnowflakeClient>(new SnowflakeClient(std::move(account), std::move(http)));
}

SnowflakeClient::~SnowflakeClient() {
  bool logged_in = false;
  {
    const std::lock_guard lock(mutex_);
    logged_in = !session_token_.empty();
  }
  if (!logged_in || !alive_) return;
  // Best effort: a session that is not ended here ends by itself after hours.
  (void)Send(Context().WithTimeout(kGrace), *http_,
             {.path = "/session", .query = {{"delete", "true"}}, .body = "{}"});
}

Result<json::object> SnowflakeClient::Send(const Context& context, net::HttpClient& http,
                                           const Call& call) {
  for (int repetition = 0;; ++repetition) {
    net::HttpRequest request;
    request.method = call.method;
    request.service = account_->service;
    request.path = account_->service.base_path + call.path;
    request.query = call.query;
    request.headers = {{"Content-Type", "application/json"}, {"Accept", "application/snowflake"}};
    {
      const std::lock_guard lock(mutex_);
      const Secret& token = call.with_master_token ? master_token_ : session_token_;
      if (!token.empty()) {
        request.headers.emplace_back("Authorization",
                                     fmt::format("Snowflake Token=\"{}\"", token.Reveal()));
      }
    }
    request.body = call.body;
    auto reply = http.Send(context, request, kAnswerMax);
    if (request.headers.back().first == "Authorization") {
      WipeString(request.headers.back().second);
    }
    if (!reply) return std::move(reply).error();
    auto document = ParseJson(reply->body);
    if (document && document->is_object() && document->get_object().contains("success")) {
      return std::move(document->get_object());
    }
    if (reply->status == 200) return Malformed("it is no JSON object of the protocol");
    Error error = FromHttpFailure(reply->status, call.path);
    const bool busy = reply->status == 429 || reply->status == 503 || reply->status == 504;
    const std::chrono::milliseconds wait{200 << std::min(repetition, 6)};
    if (!busy || !call.repeatable || repetition == kRepetitionsMax || wait >= context.remaining()) {
      return error;
    }
    NSTARX_RETURN_IF_ERROR(Pause(context, wait));
  }
}

Result<json::object> SnowflakeClient::SendInSession(const Context& context, const Call& call) {
  NSTARX_TRY(json::object answer, Send(context, *http_, call));
  if (!GetBool(answer, "success", false) && IsExpired(GetString(answer, "code"))) {
    NSTARX_RETURN_IF_ERROR(Renew(context));
    NSTARX_TRY(answer, Send(context, *http_, call));
  }
  if (!GetBool(answer, "success", false) && IsGone(GetString(answer, "code"))) alive_ = false;
  return answer;
}

Status SnowflakeClient::Renew(const Context& context) {
  json::object fields = {{"requestType", "RENEW"}};
  {
    const std::lock_guard lock(mutex_);
    fields["oldSessionToken"] = session_token_.Reveal();
  }
  Call call{.path = "/session/token-request",
            .query = {{"requestId", NewRequestId()}},
            .body = json::serialize(fields),
            .with_master_token = true,
            .repeatable = true};
  auto answer = Send(context, *http_, call);
  WipeString(call.body);
  if (!answer) return std::move(answer).error();
  const json::object& data = DataOf(*answer);
  const std::string_view token = GetString(data, "sessionToken");
  if (!GetBool(*answer, "success", false) || token.empty()) {
    alive_ = false;
    return Error(ErrorKind::kUnavailable, "session.expired",
                 "The session has ended and can not be renewed")
        .WithStage("query")
        .WithConnector("snowflake")
        .WithVendorCode(std::string(GetString(*answer, "code").substr(0, 20)));
  }
  const std::lock_guard lock(mutex_);
  session_token_ = Secret(token);
  const std::string_view master = GetString(data, "masterToken");
  if (!master.empty()) master_token_ = Secret(master);
  return {};
}

Result<json::object> SnowflakeClient::LogIn(const Context& context, json::object who) {
  // The service chooses by the client's id what it sends: this one gets Arrow. Who asks in truth
  // is said as application and user agent.
  who["CLIENT_APP_ID"] = "Go";
  who["CLIENT_APP_VERSION"] = "1.17.0";
  who["ACCOUNT_NAME"] = AccountInTokens(*account_);
  who["SESSION_PARAMETERS"] = account_->session_parameters;
  who["CLIENT_ENVIRONMENT"] = {{"APPLICATION", "NStarX"}, {"OS", "Linux"}, {"OS_VERSION", ""}};
  json::object body;
  body["data"] = std::move(who);
  Call call{.path = "/session/v1/login-request",
            .query = {{"requestId", NewRequestId()}},
            .body = json::serialize(body),
            .repeatable = true};
  WipeCredentials(body["data"].get_object());
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) call.query.emplace_back(name, value);
  };
  add("databaseName", account_->database);
  add("schemaName", account_->schema);
  add("warehouse", account_->warehouse);
  add("roleName", account_->role);
  auto answer = Send(context, *http_, call);
  WipeString(call.body);
  if (!answer) return std::move(answer).error();
  if (!GetBool(*answer, "success", false)) {
    return FromFailure(*answer, {}).WithStage("login");
  }
  json::object data = DataOf(*answer);
  const std::string_view token = GetString(data, "token");
  if (token.empty() || token.find_first_of("\r\n\"") != std::string_view::npos) {
    return Malformed("a session without token").WithStage("login");
  }
  {
    const std::lock_guard lock(mutex_);
    session_token_ = Secret(token);
    master_token_ = Secret(GetString(data, "masterToken"));
  }
  data.erase("token");
  data.erase("masterToken");
  return data;
}

Result<json::object> SnowflakeClient::Poll(const Context& context, json::object answer,
                                           std::string_view text) {
  for (int round = 0; InProgress(GetString(answer, "code")); ++round) {
    const std::string path(GetString(DataOf(answer), "getResultUrl"));
    if (!path.starts_with('/')) return Malformed("a running statement without its place");
    // The service itself holds an answer back for a while: this only keeps a hasty one in bounds.
    const std::chrono::milliseconds wait{std::min(5 << std::min(round, 7), 500)};
    NSTARX_RETURN_IF_ERROR(Pause(context, wait));
    NSTARX_TRY(answer, SendInSession(context, {.method = "GET", .path = path, .repeatable = true}));
  }
  if (!GetBool(answer, "success", false)) return FromFailure(answer, text);
  auto* data = answer.if_contains("data");
  if (data == nullptr || !data->is_object()) return Malformed("a statement's answer without data");
  return std::move(data->get_object());
}

Result<json::object> SnowflakeClient::Query(const Context& context, const json::object& fields) {
  const std::string request_id = NewRequestId();
  {
    const std::lock_guard lock(mutex_);
    running_ = request_id;
  }
  json::object body = fields;
  body["asyncExec"] = false;
  body["sequenceId"] = ++sequence_;
  body["isInternal"] = false;
  const std::string text(GetString(fields, "sqlText"));
  // Under one request id the service runs a statement once, however often it is asked.
  auto out = [&]() -> Result<json::object> {
    NSTARX_TRY(json::object answer,
               SendInSession(
                   context, {.path = "/queries/v1/query-request",
                             .query = {{"requestId", request_id}, {"request_guid", NewRequestId()}},
                             .body = json::serialize(body),
                             .repeatable = true}));
    return Poll(context, std::move(answer), text);
  }();
  {
    const std::lock_guard lock(mutex_);
    running_.clear();
  }
  if (!out && !context.Check()) AbortRequest(request_id);
  return out;
}

Status SnowflakeClient::Heartbeat(const Context& context) {
  NSTARX_TRY(const json::object answer,
             SendInSession(context, {.path = "/session/heartbeat",
                                     .query = {{"requestId", NewRequestId()}},
                                     .body = "{}",
                                     .repeatable = true}));
  if (!GetBool(answer, "success", false)) return FromFailure(answer, {});
  return {};
}

void SnowflakeClient::AbortRequest(const std::string& request_id) {
  auto http = net::HttpClient::Open(account_->http);
  if (!http) return;
  // Best effort: the answer says nothing that could be acted upon.
  (void)Send(Context().WithTimeout(kGrace), **http,
             {.path = "/queries/v1/abort-request",
              .query = {{"requestId", NewRequestId()}, {"request_guid", NewRequestId()}},
              .body = json::serialize(json::object{{"requestId", request_id}})});
}

void SnowflakeClient::Abort() {
  std::string request_id;
  {
    const std::lock_guard lock(mutex_);
    request_id = running_;
  }
  if (!request_id.empty()) AbortRequest(request_id);
}

}  // namespace nstarx::connectors::snowflake
