#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/context.h"
#include "base/json.h"
#include "connectors/snowflake/snowflake_account.h"
#include "net/http_request.h"

namespace nstarx::connectors::snowflake {

/// The parts of a result that lie in a store of the cloud, each behind a link of its own.
struct ChunkLinks {
  std::vector<std::string> urls;
  net::HttpFields headers;  ///< the key that the parts are encrypted with; never the login's token
};

/// Reads "chunks" and "chunkHeaders" (or "qrmk") of an answer. response.malformed
Result<ChunkLinks> ReadLinks(const json::object& data);

/// Fetches chunks ahead by threads of its own and hands them out in order. At most one more than
/// there are threads is in memory. Used by one thread.
class Chunks {
 public:
  Chunks(std::shared_ptr<const Account> account, ChunkLinks links);
  ~Chunks();

  /// The next one as it came, compressed or not; nothing at the end. Errors: result.link_refused,
  /// those of net::HttpClient.
  Result<std::optional<std::string>> Next(const Context& context);

 private:
  void Run(const std::stop_token& stop);
  Result<std::string> Download(const Context& context, net::HttpClient& http,
                               std::string_view url) const;

  const std::shared_ptr<const Account> account_;  // shared with the session
  const ChunkLinks links_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  size_t claimed_ NSTARX_GUARDED_BY(mutex_) = 0;
  size_t taken_ NSTARX_GUARDED_BY(mutex_) = 0;
  std::map<size_t, Result<std::string>> ready_ NSTARX_GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_;
};

}  // namespace nstarx::connectors::snowflake
