#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "base/status.h"

namespace nstarx::audit {

/// Where the journal ends, signed. `committed` is what is written for certain; the lines up to
/// `pending` were being written when this was signed.
struct Head {
  int64_t committed_seq = 0;
  std::string committed_hash;
  int64_t pending_seq = 0;
  std::string pending_hash;
};

/// A signed point of the chain.
struct Checkpoint {
  int64_t seq = 0;
  std::string hash;
};

/// The Ed25519 key of a journal: DIR/audit.key (0600), with its public half in DIR/audit.pub. For
/// one thread at a time.
class Signer {
 public:
  /// Loads the key; makes one when `fresh` (an empty journal). audit.key_missing,
  /// audit.key_exposed.
  static Result<std::unique_ptr<Signer>> Open(const std::string& directory, bool fresh);
  ~Signer();

  /// Overwrites DIR/audit.head.
  Status WriteHead(const Head& head);
  /// Appends to DIR/audit.checkpoints.
  Status WriteCheckpoint(const Checkpoint& checkpoint, TimePoint now);
  const std::string& public_key() const { return public_key_; }

 private:
  Signer(std::string directory, Secret key, std::string public_key);
  std::string Sign(std::string_view text) const;

  const std::string directory_;
  const Secret key_;
  const std::string public_key_;  ///< hex
  int head_file_ = -1;
};

/// The public half (hex), or audit.key_missing.
Result<std::string> ReadPublicKey(const std::string& directory);
/// Nothing when the head is missing or not signed by that key.
std::optional<Head> ReadHead(const std::string& directory, std::string_view public_key);
/// The checkpoints that are signed by that key, in order.
std::vector<Checkpoint> ReadCheckpoints(const std::string& directory, std::string_view public_key);

}  // namespace nstarx::audit
