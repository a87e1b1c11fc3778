#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <filesystem>

#include "http/application.h"
#include "http/problem.h"
#include "http/raw_client.h"
#include "http/server.h"

namespace nstarx::http {
namespace {

class Pages final : public Application {
 public:
  BodyPlan Plan(Request& request) override {
    return request.method == Method::kPost ? BodyPlan{BodyMode::kStreamed, 1 << 30} : BodyPlan{};
  }
  Response Answer(Request& request, std::stop_token stop) override {
    Response response;
    response.content_type = "text/plain";
    if (request.stream != nullptr) {
      size_t total = 0;
      std::vector<std::byte> piece(50'000);
      while (true) {
        auto read = request.stream->Read(Context().WithStop(stop), piece);
        if (!read || *read == 0) break;
        total += *read;
      }
      response.body = std::to_string(total);
    } else {
      response.body = request.tls ? std::string(3'000'000, 't') : "plain";
    }
    return response;
  }
  Response Refuse(const Request& request, const Error& error) override {
    return ProblemResponse(error, request.request_id);
  }
  void Finished(const Request&, int, std::chrono::nanoseconds) override {}
};

/// A self-signed certificate and its key in a folder of its own.
class TlsTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::temp_directory_path() / ("nstarx-tls-test-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_sign(certificate, key, EVP_sha256());
    FILE* file = std::fopen(certificate_file().c_str(), "w");
    ASSERT_NE(file, nullptr);
    PEM_write_X509(file, certificate);
    std::fclose(file);
    file = std::fopen(key_file().c_str(), "w");
    ASSERT_NE(file, nullptr);
    PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string certificate_file() const { return folder_ / "server.pem"; }
  std::string key_file() const { return folder_ / "server.key"; }

  std::filesystem::path folder_;
};

TEST_F(TlsTest, ServesOverTlsOnly) {
  Pages pages;
  auto server = Server::Start(
      {.port = 0, .tls_certificate_file = certificate_file(), .tls_key_file = key_file()}, pages);
  ASSERT_TRUE(server) << server.error().ToString();
  EXPECT_TRUE((*server)->url().starts_with("https://"));

  RawClient plain((*server)->port());
  EXPECT_EQ(plain.Ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status, 0);

  RawClient wire((*server)->port());
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL* tls = SSL_new(context);
  SSL_set_fd(tls, wire.handle());
  ASSERT_EQ(SSL_connect(tls), 1);
  EXPECT_GE(SSL_version(tls), TLS1_2_VERSION);
  const auto exchange = [&](const std::string& request, size_t body_size) {
    for (size_t sent = 0; sent < request.size();) {
      const int step = SSL_write(tls, request.data() + sent,
                                 static_cast<int>(std::min<size_t>(65536, request.size() - sent)));
      if (step <= 0) return std::string("write failed");
      sent += static_cast<size_t>(step);
    }
    std::string answer;
    char piece[65536];
    size_t head = std::string::npos;
    while (head == std::string::npos || answer.size() < head + 4 + body_size) {
      const int got = SSL_read(tls, piece, sizeof piece);
      if (got <= 0) return std::string("read failed");
      answer.append(piece, static_cast<size_t>(got));
      head = answer.find("\r\n\r\n");
    }
    return answer.substr(head + 4);
  };
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 3'000'000),
              std::string(3'000'000, 't'));
  }
  EXPECT_EQ(exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n" +
                         std::string(5'000'000, 'u'),
                     7),
            "5000000");
  SSL_free(tls);
  SSL_CTX_free(context);
}

TEST_F(TlsTest, RefusesAKeyOfAnotherCertificate) {
  Pages pages;
  FILE* file = std::fopen(key_file().c_str(), "w");
  EVP_PKEY* other = EVP_EC_gen("P-256");
  PEM_write_PrivateKey(file, other, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
  EVP_PKEY_free(other);
  auto server = Server::Start(
      {.port = 0, .tls_certificate_file = certificate_file(), .tls_key_file = key_file()}, pages);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code(), "server.tls_key");
}

}  // namespace
}  // namespace nstarx::http
