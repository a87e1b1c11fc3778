#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "access/access.h"
#include "access/key_cache.h"
#include "base/id.h"
#include "base/log.h"

namespace nstarx::access {
namespace {

constexpr size_t kKeyLengthMax = 256;
constexpr std::chrono::minutes kTouchEvery(1);
constexpr size_t kSecretBytes = 20;

KeyDigest DigestOf(std::string_view key) {
  KeyDigest out;
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), out.data());
  return out;
}

std::string ToHex(const KeyDigest& digest) { return fmt::format("{:02x}", fmt::join(digest, "")); }

Error MissingKey() {
  return Error(ErrorKind::kUnauthenticated, "auth.missing_key", "the request carries no API key")
      .WithHint("Send 'Authorization: Bearer <key>', or set NSTARX_API_KEY for the CLI and SDK.");
}

Error InvalidKey() {
  return Error(ErrorKind::kUnauthenticated, "auth.invalid_key", "the API key is not valid")
      .WithHint("Check that the whole key was copied and that it was not revoked.")
      .WithHint("The first admin key is in credentials.json in the server's data directory.");
}

/// The id part of "nsx_<id>_<secret>" as the store knows it, or empty.
std::string KeyIdOf(std::string_view key) {
  if (!key.starts_with("nsx_")) return {};
  const std::string_view rest = key.substr(4);
  const size_t end = rest.find('_');
  if (end == std::string_view::npos || end == 0 || end + 1 == rest.size()) return {};
  return fmt::format("key_{}", rest.substr(0, end));
}

/// The key of "Bearer <key>"; empty when it is something else.
std::string_view BearerOf(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() < kScheme.size()) return {};
  for (size_t i = 0; i < kScheme.size(); ++i) {
    const char c = authorization[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) != kScheme[i]) return {};
  }
  authorization.remove_prefix(kScheme.size());
  while (authorization.starts_with(' ')) authorization.remove_prefix(1);
  while (authorization.ends_with(' ')) authorization.remove_suffix(1);
  return authorization;
}

Status CheckName(std::string_view what, std::string_view name) {
  const bool plain = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || c == '@' || c == '+';
  });
  if (plain && !name.empty() && name.size() <= 128 && name != "system") return {};
  return InvalidArgument("user.bad_name", fmt::format("this is no name for a {}", what))
      .WithHint("Use 1 to 128 letters, digits and . _ - @ +; 'system' is taken.");
}

class StoredCallers final : public Callers {
 public:
  StoredCallers(store::Store& store, const Clock& clock)
      : store_(store),
        clock_(clock),
        touching_([this](const std::stop_token& stop) { Touch(stop); }) {
    pthread_setname_np(touching_.native_handle(), "key-usage");
  }
  ~StoredCallers() override {
    touching_.request_stop();
    touch_ready_.notify_all();
    touching_.join();
  }

  Result<Principal> Authenticate(std::string_view authorization,
                                 std::string_view remote_address) override {
    if (authorization.empty()) return MissingKey();
    const std::string_view key = BearerOf(authorization);
    const TimePoint now = clock_.Now();
    if (key.empty() || key.size() > kKeyLengthMax) return Refuse(remote_address, now);
    const KeyDigest digest = DigestOf(key);
    std::shared_ptr<VerifiedKey> verified = cache_.Find(digest, now);
    if (verified == nullptr) {
      NSTARX_TRY(verified, Verify(key, digest, remote_address, now));
    }
    if (verified->expires && now >= *verified->expires) {
      return Error(ErrorKind::kUnauthenticated, "auth.expired_key", "the API key has expired")
          .WithHint("Ask an admin for a new key, or issue one with a key that is still valid.");
    }
    NoteUse(*verified, now);
    Principal out = verified->principal;
    out.remote_address = remote_address;
    return out;
  }

  Result<store::User> CreateUser(std::string name, Role role,
                                 std::vector<std::string> teams) override {
    NSTARX_RETURN_IF_ERROR(CheckName("user", name));
    for (const auto& team : teams) NSTARX_RETURN_IF_ERROR(CheckName("team", team));
    store::User user{.id = NewId("usr"),
                     .name = std::move(name),
                     .role = role,
                     .teams = std::move(teams),
                     .created = clock_.Now()};
    std::lock_guard lock(change_mutex_);
    NSTARX_RETURN_IF_ERROR(store_.PutUser(user));
    return user;
  }

  Result<store::User> UpdateUser(std::string_view ref, std::optional<Role> role,
                                 std::optional<std::vector<std::string>> teams) override {
    std::lock_guard lock(change_mutex_);
    NSTARX_TRY(store::User user, store_.GetUser(ref));
    if (role && *role != Role::kAdmin && user.role == Role::kAdmin) {
      NSTARX_RETURN_IF_ERROR(RefuseLastAdmin());
    }
    if (role) user.role = *role;
    if (teams) {
      for (const auto& team : *teams) NSTARX_RETURN_IF_ERROR(CheckName("team", team));
      user.teams = std::move(*teams);
    }
    NSTARX_RETURN_IF_ERROR(store_.PutUser(user));
    cache_.ForgetUser(user.id);
    return user;
  }

  Result<std::vector<store::User>> ListUsers() override { return store_.ListUsers(); }

  Result<IssuedApiKey> IssueKey(const Principal& by, const NewApiKey& request) override {
    NSTARX_TRY(const store::User user,
               store_.GetUser(request.user.empty() ? std::string_view(by.id) : request.user));
    if (user.id != by.id) NSTARX_RETURN_IF_ERROR(Require(by, Permission::kAdmin, nullptr));
    const TimePoint now = clock_.Now();
    const Role most = by.role == Role::kAdmin ? user.role : std::min(user.role, by.role);
    const Role role = request.role.value_or(most);
    if (role > most) {
      return InvalidArgument("key.role_too_high",
                             fmt::format("the key can have the role {} at most", ToString(most)))
          .WithHint("A key never has more than its user and than the caller who issues it.");
    }
    std::vector<std::string> scopes = request.scopes;
    if (scopes.empty()) scopes = by.key_id.empty() ? std::vector<std::string>{"*"} : by.scopes;
    NSTARX_RETURN_IF_ERROR(CheckScopes(by, scopes));
    if (request.expires && *request.expires <= now) {
      return InvalidArgument("config.out_of_range", "'expires' lies in the past")
          .WithDetail("field", "expires");
    }
    if (request.name.empty() || request.name.size() > 128 || !IsUtf8(request.name)) {
      return InvalidArgument("key.bad_name", "a key needs a name of 1 to 128 bytes")
          .WithHint("Name what uses it, e.g. 'nightly job'.");
    }
    IssuedApiKey out;
    out.record = {.id = NewId("key"),
                  .name = request.name,
                  .user_id = user.id,
                  .role = role,
                  .scopes = std::move(scopes),
                  .expires = request.expires,
                  .created = now};
    out.record.prefix = fmt::format("nsx_{}", std::string_view(out.record.id).substr(4));
    out.key = fmt::format("{}_{}", out.record.prefix, RandomToken(kSecretBytes));
    out.record.hash = ToHex(DigestOf(out.key));
    NSTARX_RETURN_IF_ERROR(store_.PutApiKey(out.record));
    out.record.hash.clear();
    return out;
  }

  Status RevokeKey(std::string_view id) override {
    std::lock_guard lock(change_mutex_);
    NSTARX_TRY(store::ApiKey key, store_.GetApiKey(id));
    if (!key.revoked) {
      key.revoked = clock_.Now();
      NSTARX_RETURN_IF_ERROR(store_.PutApiKey(key));
    }
    cache_.ForgetKey(key.id);
    return {};
  }

  Result<std::vector<store::ApiKey>> ListKeys(const Principal& by) override {
    NSTARX_TRY(auto keys, store_.ListApiKeys());
    if (!Decide(by, Permission::kAdmin, nullptr).allowed) {
      std::erase_if(keys, [&](const store::ApiKey& key) { return key.user_id != by.id; });
    }
    for (auto& key : keys) key.hash.clear();
    return keys;
  }

  /// Makes the first user of an empty store.
  Status MakeFirstUser() {
    NSTARX_TRY(const auto users, store_.ListUsers());
    if (!users.empty()) return {};
    NSTARX_RETURN_IF_ERROR(CreateUser("admin", Role::kAdmin, {}));
    return {};
  }

 private:
  Error Refuse(std::string_view remote_address, TimePoint now) {
    if (wrong_keys_.Take(remote_address, now)) return InvalidKey();
    return Error(ErrorKind::kResourceExhausted, "auth.throttled",
                 "too many wrong API keys from this address")
        .WithHint("Wait a few seconds, then send a valid key.");
  }

  Result<std::shared_ptr<VerifiedKey>> Verify(std::string_view key, const KeyDigest& digest,
                                              std::string_view remote_address, TimePoint now) {
    const std::string id = KeyIdOf(key);
    if (id.empty()) return Refuse(remote_address, now);
    const uint64_t generation = cache_.generation();
    auto record = store_.GetApiKey(id);
    if (!record && record.error().kind() != ErrorKind::kNotFound) return record.error();
    const std::string shown = ToHex(digest);
    if (!record || record->hash.size() != shown.size() ||
        CRYPTO_memcmp(record->hash.data(), shown.data(), shown.size()) != 0 || record->revoked) {
      return Refuse(remote_address, now);
    }
    NSTARX_TRY(store::User user, store_.GetUser(record->user_id));
    auto out = std::make_shared<VerifiedKey>();
    out->principal = {.id = std::move(user.id),
                      .name = std::move(user.name),
                      .role = std::min(user.role, record->role),
                      .teams = std::move(user.teams),
                      .key_id = record->id,
                      .scopes = record->scopes};
    out->expires = record->expires;
    if (record->last_used) out->touched_ms = record->last_used->time_since_epoch().count();
    cache_.Keep(digest, out, generation, now);
    return out;
  }

  /// The scopes are well-formed and within those of the caller's own key.
  static Status CheckScopes(const Principal& by, const std::vector<std::string>& scopes) {
    const bool capped = !by.key_id.empty() && std::ranges::find(by.scopes, "*") == by.scopes.end();
    if (scopes.size() > 32) {
      return InvalidArgument("config.out_of_range", "a key has at most 32 scopes");
    }
    for (const auto& scope : scopes) {
      if (!IsScope(scope)) {
        return InvalidArgument("key.bad_scope", "a scope must be * or <area>:<read|use|write>")
            .WithHint("Areas: connections, data, keys, audit.");
      }
      if (capped && std::ranges::find(by.scopes, scope) == by.scopes.end()) {
        return Error(ErrorKind::kPermissionDenied, "access.denied",
                     fmt::format("the caller's own key lacks the scope '{}'", scope))
            .WithHint("Issue it with a key that has the scope itself.");
      }
    }
    return {};
  }

  Status RefuseLastAdmin() {
    NSTARX_TRY(const auto users, store_.ListUsers());
    if (std::ranges::count(users, Role::kAdmin, &store::User::role) > 1) return {};
    return Error(ErrorKind::kAlreadyExists, "user.last_admin", "this is the only admin")
        .WithHint("Make another user an admin first.");
  }

  void NoteUse(VerifiedKey& key, TimePoint now) {
    const int64_t ms = now.time_since_epoch().count();
    int64_t before = key.touched_ms.load(std::memory_order_relaxed);
    const int64_t step = std::chrono::milliseconds(kTouchEvery).count();
    if (ms - before < step || !key.touched_ms.compare_exchange_strong(before, ms)) return;
    {
      std::lock_guard lock(touch_mutex_);
      if (touches_.size() >= KeyCache::kSizeMax) return;
      touches_[key.principal.key_id] = now;
    }
    touch_ready_.notify_one();
  }

  /// Writes last_used behind the callers' backs, so that none waits for the disk.
  void Touch(const std::stop_token& stop) {
    while (true) {
      std::map<std::string, TimePoint> batch;
      {
        std::unique_lock lock(touch_mutex_);
        touch_ready_.wait(lock, stop, [this] { return !touches_.empty(); });
        if (touches_.empty()) return;
        batch.swap(touches_);
      }
      for (const auto& [id, used] : batch) {
        if (const Status done = store_.TouchApiKey(id, used); !done) {
          NSTARX_LOG(kWarning, "key_use_not_noted",
                     {{"key_id", id}, {"code", done.error().code()}});
        }
      }
    }
  }

  store::Store& store_;
  const Clock& clock_;
  KeyCache cache_;
  WrongKeyLimit wrong_keys_;
  std::mutex change_mutex_;  // one change of users and keys at a time
  std::mutex touch_mutex_;
  std::condition_variable_any touch_ready_;
  std::map<std::string, TimePoint> touches_ NSTARX_GUARDED_BY(touch_mutex_);
  std::jthread touching_;  // last: it uses the members above
};

}  // namespace

Result<std::unique_ptr<Callers>> Callers::Open(store::Store& store, const Clock& clock) {
  auto callers = std::make_unique<StoredCallers>(store, clock);
  NSTARX_RETURN_IF_ERROR(callers->MakeFirstUser());
  return std::unique_ptr<Callers>(std::move(callers));
}

}  // namespace nstarx::access
