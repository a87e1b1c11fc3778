#include "audit/segment_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "audit/segments.h"
#include "base/log.h"

namespace nstarx::audit {
namespace {

Error CantWrite(const std::string& path) {
  return Error(ErrorKind::kUnavailable, "audit.not_written",
               fmt::format("can't write '{}': {}", path, std::strerror(errno)))
      .WithAction(Action::kAskOperator)
      .WithHint("Free space on the journal's disk; its folder must belong to the server's user.");
}

/// The last complete line of the journal.
struct LastLine {
  bool found = false;
  bool authentic = false;
  int64_t seq = 0;
  std::string hash;
};

Result<LastLine> FindLastLine(const std::vector<Segment>& segments) {
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    NSTARX_TRY(ReverseLineReader reader, ReverseLineReader::Open(segment->path));
    const auto line = reader.Next();
    if (!line) continue;
    LastLine out{.found = true};
    if (const auto links = ReadLinks(*line); links) {
      out.authentic = links->authentic;
      out.seq = links->seq;
      out.hash = links->hash;
    }
    return out;
  }
  return LastLine{};
}

/// Why the last line is not where the signed head says; empty when it is.
std::string Mismatch(const std::optional<Head>& head, const LastLine& last, bool fresh) {
  if (!head) return fresh ? "" : "the signed head is missing or not ours";
  if (last.found && !last.authentic) return "the last line was changed";
  if (last.seq < head->committed_seq) return "lines are missing at the end";
  if (last.seq > head->pending_seq) return "there are lines that the journal did not write";
  const bool changed =
      (last.seq == head->committed_seq && last.found && last.hash != head->committed_hash) ||
      (last.seq == head->pending_seq && last.found && last.hash != head->pending_hash);
  return changed ? "the last line was replaced" : "";
}

}  // namespace

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::Open(std::string directory,
                                                           const Clock& clock) {
  if (sodium_init() < 0) return Internal("libsodium did not start");
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(directory).parent_path(), ignored);
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return CantWrite(directory);
  const std::string lock_path = directory + "/audit.lock";
  const int lock = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return CantWrite(lock_path);
  std::unique_ptr<SegmentWriter> out(new SegmentWriter(std::move(directory), clock, lock));
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    return Error(ErrorKind::kUnavailable, "audit.in_use",
                 fmt::format("another process writes the journal '{}'", out->directory_))
        .WithAction(Action::kAskOperator)
        .WithHint("Only one server may use a data directory; stop the other one.");
  }
  NSTARX_RETURN_IF_ERROR(out->FindEnd());
  return out;
}

SegmentWriter::~SegmentWriter() {
  if (file_ >= 0) {
    static_cast<void>(MakeCheckpoint());
    close(file_);
  }
  close(lock_);
}

Status SegmentWriter::FindEnd() {
  const auto segments = ListSegments(directory_);
  NSTARX_TRY(const LastLine last, FindLastLine(segments));
  const bool fresh = !last.found && !std::filesystem::exists(directory_ + "/audit.head");
  NSTARX_TRY(signer_, Signer::Open(directory_, fresh));
  const auto head = ReadHead(directory_, signer_->public_key());
  mismatch_ = Mismatch(head, last, fresh);
  NSTARX_RETURN_IF_ERROR(OpenSegment(segments.empty() ? 1 : segments.back().number));
  if (!segments.empty()) {
    NSTARX_TRY(const ReverseLineReader reader, ReverseLineReader::Open(segments.back().path));
    if (reader.complete_size() < size_) {
      // Only what was never acknowledged is cut; a line that lost its end later stays as evidence.
      const bool unacknowledged = head && last.seq >= head->committed_seq && mismatch_.empty();
      if (unacknowledged) {
        if (ftruncate(file_, reader.complete_size()) != 0) {
          return CantWrite(segments.back().path);
        }
        size_ = reader.complete_size();
      } else {
        NSTARX_RETURN_IF_ERROR(WriteAll("\n"));
      }
    }
  }
  seq_ = last.seq;
  if (!last.hash.empty()) hash_ = last.hash;
  if (!mismatch_.empty()) {
    // The chain goes on from what was signed, not from what was found, and behind every number that
    // was ever used: so the break stays visible for ever.
    seq_ = head ? std::max(seq_, head->pending_seq) : seq_ + 1;
    hash_ = head ? head->pending_hash : std::string(kNoHash);
  }
  checkpoint_seq_ = seq_;
  return signer_->WriteHead({seq_, hash_, seq_, hash_});
}

Status SegmentWriter::OpenSegment(int number) {
  const std::string path = SegmentPath(directory_, number);
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return CantWrite(path);
  struct stat facts;
  if (fstat(file, &facts) != 0) {
    close(file);
    return CantWrite(path);
  }
  if (file_ >= 0) close(file_);
  file_ = file;
  segment_ = number;
  size_ = facts.st_size;
  return {};
}

Status SegmentWriter::WriteAll(std::string_view bytes) {
  const int64_t before = size_;
  while (!bytes.empty()) {
    const ssize_t written = write(file_, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      Error failed = CantWrite(SegmentPath(directory_, segment_));
      if (ftruncate(file_, before) == 0) size_ = before;
      return failed;
    }
    size_ += written;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Status SegmentWriter::Append(const std::vector<Record>& group) {
  if (group.empty()) return {};
  if (size_ >= kSegmentMax) {
    NSTARX_RETURN_IF_ERROR(MakeCheckpoint());
    NSTARX_RETURN_IF_ERROR(OpenSegment(segment_ + 1));
  }
  std::string lines;
  lines.reserve(group.size() * 512);
  int64_t seq = seq_;
  std::string hash = hash_;
  for (const Record& record : group) hash = WriteLine(record, ++seq, hash, lines);
  const int64_t before = size_;
  NSTARX_RETURN_IF_ERROR(signer_->WriteHead({seq_, hash_, seq, hash}));
  NSTARX_RETURN_IF_ERROR(WriteAll(lines));
  if (Status moved = signer_->WriteHead({seq, hash, seq, hash}); !moved) {
    if (ftruncate(file_, before) == 0) size_ = before;
    return moved;
  }
  seq_ = seq;
  hash_ = std::move(hash);
  if (seq_ - checkpoint_seq_ >= kCheckpointEvery) {
    // The lines are safe; a checkpoint that fails is made after the next group.
    if (const Status made = MakeCheckpoint(); !made) {
      NSTARX_LOG(kWarning, "audit_checkpoint_failed", {{"detail", made.error().message()}});
    }
  }
  return {};
}

Status SegmentWriter::MakeCheckpoint() {
  if (seq_ == checkpoint_seq_) return {};
  // What a checkpoint vouches for has reached the disk.
  if (fdatasync(file_) != 0) return CantWrite(SegmentPath(directory_, segment_));
  NSTARX_RETURN_IF_ERROR(signer_->WriteCheckpoint({seq_, hash_}, clock_.Now()));
  checkpoint_seq_ = seq_;
  return {};
}

}  // namespace nstarx::audit
