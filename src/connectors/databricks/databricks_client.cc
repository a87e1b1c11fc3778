#include "connectors/databricks/databricks_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "connectors/databricks/databricks_errors.h"

namespace nstarx::connectors::databricks {
namespace {

constexpr size_t kAnswerMax = size_t{64} << 20;
/// A chunk is about 20 MiB; one huge row makes it larger.
constexpr size_t kChunkMax = size_t{512} << 20;
constexpr int kRepetitionsMax = 6;

}  // namespace

Status Pause(const Context& context, std::chrono::milliseconds time) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  const auto until = std::min(Context::SteadyClock::now() + time, context.deadline());
  never.wait_until(lock, context.stop_token(), until, [] { return false; });
  return context.Check();
}

Result<std::unique_ptr<DatabricksClient>> DatabricksClient::Open(
    std::shared_ptr<const Workspace> workspace) {
  NSTARX_TRY(auto http, net::HttpClient::Open(workspace->http));
  return std::unique_ptr<DatabricksClient>(
      new DatabricksClient(std::move(workspace), std::move(http)));
}

Result<json::object> DatabricksClient::Call(const Context& context, std::string_view method,
                                            std::string_view path, const net::HttpFields& query,
                                            std::string_view body, std::string_view text) {
  for (int repetition = 0;; ++repetition) {
    NSTARX_TRY(const auto token, workspace_->token->Get(context));
    net::HttpRequest request;
    request.method = method;
    request.service = workspace_->service;
    request.path = workspace_->service.base_path + std::string(path);
    request.query = query;
    request.headers = {{"Authorization", fmt::format("Bearer {}", token->value.Reveal())},
                       {"Accept", "application/json"}};
    if (method == "POST") request.headers.emplace_back("Content-Type", "application/json");
    request.body = body;
    auto reply = http_->Send(context, request, kAnswerMax);
    WipeString(request.headers.front().second);
    if (!reply) return std::move(reply).error();
    if (reply->status == 200) {
      auto document = ParseJson(reply->body.empty() ? "{}" : reply->body);
      if (!document || !document->is_object()) return Malformed("it is no JSON object");
      return std::move(document->get_object());
    }
    Error error = FromHttpFailure(reply->status, reply->body, text);
    const bool again = reply->status == 429 || (reply->status == 503 && method == "GET");
    const std::chrono::milliseconds wait{100 << std::min(repetition, 6)};
    if (!again || repetition == kRepetitionsMax || wait >= context.remaining()) return error;
    NSTARX_RETURN_IF_ERROR(Pause(context, wait));
  }
}

Result<std::string> DatabricksClient::Download(const Context& context, std::string_view url,
                                               const net::HttpFields& headers) {
  const size_t mark = std::min(url.find('?'), url.size());
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos || scheme > mark) return Malformed("a link is no URL");
  const size_t slash = std::min(url.find('/', scheme + 3), mark);
  net::HttpRequest request;
  NSTARX_TRY(request.service, net::ServiceUrl::Parse(url.substr(0, slash)));
  request.path = slash < mark ? std::string(url.substr(slash, mark - slash)) : "/";
  request.headers = headers;
  // The query is signed as it stands.
  if (mark < url.size()) request.path += url.substr(mark);
  auto reply = http_->Send(context, request, kChunkMax);
  if (!reply) return std::move(reply).error();
  if (reply->status != 200) {
    return Unavailable("result.link_refused",
                       "The storage behind a link of the result refuses to hand it out")
        .WithStage("query")
        .WithConnector("databricks")
        .WithVendorCode(fmt::format("HTTP {}", reply->status));
  }
  return std::move(reply->body);
}

}  // namespace nstarx::connectors::databricks
