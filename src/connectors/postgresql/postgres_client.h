#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/context.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/status.h"
#include "connector/connector.h"
#include "model/connection.h"

namespace nstarx::connectors::postgresql {

/// Everything the login needs. The views must outlive the call only.
struct LoginRequest {
  const model::Endpoint& endpoint;
  const model::Ssl& ssl;
  std::string database;
  std::string user;
  std::string_view password;
  std::string_view client_certificate;  ///< PEM
  std::string_view client_key;          ///< PEM
  std::string_view client_key_passphrase;
  std::string application_name;
  std::vector<std::pair<std::string, std::string>> settings;  ///< server settings of the session
};

/// A logged-in connection as a stream of bytes. libpq resolves the authentication method, does the
/// TLS handshake and logs in; from then on its socket (or TLS session) is read and written here,
/// because libpq copies every row once more than needed and can't pipeline as freely as the
/// protocol allows. The only class that includes vendor headers. Used by one thread at a time,
/// except Cancel() and broken().
class Client {
 public:
  /// Errors have the stages resolve, tcp, tls or login.
  static Result<std::unique_ptr<Client>> Login(const Context& context, const LoginRequest& request);
  virtual ~Client() = default;

  /// At least one byte into `into`, waiting as long as the context allows. connection.lost,
  /// query.timeout, query.cancelled.
  virtual Result<size_t> Read(const Context& context, std::span<char> into) = 0;
  /// What is there already, or 0.
  virtual Result<size_t> ReadAvailable(std::span<char> into) = 0;
  /// Writes a part of `bytes`, at least one byte unless there is something to read first (0 then).
  virtual Result<size_t> Write(const Context& context, std::string_view bytes) = 0;
  /// True when there is something to read within `wait`.
  virtual bool Readable(std::chrono::milliseconds wait) = 0;
  /// While on, a read that has to wait waits for a good deal of bytes or a millisecond: with a big
  /// result on its way that saves most of the wake-ups.
  virtual void ExpectMuch(bool on) = 0;
  /// For idle sessions, from any thread: true when the server has closed the connection or said
  /// that it will.
  virtual bool PeerGone() const = 0;
  /// Asks the server to stop the running statement; waits for at most a second.
  virtual void Cancel() = 0;

  /// What the server said at login, e.g. "server_version"; empty if it did not.
  virtual std::string Parameter(const char* name) const = 0;
  virtual int server_version() const = 0;
  virtual json::object TlsFacts() const = 0;
};

/// What the server is asked on a fresh socket before the TLS handshake.
connector::TlsPreface SslRequestPreface();

}  // namespace nstarx::connectors::postgresql
