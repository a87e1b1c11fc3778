#include "connectors/rabbitmq/rabbitmq_management.h"

#include <fmt/format.h>

#include "net/http_client.h"

namespace nstarx::connectors::rabbitmq {
namespace {

constexpr size_t kBodyMax = 32U << 20U;

std::string Base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group =
          (group << 8U) | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    for (size_t j = 0; j < 4; ++j) {
      out += i + j > bytes.size() ? '=' : kDigits[(group >> (18U - 6U * j)) & 63U];
    }
  }
  return out;
}

Error Failed(ErrorKind kind, std::string_view code, std::string message) {
  return Error(kind, std::string(code), std::move(message))
      .WithStage("query")
      .WithConnector("rabbitmq");
}

}  // namespace

Result<json::value> AskManagement(const Context& context, const Management& management,
                                  std::string_view path) {
  net::HttpOptions options;
  options.ca_pem = management.ca_pem;
  NSTARX_TRY(const auto client, net::HttpClient::Open(options));
  net::HttpRequest request;
  request.service = {
      .https = management.https, .host = management.host, .port = management.port, .base_path = ""};
  request.path = fmt::format("/api/{}", path);
  std::string login = management.user + ":";
  login += management.password.Reveal();
  request.headers.emplace_back("Authorization", "Basic " + Base64(login));
  WipeString(login);
  auto reply = client->Send(context, request, kBodyMax);
  WipeString(request.headers.back().second);
  if (!reply) return reply.error().WithConnector("rabbitmq");
  if (reply->status == 401 || reply->status == 403) {
    return Failed(ErrorKind::kPermissionDenied, "management.forbidden",
                  "the login may not use the management plugin");
  }
  if (reply->status == 404) {
    return Failed(ErrorKind::kNotFound, "management.not_found",
                  "the management plugin knows no such thing");
  }
  if (reply->status != 200) {
    return Failed(ErrorKind::kUnavailable, "management.failed",
                  fmt::format("the management plugin answers with status {}", reply->status));
  }
  auto value = ParseJson(reply->body);
  if (value) return value;
  return Failed(ErrorKind::kUnavailable, "management.failed",
                "the answer of the management port is no JSON");
}

}  // namespace nstarx::connectors::rabbitmq
