#include "vault/vault.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <shared_mutex>

#include "vault/envelope.h"

namespace nstarx::vault {
namespace {

constexpr int64_t kRewrapBatch = 64;

std::string SecretLabel(const store::SealedSecret& secret) {
  return LengthPrefixed(
      {"nstarx secret", secret.owner_id, secret.field, std::to_string(secret.version)});
}

Error WrongKey(const store::KeyRecord& record) {
  Error error(ErrorKind::kUnauthenticated, "vault.wrong_key",
              fmt::format("the key that was given is not the vault's key '{}'", record.id));
  error.WithAction(Action::kAskOperator).WithDetail("key_id", record.id);
  if (record.provider == "passphrase") {
    return error.WithHint("Start the server with the passphrase the vault was made with.");
  }
  return error.WithHint(fmt::format(
      "Put the right key file '{}.key' back from the backup that belongs to this store.",
      record.id));
}

class EnvelopeVault final : public Vault {
 public:
  EnvelopeVault(store::Store& store, std::unique_ptr<KeyProvider> provider, const Clock& clock)
      : store_(store), provider_(std::move(provider)), clock_(clock) {}

  /// Loads every key that may be in use, or makes the first one.
  Status Load() {
    NSTARX_TRY(const auto records, store_.ListKeys());
    if (records.empty()) {
      NSTARX_TRY(const int64_t sealed, store_.CountSecretsNotWrappedBy(""));
      if (sealed > 0) {
        return Error(ErrorKind::kDataLoss, "vault.key_missing",
                     "the store holds sealed secrets but no record of their key")
            .WithHint("Restore the store from a backup.");
      }
      NSTARX_TRY(active_id_, AddKey());
      return {};
    }
    for (const auto& record : records) {
      if (record.state == "retired") continue;
      NSTARX_TRY(keys_[record.id], LoadChecked(record));
      // The newest one is active; an older one that still says so was left by a rotation that died.
      if (record.state == "active") active_id_ = record.id;
    }
    if (active_id_.empty()) {
      return Error(ErrorKind::kDataLoss, "vault.key_missing", "the store knows no active key")
          .WithHint("Restore the store from a backup.");
    }
    return {};
  }

  Result<store::SealedSecret> Seal(std::string_view owner_id, std::string_view field,
                                   int64_t version, const Secret& plaintext) override {
    store::SealedSecret out{.owner_id = std::string(owner_id),
                            .field = std::string(field),
                            .version = version,
                            .nonce = RandomBytes(kNonceSize),
                            .rotated_at = clock_.Now()};
    const Secret data_key = NewKey();
    NSTARX_TRY(out.ciphertext,
               Encrypt(data_key.Reveal(), out.nonce, SecretLabel(out), plaintext.Reveal()));
    std::shared_lock lock(mutex_);
    out.kek_id = active_id_;
    NSTARX_TRY(out.wrapped_key, WrapKey(*keys_.at(active_id_), active_id_, data_key));
    return out;
  }

  Result<SecretMap> Reveal(const Context& context, std::string_view owner_id) override {
    NSTARX_RETURN_IF_ERROR(context.Check());
    NSTARX_TRY(const auto sealed, store_.GetSecrets(owner_id));
    SecretMap out;
    for (const auto& secret : sealed) {
      NSTARX_TRY(const Secret data_key, DataKeyOf(secret));
      auto opened =
          Decrypt(data_key.Reveal(), secret.nonce, SecretLabel(secret), secret.ciphertext);
      if (!opened) return Named(opened.error(), secret);
      out.emplace(secret.field, std::move(*opened));
    }
    return out;
  }

  Result<RewrapProgress> RotateKey(const Context& context) override {
    std::lock_guard rotating(rotation_mutex_);
    // A rotation that was interrupted is finished first: at most two keys are in use.
    NSTARX_RETURN_IF_ERROR(Rewrap(context));
    NSTARX_TRY(std::string fresh, AddKey());
    {
      std::unique_lock lock(mutex_);
      active_id_ = std::move(fresh);
    }
    return Rewrap(context);
  }

  Result<RewrapProgress> ResumeRewrap(const Context& context) override {
    std::lock_guard rotating(rotation_mutex_);
    return Rewrap(context);
  }

  Result<RewrapProgress> Progress() override {
    RewrapProgress out{.key_id = ActiveId()};
    NSTARX_TRY(out.total, store_.CountSecretsNotWrappedBy(""));
    NSTARX_TRY(const int64_t left, store_.CountSecretsNotWrappedBy(out.key_id));
    out.done = std::max<int64_t>(0, out.total - left);
    NSTARX_TRY(const auto records, store_.ListKeys());
    out.finished = left == 0 && std::ranges::all_of(records, [&](const store::KeyRecord& record) {
                     return record.id == out.key_id || record.state == "retired";
                   });
    return out;
  }

  Result<json::array> DescribeKeys() override {
    const std::string active = ActiveId();
    NSTARX_TRY(const auto records, store_.ListKeys());
    json::array out;
    for (const auto& record : records) {
      json::object shown;
      shown["id"] = record.id;
      shown["provider"] = record.provider;
      shown["state"] = record.state == "active" && record.id != active ? "retiring" : record.state;
      shown["created"] = FormatTime(record.created);
      out.push_back(std::move(shown));
    }
    return out;
  }

 private:
  using Key = std::shared_ptr<const Secret>;  // shared by the map and by calls that use it

  std::string ActiveId() {
    std::shared_lock lock(mutex_);
    return active_id_;
  }

  static Error Named(Error error, const store::SealedSecret& secret) {
    error.WithDetail("owner_id", secret.owner_id).WithDetail("field", secret.field);
    return error;
  }

  Result<Key> LoadChecked(const store::KeyRecord& record) {
    NSTARX_TRY(Secret key, provider_->LoadKey(record));
    if (!CheckOpens(key, record.id, record.check)) return WrongKey(record);
    return std::make_shared<const Secret>(std::move(key));
  }

  /// Makes a key that is durable at its provider before the store knows of it.
  Result<std::string> AddKey() {
    NSTARX_TRY(store::KeyRecord record, provider_->CreateKey(clock_.Now()));
    NSTARX_TRY(Secret key, provider_->LoadKey(record));
    NSTARX_TRY(record.check, MakeCheck(key, record.id));
    record.state = "active";
    // Known here before it is known to be active, so that no call can miss it.
    {
      std::unique_lock lock(mutex_);
      keys_[record.id] = std::make_shared<const Secret>(std::move(key));
    }
    NSTARX_RETURN_IF_ERROR(store_.PutKey(record));
    return record.id;
  }

  Result<Key> KeyOf(const std::string& id) {
    {
      std::shared_lock lock(mutex_);
      if (auto found = keys_.find(id); found != keys_.end()) return found->second;
    }
    // A secret that was sealed just before its key retired.
    NSTARX_TRY(const auto records, store_.ListKeys());
    const auto record = std::ranges::find(records, id, &store::KeyRecord::id);
    if (record == records.end()) {
      return Error(ErrorKind::kDataLoss, "vault.key_missing",
                   fmt::format("a secret is sealed with an unknown key '{}'", id))
          .WithHint("Restore the store from a backup.");
    }
    NSTARX_TRY(Key key, LoadChecked(*record));
    std::unique_lock lock(mutex_);
    return keys_.emplace(id, std::move(key)).first->second;
  }

  Result<Secret> DataKeyOf(const store::SealedSecret& secret) {
    NSTARX_TRY(const Key kek, KeyOf(secret.kek_id));
    auto data_key = UnwrapKey(*kek, secret.kek_id, secret.wrapped_key);
    if (!data_key) return Named(data_key.error(), secret);
    return data_key;
  }

  /// Brings every data key under the active key, batch by batch, and retires the others once no
  /// secret needs them. Each batch is one durable transaction; stopping between any two is fine.
  Result<RewrapProgress> Rewrap(const Context& context) {
    const std::string active = ActiveId();
    NSTARX_TRY(const Key target, KeyOf(active));
    while (true) {
      NSTARX_RETURN_IF_ERROR(context.Check());
      NSTARX_TRY(auto batch, store_.SecretsNotWrappedBy(active, kRewrapBatch));
      if (batch.empty()) break;
      for (auto& secret : batch) {
        NSTARX_TRY(const Secret data_key, DataKeyOf(secret));
        NSTARX_TRY(secret.wrapped_key, WrapKey(*target, active, data_key));
        secret.kek_id = active;
      }
      NSTARX_RETURN_IF_ERROR(store_.RewrapSecrets(batch));
    }
    NSTARX_TRY(const auto records, store_.ListKeys());
    for (store::KeyRecord record : records) {
      if (record.id == active || record.state == "retired") continue;
      record.state = "retired";
      NSTARX_RETURN_IF_ERROR(store_.PutKey(record));
    }
    return Progress();
  }

  store::Store& store_;
  const std::unique_ptr<KeyProvider> provider_;
  const Clock& clock_;
  std::mutex rotation_mutex_;  // one rotation at a time; taken before mutex_
  std::shared_mutex mutex_;
  std::map<std::string, Key> keys_ NSTARX_GUARDED_BY(mutex_);
  std::string active_id_ NSTARX_GUARDED_BY(mutex_);
};

}  // namespace

Result<std::unique_ptr<Vault>> Vault::Open(store::Store& store,
                                           std::unique_ptr<KeyProvider> provider,
                                           const Clock& clock) {
  if (sodium_init() < 0) return Internal("libsodium did not start");
  auto vault = std::make_unique<EnvelopeVault>(store, std::move(provider), clock);
  NSTARX_RETURN_IF_ERROR(vault->Load());
  return std::unique_ptr<Vault>(std::move(vault));
}

}  // namespace nstarx::vault
