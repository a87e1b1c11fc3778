#include <fmt/format.h>

#include <filesystem>

#include "audit/journal.h"
#include "audit/line.h"
#include "audit/seal.h"
#include "audit/segments.h"

namespace nstarx::audit {
namespace {

// How far a line that is not in its place is looked for.
constexpr int kSearchLines = 200'000;

/// All lines of all segments, one after the other, with one line of look-ahead.
class JournalLines {
 public:
  explicit JournalLines(std::vector<Segment> segments) : segments_(std::move(segments)) {}

  Result<std::optional<LineReader::Line>> Next() {
    if (ahead_) {
      auto out = std::move(ahead_);
      ahead_.reset();
      return out;
    }
    while (true) {
      if (reader_) {
        auto line = reader_->Next();
        if (line) return line;
        reader_.reset();
      }
      if (at_ == segments_.size()) return std::optional<LineReader::Line>();
      NSTARX_TRY(LineReader reader, LineReader::Open(segments_[at_++].path));
      reader_.emplace(std::move(reader));
    }
  }

  Result<const LineReader::Line*> Peek() {
    if (!ahead_) {
      NSTARX_TRY(ahead_, Next());
    }
    return ahead_ ? &*ahead_ : nullptr;
  }

  /// Nothing but the line at hand is left.
  bool at_end() const { return at_ == segments_.size() && !ahead_; }

 private:
  std::vector<Segment> segments_;
  size_t at_ = 0;
  std::optional<LineReader> reader_;
  std::optional<LineReader::Line> ahead_;
};

/// Walks the chain from the first line to the head.
class ChainCheck {
 public:
  ChainCheck(const std::string& directory, std::string public_key)
      : directory_(directory),
        public_key_(std::move(public_key)),
        head_(ReadHead(directory, public_key_)),
        checkpoints_(ReadCheckpoints(directory, public_key_)),
        lines_(ListSegments(directory)),
        written_up_to_(head_ ? head_->pending_seq : 0) {}

  Result<Verdict> Run() {
    verdict_.head_hash = std::string(kNoHash);
    while (verdict_.intact) {
      NSTARX_TRY(const auto line, lines_.Next());
      if (!line) break;
      NSTARX_RETURN_IF_ERROR(Check(*line));
    }
    if (verdict_.intact) CheckEnd();
    return verdict_;
  }

 private:
  void Break(int64_t seq, std::string_view reason) {
    verdict_.intact = false;
    verdict_.first_broken = seq;
    verdict_.reason = reason;
  }

  /// Whether the journal's writer may have got as far as this line.
  bool WithinHead(int64_t seq) {
    if (!head_) return true;  // told at the end
    if (seq <= written_up_to_) return true;
    // A running server may have written since the head was read; what must be there is still what
    // the first head said.
    if (const auto now = ReadHead(directory_, public_key_); now) written_up_to_ = now->pending_seq;
    return seq <= written_up_to_;
  }

  Status Check(const LineReader::Line& line) {
    const int64_t expected = verdict_.entries + 1;
    const auto links = ReadLinks(line.text);
    if (!line.complete) {
      // Cut off while being written: allowed at the very end, before it was acknowledged.
      NSTARX_TRY(const auto* next, lines_.Peek());
      if (next == nullptr && head_ && expected > head_->committed_seq && WithinHead(expected)) {
        return {};
      }
      Break(expected, head_ && expected > head_->committed_seq ? "foreign line" : "truncated");
      return {};
    }
    if (!WithinHead(expected)) {
      Break(expected, "foreign line");
      return {};
    }
    if (!links || !links->authentic) return CheckUnreadable(expected);
    if (links->seq != expected) return CheckOutOfPlace(*links, expected);
    if (links->prev != verdict_.head_hash) return CheckUnchained(*links, expected);
    ++verdict_.entries;
    verdict_.head_hash = links->hash;
    CheckSigned();
    return {};
  }

  Status CheckUnreadable(int64_t expected) {
    NSTARX_TRY(const auto* next, lines_.Peek());
    const auto after = next != nullptr ? ReadLinks(next->text) : std::nullopt;
    const bool inserted = after && after->seq == expected && after->prev == verdict_.head_hash;
    Break(expected, inserted ? "foreign line" : "changed");
    return {};
  }

  Status CheckOutOfPlace(const LineLinks& links, int64_t expected) {
    if (links.seq < expected) {
      Break(expected, "foreign line");
      return {};
    }
    for (int i = 0; i < kSearchLines; ++i) {
      NSTARX_TRY(const auto line, lines_.Next());
      if (!line) break;
      if (SeqOf(line->text) == expected) {
        Break(expected, "reordered");
        return {};
      }
    }
    Break(expected, "missing");
    return {};
  }

  /// The line is whole and in its place, yet does not follow the one before: one of the two was
  /// rewritten. The line after tells which.
  Status CheckUnchained(const LineLinks& links, int64_t expected) {
    NSTARX_TRY(const auto* next, lines_.Peek());
    const auto after = next != nullptr ? ReadLinks(next->text) : std::nullopt;
    const bool original =
        after ? after->prev == links.hash
              : head_ && head_->committed_seq == expected && head_->committed_hash == links.hash;
    Break(original && expected > 1 ? expected - 1 : expected, "changed");
    return {};
  }

  /// Holds the chain against what was signed.
  void CheckSigned() {
    const int64_t seq = verdict_.entries;
    bool differs =
        head_ && ((head_->committed_seq == seq && head_->committed_hash != verdict_.head_hash) ||
                  (head_->pending_seq == seq && head_->pending_hash != verdict_.head_hash));
    while (next_checkpoint_ < checkpoints_.size() && checkpoints_[next_checkpoint_].seq <= seq) {
      const Checkpoint& checkpoint = checkpoints_[next_checkpoint_++];
      if (checkpoint.seq != seq) continue;
      if (checkpoint.hash != verdict_.head_hash) {
        differs = true;
      } else if (!differs) {
        last_proven_ = seq;
      }
    }
    // Rewritten with matching hashes from somewhere after the last point that was proven.
    if (differs) Break(last_proven_ + 1, "changed");
  }

  void CheckEnd() {
    const int64_t next = verdict_.entries + 1;
    if (!head_) {
      Break(next, "head missing");
    } else if (head_->committed_seq > verdict_.entries ||
               (!checkpoints_.empty() && checkpoints_.back().seq > verdict_.entries)) {
      Break(next, "truncated");
    }
  }

  const std::string directory_;
  const std::string public_key_;
  const std::optional<Head> head_;
  const std::vector<Checkpoint> checkpoints_;
  JournalLines lines_;
  int64_t written_up_to_;
  Verdict verdict_;
  size_t next_checkpoint_ = 0;
  int64_t last_proven_ = 0;
};

}  // namespace

Result<Verdict> VerifyDirectory(const std::string& directory) {
  std::error_code error;
  if (!std::filesystem::is_directory(directory, error)) {
    return NotFound("audit.not_found", fmt::format("there is no journal in '{}'", directory))
        .WithHint("Give the folder 'audit' inside the server's data directory.");
  }
  NSTARX_TRY(std::string public_key, ReadPublicKey(directory));
  return ChainCheck(directory, std::move(public_key)).Run();
}

}  // namespace nstarx::audit
