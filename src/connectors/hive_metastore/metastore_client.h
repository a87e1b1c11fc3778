#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/secret.h"
#include "connectors/hive_metastore/thrift_value.h"
#include "net/channel.h"

namespace nstarx::connectors::hive_metastore {

/// How to get in.
struct Login {
  model::Endpoint endpoint;
  model::Ssl ssl;
  bool with_password = false;  ///< SASL PLAIN; else the plain protocol
  std::string user;            ///< without a password: on whose behalf, may be empty
  Secret password;
  std::chrono::milliseconds timeout{10'000};
};

/// Calls of the metastore's Thrift service over one connection. Used by one thread at a time.
class MetastoreClient {
 public:
  /// Connects and logs in. login.wrong_password, login.sasl_required, login.timeout,
  /// tls.required_by_server, and the errors of net::Channel.
  static Result<std::unique_ptr<MetastoreClient>> Open(const Context& context, const Login& login);

  /// Calls and returns the result's field 0 (an empty value of a call that returns nothing).
  /// `exceptions` names the exceptions that the method declares, field 1 first. Codes: see
  /// hive_metastore_errors.h.
  Result<ThriftValue> Call(const Context& context, std::string_view method,
                           const ThriftValue& arguments, std::vector<std::string_view> exceptions);

  bool healthy() const { return healthy_ && !channel_->PeerGone(); }
  const net::TlsFacts* tls() const { return channel_->tls(); }

 private:
  explicit MetastoreClient(std::unique_ptr<net::Channel> channel) : channel_(std::move(channel)) {}
  Status LogIn(const Context& context, const Login& login);
  Status Read(const Context& context, std::span<char> into);
  Status FillBuffer(const Context& context);
  Result<ThriftAnswer> Exchange(const Context& context, const std::string& call);

  std::unique_ptr<net::Channel> channel_;
  bool framed_ = false;      ///< lengths before messages, as SASL has them
  uint32_t frame_left_ = 0;  ///< of the frame that is being read
  std::string buffer_;       ///< bytes that came and were not asked for yet
  size_t buffer_at_ = 0;
  int32_t sequence_ = 0;
  bool healthy_ = true;
};

}  // namespace nstarx::connectors::hive_metastore
