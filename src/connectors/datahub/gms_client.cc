#include "connectors/datahub/gms_client.h"

#include <fmt/format.h>

namespace nstarx::connectors::datahub {
namespace {

constexpr size_t kBodyMax = 64 << 20;

struct Meaning {
  ErrorKind kind = ErrorKind::kInvalidArgument;
  std::string_view code = "query.failed";
  std::string_view text = "DataHub refuses the request";
};

Meaning OfStatus(int status, bool speaks_gms) {
  if (status == 401) {
    return {ErrorKind::kUnauthenticated, "login.refused", "DataHub refuses the login"};
  }
  if (status == 403) {
    return {ErrorKind::kPermissionDenied, "query.forbidden", "the login may not do this"};
  }
  if (status >= 300 && status < 400) {
    return {ErrorKind::kUnavailable, "service.redirected",
            "the server sends elsewhere: to a login page, or to https"};
  }
  if (status == 404 && speaks_gms) {
    return {ErrorKind::kNotFound, "query.undefined_table", "DataHub has no such thing"};
  }
  if (status == 404) {
    return {ErrorKind::kNotFound, "config.wrong_path",
            "there is no metadata service of DataHub below this endpoint"};
  }
  if (status == 400 || status == 422) {
    return {ErrorKind::kInvalidArgument, "metadata.change_refused", "DataHub refuses the change"};
  }
  if (status == 429) {
    return {ErrorKind::kUnavailable, "service.busy", "DataHub asks to slow down"};
  }
  if (status >= 500) {
    return {ErrorKind::kUnavailable, "service.unavailable", "DataHub failed inside"};
  }
  return {};
}

Error Make(const Meaning& meaning, std::string message, std::string vendor) {
  Error error(meaning.kind, std::string(meaning.code), std::move(message));
  if (meaning.code == "service.busy" || meaning.code == "service.unavailable") {
    error.WithAction(Action::kRetry);
  }
  return error.WithStage(meaning.code == "login.refused" ? "login" : "query")
      .WithConnector("datahub")
      .WithVendorCode(std::move(vendor));
}

Error Malformed() {
  return Unavailable("protocol.malformed", "the server's answer is no JSON of DataHub")
      .WithStage("query")
      .WithConnector("datahub");
}

}  // namespace

Error FromGmsAnswer(int status, std::string_view body) {
  std::string said;
  if (const auto parsed = ParseJson(body); parsed && parsed->is_object()) {
    // Rest.li and OpenAPI say `message`; only theirs is repeated, no login page's.
    said = GetString(parsed->get_object(), "message");
  }
  const Meaning meaning = OfStatus(status, !said.empty());
  std::string message = said.empty() ? fmt::format("{} (HTTP {})", meaning.text, status)
                                     : fmt::format("DataHub says: {}", said.substr(0, 500));
  return Make(meaning, std::move(message), fmt::format("HTTP {}", status));
}

Error FromGraphqlErrors(const json::array& errors) {
  std::string said;
  int64_t status = 0;
  if (!errors.empty() && errors[0].is_object()) {
    const json::object& first = errors[0].get_object();
    said = GetString(first, "message");
    const json::value* extensions = first.if_contains("extensions");
    if (extensions != nullptr && extensions->is_object()) {
      status = GetInt(extensions->get_object(), "code", 0);
    }
  }
  Meaning meaning;
  if (status >= 400 && status <= 599 && status != 400) {
    meaning = OfStatus(static_cast<int>(status), true);
  }
  return Make(meaning, fmt::format("DataHub says: {}", said.substr(0, 500)),
              status > 0 ? fmt::format("GraphQL {}", status) : "GraphQL");
}

Result<json::object> GmsClient::Call(const Context& context, std::string_view method,
                                     std::string_view path, const net::HttpFields& query,
                                     const json::object* body) {
  const std::string text = body == nullptr ? std::string() : json::serialize(*body);
  net::HttpRequest request;
  request.method = method;
  request.service = service_;
  request.path = service_.base_path + std::string(path);
  request.query = query;
  request.headers = {{"Accept", "application/json"}, {"X-RestLi-Protocol-Version", "2.0.0"}};
  if (!text.empty()) request.headers.emplace_back("Content-Type", "application/json");
  request.body = text;
  if (!authorization_.empty()) {
    request.headers.emplace_back("Authorization", authorization_.Reveal());
  }
  auto reply = http_->Send(context, request, kBodyMax);
  for (auto& [name, value] : request.headers) WipeString(value);
  if (!reply) return std::move(reply).error();
  if (reply->status < 200 || reply->status > 299) return FromGmsAnswer(reply->status, reply->body);
  if (reply->body.empty()) return json::object();
  auto parsed = ParseJson(reply->body);
  if (!parsed || !parsed->is_object()) return Malformed();
  return std::move(parsed->get_object());
}

Result<json::object> GmsClient::Graphql(const Context& context, std::string_view query,
                                        json::object variables) {
  const json::object body{{"query", query}, {"variables", std::move(variables)}};
  NSTARX_TRY(json::object answer, Call(context, "POST", "/api/graphql", {}, &body));
  if (const json::value* errors = answer.if_contains("errors");
      errors != nullptr && errors->is_array() && !errors->get_array().empty()) {
    return FromGraphqlErrors(errors->get_array());
  }
  json::value* data = answer.if_contains("data");
  if (data == nullptr || !data->is_object()) return Malformed();
  return std::move(data->get_object());
}

Status GmsClient::Propose(const Context& context, std::string_view entity_type,
                          std::string_view urn, std::string_view aspect,
                          const json::object& value) {
  const json::object content{{"contentType", "application/json"},
                             {"value", json::serialize(value)}};
  const json::object proposal{{"entityType", entity_type},
                              {"entityUrn", urn},
                              {"changeType", "UPSERT"},
                              {"aspectName", aspect},
                              {"aspect", content}};
  // Not later by a queue: what is written is read back.
  const json::object body{{"proposal", proposal}, {"async", "false"}};
  NSTARX_RETURN_IF_ERROR(Call(context, "POST", "/aspects", {{"action", "ingestProposal"}}, &body));
  return {};
}

}  // namespace nstarx::connectors::datahub
