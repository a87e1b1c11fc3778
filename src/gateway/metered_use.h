#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "audit/journal.h"
#include "base/context.h"
#include "connector/connector.h"
#include "connector/facets.h"
#include "model/connection.h"
#include "monitor/metrics.h"
#include "pool/pool.h"

namespace nstarx::gateway {

/// One use of a connection from admission to its end: holds the lease, counts, and writes the one
/// audit line and the metrics when it ends, however it ends.
class MeteredUse {
 public:
  MeteredUse(const Context& context, std::string action,
             std::shared_ptr<const model::Connection> connection, const connector::Spec& spec,
             audit::Journal& journal, monitor::Metrics& metrics);
  ~MeteredUse();
  MeteredUse(const MeteredUse&) = delete;
  MeteredUse& operator=(const MeteredUse&) = delete;

  void Hold(std::shared_ptr<pool::Pool> pool, std::unique_ptr<pool::Lease> lease);
  connector::Session& session() { return lease_->session(); }
  pool::Pool& pool() { return *pool_; }
  const model::Connection& connection() const { return *connection_; }

  void set_fingerprint(std::string fingerprint) { fingerprint_ = std::move(fingerprint); }
  void set_detail(std::string_view key, json::value value) { details_[key] = std::move(value); }
  void Count(int64_t rows, int64_t bytes);
  void Finished() { finished_ = true; }
  /// Notes the failure (once), marks what it says of the session, and returns the error with the
  /// spec's advice.
  Error Failed(Error error);

 private:
  Context context_;
  std::string action_;
  std::shared_ptr<const model::Connection> connection_;
  const connector::Spec& spec_;
  audit::Journal& journal_;
  monitor::Metrics& metrics_;
  std::chrono::steady_clock::time_point start_;
  std::shared_ptr<pool::Pool> pool_;
  std::unique_ptr<pool::Lease> lease_;
  std::string fingerprint_;
  std::string code_;
  json::object details_;
  int64_t rows_ = -1;
  int64_t bytes_ = -1;
  bool finished_ = false;
};

/// A result stream that keeps its use alive, enforces the row limit and meters.
std::unique_ptr<connector::BatchStream> MeterBatches(
    std::unique_ptr<MeteredUse> use, std::unique_ptr<connector::BatchStream> batches,
    std::optional<int64_t> limit);
std::unique_ptr<connector::ByteStream> MeterBytes(std::unique_ptr<MeteredUse> use,
                                                  std::unique_ptr<connector::ByteStream> bytes);

}  // namespace nstarx::gateway
