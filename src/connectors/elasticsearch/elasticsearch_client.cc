#include "connectors/elasticsearch/elasticsearch_client.h"

#include <fmt/format.h>

#include "base/percent.h"
#include "connectors/elasticsearch/elasticsearch_errors.h"

namespace nstarx::connectors::elasticsearch {
namespace {

constexpr size_t kBodyMax = 64UL << 20;

}  // namespace

std::string IndexPath(std::string_view index, std::string_view rest) {
  return "/" + PercentEncode(index, ",*") + std::string(rest);
}

Status CheckIndex(std::string_view index) {
  const auto refused = [&](std::string_view why) {
    return Failed(ErrorKind::kInvalidArgument, "query.invalid_name",
                  fmt::format("'{}' is no index: {}", index, why));
  };
  if (index.empty()) return refused("it is empty");
  if (index.size() > 8192) return refused("it is too long");
  for (size_t begin = 0; begin <= index.size();) {
    const size_t end = std::min(index.find(',', begin), index.size());
    const std::string_view part = index.substr(begin, end - begin);
    if (part.empty()) return refused("a name in the list is empty");
    if (part == "." || part == "..") return refused("it is a step of a path");
    if (part.front() == '_' && part != "_all") return refused("names do not begin with _");
    begin = end + 1;
  }
  return {};
}

Result<std::unique_ptr<Client>> Client::Open(Options options) {
  NSTARX_TRY(auto http, net::HttpClient::Open(options.http));
  return std::unique_ptr<Client>(new Client(std::move(options), std::move(http)));
}

net::HttpRequest Client::RequestOf(std::string method, const std::string& path,
                                   net::HttpFields query, std::string_view body) const {
  const bool lines = path.ends_with("/_bulk");
  net::HttpRequest request{.method = std::move(method),
                           .service = options_.service,
                           .path = options_.service.base_path + path,
                           .query = std::move(query),
                           .headers = {},
                           .body = body};
  request.fresh = lines;  // documents without a name would be there twice
  if (!body.empty()) {
    request.headers.emplace_back("Content-Type",
                                 lines ? "application/x-ndjson" : "application/json");
  }
  if (!options_.authorization_scheme.empty()) {
    std::string value = options_.authorization_scheme + " ";
    value += options_.authorization.Reveal();
    request.headers.emplace_back("Authorization", std::move(value));
  }
  return request;
}

Error Client::Transport(Error error, std::string_view stage) {
  // Who asked has had enough: the connections are as good as before.
  if (!error.code().starts_with("query.")) healthy_.store(false, std::memory_order_relaxed);
  if (answered_ && error.code() == "tls.handshake_failed") {
    // It was spoken before: the server goes down while a connection is made anew.
    error = Failed(ErrorKind::kUnavailable, "connection.lost", error.message(), stage);
  }
  if (error.stage().empty() || error.stage() == "query") error.WithStage(stage);
  return error.WithConnector("elasticsearch");
}

Result<json::value> Client::Ask(const Context& context, std::string method, const std::string& path,
                                net::HttpFields query, std::string_view body,
                                std::string_view stage) {
  net::HttpRequest request = RequestOf(std::move(method), path, std::move(query), body);
  auto reply = http_->Send(context, request, kBodyMax);
  if (!request.headers.empty()) WipeString(request.headers.back().second);
  if (!reply) return Transport(std::move(reply).error(), stage);
  answered_ = true;
  if (reply->status >= 300) return FailureOf(reply->status, std::string_view(reply->body), stage);
  return ReadReply(reply->body);
}

Result<std::unique_ptr<connector::ByteStream>> Client::Start(const Context& context,
                                                             std::string method,
                                                             const std::string& path,
                                                             net::HttpFields query,
                                                             std::string_view body) {
  net::HttpRequest request = RequestOf(std::move(method), path, std::move(query), body);
  net::HttpReply reply;
  auto stream = http_->Start(context, request, reply);
  if (!request.headers.empty()) WipeString(request.headers.back().second);
  if (!stream) return Transport(std::move(stream).error(), "query");
  if (reply.status >= 300) return FailureOf(reply.status, std::string_view(reply.body), "query");
  return stream;
}

}  // namespace nstarx::connectors::elasticsearch
