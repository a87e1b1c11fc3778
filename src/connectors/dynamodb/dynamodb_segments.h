#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "connector/session.h"
#include "connectors/dynamodb/dynamodb_reader.h"

namespace nstarx::connectors::dynamodb {

/// True for a Scan of a whole table, which may be read in segments.
bool IsWholeScan(const Operation& operation);

/// A Scan that several clients read at once, one segment each, two pages ahead at most. The order
/// of the pages is that of their coming. Used by one thread.
class SegmentedPages final : public PageSource {
 public:
  /// Segment 0 is `own`'s, which must not be used meanwhile; the others are the helpers'.
  SegmentedPages(const Context& context, aws::JsonClient& own,
                 std::vector<std::unique_ptr<connector::SessionHandle>> helpers,
                 const Operation& scan);
  ~SegmentedPages() override;

  bool ended() const override { return ended_; }
  Result<size_t> Next(const Context& context, std::deque<json::value>* out) override;

 private:
  struct Page {
    std::deque<json::value> items;
    size_t bytes = 0;
  };
  void Read(const Context& context, aws::JsonClient& client, Operation scan);
  bool Push(Page page);

  const std::vector<std::unique_ptr<connector::SessionHandle>> helpers_;
  std::stop_source stop_;
  std::stop_callback<std::function<void()>> caller_stops_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Page> pages_ NSTARX_GUARDED_BY(mutex_);
  size_t reading_ NSTARX_GUARDED_BY(mutex_);
  std::optional<Error> failed_ NSTARX_GUARDED_BY(mutex_);
  bool ended_ = false;
  std::vector<std::jthread> readers_;  ///< ends before everything above
};

}  // namespace nstarx::connectors::dynamodb
