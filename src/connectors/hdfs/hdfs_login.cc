#include "connectors/hdfs/hdfs_login.h"

#include <algorithm>

#include "connectors/hdfs/hdfs_errors.h"
#include "net/http_client.h"

namespace nstarx::connectors::hdfs {
namespace {

using object_store::BearerToken;
using object_store::BearerTokenPtr;

constexpr size_t kAnswerMax = 64 << 10;
/// Tokens are good for a day unless the cluster says otherwise; another is taken long before.
constexpr std::chrono::hours kTokenLife{8};
/// New sessions share a token that is at most so old; a test of a connection thus finds out about a
/// refused ticket within a minute.
constexpr std::chrono::seconds kSharedFor{60};

Error TokenRefused(std::string_view why) {
  return Error(ErrorKind::kUnauthenticated, "login.token_refused", std::string(why))
      .WithStage("login");
}

/// Whether another name node may give what this one did not.
bool MayHelpElsewhere(const Error& error) {
  return error.kind() == ErrorKind::kUnavailable && error.code() != "response.malformed";
}

Result<BearerTokenPtr> TakeTokenFrom(const Context& context, net::HttpClient& http,
                                     const net::ServiceUrl& node, TimePoint now) {
  net::HttpRequest request;
  request.service = node;
  request.path = "/webhdfs/v1/";
  request.query = {{"op", "GETDELEGATIONTOKEN"}};
  request.negotiate = true;
  NSTARX_TRY(net::HttpReply reply, http.Send(context, request, kAnswerMax));
  if (reply.status == 401) {
    return Error(ErrorKind::kUnauthenticated, "login.kerberos_failed",
                 "The name node does not accept this program's Kerberos ticket, or there is none")
        .WithStage("login")
        .WithVendorCode("HTTP 401");
  }
  if (reply.status != 200) {
    return FromHdfsFailure(ReadFailure(reply.status, reply.body), "").WithStage("login");
  }
  auto token = std::make_shared<BearerToken>();
  Result<Secret> value = ReadDelegationToken(reply.body);
  WipeString(reply.body);
  if (!value) return value.error();
  token->value = std::move(*value);
  token->expires = now + kTokenLife;
  return BearerTokenPtr(std::move(token));
}

Result<BearerTokenPtr> TakeToken(const Context& context, const HdfsSettings& settings,
                                 TimePoint now) {
  NSTARX_TRY(const auto http, net::HttpClient::Open({.ca_pem = settings.ca_pem,
                                                     .connect_timeout = settings.connect_timeout,
                                                     .request_timeout = settings.request_timeout}));
  std::optional<Error> first;
  for (const net::ServiceUrl& node : settings.name_nodes) {
    Result<BearerTokenPtr> token = TakeTokenFrom(context, *http, node, now);
    if (token || !MayHelpElsewhere(token.error())) return token;
    Error error = std::move(token).error();
    error.WithDetail("name_node", node.Authority());
    if (!first || first->code() == "name_node.standby") first = std::move(error);
  }
  return *first;
}

Result<std::shared_ptr<object_store::TokenSource>> FixedToken(std::string_view text,
                                                              const Clock& clock) {
  const bool plain = !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '=';
  });
  if (!plain) return TokenRefused("The delegation token is not the URL-safe text of one");
  auto token = std::make_shared<BearerToken>();
  token->value = Secret(text);
  token->expires = TimePoint::max();
  const BearerTokenPtr fixed = std::move(token);
  return std::make_shared<object_store::TokenSource>(
      [fixed](const Context&) -> Result<BearerTokenPtr> { return fixed; }, clock);
}

}  // namespace

Result<Secret> ReadDelegationToken(std::string_view body) {
  const Result<json::value> document = ParseJson(body);
  const json::object* root = document ? document->if_object() : nullptr;
  const json::value* token = root ? root->if_contains("Token") : nullptr;
  if (token == nullptr) return MalformedAnswer();
  const std::string_view text =
      token->is_object() ? GetString(token->get_object(), "urlString") : std::string_view();
  if (!text.empty()) return Secret(text);
  return InvalidArgument("login.no_kerberos",
                         "The cluster gives no delegation tokens: it does not use Kerberos")
      .WithStage("login");
}

Result<HdfsLogin> LogIn(const Context& context, const connector::OpenRequest& request,
                        const HdfsSettings& settings, object_store::TokenCache& tokens,
                        const Clock& clock) {
  const std::string_view type = GetString(request.authentication, "type");
  HdfsLogin login;
  if (type == "delegation_token") {
    const auto found = request.secrets.find("delegation_token");
    const std::string_view text =
        found == request.secrets.end() ? std::string_view() : found->second.Reveal();
    NSTARX_TRY(login.token, FixedToken(text, clock));
    return login;
  }
  if (type != "kerberos") {
    login.user = GetString(request.authentication, "user");
    return login;
  }
  std::string key = settings.ca_pem;
  for (const net::ServiceUrl& node : settings.name_nodes) key += "\n" + node.Origin();
  login.token = tokens.Find(std::move(key), [&] {
    return std::make_shared<object_store::TokenSource>(
        [settings, &clock](const Context& asking) {
          return TakeToken(asking, settings, clock.Now());
        },
        clock);
  });
  NSTARX_RETURN_IF_ERROR(login.token->GetFresh(context, kSharedFor));
  return login;
}

}  // namespace nstarx::connectors::hdfs
