#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/json.h"
#include "base/status.h"

namespace nstarx::audit {

/// One line of the journal: who did what to which connection, and how it ended.
struct Entry {
  std::string action;  ///< connection.create, connection.test, query.run, object.get, key.create, …
  std::string outcome;  ///< allowed | denied | ok | failed
  std::string code;     ///< of the error, when denied or failed
  std::string connection_id;
  std::string connection;  ///< name at that time
  std::string
      fingerprint;  ///< of a statement: SHA-256 of the normalised text, never the text's literals
  int64_t rows = -1;
  int64_t bytes = -1;
  double ms = -1;
  json::object details;  ///< small, without secrets
};

struct EntryFilter {
  std::string user;
  std::string action;
  std::string connection;  ///< id or name
  std::optional<TimePoint> since;
  std::optional<TimePoint> until;
  int64_t limit = 100;
  int64_t before = 0;  ///< sequence number to page backwards from; 0: newest
};

/// What `nstarx audit verify` found.
struct Verdict {
  bool intact = true;
  int64_t entries = 0;
  int64_t first_broken = 0;  ///< sequence number, when not intact
  std::string reason;        ///< changed, missing, reordered, truncated, foreign line
  std::string head_hash;
};

/// Append-only journal in `directory`: JSON Lines in segments, each line hash-chained (SHA-256 over
/// the previous hash and the line), with checkpoints signed by Ed25519. One writer thread commits
/// in groups. Thread-safe.
class Journal {
 public:
  static Result<std::unique_ptr<Journal>> Open(std::string directory, const Clock& clock);
  virtual ~Journal() = default;

  /// Queues the entry with the context's principal, address, key and request id. Blocks
  /// (back-pressure) while the queue is full; costs a few microseconds otherwise.
  virtual void Append(const Context& context, Entry entry) = 0;
  /// Returns once everything appended before is written (it then survives kill -9 of the process).
  virtual Status Flush() = 0;
  /// Newest first; `next` pages.
  virtual Result<std::vector<json::object>> List(const EntryFilter& filter) = 0;
  virtual Result<Verdict> Verify() = 0;
};

/// Offline check of a journal directory, for the CLI.
Result<Verdict> VerifyDirectory(const std::string& directory);

/// SHA-256 (hex, 16 characters) of a statement with literals and white space normalised.
std::string Fingerprint(std::string_view statement);

}  // namespace nstarx::audit
