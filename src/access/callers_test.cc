#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "access/access.h"
#include "access/key_cache.h"
#include "store/sqlite/sqlite_store.h"

namespace nstarx::access {
namespace {

class CallersTest : public ::testing::Test {
 protected:
  CallersTest() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "nstarx-access-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
    store_ = std::move(*store::OpenSqliteStore(root_ + "/store.db"));
    callers_ = std::move(*Callers::Open(*store_, clock_));
    system_.name = "system";
    system_.id = "system";
    system_.role = Role::kAdmin;
  }
  ~CallersTest() override {
    callers_.reset();
    store_.reset();
    std::filesystem::remove_all(root_);
  }
  IssuedApiKey Issue(const std::string& user, std::vector<std::string> scopes = {}) {
    auto issued = callers_->IssueKey(system_, {.name = "k", .user = user, .scopes = scopes});
    EXPECT_TRUE(issued) << issued.error().ToString();
    return *issued;
  }
  Result<Principal> Show(const std::string& key, std::string_view from = "10.0.0.1") {
    return callers_->Authenticate("Bearer " + key, from);
  }
  std::string Code(const std::string& authorization, std::string_view from = "10.0.0.9") {
    auto shown = callers_->Authenticate(authorization, from);
    return shown ? "ok" : shown.error().code();
  }

  ManualClock clock_{TimePoint(std::chrono::milliseconds(1'790'000'000'000))};
  std::string root_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Callers> callers_;
  Principal system_;
};

TEST_F(CallersTest, FirstStartMakesOneAdminAndOnlyOnce) {
  callers_.reset();
  callers_ = std::move(*Callers::Open(*store_, clock_));
  const auto users = callers_->ListUsers();
  ASSERT_EQ(users->size(), 1u);
  EXPECT_EQ(users->front().name, "admin");
  EXPECT_EQ(users->front().role, Role::kAdmin);
}

TEST_F(CallersTest, IssuedKeyNamesItsCaller) {
  ASSERT_TRUE(callers_->CreateUser("ann", Role::kEditor, {"data"}));
  const IssuedApiKey issued = Issue("ann", {"connections:read"});
  EXPECT_TRUE(issued.key.starts_with(issued.record.prefix + "_"));
  EXPECT_EQ(issued.key.size(), 4u + 26 + 1 + 32);
  const auto caller = Show(issued.key);
  ASSERT_TRUE(caller) << caller.error().ToString();
  EXPECT_EQ(caller->name, "ann");
  EXPECT_EQ(caller->role, Role::kEditor);
  EXPECT_EQ(caller->teams, std::vector<std::string>{"data"});
  EXPECT_EQ(caller->scopes, std::vector<std::string>{"connections:read"});
  EXPECT_EQ(caller->key_id, issued.record.id);
  EXPECT_EQ(caller->remote_address, "10.0.0.1");
  EXPECT_EQ(Code("bEARER  " + issued.key + " "), "ok");
  // The store has nothing the key could be made from.
  const auto record = *store_->GetApiKey(issued.record.id);
  EXPECT_EQ(record.hash.size(), 64u);
  EXPECT_EQ(issued.key.find(record.hash), std::string::npos);
  EXPECT_TRUE(callers_->ListKeys(system_)->front().hash.empty());
}

TEST_F(CallersTest, WhatIsNoValidKeyIsRefused) {
  const std::string key = Issue("admin").key;
  EXPECT_EQ(Code(""), "auth.missing_key");
  for (const std::string& bad :
       {std::string("Basic abc"), std::string("Bearer"), std::string("Bearer "), key,
        "Bearer " + key + "x", "Bearer " + key.substr(0, key.size() - 1), "Bearer x" + key,
        std::string("Bearer nsx_"), std::string("Bearer nsx__"), std::string("Bearer nsx_a_b"),
        "Bearer " + std::string(100'000, 'a'), std::string("Bearer nsx_\0_x", 14)}) {
    EXPECT_EQ(Code(bad), "auth.invalid_key") << bad.substr(0, 80);
  }
  std::string changed = key;
  for (size_t at = 4; at < key.size(); at += 7) {
    changed = key;
    changed[at] = changed[at] == 'a' ? 'b' : 'a';
    EXPECT_EQ(Code("Bearer " + changed, fmt::format("10.1.0.{}", at)), "auth.invalid_key");
  }
  EXPECT_EQ(Code("Bearer " + key), "ok");
}

TEST_F(CallersTest, ExpiryAndRevocationTakeEffectAtOnce) {
  const auto issued = callers_->IssueKey(
      system_, {.name = "k", .user = "admin", .expires = clock_.Now() + std::chrono::seconds(5)});
  ASSERT_TRUE(issued);
  EXPECT_TRUE(Show(issued->key));
  clock_.Advance(std::chrono::milliseconds(4'999));
  EXPECT_TRUE(Show(issued->key));
  clock_.Advance(std::chrono::milliseconds(1));
  EXPECT_EQ(Show(issued->key).error().code(), "auth.expired_key");

  const IssuedApiKey second = Issue("admin");
  EXPECT_TRUE(Show(second.key));
  ASSERT_TRUE(callers_->RevokeKey(second.record.id));
  EXPECT_EQ(Show(second.key).error().code(), "auth.invalid_key");
  ASSERT_TRUE(callers_->RevokeKey(second.record.id));
  EXPECT_EQ(callers_->RevokeKey("key_none").error().code(), "key.not_found");
}

TEST_F(CallersTest, RoleChangesTakeEffectAtOnce) {
  ASSERT_TRUE(callers_->CreateUser("ann", Role::kEditor, {}));
  const std::string key = Issue("ann").key;
  EXPECT_EQ(Show(key)->role, Role::kEditor);
  ASSERT_TRUE(callers_->UpdateUser("ann", Role::kViewer, std::vector<std::string>{"ops"}));
  EXPECT_EQ(Show(key)->role, Role::kViewer);
  EXPECT_EQ(Show(key)->teams, std::vector<std::string>{"ops"});
  ASSERT_TRUE(callers_->UpdateUser("ann", Role::kAdmin, std::nullopt));
  EXPECT_EQ(Show(key)->role, Role::kEditor) << "the key keeps the role it was issued with";
  ASSERT_TRUE(callers_->UpdateUser("ann", Role::kViewer, std::nullopt));
  EXPECT_EQ(callers_->UpdateUser("admin", Role::kUser, std::nullopt).error().code(),
            "user.last_admin");
}

TEST_F(CallersTest, NobodyIssuesMoreThanHeHas) {
  ASSERT_TRUE(callers_->CreateUser("ann", Role::kEditor, {}));
  ASSERT_TRUE(callers_->CreateUser("bob", Role::kAdmin, {}));
  Principal ann = *Show(Issue("ann", {"connections:write", "data:use"}).key);
  const auto code = [&](const NewApiKey& request) {
    auto issued = callers_->IssueKey(ann, request);
    return issued ? "ok" : issued.error().code();
  };
  EXPECT_EQ(code({.name = "k"}), "ok");
  EXPECT_EQ(callers_->IssueKey(ann, {.name = "k"})->record.scopes, ann.scopes);
  EXPECT_EQ(code({.name = "k", .scopes = {"data:use"}}), "ok");
  EXPECT_EQ(code({.name = "k", .scopes = {"*"}}), "access.denied");
  EXPECT_EQ(code({.name = "k", .user = "bob"}), "access.denied");
  EXPECT_EQ(code({.name = "k", .role = Role::kAdmin}), "key.role_too_high");
  EXPECT_EQ(code({.name = "k", .role = Role::kViewer}), "ok");
  EXPECT_EQ(code({.name = "k", .scopes = {"everything"}}), "key.bad_scope");
  EXPECT_EQ(code({.name = ""}), "key.bad_name");
  EXPECT_EQ(code({.name = "k", .expires = clock_.Now()}), "config.out_of_range");
  EXPECT_EQ(code({.name = "k", .user = "nobody"}), "user.not_found");
  Issue("bob");
  for (const auto& key : *callers_->ListKeys(ann)) EXPECT_EQ(key.user_id, ann.id);
  EXPECT_GT(callers_->ListKeys(system_)->size(), callers_->ListKeys(ann)->size());
}

TEST_F(CallersTest, BadNamesAreRefused) {
  for (const char* bad : {"", "system", "a b", "a\n", "é", "../x"}) {
    EXPECT_EQ(callers_->CreateUser(bad, Role::kUser, {}).error().code(), "user.bad_name") << bad;
  }
  EXPECT_EQ(callers_->CreateUser("ok", Role::kUser, {"bad team"}).error().code(), "user.bad_name");
  EXPECT_EQ(callers_->CreateUser("admin", Role::kUser, {}).error().code(), "user.name_taken");
}

TEST_F(CallersTest, WrongKeysAreThrottledPerAddressAndRightOnesPass) {
  const std::string key = Issue("admin").key;
  int refused = 0;
  std::string last;
  for (int i = 0; i < 50; ++i) {
    last = Code(fmt::format("Bearer nsx_a_{}", i), "10.2.0.1");
    if (last == "auth.invalid_key") ++refused;
  }
  EXPECT_EQ(refused, static_cast<int>(WrongKeyLimit::kBurst));
  EXPECT_EQ(last, "auth.throttled");
  EXPECT_EQ(Code("Bearer nsx_a_b", "10.2.0.2"), "auth.invalid_key");
  EXPECT_EQ(Code("Bearer " + key, "10.2.0.1"), "ok");
  clock_.Advance(std::chrono::seconds(2));
  EXPECT_EQ(Code("Bearer nsx_a_b", "10.2.0.1"), "auth.invalid_key");
}

TEST_F(CallersTest, LastUseIsWrittenAtMostOnceAMinute) {
  const IssuedApiKey issued = Issue("admin");
  const TimePoint first = clock_.Now();
  const auto used = [&] {
    // Closing writes what is still to be written.
    callers_.reset();
    callers_ = std::move(*Callers::Open(*store_, clock_));
    return store_->GetApiKey(issued.record.id)->last_used;
  };
  ASSERT_TRUE(Show(issued.key));
  EXPECT_EQ(used(), first);
  clock_.Advance(std::chrono::seconds(59));
  ASSERT_TRUE(Show(issued.key));
  EXPECT_EQ(used(), first);
  clock_.Advance(std::chrono::seconds(1));
  ASSERT_TRUE(Show(issued.key));
  EXPECT_EQ(used(), clock_.Now());
}

TEST_F(CallersTest, CachedKeyCostsMicroseconds) {
  const std::string authorization = "Bearer " + Issue("admin").key;
  constexpr int kRounds = 20'000;
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < kRounds; ++i) {
    ASSERT_TRUE(callers_->Authenticate(authorization, "10.0.0.1"));
  }
  const double ns =
      std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begun).count() /
      kRounds;
  std::printf("a cached key is authenticated in %.0f ns\n", ns);
  EXPECT_LT(ns, 100'000);
}

TEST_F(CallersTest, RevocationWinsOverConcurrentUse) {
  for (int round = 0; round < 10; ++round) {
    const IssuedApiKey issued = Issue("admin");
    std::atomic<bool> revoked = false;
    std::atomic<int> wrongly = 0;
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&, i] {
          for (int n = 0; n < 300; ++n) {
            const bool before = revoked;
            if (Show(issued.key, fmt::format("10.{}.{}.{}", round, i, n)) && before) ++wrongly;
          }
        });
      }
      ASSERT_TRUE(callers_->RevokeKey(issued.record.id));
      revoked = true;
    }
    ASSERT_EQ(wrongly, 0);
  }
}

TEST(KeyCacheTest, IsBoundedAndForgets) {
  KeyCache cache;
  const TimePoint now{};
  const auto put = [&](size_t i, std::string user) {
    KeyDigest digest{};
    for (size_t b = 0; b < 8; ++b) digest[b] = static_cast<unsigned char>(i >> (8 * b));
    auto key = std::make_shared<VerifiedKey>();
    key->principal.id = std::move(user);
    cache.Keep(digest, key, cache.generation(), now);
    return digest;
  };
  for (size_t i = 0; i < KeyCache::kSizeMax + 10; ++i) put(i, "a");
  EXPECT_LE(cache.size(), KeyCache::kSizeMax);
  const KeyDigest mine = put(1'000'000, "b");
  EXPECT_NE(cache.Find(mine, now), nullptr);
  EXPECT_EQ(cache.Find(mine, now + KeyCache::kLife), nullptr);
  const uint64_t before = cache.generation();
  cache.ForgetUser("b");
  EXPECT_EQ(cache.Find(mine, now), nullptr);
  cache.Keep(mine, std::make_shared<VerifiedKey>(), before, now);
  EXPECT_EQ(cache.Find(mine, now), nullptr) << "looked up before it was forgotten";
}

}  // namespace
}  // namespace nstarx::access
