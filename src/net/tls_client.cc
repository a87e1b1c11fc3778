#include "net/tls_client.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>

#include <algorithm>

namespace nstarx::net {
namespace {

std::string NameText(const X509_NAME* name) {
  Bio bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<size_t>(size)};
}

std::string TimeText(const ASN1_TIME* time) {
  tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

Error TlsError(std::string code, std::string message) {
  return Unavailable(std::move(code), std::move(message))
      .WithStage("tls")
      .WithAction(Action::kFixInput);
}

/// The certificate's trouble as a code of ours; X509_V_ERR_* are OpenSSL's verify results.
Error VerifyError(long result, const model::Endpoint& endpoint, const model::Ssl& ssl,
                  const X509* certificate) {
  const std::string subject =
      certificate != nullptr ? NameText(X509_get_subject_name(certificate)) : "";
  const std::string not_after =
      certificate != nullptr ? TimeText(X509_get0_notAfter(certificate)) : "";
  const auto with_facts = [&](Error error) {
    return error.WithDetail("subject", subject).WithDetail("not_after", not_after);
  };
  switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return with_facts(TlsError("tls.certificate_expired",
                                 fmt::format("the server's certificate expired on {}", not_after))
                            .WithHint("Renew the certificate on the system.")
                            .WithHint("Check this machine's clock if the date looks right."));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return with_facts(TlsError("tls.not_yet_valid", "the server's certificate is not valid yet")
                            .WithHint("Check the clocks of this machine and of the system."));
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return with_facts(
          TlsError("tls.self_signed",
                   "the server shows a self-signed certificate that is not trusted")
              .WithHint("Put that certificate (PEM) into ssl.certificate to trust it.")
              .WithHint("Or let the system use a certificate from your CA."));
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return with_facts(
          TlsError("tls.host_mismatch",
                   fmt::format("the server's certificate is not for '{}'", endpoint.host))
              .WithHint(
                  "Use the host name that is in the certificate, or set ssl.serverName to it.")
              .WithHint("ssl.mode verify-ca checks the chain without the name."));
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return with_facts(
          TlsError("tls.unknown_ca",
                   ssl.certificate.empty()
                       ? "the server's certificate comes from a CA that this machine does not trust"
                       : "the server's certificate does not come from the CA in ssl.certificate")
              .WithHint(
                  "Put the CA that issued it (PEM, with intermediates) into ssl.certificate."));
    default:
      return with_facts(
          TlsError("tls.handshake_failed", fmt::format("the server's certificate was refused: {}",
                                                       X509_verify_cert_error_string(result)))
              .WithHint("Check the certificate chain that the system sends."));
  }
}

Status TrustCertificates(SSL_CTX* context, const model::Ssl& ssl) {
  if (ssl.certificate.empty()) {
    SSL_CTX_set_default_verify_paths(context);
    return {};
  }
  Bio bio(BIO_new_mem_buf(ssl.certificate.data(), static_cast<int>(ssl.certificate.size())));
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  int count = 0;
  while (Certificate certificate{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    X509_STORE_add_cert(store, certificate.get());
    ++count;
  }
  ERR_clear_error();
  if (count == 0) {
    return TlsError("tls.bad_certificate", "ssl.certificate holds no PEM certificate")
        .WithHint("It must start with -----BEGIN CERTIFICATE-----.");
  }
  return {};
}

Status Handshake(const Context& context, SSL* ssl, int socket) {
  while (true) {
    ERR_clear_error();
    const int done = SSL_connect(ssl);
    if (done == 1) return {};
    const int wants = SSL_get_error(ssl, done);
    if (wants != SSL_ERROR_WANT_READ && wants != SSL_ERROR_WANT_WRITE) {
      char text[256] = "the server closed the connection";
      if (const unsigned long code = ERR_peek_last_error(); code != 0)
        ERR_error_string_n(code, text, sizeof text);
      ERR_clear_error();
      return TlsError("tls.handshake_failed", fmt::format("the TLS handshake failed: {}", text))
          .WithHint(
              "Check that the port speaks TLS, and which versions and client certificates it "
              "wants.");
    }
    if (context.stop_requested()) return Cancelled("the caller went away");
    if (context.expired()) {
      return TlsError("tls.timeout", "the TLS handshake did not finish in time")
          .WithAction(Action::kRetry);
    }
    pollfd row{.fd = socket,
               .events = static_cast<short>(wants == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT),
               .revents = 0};
    poll(&row, 1, static_cast<int>(std::min<int64_t>(context.remaining().count(), 100)));
  }
}

Status Present(SSL_CTX* method, const ClientIdentity& identity) {
  const auto bad = [](std::string_view why) {
    ERR_clear_error();
    return TlsError("tls.bad_client_certificate",
                    fmt::format("the client certificate cannot be used: {}", why))
        .WithHint("Give the certificate with its intermediates and its own key, both as PEM.");
  };
  Bio chain(
      BIO_new_mem_buf(identity.certificate.data(), static_cast<int>(identity.certificate.size())));
  Certificate leaf(PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr));
  if (leaf == nullptr) return bad("it is no PEM certificate");
  SSL_CTX_use_certificate(method, leaf.get());
  while (X509* next = PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr)) {
    SSL_CTX_add_extra_chain_cert(method, next);  // Takes it over.
  }
  const std::string_view key = identity.key->Reveal();
  Bio key_bytes(BIO_new_mem_buf(key.data(), static_cast<int>(key.size())));
  PrivateKey parsed(PEM_read_bio_PrivateKey(key_bytes.get(), nullptr, nullptr, nullptr));
  if (parsed == nullptr) return bad("its key is no PEM private key without a passphrase");
  if (SSL_CTX_use_PrivateKey(method, parsed.get()) != 1) return bad("the key is of another one");
  ERR_clear_error();
  return {};
}

}  // namespace

Result<SslHandle> ConnectTls(const Context& context, int socket, const model::Endpoint& endpoint,
                             const model::Ssl& ssl, const ClientIdentity* identity) {
  SslContext method(SSL_CTX_new(TLS_client_method()));
  SslHandle handle;
  if (method != nullptr) {
    NSTARX_RETURN_IF_ERROR(TrustCertificates(method.get(), ssl));
    if (identity != nullptr) NSTARX_RETURN_IF_ERROR(Present(method.get(), *identity));
    handle.reset(SSL_new(method.get()));
  }
  if (handle == nullptr) return Internal("OpenSSL has no memory for a handshake");
  SSL_set_fd(handle.get(), socket);
  // Verification runs, but its verdict is read afterwards: so the cause is exact and facts are
  // there anyway.
  SSL_set_verify(handle.get(), SSL_VERIFY_NONE, nullptr);
  const std::string& name = ssl.server_name.empty() ? endpoint.host : ssl.server_name;
  in6_addr numeric;
  const bool is_ip = inet_pton(AF_INET, name.c_str(), &numeric) == 1 ||
                     inet_pton(AF_INET6, name.c_str(), &numeric) == 1;
  if (!is_ip) SSL_set_tlsext_host_name(handle.get(), name.c_str());
  if (ssl.mode == "verify-full") {
    X509_VERIFY_PARAM* parameters = SSL_get0_param(handle.get());
    if (is_ip) {
      X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str());
    } else {
      X509_VERIFY_PARAM_set1_host(parameters, name.c_str(), name.size());
    }
  }
  NSTARX_RETURN_IF_ERROR(Handshake(context, handle.get(), socket));
  Certificate certificate(SSL_get1_peer_certificate(handle.get()));
  if (ssl.mode != "require") {
    const long result = SSL_get_verify_result(handle.get());
    if (result != X509_V_OK) return VerifyError(result, endpoint, ssl, certificate.get());
  }
  return handle;
}

TlsFacts FactsOf(SSL* tls) {
  const Certificate certificate(SSL_get1_peer_certificate(tls));
  TlsFacts facts;
  facts.version = SSL_get_version(tls);
  facts.cipher = SSL_get_cipher_name(tls);
  if (certificate != nullptr) {
    facts.subject = NameText(X509_get_subject_name(certificate.get()));
    facts.issuer = NameText(X509_get_issuer_name(certificate.get()));
    facts.not_after = TimeText(X509_get0_notAfter(certificate.get()));
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    X509_digest(certificate.get(), EVP_sha1(), digest, &length);
    for (unsigned i = 0; i < length; ++i) {
      facts.fingerprint_sha1 += fmt::format("{:02X}", digest[i]);
    }
  }
  return facts;
}

}  // namespace nstarx::net
