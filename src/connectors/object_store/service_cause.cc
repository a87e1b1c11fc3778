#include "connectors/object_store/service_cause.h"

#include "net/reach.h"

namespace nstarx::connectors::object_store {

bool IsTransport(const Error& error) {
  return error.code().starts_with("dns.") || error.code().starts_with("tls.") ||
         error.code() == "tcp.refused";
}

Error NameCause(const Context& context, const net::ServiceUrl& service, const std::string& ca_pem,
                Error error) {
  const model::Ssl ssl{
      .enabled = service.https, .mode = "verify-full", .certificate = ca_pem, .server_name = {}};
  return net::Diagnose(context, {.host = service.host, .port = service.port}, ssl, service.https,
                       {}, std::move(error));
}

}  // namespace nstarx::connectors::object_store
