#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/context.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/status.h"
#include "connector/connector.h"
#include "model/connection.h"

struct st_mysql;

namespace nstarx::connectors::mysql {

/// Whom to call and as whom. Kept by a session for as long as it lives, because the server can only
/// be told to stop a running statement over a second login; the password is wiped with it.
struct LoginOptions {
  model::Endpoint endpoint;
  model::Ssl ssl;
  std::string user;
  Secret password;
  Secret client_certificate;  ///< PEM, or empty
  Secret client_key;          ///< PEM, or empty
  std::string database;
  std::string program_name;  ///< shown in the server's session list
  std::chrono::milliseconds connect_timeout{10'000};
  bool many_statements = true;  ///< whether one request may hold several statements
};

/// One logged-in connection, made by the vendor's library. After the login its socket is ours: Read
/// and Write move bytes and never block. The only class that knows the vendor's header.
class Client {
 public:
  static Result<std::unique_ptr<Client>> Connect(const Context& context,
                                                 const LoginOptions& options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  static constexpr ptrdiff_t kClosed = 0;
  static constexpr ptrdiff_t kNotYet = -1;
  static constexpr ptrdiff_t kFailed = -2;
  /// Bytes moved, or one of the above. kNotYet: poll socket() and try again.
  ptrdiff_t Read(void* into, size_t size);
  ptrdiff_t Write(const void* from, size_t size);
  /// Makes the destructor drop the line instead of saying good-bye.
  void Abandon() { abandoned_ = true; }

  int socket() const { return socket_; }
  uint64_t thread_id() const { return thread_id_; }
  const std::string& server_version() const { return server_version_; }
  bool is_mariadb() const { return is_mariadb_; }
  json::object facts() const;

 private:
  Client() = default;
  st_mysql* handle_ = nullptr;
  void* tls_ = nullptr;  ///< OpenSSL's SSL*, owned by handle_
  int socket_ = -1;
  bool abandoned_ = false;
  bool is_mariadb_ = false;
  uint64_t thread_id_ = 0;
  std::string server_version_;
};

/// Reads the greeting and answers with SSLRequest; tls.refused_by_server when there is no TLS.
Status SayTlsPreface(int socket, const Context& context);

}  // namespace nstarx::connectors::mysql
