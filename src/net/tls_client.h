#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "model/connection.h"
#include "net/reach.h"

// OpenSSL as this room uses it; included by its .cc files only.

namespace nstarx::net {

template <auto Free>
struct OpenSslDeleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using SslContext = std::unique_ptr<SSL_CTX, OpenSslDeleter<SSL_CTX_free>>;
using SslHandle = std::unique_ptr<SSL, OpenSslDeleter<SSL_free>>;
using Certificate = std::unique_ptr<X509, OpenSslDeleter<X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, OpenSslDeleter<EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, OpenSslDeleter<BIO_free_all>>;

/// A TLS client handshake on a connected, non-blocking socket, verified as `ssl` asks; `identity`
/// may be null. The codes are those of ProbeTls; tls.bad_client_certificate for an identity that
/// cannot be read or whose key does not belong to it.
Result<SslHandle> ConnectTls(const Context& context, int socket, const model::Endpoint& endpoint,
                             const model::Ssl& ssl, const ClientIdentity* identity);

TlsFacts FactsOf(SSL* tls);

}  // namespace nstarx::net
