#include "connectors/object_store/service_cause.h"

#include "base/json.h"
#include "net/reach.h"

namespace nstarx::connectors::object_store {

bool IsTransport(const Error& error) {
  return error.code().starts_with("dns.") || error.code().starts_with("tls.") ||
         error.code() == "tcp.refused";
}

Error NameCause(const Context& context, const net::ServiceUrl& service, const std::string& ca_pem,
                Error error) {
  // A failure on the way to another address than the service's own says which.
  net::ServiceUrl dialled = service;
  if (const json::value* other = error.details().if_contains("token_endpoint")) {
    const auto url = net::ServiceUrl::Parse(json::value_to<std::string>(*other));
    if (url) dialled = *url;
  }
  const model::Ssl ssl{
      .enabled = dialled.https, .mode = "verify-full", .certificate = ca_pem, .server_name = {}};
  return net::Diagnose(context, {.host = dialled.host, .port = dialled.port}, ssl, dialled.https,
                       {}, std::move(error));
}

}  // namespace nstarx::connectors::object_store
