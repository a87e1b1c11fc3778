#include "connectors/atlas/atlas_client.h"

#include "connectors/atlas/atlas_errors.h"

namespace nstarx::connectors::atlas {
namespace {

constexpr size_t kBodyMax = 64 << 20;

Error Malformed() {
  return Unavailable("protocol.malformed", "the server's answer is no JSON of Atlas")
      .WithStage("query")
      .WithConnector("atlas");
}

}  // namespace

Result<json::value> AtlasClient::Call(const Context& context, std::string_view method,
                                      std::string_view path, const net::HttpFields& query,
                                      const json::value& body) {
  const std::string text = body.is_null() ? std::string() : json::serialize(body);
  net::HttpRequest request;
  request.method = method;
  request.service = service_;
  request.path = service_.base_path + "/api/atlas" + std::string(path);
  request.query = query;
  // Atlas that guards against forged requests wants the second one, whatever its value.
  request.headers = {{"Accept", "application/json"}, {"X-XSRF-HEADER", "nstarx"}};
  if (!text.empty()) request.headers.emplace_back("Content-Type", "application/json");
  request.body = text;
  if (!authorization_.empty()) {
    request.headers.emplace_back("Authorization", authorization_.Reveal());
  }
  auto reply = http_->Send(context, request, kBodyMax);
  for (auto& [name, value] : request.headers) WipeString(value);
  if (!reply) return std::move(reply).error();
  if (reply->status < 200 || reply->status > 299) {
    return FromAtlasAnswer(reply->status, reply->body);
  }
  if (reply->body.empty()) return json::value();
  auto parsed = ParseJson(reply->body);
  if (parsed) return parsed;
  return Malformed();
}

Result<json::object> AtlasClient::Get(const Context& context, std::string_view path,
                                      const net::HttpFields& query) {
  NSTARX_TRY(json::value answer, Call(context, "GET", path, query));
  if (!answer.is_object()) return Malformed();
  return std::move(answer.get_object());
}

}  // namespace nstarx::connectors::atlas
