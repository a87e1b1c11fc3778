#include "audit/journal.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "audit/line.h"
#include "audit/segment_writer.h"
#include "audit/segments.h"
#include "base/log.h"

namespace nstarx::audit {
namespace {

constexpr size_t kQueueMax = 8'192;
constexpr size_t kGroupMax = 1'024;
/// Between two groups: signing the head costs as much as many lines.
constexpr std::chrono::milliseconds kGroupPause(5);
constexpr std::chrono::seconds kFlushMax(10);
constexpr std::chrono::seconds kAppendMax(10);
constexpr std::chrono::milliseconds kRetryAfter(200);
constexpr int64_t kListMax = 1'000;
// A list that finds little stops after reading so much.
constexpr int64_t kListBytesMax = int64_t{1} << 30;

class SegmentJournal final : public Journal {
 public:
  SegmentJournal(std::string directory, const Clock& clock, std::unique_ptr<SegmentWriter> writer)
      : directory_(std::move(directory)),
        clock_(clock),
        writer_(std::move(writer)),
        thread_([this] { Write(); }) {
    pthread_setname_np(thread_.native_handle(), "audit-writer");
  }

  ~SegmentJournal() override {
    {
      std::lock_guard lock(mutex_);
      closing_ = true;
    }
    ready_.notify_one();
    hurry_.notify_one();
    thread_.join();
  }

  void Append(const Context& context, Entry entry) override {
    const Principal& principal = context.principal();
    Record record{.entry = std::move(entry),
                  .time = clock_.Now(),
                  .user = principal.name,
                  .user_id = principal.id,
                  .key_id = principal.key_id,
                  .address = principal.remote_address,
                  .request_id = context.request_id()};
    size_t queued = 0;
    {
      std::unique_lock lock(mutex_);
      if (queue_.size() >= kQueueMax &&
          !space_.wait_for(lock, kAppendMax, [this] { return queue_.size() < kQueueMax; })) {
        // The disk has taken nothing for so long; callers must not hang for ever. It is counted,
        // and told in the journal when it works again.
        ++lost_;
        return;
      }
      queue_.push_back(std::move(record));
      queued = queue_.size();
      ++appended_;
    }
    if (queued == 1) ready_.notify_one();
    if (queued == kGroupMax) hurry_.notify_one();
  }

  Status Flush() override {
    std::unique_lock lock(mutex_);
    const uint64_t wanted = appended_;
    ++flushes_;
    hurry_.notify_one();
    const bool written = written_cv_.wait_for(lock, kFlushMax, [&] { return written_ >= wanted; });
    --flushes_;
    if (written) return {};
    if (!failure_) return failure_;
    return Unavailable("audit.not_written", "the journal took longer than 10 s to write");
  }

  Result<std::vector<json::object>> List(const EntryFilter& filter) override;

  Result<Verdict> Verify() override {
    NSTARX_RETURN_IF_ERROR(Flush());
    return VerifyDirectory(directory_);
  }

 private:
  void Write() {
    std::vector<Record> group;
    std::chrono::steady_clock::time_point next_group;
    while (true) {
      uint64_t lost = 0;
      {
        std::unique_lock lock(mutex_);
        ready_.wait(lock, [this] { return closing_ || !queue_.empty(); });
        hurry_.wait_until(lock, next_group, [this] {
          return closing_ || flushes_ > 0 || queue_.size() >= kGroupMax;
        });
        next_group = std::chrono::steady_clock::now() + kGroupPause;
        if (queue_.empty()) return;
        while (!queue_.empty() && group.size() < kGroupMax) {
          group.push_back(std::move(queue_.front()));
          queue_.pop_front();
        }
        lost = std::exchange(lost_, 0);
      }
      space_.notify_all();
      const size_t count = group.size();
      if (lost > 0) group.push_back(LostEntries(lost));
      if (!WriteGroup(group)) return;
      group.clear();
      {
        std::lock_guard lock(mutex_);
        written_ += count;
        failure_ = {};
      }
      written_cv_.notify_all();
    }
  }

  /// Tries until it works; false when the journal is closed meanwhile.
  bool WriteGroup(const std::vector<Record>& group) {
    bool told = false;
    while (true) {
      const Status written = writer_->Append(group);
      if (written) return true;
      if (!std::exchange(told, true)) {
        NSTARX_LOG(kError, "audit_not_written",
                   {{"code", written.error().code()}, {"detail", written.error().message()}});
      }
      std::unique_lock lock(mutex_);
      failure_ = written;
      if (ready_.wait_for(lock, kRetryAfter, [this] { return closing_; })) return false;
    }
  }

  Record LostEntries(uint64_t count) const {
    Record out{.time = clock_.Now(), .user = "system", .user_id = "system"};
    out.entry = {.action = "audit.lost", .outcome = "failed", .code = "audit.not_written"};
    out.entry.details["entries"] = count;
    return out;
  }

  const std::string directory_;
  const Clock& clock_;
  const std::unique_ptr<SegmentWriter> writer_;  // touched by the thread alone
  std::mutex mutex_;
  std::condition_variable ready_;  // something is queued
  std::condition_variable hurry_;  // the next group waits no longer
  std::condition_variable space_;
  std::condition_variable written_cv_;
  std::deque<Record> queue_ NSTARX_GUARDED_BY(mutex_);
  uint64_t appended_ NSTARX_GUARDED_BY(mutex_) = 0;
  uint64_t written_ NSTARX_GUARDED_BY(mutex_) = 0;
  int flushes_ NSTARX_GUARDED_BY(mutex_) = 0;
  uint64_t lost_ NSTARX_GUARDED_BY(mutex_) = 0;
  Status failure_ NSTARX_GUARDED_BY(mutex_);
  bool closing_ NSTARX_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

bool Matches(const EntryFilter& filter, const json::object& entry) {
  if (!filter.user.empty() && GetString(entry, "user") != filter.user &&
      GetString(entry, "user_id") != filter.user) {
    return false;
  }
  if (!filter.action.empty() && GetString(entry, "action") != filter.action) return false;
  if (!filter.connection.empty() && GetString(entry, "connection") != filter.connection &&
      GetString(entry, "connection_id") != filter.connection) {
    return false;
  }
  const std::string_view time = GetString(entry, "time");
  // Times of one length in UTC compare as text.
  if (filter.since && time < FormatTime(*filter.since)) return false;
  return !filter.until || time <= FormatTime(*filter.until);
}

Result<std::vector<json::object>> SegmentJournal::List(const EntryFilter& filter) {
  const auto limit = static_cast<size_t>(std::clamp<int64_t>(filter.limit, 1, kListMax));
  std::vector<json::object> out;
  int64_t read = 0;
  const auto segments = ListSegments(directory_);
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    NSTARX_TRY(ReverseLineReader reader, ReverseLineReader::Open(segment->path));
    while (auto line = reader.Next()) {
      read += static_cast<int64_t>(line->size());
      if (read > kListBytesMax) return out;
      if (filter.before > 0 && SeqOf(*line) >= filter.before) continue;
      // Names are looked for as text first: reading JSON costs a hundred times more.
      const auto lacks = [&](const std::string& text) {
        return !text.empty() && text.find_first_of("\"\\") == std::string::npos &&
               line->find(text) == std::string::npos;
      };
      if (lacks(filter.user) || lacks(filter.action) || lacks(filter.connection)) continue;
      boost::system::error_code error;
      json::value entry = json::parse(*line, error);
      // A line that can't be read is Verify's business.
      if (error || !entry.is_object()) continue;
      if (filter.since && GetString(entry.get_object(), "time") < FormatTime(*filter.since) &&
          GetString(entry.get_object(), "time") != "") {
        return out;
      }
      if (!Matches(filter, entry.get_object())) continue;
      out.push_back(std::move(entry.get_object()));
      if (out.size() == limit) return out;
    }
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::Open(std::string directory, const Clock& clock) {
  NSTARX_TRY(auto writer, SegmentWriter::Open(directory, clock));
  const std::string mismatch = writer->mismatch();
  auto journal = std::make_unique<SegmentJournal>(std::move(directory), clock, std::move(writer));
  if (!mismatch.empty()) {
    // Serving goes on, and the journal itself tells that it was broken here.
    NSTARX_LOG(kError, "audit_inconsistent", {{"detail", mismatch}});
    Entry entry{.action = "audit.gap", .outcome = "failed", .code = "audit.inconsistent"};
    entry.details["reason"] = mismatch;
    Principal system;
    system.id = system.name = "system";
    journal->Append(Context(system, ""), std::move(entry));
    NSTARX_RETURN_IF_ERROR(journal->Flush());
  }
  return std::unique_ptr<Journal>(std::move(journal));
}

}  // namespace nstarx::audit
