#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "audit/line.h"
#include "audit/seal.h"
#include "base/clock.h"
#include "base/status.h"

namespace nstarx::audit {

/// The end of a journal: appends groups of lines, moves the signed head along, begins segments and
/// makes checkpoints. Holds the journal's lock as long as it lives. For one thread.
class SegmentWriter {
 public:
  static constexpr int64_t kSegmentMax = 64 << 20;
  static constexpr int64_t kCheckpointEvery = 10'000;

  /// Finds the end of the journal. A last line that was cut off while being written, and so was
  /// never acknowledged, is removed. audit.in_use when another process writes it.
  static Result<std::unique_ptr<SegmentWriter>> Open(std::string directory, const Clock& clock);
  /// Makes a last checkpoint.
  ~SegmentWriter();

  /// Writes all of `group`; when it returns, the lines outlive a kill of the process. On an error
  /// nothing of it is kept and it may be tried again.
  Status Append(const std::vector<Record>& group);

  /// Why the journal's end did not agree with its head at Open; empty when it did. To be told in an
  /// entry.
  const std::string& mismatch() const { return mismatch_; }

 private:
  SegmentWriter(std::string directory, const Clock& clock, int lock)
      : directory_(std::move(directory)), clock_(clock), lock_(lock) {}

  Status FindEnd();
  Status OpenSegment(int number);
  Status WriteAll(std::string_view bytes);
  Status MakeCheckpoint();

  const std::string directory_;
  const Clock& clock_;
  const int lock_;
  std::unique_ptr<Signer> signer_;
  int file_ = -1;
  int segment_ = 0;
  int64_t size_ = 0;  ///< of the segment
  int64_t seq_ = 0;   ///< of the last line
  std::string hash_{kNoHash};
  int64_t checkpoint_seq_ = 0;
  std::string mismatch_;
};

}  // namespace nstarx::audit
