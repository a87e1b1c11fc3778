#include "connectors/snowflake/snowflake_chunks.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/snowflake/snowflake_client.h"
#include "connectors/snowflake/snowflake_errors.h"

namespace nstarx::connectors::snowflake {
namespace {

constexpr size_t kChunkMax = size_t{256} << 20;
constexpr size_t kLinksMax = 1'000'000;
constexpr int kRepetitionsMax = 4;
constexpr std::string_view kAlgorithm = "x-amz-server-side-encryption-customer-algorithm";
constexpr std::string_view kKey = "x-amz-server-side-encryption-customer-key";

bool IsOneLine(std::string_view text) {
  return text.find_first_of("\r\n") == std::string_view::npos;
}

Error LinkRefused(int status) {
  return Unavailable("result.link_refused",
                     "The store behind a link of the result refuses to hand it out")
      .WithStage("query")
      .WithConnector("snowflake")
      .WithVendorCode(fmt::format("HTTP {}", status));
}

/// Stores of the cloud ask to come again by these.
bool IsPassing(int status) { return status == 429 || status >= 500; }

}  // namespace

Result<ChunkLinks> ReadLinks(const json::object& data) {
  ChunkLinks out;
  const auto* chunks = data.if_contains("chunks");
  if (chunks == nullptr || !chunks->is_array()) return out;
  if (chunks->get_array().size() > kLinksMax) return Malformed("too many parts of a result");
  for (const auto& each : chunks->get_array()) {
    const std::string_view url =
        each.is_object() ? GetString(each.get_object(), "url") : std::string_view();
    if (url.empty() || !IsOneLine(url)) return Malformed("a part of a result without link");
    out.urls.emplace_back(url);
  }
  if (const auto* headers = data.if_contains("chunkHeaders"); headers && headers->is_object()) {
    for (const auto& each : headers->get_object()) {
      if (!each.value().is_string()) continue;
      const std::string_view value = each.value().get_string();
      if (!IsOneLine(value) || !IsOneLine(each.key())) return Malformed("a header of two lines");
      out.headers.emplace_back(each.key(), value);
    }
  } else if (const auto key = GetString(data, "qrmk"); !key.empty() && IsOneLine(key)) {
    out.headers = {{std::string(kAlgorithm), "AES256"}, {std::string(kKey), std::string(key)}};
  }
  return out;
}

Chunks::Chunks(std::shared_ptr<const Account> account, ChunkLinks links)
    : account_(std::move(account)), links_(std::move(links)) {}

Chunks::~Chunks() {
  for (auto& thread : threads_) thread.request_stop();
}

Result<std::optional<std::string>> Chunks::Next(const Context& context) {
  if (threads_.empty()) {
    const size_t wanted =
        std::min(links_.urls.size(), static_cast<size_t>(account_->download_threads));
    for (size_t i = 0; i < wanted; ++i) {
      threads_.emplace_back([this](const std::stop_token& stop) { Run(stop); });
    }
  }
  std::unique_lock lock(mutex_);
  if (taken_ == links_.urls.size()) return std::optional<std::string>();
  const bool there = changed_.wait_for(lock, context.stop_token(), context.remaining(),
                                       [this] { return ready_.contains(taken_); });
  if (!there) {
    NSTARX_RETURN_IF_ERROR(context.Check());
    return DeadlineExceeded("query.timeout", "The result did not come in time").WithStage("query");
  }
  auto node = ready_.extract(taken_);
  if (!node.mapped()) {
    // What has failed stays failed.
    const Error error = node.mapped().error();
    ready_.insert(std::move(node));
    return error;
  }
  ++taken_;
  changed_.notify_all();
  return std::optional<std::string>(*std::move(node.mapped()));
}

void Chunks::Run(const std::stop_token& stop) {
  const Context context = Context().WithStop(stop);
  auto http = net::HttpClient::Open(account_->http);
  while (true) {
    size_t mine = 0;
    {
      std::unique_lock lock(mutex_);
      const auto room = [this] {
        return claimed_ == links_.urls.size() ||
               claimed_ <= taken_ + static_cast<size_t>(account_->download_threads);
      };
      if (!changed_.wait(lock, stop, room) || claimed_ == links_.urls.size()) return;
      mine = claimed_++;
    }
    auto chunk = http ? Download(context, **http, links_.urls[mine])
                      : Result<std::string>(std::unexpected(http.error()));
    const std::lock_guard lock(mutex_);
    ready_.emplace(mine, std::move(chunk));
    changed_.notify_all();
  }
}

/// A link carries its own permission: nothing of the session goes there.
Result<std::string> Chunks::Download(const Context& context, net::HttpClient& http,
                                     std::string_view url) const {
  const size_t mark = std::min(url.find('?'), url.size());
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos || scheme > mark) return Malformed("a link is no URL");
  const size_t slash = std::min(url.find('/', scheme + 3), mark);
  net::HttpRequest request;
  NSTARX_TRY(request.service, net::ServiceUrl::Parse(url.substr(0, slash)));
  if (account_->service.https && !request.service.https) {
    return Malformed("a link of an encrypted session is not encrypted");
  }
  request.path = slash < mark ? std::string(url.substr(slash, mark - slash)) : "/";
  // The query is signed as it stands.
  request.path += url.substr(mark);
  request.headers = links_.headers;
  for (int repetition = 0;; ++repetition) {
    auto reply = http.Send(context, request, kChunkMax);
    if (reply && reply->status == 200) return std::move(reply->body);
    NSTARX_RETURN_IF_ERROR(context.Check());
    if (repetition == kRepetitionsMax || (reply && !IsPassing(reply->status))) {
      if (reply) return LinkRefused(reply->status);
      return std::move(reply).error();
    }
    NSTARX_RETURN_IF_ERROR(Pause(context, std::chrono::milliseconds{200 << repetition}));
  }
}

}  // namespace nstarx::connectors::snowflake
