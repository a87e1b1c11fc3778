#include "net/channel.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <csignal>
#include <thread>

#include "net/test_listener.h"
#include "net/tls_client.h"

namespace nstarx::net {
namespace {

/// A self-signed certificate for 127.0.0.1 and its key, made for the test.
struct TestIdentity {
  PrivateKey key{EVP_EC_gen("P-256")};
  Certificate certificate{X509_new()};

  TestIdentity() {
    X509_set_version(certificate.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME* name = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), name);
    X509_EXTENSION* names =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(certificate.get(), names, -1);
    X509_EXTENSION_free(names);
    X509_sign(certificate.get(), key.get(), EVP_sha256());
  }

  std::string Pem() const {
    const Bio bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), certificate.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<size_t>(size)};
  }

  std::string KeyPem() const {
    const Bio bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<size_t>(size)};
  }
};

/// Answers one client over TLS with what it said, until it hangs up. With `trusted` it wants a
/// client certificate that this one signed.
void EchoOverTls(const Listener& listener, const TestIdentity& identity, X509* trusted = nullptr) {
  const int client = listener.Accept();
  const SslContext method(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_use_certificate(method.get(), identity.certificate.get());
  SSL_CTX_use_PrivateKey(method.get(), identity.key.get());
  if (trusted != nullptr) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(method.get()), trusted);
    SSL_CTX_set_verify(method.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  const SslHandle tls(SSL_new(method.get()));
  SSL_set_fd(tls.get(), client);
  if (SSL_accept(tls.get()) == 1) {
    char bytes[4096];
    for (int got = 0; (got = SSL_read(tls.get(), bytes, sizeof bytes)) > 0;) {
      SSL_write(tls.get(), bytes, got);
    }
  }
  ::close(client);
}

// OpenSSL writes without MSG_NOSIGNAL; the program ignores the signal, and so does this one.
[[maybe_unused]] const auto kNoSigpipe = std::signal(SIGPIPE, SIG_IGN);

model::Endpoint At(const Listener& listener) {
  return {.host = "127.0.0.1", .port = listener.port};
}

TEST(ChannelTest, CarriesBytesBothWays) {
  const Listener listener;
  auto channel = Channel::Open(Soon(), At(listener), {});
  ASSERT_TRUE(channel) << channel.error().ToString();
  const int peer = listener.Accept();
  ASSERT_TRUE((*channel)->Write(Soon(), "ping"));
  char heard[4];
  ASSERT_EQ(::recv(peer, heard, 4, MSG_WAITALL), 4);
  EXPECT_FALSE((*channel)->PeerGone());
  ASSERT_EQ(::send(peer, "pong!", 5, 0), 5);
  char answer[4];
  ASSERT_TRUE((*channel)->ReadExactly(Soon(), answer));
  EXPECT_EQ(std::string_view(answer, 4), "pong");
  EXPECT_TRUE((*channel)->PeerGone()) << "something was said unasked";
  ::close(peer);
  ASSERT_TRUE((*channel)->ReadExactly(Soon(), std::span(answer, 1)));
  EXPECT_EQ((*channel)->Read(Soon(), answer).value_or(99), 0U);
  EXPECT_EQ((*channel)->ReadExactly(Soon(), answer).error().code(), "connection.lost");
}

TEST(ChannelTest, WaitsEndWithTheContext) {
  const Listener listener;
  auto channel = Channel::Open(Soon(), At(listener), {});
  ASSERT_TRUE(channel);
  char byte[1];
  const Context hasty = Context().WithTimeout(std::chrono::milliseconds(50));
  EXPECT_EQ((*channel)->Read(hasty, byte).error().code(), "query.timeout");
  std::stop_source stop;
  const std::jthread stopper([&stop] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop.request_stop();
  });
  const Context stopped = Soon().WithStop(stop.get_token());
  EXPECT_EQ((*channel)->Read(stopped, byte).error().code(), "query.cancelled");
  const std::string much(64 << 20, 'x');  // More than any socket buffer takes.
  EXPECT_EQ((*channel)->Write(hasty, much).error().code(), "query.timeout");
}

TEST(ChannelTest, TlsCarriesBytesAndVerifies) {
  const Listener listener;
  const TestIdentity identity;
  const model::Ssl ssl{.enabled = true, .mode = "verify-full", .certificate = identity.Pem()};
  {
    const std::jthread server([&] { EchoOverTls(listener, identity); });
    auto channel = Channel::Open(Soon(), At(listener), ssl);
    ASSERT_TRUE(channel) << channel.error().ToString();
    ASSERT_NE((*channel)->tls(), nullptr);
    EXPECT_FALSE((*channel)->tls()->fingerprint_sha1.empty());
    for (int i = 0; i < 3; ++i) {
      ERR_raise(ERR_LIB_USER, 1);  // What a failed handshake elsewhere leaves on a thread.
      ASSERT_TRUE((*channel)->Write(Soon(), "hello"));
      char answer[5];
      ASSERT_TRUE((*channel)->ReadExactly(Soon(), answer));
      EXPECT_EQ(std::string_view(answer, 5), "hello");
      EXPECT_FALSE((*channel)->PeerGone());
    }
  }
  const std::jthread server([&] { EchoOverTls(listener, identity); });
  const TestIdentity other;
  auto refused = Channel::Open(
      Soon(), At(listener), {.enabled = true, .mode = "verify-full", .certificate = other.Pem()});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().stage(), "tls");
  EXPECT_TRUE(refused.error().code().starts_with("tls.")) << refused.error().code();
}

TEST(ChannelTest, ShowsItsClientCertificate) {
  const Listener listener;
  const TestIdentity server_identity;
  const TestIdentity own;
  const model::Ssl ssl{.enabled = true, .mode = "require"};
  const Secret key(own.KeyPem());
  {
    const std::jthread server(
        [&] { EchoOverTls(listener, server_identity, own.certificate.get()); });
    auto channel =
        Channel::Open(Soon(), At(listener), ssl,
                      {.identity = ClientIdentity{.certificate = own.Pem(), .key = &key}});
    ASSERT_TRUE(channel) << channel.error().ToString();
    ASSERT_TRUE((*channel)->Write(Soon(), "me"));
    char answer[2];
    EXPECT_TRUE((*channel)->ReadExactly(Soon(), answer));
  }
  const Secret wrong(TestIdentity().KeyPem());
  auto mismatched =
      Channel::Open(Soon(), At(listener), ssl,
                    {.identity = ClientIdentity{.certificate = own.Pem(), .key = &wrong}});
  ASSERT_FALSE(mismatched);
  EXPECT_EQ(mismatched.error().code(), "tls.bad_client_certificate");
}

}  // namespace
}  // namespace nstarx::net
