#include "connectors/dynamodb/dynamodb_segments.h"

#include <algorithm>

#include "connectors/dynamodb/dynamodb_session.h"

namespace nstarx::connectors::dynamodb {

bool IsWholeScan(const Operation& operation) {
  if (operation.name != "Scan" || operation.shape != AnswerShape::kItems) return false;
  return std::ranges::none_of(
      std::initializer_list<std::string_view>{"Segment", "TotalSegments", "Limit",
                                              "ExclusiveStartKey"},
      [&](std::string_view name) { return operation.arguments.contains(name); });
}

SegmentedPages::SegmentedPages(const Context& context, aws::JsonClient& own,
                               std::vector<std::unique_ptr<connector::SessionHandle>> helpers,
                               const Operation& scan)
    : helpers_(std::move(helpers)),
      caller_stops_(context.stop_token(), [this] { stop_.request_stop(); }),
      reading_(helpers_.size() + 1) {
  const Context inner = context.WithStop(stop_.get_token());
  for (size_t i = 0; i <= helpers_.size(); ++i) {
    Operation segment = scan;
    segment.arguments["Segment"] = i;
    segment.arguments["TotalSegments"] = helpers_.size() + 1;
    aws::JsonClient* client =
        i == 0 ? &own : &static_cast<DynamodbSession&>(helpers_[i - 1]->session()).client();
    readers_.emplace_back([this, inner, client, segment = std::move(segment)]() mutable {
      Read(inner, *client, std::move(segment));
    });
  }
}

SegmentedPages::~SegmentedPages() { stop_.request_stop(); }

void SegmentedPages::Read(const Context& context, aws::JsonClient& client, Operation scan) {
  ItemPages pages(client, std::move(scan));
  while (!pages.ended()) {
    Page page;
    auto bytes = pages.Next(context, &page.items);
    if (!bytes) {
      const std::lock_guard lock(mutex_);
      if (!failed_) failed_ = std::move(bytes).error();
      break;
    }
    page.bytes = *bytes;
    if (!Push(std::move(page))) break;
  }
  const std::lock_guard lock(mutex_);
  --reading_;
  changed_.notify_all();
}

bool SegmentedPages::Push(Page page) {
  std::unique_lock lock(mutex_);
  const auto room = [&] { return pages_.size() < 2 || failed_.has_value(); };
  if (!changed_.wait(lock, stop_.get_token(), room) || failed_) return false;
  pages_.push_back(std::move(page));
  changed_.notify_all();
  return true;
}

Result<size_t> SegmentedPages::Next(const Context& context, std::deque<json::value>* out) {
  Page page;
  {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, context.stop_token(), context.deadline(),
                        [&] { return !pages_.empty() || reading_ == 0 || failed_.has_value(); });
    if (failed_) {
      stop_.request_stop();
      NSTARX_RETURN_IF_ERROR(context.Check());
      return *failed_;
    }
    if (!pages_.empty()) {
      page = std::move(pages_.front());
      pages_.pop_front();
    } else if (reading_ > 0) {
      lock.unlock();
      NSTARX_RETURN_IF_ERROR(context.Check());
      return size_t{0};
    }
    ended_ = pages_.empty() && reading_ == 0;
    changed_.notify_all();
  }
  for (auto& item : page.items) out->push_back(std::move(item));
  return page.bytes;
}

}  // namespace nstarx::connectors::dynamodb
