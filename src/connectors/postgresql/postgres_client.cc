#include "connectors/postgresql/postgres_client.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "connectors/postgresql/postgres_errors.h"
#include "net/reach.h"
#include "net/waker.h"

namespace nstarx::connectors::postgresql {
namespace {

/// Files that never exist: libpq must not pick up anything from the home directory.
constexpr const char* kNoFile = "/nonexistent/nstarx";
constexpr std::chrono::milliseconds kCancelWait{1000};
constexpr int kLowWater = 256 << 10;
constexpr int kPauseMs = 1;

struct ConnectionCloser {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
using ConnectionPointer = std::unique_ptr<PGconn, ConnectionCloser>;

class LibpqClient final : public Client {
 public:
  LibpqClient(ConnectionPointer connection, SSL* tls)
      : connection_(std::move(connection)),
        cancel_(PQgetCancel(connection_.get())),
        socket_(PQsocket(connection_.get())),
        tls_(tls) {
    if (tls_ != nullptr) {
      SSL_set_mode(tls_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
  }

  ~LibpqClient() override {
    if (canceller_.joinable()) canceller_.join();
    if (cancel_ != nullptr) PQfreeCancel(cancel_);
  }

  Result<size_t> ReadAvailable(std::span<char> into) override {
    if (tls_ != nullptr) return ReadTls(into);
    for (;;) {
      ssize_t got = recv(socket_, into.data(), into.size(), 0);
      if (got > 0) return static_cast<size_t>(got);
      if (got == 0) return net::ConnectionLost("the server closed it");
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return size_t{0};
      return net::ConnectionLost(std::strerror(errno));
    }
  }

  Result<size_t> Read(const Context& context, std::span<char> into) override {
    for (;;) {
      NSTARX_TRY(size_t got, ReadAvailable(into));
      if (got > 0) return got;
      if (expecting_much_ && wanted_ == POLLIN && PauseForMuch()) continue;
      NSTARX_RETURN_IF_ERROR(net::Await(context, socket_, wanted_, waker_));
    }
  }

  Result<size_t> Write(const Context& context, std::string_view bytes) override {
    for (;;) {
      NSTARX_TRY(size_t sent, TryWrite(bytes));
      if (sent > 0) return sent;
      NSTARX_TRY(short ready, net::Await(context, socket_, POLLIN | POLLOUT, waker_));
      if ((ready & POLLOUT) == 0) return size_t{0};
    }
  }

  bool Readable(std::chrono::milliseconds wait) override {
    if (tls_ != nullptr && SSL_pending(tls_) > 0) return true;
    if (expecting_much_ && PauseForMuch()) return true;
    pollfd waiting{socket_, POLLIN, 0};
    return poll(&waiting, 1, static_cast<int>(wait.count())) > 0;
  }

  bool PeerGone() const override {
    char first = 0;
    ssize_t got = recv(socket_, &first, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got == 0) return true;
    if (got < 0) return errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
    // Unasked, a server tells of changed settings, notifies, warns; or says why it is leaving.
    return tls_ != nullptr || first == 'E';
  }

  void ExpectMuch(bool on) override {
    expecting_much_ = on;
    if (!on) SetLowWater(1);
  }

  void Cancel() override {
    std::unique_lock lock(cancel_mutex_);
    if (cancel_ == nullptr || cancelling_) return;
    if (canceller_.joinable()) canceller_.join();
    cancelling_ = true;
    // PQcancel connects without a deadline of its own: the socket's tcp_user_timeout bounds it.
    canceller_ = std::thread([this] {
      char why[256];
      PQcancel(cancel_, why, sizeof(why));
      std::lock_guard guard(cancel_mutex_);
      cancelling_ = false;
      cancel_done_.notify_all();
    });
    cancel_done_.wait_for(lock, kCancelWait, [this] { return !cancelling_; });
  }

  std::string Parameter(const char* name) const override {
    const char* value = PQparameterStatus(connection_.get(), name);
    return value == nullptr ? "" : value;
  }

  int server_version() const override { return PQserverVersion(connection_.get()); }

  json::object TlsFacts() const override {
    if (tls_ == nullptr) return {};
    return {{"version", SSL_get_version(tls_)}, {"cipher", SSL_get_cipher_name(tls_)}};
  }

 private:
  void SetLowWater(int bytes) {
    if (low_water_ == bytes) return;
    // Best effort: without it there are only more wake-ups.
    setsockopt(socket_, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes));
    low_water_ = bytes;
  }

  /// Lets bytes collect for a moment. True when there are some; else the socket is set to wake at
  /// the first one.
  bool PauseForMuch() {
    SetLowWater(kLowWater);
    pollfd waiting{socket_, POLLIN, 0};
    if (poll(&waiting, 1, kPauseMs) > 0) return true;
    int there = 0;
    if (ioctl(socket_, FIONREAD, &there) == 0 && there > 0) return true;
    SetLowWater(1);
    return false;
  }

  Result<size_t> ReadTls(std::span<char> into) {
    size_t got = 0;
    ERR_clear_error();  // SSL_get_error also reads what other connections left in the thread's
                        // queue
    if (SSL_read_ex(tls_, into.data(), into.size(), &got) == 1) return got;
    return AfterTls(SSL_get_error(tls_, 0));
  }

  Result<size_t> TryWrite(std::string_view bytes) {
    if (tls_ != nullptr) {
      size_t sent = 0;
      ERR_clear_error();
      if (SSL_write_ex(tls_, bytes.data(), bytes.size(), &sent) == 1) return sent;
      return AfterTls(SSL_get_error(tls_, 0));
    }
    for (;;) {
      ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent >= 0) return static_cast<size_t>(sent);
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return size_t{0};
      return net::ConnectionLost(std::strerror(errno));
    }
  }

  Result<size_t> AfterTls(int reason) {
    wanted_ = reason == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;
    if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) return size_t{0};
    if (reason == SSL_ERROR_ZERO_RETURN) return net::ConnectionLost("the server closed it");
    const unsigned long code = ERR_peek_last_error();
    if (code == 0) return net::ConnectionLost("the server closed it without a TLS farewell");
    char text[256];
    ERR_error_string_n(code, text, sizeof text);
    return net::ConnectionLost(text);
  }

  ConnectionPointer connection_;
  PGcancel* cancel_;
  int socket_;
  SSL* tls_;  ///< owned by connection_; null without TLS
  short wanted_ = POLLIN;
  bool expecting_much_ = false;
  int low_water_ = 1;
  net::Waker waker_;
  std::mutex cancel_mutex_;
  std::condition_variable cancel_done_;
  bool cancelling_ NSTARX_GUARDED_BY(cancel_mutex_) = false;
  std::thread canceller_ NSTARX_GUARDED_BY(cancel_mutex_);
};

/// libpq's keywords and values, and the files that some of the values name.
class Parameters {
 public:
  void Add(std::string key, std::string value) {
    keys_.push_back(std::move(key));
    values_.push_back(std::move(value));
  }
  ~Parameters() {
    for (std::string& value : values_) WipeString(value);
  }
  Status AddTls(const LoginRequest& request);
  PGconn* Start() const {
    std::vector<const char*> keys;
    std::vector<const char*> values;
    for (size_t i = 0; i < keys_.size(); ++i) {
      keys.push_back(keys_[i].c_str());
      values.push_back(values_[i].c_str());
    }
    keys.push_back(nullptr);
    values.push_back(nullptr);
    return PQconnectStartParams(keys.data(), values.data(), 0);
  }

 private:
  Status AddFile(std::string key, std::string_view pem) {
    if (pem.empty()) {
      Add(std::move(key), kNoFile);
      return {};
    }
    NSTARX_TRY(net::PemFile file, net::PemFile::Write(pem));
    Add(std::move(key), file.path());
    files_.push_back(std::move(file));
    return {};
  }

  std::vector<std::string> keys_;
  std::vector<std::string> values_;
  std::vector<net::PemFile> files_;
};

/// The file of the certificate authorities that this machine trusts.
std::string SystemAuthorities() {
  const char* named = std::getenv(X509_get_default_cert_file_env());
  for (const char* path : {named, "/etc/ssl/certs/ca-certificates.crt",
                           "/etc/pki/tls/certs/ca-bundle.crt", X509_get_default_cert_file()}) {
    if (path != nullptr && access(path, R_OK) == 0) return path;
  }
  return kNoFile;
}

Status Parameters::AddTls(const LoginRequest& request) {
  if (!request.ssl.enabled) {
    Add("sslmode", "disable");
    return {};
  }
  Add("sslmode", request.ssl.mode);
  if (request.ssl.mode == "require") {
    Add("sslrootcert", kNoFile);  // with a root certificate libpq would verify
  } else if (request.ssl.certificate.empty()) {
    Add("sslrootcert", SystemAuthorities());
  } else {
    NSTARX_RETURN_IF_ERROR(AddFile("sslrootcert", request.ssl.certificate));
  }
  Add("sslcrl", "");
  NSTARX_RETURN_IF_ERROR(AddFile("sslcert", request.client_certificate));
  NSTARX_RETURN_IF_ERROR(AddFile("sslkey", request.client_key));
  if (!request.client_key_passphrase.empty()) {
    Add("sslpassword", std::string(request.client_key_passphrase));
  }
  return {};
}

/// `-c name=value` for each, with the escapes of the startup packet.
std::string StartupOptions(const std::vector<std::pair<std::string, std::string>>& settings) {
  std::string options;
  for (const auto& [name, value] : settings) {
    options += fmt::format("{}-c {}=", options.empty() ? "" : " ", name);
    for (char c : value) {
      if (c == ' ' || c == '\\') options += '\\';
      options += c;
    }
  }
  return options;
}

Status FillParameters(Parameters& parameters, const LoginRequest& request,
                      const std::vector<net::Address>& addresses) {
  const std::string& host =
      request.ssl.server_name.empty() ? request.endpoint.host : request.ssl.server_name;
  std::string hosts;
  std::string ips;
  for (const net::Address& address : addresses) {
    hosts += (hosts.empty() ? "" : ",") + host;
    ips += (ips.empty() ? "" : ",") + address.ip;
  }
  parameters.Add("host", hosts);
  parameters.Add("hostaddr", ips);
  parameters.Add("port", std::to_string(request.endpoint.port));
  parameters.Add("dbname", request.database);
  parameters.Add("user", request.user);
  parameters.Add("password", std::string(request.password));
  parameters.Add("passfile", kNoFile);
  parameters.Add("application_name", request.application_name);
  parameters.Add("client_encoding", "UTF8");
  parameters.Add("gssencmode", "disable");  // its stream can't be read beside libpq
  parameters.Add("target_session_attrs", "any");
  parameters.Add("tcp_user_timeout", "15000");
  parameters.Add("keepalives_idle", "30");
  parameters.Add("keepalives_interval", "10");
  parameters.Add("keepalives_count", "3");
  // Poolers refuse a startup packet that has options: it has none unless they are asked for.
  parameters.Add("options", StartupOptions(request.settings));
  return parameters.AddTls(request);
}

/// Drives PQconnectPoll until login is done or failed.
Status FinishLogin(const Context& context, PGconn* connection) {
  net::Waker waker;
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  for (;;) {
    short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    NSTARX_RETURN_IF_ERROR(net::Await(context, PQsocket(connection), events, waker));
    state = PQconnectPoll(connection);
    if (state == PGRES_POLLING_OK) return {};
    if (state == PGRES_POLLING_FAILED) return LoginError(PQerrorMessage(connection));
  }
}

}  // namespace

connector::TlsPreface SslRequestPreface() {
  return [](int socket, const Context& context) -> Status {
    constexpr char kRequest[] = {0, 0, 0, 8, 0x04, static_cast<char>(0xd2), 0x16, 0x2f};
    NSTARX_RETURN_IF_ERROR(
        net::SendAll(context, socket, std::string_view(kRequest, sizeof(kRequest))));
    NSTARX_TRY(std::string answer, net::ReceiveExactly(context, socket, 1));
    if (answer == "S") return {};
    return Unavailable("tls.refused_by_server", "the server does not speak TLS").WithStage("tls");
  };
}

Result<std::unique_ptr<Client>> Client::Login(const Context& context, const LoginRequest& request) {
  NSTARX_TRY(auto addresses, net::Resolve(context, request.endpoint.host));
  Parameters parameters;
  NSTARX_RETURN_IF_ERROR(FillParameters(parameters, request, addresses));
  ConnectionPointer connection(parameters.Start());
  if (!connection) return Internal("libpq has no memory for a connection");
  Status status;
  if (PQstatus(connection.get()) == CONNECTION_BAD) {
    status = LoginError(PQerrorMessage(connection.get()));
  } else {
    PQsetErrorVerbosity(connection.get(), PQERRORS_VERBOSE);  // for the SQLSTATE of a refusal
    PQsetNoticeProcessor(connection.get(), [](void*, const char*) {}, nullptr);
    status = FinishLogin(context, connection.get());
  }
  if (!status) {
    if (context.stop_requested()) return status.error();
    if (!status.error().sqlstate().empty()) return status.error().WithStage("login");
    bool timed_out = status.error().code() == "query.timeout";
    Error otherwise = timed_out
                          ? DeadlineExceeded("login.timeout", "the server did not finish the login")
                          : std::move(status).error();
    connection.reset();
    // A deadline that has passed leaves no time to look for the cause: take a second more.
    Context probing(context.principal(), context.request_id());
    probing = probing.WithStop(context.stop_token())
                  .WithTimeout(std::max<std::chrono::milliseconds>(
                      context.remaining(), std::chrono::milliseconds(1000)));
    return net::Diagnose(probing, request.endpoint, request.ssl, request.ssl.enabled,
                         SslRequestPreface(), otherwise.WithStage("login"));
  }
  auto* tls = static_cast<SSL*>(PQsslStruct(connection.get(), "OpenSSL"));
  if (PQsslInUse(connection.get()) != 0 && tls == nullptr) {
    return Internal("libpq was built with a TLS library other than OpenSSL");
  }
  return std::make_unique<LibpqClient>(std::move(connection), tls);
}

}  // namespace nstarx::connectors::postgresql
