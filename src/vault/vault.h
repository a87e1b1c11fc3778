#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "store/store.h"

namespace nstarx::vault {

/// Where the key-encryption keys come from. Thread-safe.
class KeyProvider {
 public:
  virtual ~KeyProvider() = default;
  virtual std::string_view name() const = 0;
  /// The 32-byte key of that id. vault.key_missing (with what to do) when it is not to be had.
  virtual Result<Secret> LoadKey(const store::KeyRecord& record) = 0;
  /// Makes and keeps a new key; the record says how to find it again.
  virtual Result<store::KeyRecord> CreateKey(TimePoint now) = 0;
};

struct RewrapProgress {
  std::string key_id;  ///< the key all secrets go to
  int64_t done = 0;
  int64_t total = 0;
  bool finished = false;
};

/// Sealed secrets: the only code that sees plaintext at rest. AES-256-GCM, a fresh data key per
/// secret, associated data = owner id, field and version. Thread-safe.
class Vault {
 public:
  /// Opens with the store's keys, makes the first key in an empty store. A wrong or missing key is
  /// one clear error (vault.key_missing, vault.wrong_key) and no vault.
  static Result<std::unique_ptr<Vault>> Open(store::Store& store,
                                             std::unique_ptr<KeyProvider> provider,
                                             const Clock& clock);
  virtual ~Vault() = default;

  /// Seals the plaintext for the owner's field at that version.
  virtual Result<store::SealedSecret> Seal(std::string_view owner_id, std::string_view field,
                                           int64_t version, const Secret& plaintext) = 0;
  /// All secrets of an owner, opened. vault.damaged when one does not authenticate.
  virtual Result<SecretMap> Reveal(const Context& context, std::string_view owner_id) = 0;

  /// Makes a new key-encryption key the active one and re-wraps every data key, in small steps,
  /// online. Safe to interrupt at any point; Resume() goes on. Secrets are not touched.
  virtual Result<RewrapProgress> RotateKey(const Context& context) = 0;
  virtual Result<RewrapProgress> ResumeRewrap(const Context& context) = 0;
  virtual Result<RewrapProgress> Progress() = 0;
  /// id, provider, state, created of every key; no key material.
  virtual Result<json::array> DescribeKeys() = 0;
};

/// Keys in files `<directory>/<id>.key`, 0600, 32 random bytes; the directory (0700) is made when
/// the first key is. A file that others may read is refused with vault.key_exposed.
std::unique_ptr<KeyProvider> FileKeyProvider(std::string directory);

/// What deriving a key from a passphrase costs: libsodium's limits of these names (moderate: 256
/// MiB for about a second; interactive: 64 MiB, for tests).
enum class PassphraseCost { kInteractive, kModerate };
/// Key derived from a passphrase by Argon2id; salt and limits are in the record.
std::unique_ptr<KeyProvider> PassphraseKeyProvider(Secret passphrase,
                                                   PassphraseCost cost = PassphraseCost::kModerate);

}  // namespace nstarx::vault
