#include "connectors/mysql/mysql_client.h"

// The vendor's headers need this order.
// clang-format off
#define HAVE_TLS 1
typedef unsigned char uchar;
#include <mysql.h>
#include <ma_pvio.h>
// clang-format on

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <optional>

#include "connectors/mysql/mysql_errors.h"
#include "net/reach.h"

namespace nstarx::connectors::mysql {
namespace {

constexpr uint32_t kCapabilityTls = 0x0800;
constexpr int kFirstClientError = 2000;
constexpr int kLastClientError = 2999;

/// The vendor library's process-wide set-up, which is not thread-safe by itself.
void StartLibrary() {
  static std::once_flag once;
  std::call_once(once, [] { mysql_server_init(0, nullptr, nullptr); });
}

unsigned Seconds(std::chrono::milliseconds time) {
  return static_cast<unsigned>(std::max<int64_t>(1, (time.count() + 999) / 1000));
}

/// Files that hold PEM texts while the library reads them.
struct TlsFiles {
  std::optional<net::PemFile> authority;
  std::optional<net::PemFile> certificate;
  std::optional<net::PemFile> key;
};

Status SetTls(const LoginOptions& options, MYSQL* handle, TlsFiles* files) {
  const model::Ssl& ssl = options.ssl;
  my_bool on = 1;
  my_bool off = 0;
  mysql_options(handle, MYSQL_OPT_SSL_ENFORCE, &on);
  mysql_options(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, ssl.mode == "require" ? &off : &on);
  const auto file = [](std::string_view pem, std::optional<net::PemFile>* into) -> Status {
    NSTARX_TRY(auto written, net::PemFile::Write(pem));
    into->emplace(std::move(written));
    return {};
  };
  if (ssl.mode != "require") {
    if (!ssl.certificate.empty()) {
      NSTARX_RETURN_IF_ERROR(file(ssl.certificate, &files->authority));
      mysql_options(handle, MYSQL_OPT_SSL_CA, files->authority->path().c_str());
    } else {
      mysql_options(handle, MYSQL_OPT_SSL_CAPATH, "/etc/ssl/certs");
    }
  }
  if (!options.client_certificate.empty()) {
    NSTARX_RETURN_IF_ERROR(file(options.client_certificate.Reveal(), &files->certificate));
    NSTARX_RETURN_IF_ERROR(file(options.client_key.Reveal(), &files->key));
    mysql_options(handle, MYSQL_OPT_SSL_CERT, files->certificate->path().c_str());
    mysql_options(handle, MYSQL_OPT_SSL_KEY, files->key->path().c_str());
  }
  return {};
}

/// The library checks chain and host name together or nothing. For verify-ca, and for a name other
/// than the host's, our own handshake verifies, and the library is bound to that very certificate.
Status PinCertificate(const Context& context, const LoginOptions& options, MYSQL* handle) {
  const model::Ssl& ssl = options.ssl;
  if (ssl.mode == "require") return {};
  if (ssl.mode == "verify-full" && ssl.server_name.empty()) return {};
  NSTARX_TRY(const net::TlsFacts facts,
             net::ProbeTls(context, options.endpoint, ssl, SayTlsPreface));
  mysql_options(handle, MARIADB_OPT_TLS_PEER_FP, facts.fingerprint_sha1.c_str());
  return {};
}

Error ConnectError(const Context& context, const LoginOptions& options, MYSQL* handle) {
  const int number = static_cast<int>(mysql_errno(handle));
  Error error = MapError(number, mysql_sqlstate(handle), mysql_error(handle), {});
  error.WithStage("login");
  if (number < kFirstClientError || number > kLastClientError) return error;
  return net::Diagnose(context, options.endpoint, options.ssl, options.ssl.enabled, SayTlsPreface,
                       std::move(error));
}

}  // namespace

Result<std::unique_ptr<Client>> Client::Connect(const Context& context,
                                                const LoginOptions& options) {
  NSTARX_RETURN_IF_ERROR(context.Check());
  StartLibrary();
  std::unique_ptr<Client> client(new Client());
  client->abandoned_ = true;
  client->handle_ = mysql_init(nullptr);
  if (client->handle_ == nullptr) return Internal("No memory for a connection");
  MYSQL* handle = client->handle_;
  const auto limit = std::min(options.connect_timeout, context.remaining());
  // Half of the time is kept for finding out why it failed.
  const unsigned seconds = Seconds(limit / 2);
  mysql_options(handle, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
  mysql_options(handle, MYSQL_OPT_READ_TIMEOUT, &seconds);
  mysql_options(handle, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
  mysql_options(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  const unsigned local_infile = 1;
  mysql_options(handle, MYSQL_OPT_LOCAL_INFILE, &local_infile);
  mysql_options4(handle, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", options.program_name.c_str());
  TlsFiles files;
  if (options.ssl.enabled) {
    NSTARX_RETURN_IF_ERROR(SetTls(options, handle, &files));
    NSTARX_RETURN_IF_ERROR(PinCertificate(context, options, handle));
  }
  unsigned long flags = CLIENT_MULTI_RESULTS;
  if (options.many_statements) flags |= CLIENT_MULTI_STATEMENTS;
  std::string password(options.password.Reveal());
  const MYSQL* connected = mysql_real_connect(
      handle, options.endpoint.host.c_str(), options.user.c_str(), password.c_str(),
      options.database.empty() ? nullptr : options.database.c_str(),
      static_cast<unsigned>(options.endpoint.port), nullptr, flags);
  WipeString(password);
  if (connected == nullptr) return ConnectError(context, options, handle);
  client->abandoned_ = false;
  client->socket_ = static_cast<int>(mysql_get_socket(handle));
  ::fcntl(client->socket_, F_SETFL, ::fcntl(client->socket_, F_GETFL) | O_NONBLOCK);
  if (handle->net.pvio != nullptr && handle->net.pvio->ctls != nullptr) {
    client->tls_ = handle->net.pvio->ctls->ssl;
  }
  if (options.ssl.enabled && client->tls_ == nullptr) {
    return Internal("The library logged in without TLS").WithStage("tls");
  }
  client->thread_id_ = mysql_thread_id(handle);
  client->server_version_ = mysql_get_server_info(handle);
  client->is_mariadb_ = mariadb_connection(handle) != 0;
  return client;
}

Client::~Client() {
  if (handle_ == nullptr) return;
  if (abandoned_ && socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
  mysql_close(handle_);
}

ptrdiff_t Client::Read(void* into, size_t size) {
  if (tls_ != nullptr) {
    auto* tls = static_cast<SSL*>(tls_);
    const int got = SSL_read(tls, into, static_cast<int>(std::min<size_t>(size, 1 << 30)));
    if (got > 0) return got;
    const int wants = SSL_get_error(tls, got);
    if (wants == SSL_ERROR_WANT_READ || wants == SSL_ERROR_WANT_WRITE) return kNotYet;
    return wants == SSL_ERROR_ZERO_RETURN ? kClosed : kFailed;
  }
  const ssize_t got = ::recv(socket_, into, size, MSG_DONTWAIT);
  if (got >= 0) return got;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? kNotYet : kFailed;
}

ptrdiff_t Client::Write(const void* from, size_t size) {
  if (tls_ != nullptr) {
    auto* tls = static_cast<SSL*>(tls_);
    SSL_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    const int put = SSL_write(tls, from, static_cast<int>(std::min<size_t>(size, 1 << 30)));
    if (put > 0) return put;
    const int wants = SSL_get_error(tls, put);
    return wants == SSL_ERROR_WANT_READ || wants == SSL_ERROR_WANT_WRITE ? kNotYet : kFailed;
  }
  const ssize_t put = ::send(socket_, from, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (put >= 0) return put;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? kNotYet : kFailed;
}

json::object Client::facts() const {
  json::object out{{"server_version", server_version_},
                   {"product", is_mariadb_ ? "MariaDB" : "MySQL"}};
  if (tls_ != nullptr) {
    auto* tls = static_cast<SSL*>(tls_);
    out["tls"] = json::object{{"version", SSL_get_version(tls)}, {"cipher", SSL_get_cipher(tls)}};
  }
  return out;
}

Status SayTlsPreface(int socket, const Context& context) {
  NSTARX_TRY(const std::string header, net::ReceiveExactly(context, socket, 4));
  const auto byte = [](const std::string& text, size_t i) {
    return static_cast<uint32_t>(static_cast<unsigned char>(text[i]));
  };
  const size_t length = byte(header, 0) | byte(header, 1) << 8 | byte(header, 2) << 16;
  const auto not_mysql = [] {
    return Unavailable("tls.not_this_protocol", "The server's greeting is not MySQL's")
        .WithStage("tls")
        .WithAction(Action::kFixInput)
        .WithHint("Check host and port: another service may listen there.");
  };
  if (length < 8 || length > 4096) return not_mysql();
  NSTARX_TRY(const std::string greeting, net::ReceiveExactly(context, socket, length));
  if (byte(greeting, 0) == 0xFF) {
    const int number = static_cast<int>(byte(greeting, 1) | byte(greeting, 2) << 8);
    return MapError(number, {}, greeting.substr(3), {}).WithStage("login");
  }
  const size_t version_end = greeting.find('\0', 1);
  // version, thread id (4), scramble (8), filler (1), then the lower capability bits.
  if (byte(greeting, 0) != 10 || version_end == std::string::npos ||
      version_end + 16 > greeting.size()) {
    return not_mysql();
  }
  const uint32_t capabilities = byte(greeting, version_end + 14) | byte(greeting, version_end + 15)
                                                                       << 8;
  if ((capabilities & kCapabilityTls) == 0) {
    return Unavailable("tls.refused_by_server", "The server does not offer TLS")
        .WithStage("tls")
        .WithAction(Action::kFixInput)
        .WithHint("Set up a certificate on the server (ssl_cert, ssl_key).")
        .WithHint("Or set ssl.enabled to false if the network is trusted.");
  }
  // SSLRequest: packet 1 with CLIENT_PROTOCOL_41 | CLIENT_SSL | CLIENT_SECURE_CONNECTION, 16 MiB
  // packets, utf8mb4, and a filler.
  std::string request("\x20\x00\x00\x01\x00\x8A\x00\x00\xFF\xFF\xFF\x00\x2D", 13);
  request.resize(36, '\0');
  return net::SendAll(context, socket, request);
}

}  // namespace nstarx::connectors::mysql
