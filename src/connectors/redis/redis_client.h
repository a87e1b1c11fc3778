#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/secret.h"
#include "connectors/redis/redis_reply.h"
#include "model/connection.h"
#include "net/channel.h"

namespace nstarx::connectors::redis {

using Arguments = std::vector<std::string>;

/// How to log in.
struct Login {
  model::Endpoint endpoint;
  model::Ssl ssl;
  std::string user;  ///< empty: the default user
  Secret password;   ///< empty: no AUTH
  Secret client_certificate;
  Secret client_key;
  int64_t database = 0;
  std::string client_name;
  std::chrono::milliseconds connect_timeout{10'000};
};

/// One logged-in connection. Used by one thread at a time, except healthy().
class Client {
 public:
  static Result<std::unique_ptr<Client>> Open(const Context& context, const Login& login);

  /// One command; an error reply is an Error.
  Result<Reply> Run(const Context& context, const Arguments& arguments);
  /// Many commands in one go; error replies are Replies of kind kError.
  Result<std::vector<Reply>> RunAll(const Context& context, const std::vector<Arguments>& commands);

  /// Sends one command whose reply is read by ReadHead() and ReadItem().
  Status Send(const Context& context, const Arguments& arguments);
  Result<ReplyHead> ReadHead(const Context& context);
  Result<Reply> ReadItem(const Context& context);

  bool healthy() const { return healthy_ && !channel_->PeerGone(); }
  void Break() { healthy_ = false; }
  bool resp3() const { return resp3_; }
  int64_t id() const { return id_; }
  const std::string& version() const { return version_; }
  const std::string& mode() const { return mode_; }
  const std::string& role() const { return role_; }
  const net::TlsFacts* tls() const { return channel_->tls(); }
  int64_t database() const { return database_; }
  /// SELECT, unless it is the one in use.
  Status Select(const Context& context, int64_t database);
  /// The next Select() is sent in any case.
  void ForgetDatabase() { database_ = -1; }

 private:
  explicit Client(std::unique_ptr<net::Channel> channel);
  Status Hello(const Context& context, const Login& login);
  Status OldLogin(const Context& context, const Login& login);
  template <class T>
  Result<T> Watched(Result<T> result);

  std::unique_ptr<net::Channel> channel_;
  ReplyReader reader_;
  std::atomic<bool> healthy_{true};
  bool resp3_ = false;
  int64_t id_ = 0;
  int64_t database_ = 0;
  std::string version_;
  std::string mode_;
  std::string role_;
};

/// The value that follows `key` in a map reply (or a flat array of RESP2); null when absent.
const Reply* FindMember(const Reply& map, std::string_view key);

}  // namespace nstarx::connectors::redis
