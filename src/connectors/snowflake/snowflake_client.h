#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/json.h"
#include "base/secret.h"
#include "connectors/snowflake/snowflake_account.h"
#include "net/http_client.h"

namespace nstarx::connectors::snowflake {

/// Waits, or until the context ends: then its error.
Status Pause(const Context& context, std::chrono::milliseconds time);

/// A new UUID, as requests are named by.
std::string NewRequestId();

/// One session of the service by the protocol of its drivers. Used by one thread at a time, except
/// Abort() and alive().
class SnowflakeClient {
 public:
  static Result<std::unique_ptr<SnowflakeClient>> Open(std::shared_ptr<const Account> account);
  /// Ends the session, within a second.
  ~SnowflakeClient();

  /// Begins the session; `who` has the members of the login that say who asks. Returns what the
  /// service tells of the session.
  Result<json::object> LogIn(const Context& context, json::object who);
  /// Runs a statement and waits for its answer: `fields` are the request's sqlText, bindings, …
  /// The statement is aborted when the context ends first. Returns the answer's data.
  Result<json::object> Query(const Context& context, const json::object& fields);
  /// Keeps the session alive and learns whether it is.
  Status Heartbeat(const Context& context);
  /// Aborts what runs now, if anything does; any thread.
  void Abort();
  /// False once the service knows the session no more; any thread.
  bool alive() const { return alive_; }

  const std::shared_ptr<const Account>& account() const { return account_; }

 private:
  SnowflakeClient(std::shared_ptr<const Account> account, std::unique_ptr<net::HttpClient> http)
      : account_(std::move(account)), http_(std::move(http)) {}

  struct Call {
    std::string_view method = "POST";
    std::string path;
    net::HttpFields query;
    std::string body;
    bool with_master_token = false;
    bool repeatable = false;  ///< may be sent again when the service is busy
  };
  Result<json::object> Send(const Context& context, net::HttpClient& http, const Call& call);
  Result<json::object> SendInSession(const Context& context, const Call& call);
  Result<json::object> Poll(const Context& context, json::object answer, std::string_view text);
  Status Renew(const Context& context);
  void AbortRequest(const std::string& request_id);

  const std::shared_ptr<const Account> account_;  // shared with the threads that download
  const std::unique_ptr<net::HttpClient> http_;
  std::atomic<bool> alive_ = true;
  int64_t sequence_ = 0;
  std::mutex mutex_;
  Secret session_token_ NSTARX_GUARDED_BY(mutex_);
  Secret master_token_ NSTARX_GUARDED_BY(mutex_);
  std::string running_ NSTARX_GUARDED_BY(mutex_);
};

}  // namespace nstarx::connectors::snowflake
