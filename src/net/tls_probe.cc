#include <unistd.h>

#include "net/tls_client.h"

namespace nstarx::net {
namespace {

struct SocketCloser {
  int socket;
  ~SocketCloser() { ::close(socket); }
};

}  // namespace

Result<TlsFacts> ProbeTls(const Context& context, const model::Endpoint& endpoint,
                          const model::Ssl& ssl, const connector::TlsPreface& preface) {
  NSTARX_TRY(const auto addresses, Resolve(context, endpoint.host));
  NSTARX_TRY(const int socket, ConnectTcp(context, addresses, endpoint.port));
  const SocketCloser closer{socket};
  if (preface) NSTARX_RETURN_IF_ERROR(preface(socket, context));
  const auto start = std::chrono::steady_clock::now();
  NSTARX_TRY(const SslHandle handle, ConnectTls(context, socket, endpoint, ssl, nullptr));
  TlsFacts facts = FactsOf(handle.get());
  facts.ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  return facts;
}

json::object ToJson(const TlsFacts& facts) {
  json::object out;
  out["version"] = facts.version;
  out["cipher"] = facts.cipher;
  out["subject"] = facts.subject;
  out["issuer"] = facts.issuer;
  out["not_after"] = facts.not_after;
  return out;
}

}  // namespace nstarx::net
