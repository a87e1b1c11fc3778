#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/status.h"
#include "connector/connector.h"
#include "model/connection.h"

namespace nstarx::net {

/// A resolved numeric address.
struct Address {
  std::string ip;
  int family = 0;  ///< AF_INET or AF_INET6
};

/// Looks `host` up within the context's deadline (on a helper thread, so a slow resolver can't hold
/// the caller). dns.not_found, dns.timeout; stage resolve.
Result<std::vector<Address>> Resolve(const Context& context, const std::string& host);

/// Connects and returns the open socket (close it). tcp.refused, tcp.timeout, tcp.unreachable;
/// stage tcp.
Result<int> ConnectTcp(const Context& context, const std::vector<Address>& addresses, int port);

/// What a client shows of itself in a TLS handshake.
struct ClientIdentity {
  std::string certificate;      ///< PEM: the leaf, then its intermediates
  const Secret* key = nullptr;  ///< PEM, unencrypted; outlives the handshake
};

struct TlsFacts {
  std::string version;
  std::string cipher;
  std::string subject;
  std::string issuer;
  std::string not_after;         ///< RFC 3339
  std::string fingerprint_sha1;  ///< hexadecimal, to bind a vendor's library to this certificate
  double ms = 0;
};

/// A TLS handshake of our own, to learn facts and to name the cause when the vendor's library only
/// says 'failed'. Verifies as `ssl` asks (require: not at all; verify-ca: chain; verify-full: chain
/// and name). Codes: tls.refused_by_server, tls.self_signed, tls.certificate_expired,
/// tls.not_yet_valid, tls.unknown_ca, tls.host_mismatch, tls.handshake_failed; stage tls.
Result<TlsFacts> ProbeTls(const Context& context, const model::Endpoint& endpoint,
                          const model::Ssl& ssl, const connector::TlsPreface& preface);

/// For connectors whose vendor call failed to connect: finds the cause by going through resolve,
/// tcp and (when `uses_tls`) tls itself. Returns the first stage's error, or `otherwise` when all
/// of them pass.
Error Diagnose(const Context& context, const model::Endpoint& endpoint, const model::Ssl& ssl,
               bool uses_tls, const connector::TlsPreface& preface, Error otherwise);

json::object ToJson(const TlsFacts& facts);

/// Writes/reads all bytes on a socket before the deadline; for TLS prefaces.
Status SendAll(const Context& context, int socket, std::string_view bytes);
Result<std::string> ReceiveExactly(const Context& context, int socket, size_t count);

/// Writes a PEM bundle to a private temporary file for vendor libraries that only take paths;
/// removed on destruction.
class PemFile {
 public:
  static Result<PemFile> Write(std::string_view pem);
  PemFile(PemFile&& other) noexcept;
  PemFile& operator=(PemFile&& other) noexcept;
  ~PemFile();
  const std::string& path() const { return path_; }

 private:
  explicit PemFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace nstarx::net
