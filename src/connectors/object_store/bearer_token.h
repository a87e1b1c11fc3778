#pragma once

#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "net/http_client.h"

namespace nstarx::connectors::object_store {

/// An OAuth access token and when it ends.
struct BearerToken {
  Secret value;
  TimePoint expires;
};

using BearerTokenPtr = std::shared_ptr<const BearerToken>;  // shared by requests and their source

/// A token that is asked for anew two minutes before it ends: one thread asks, the others go on
/// with what is still good, or wait when nothing is. Thread-safe.
class TokenSource {
 public:
  using Renew = std::function<Result<BearerTokenPtr>(const Context&)>;
  TokenSource(Renew renew, const Clock& clock) : renew_(std::move(renew)), clock_(clock) {}

  Result<BearerTokenPtr> Get(const Context& context);
  /// Like Get, but what is older than `age_max` is asked for anew.
  Result<BearerTokenPtr> GetFresh(const Context& context, std::chrono::milliseconds age_max);

 private:
  const Renew renew_;
  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable_any renewed_;
  BearerTokenPtr current_ NSTARX_GUARDED_BY(mutex_);
  TimePoint taken_ NSTARX_GUARDED_BY(mutex_){};
  bool renewing_ NSTARX_GUARDED_BY(mutex_) = false;
};

/// The token sources of this process, so that the sessions of one pool share one. Keeps the 256
/// last used. Thread-safe.
class TokenCache {
 public:
  /// The source under the digest of `secret_key` (all that it depends on), made by `make` when new.
  std::shared_ptr<TokenSource> Find(std::string secret_key,
                                    const std::function<std::shared_ptr<TokenSource>()>& make);

 private:
  // shared: the cache may drop a source that a session still uses.
  using Entry = std::pair<std::string, std::shared_ptr<TokenSource>>;
  std::mutex mutex_;
  std::list<Entry> entries_ NSTARX_GUARDED_BY(mutex_);
};

/// Posts a form to a token endpoint (RFC 6749). Errors, all of stage login: login.wrong_client for
/// what the endpoint says about client or assertion, clock.skewed, login.token_refused for the rest
/// of its refusals, response.malformed, and the transport's, which carry details.token_endpoint.
Result<BearerTokenPtr> RequestToken(const Context& context, net::HttpClient& http,
                                    const net::ServiceUrl& endpoint, const net::HttpFields& form,
                                    TimePoint now);

}  // namespace nstarx::connectors::object_store
