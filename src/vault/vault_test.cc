#include "vault/vault.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "base/id.h"
#include "store/sqlite/sqlite_store.h"

namespace nstarx::vault {
namespace {

constexpr std::string_view kCanary = "canary-4711-plaintext";

/// A store in a folder of its own, and connections with sealed secrets in it.
class VaultTest : public ::testing::Test {
 protected:
  VaultTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "nstarx-vault-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
    store_ = std::move(*store::OpenSqliteStore(root_ + "/store.db"));
  }
  ~VaultTest() override {
    store_.reset();
    std::filesystem::remove_all(root_);
  }
  Result<std::unique_ptr<Vault>> OpenVault() {
    return Vault::Open(*store_, FileKeyProvider(root_ + "/keys"), clock_);
  }
  std::string Add(Vault& vault, std::string_view plaintext) {
    model::Connection c;
    c.id = NewId("con");
    c.name = c.id;
    auto password = vault.Seal(c.id, "password", 1, Secret(plaintext));
    auto token = vault.Seal(c.id, "token", 1, Secret("t-" + std::string(plaintext)));
    EXPECT_TRUE(password && token);
    EXPECT_TRUE(store_->CreateConnection(c, {*password, *token}, "test"));
    return c.id;
  }
  static bool Holds(Vault& vault, std::string_view id, std::string_view plaintext) {
    auto secrets = vault.Reveal(Context(), id);
    return secrets && secrets->size() == 2 && secrets->at("password").Reveal() == plaintext &&
           secrets->at("token").Reveal() == "t-" + std::string(plaintext);
  }
  std::string KeyFile() { return root_ + "/keys/" + store_->ListKeys()->front().id + ".key"; }
  /// Changes the one connection's secrets as they lie in the store.
  void Tamper(const std::string& id, const std::function<void(store::SealedSecret&)>& change) {
    auto secrets = *store_->GetSecrets(id);
    for (auto& secret : secrets) change(secret);
    auto connection = *store_->GetConnection(id);
    ++connection.version;
    ASSERT_TRUE(store_->UpdateConnection(connection, secrets, {}, "mallory", "updated"));
  }

  ManualClock clock_{TimePoint(std::chrono::milliseconds(1'790'000'000'000))};
  std::string root_;
  std::unique_ptr<store::Store> store_;
};

TEST_F(VaultTest, SecretsComeBackAfterReopening) {
  std::string id;
  {
    auto vault = std::move(*OpenVault());
    id = Add(*vault, kCanary);
    EXPECT_TRUE(Holds(*vault, id, kCanary));
  }
  auto vault = OpenVault();
  ASSERT_TRUE(vault) << vault.error().ToString();
  EXPECT_TRUE(Holds(**vault, id, kCanary));
  EXPECT_EQ(store_->ListKeys()->size(), 1u);
  EXPECT_TRUE((*vault)->Reveal(Context(), "con_none")->empty());
}

TEST_F(VaultTest, PlaintextAndKeysAreInNoFileOfTheStore) {
  auto vault = std::move(*OpenVault());
  Add(*vault, kCanary);
  std::ifstream key_file(KeyFile(), std::ios::binary);
  const std::string key((std::istreambuf_iterator<char>(key_file)), {});
  ASSERT_EQ(key.size(), 32u);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(root_)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    EXPECT_EQ(bytes.find(kCanary), std::string::npos) << entry.path();
    EXPECT_EQ(bytes.find(key), std::string::npos) << entry.path();
    ++files;
  }
  EXPECT_GE(files, 2);
  EXPECT_EQ(json::serialize(*vault->DescribeKeys()).find("salt"), std::string::npos);
}

TEST_F(VaultTest, MovedOrChangedSecretsAreDamaged) {
  auto vault = std::move(*OpenVault());
  const auto damaged = [&](const std::function<void(store::SealedSecret&)>& change) {
    const std::string id = Add(*vault, kCanary);
    Tamper(id, change);
    auto revealed = vault->Reveal(Context(), id);
    return !revealed && revealed.error().code() == "vault.damaged" &&
           revealed.error().details().contains("field") &&
           json::serialize(revealed.error().ToJson()).find(kCanary) == std::string::npos;
  };
  EXPECT_TRUE(damaged([](auto& s) { s.version = 2; }));
  EXPECT_TRUE(damaged([](auto& s) { s.field = s.field == "token" ? "password" : "token"; }));
  for (size_t at : {0, 5, 20, 30}) {
    EXPECT_TRUE(damaged([&](auto& s) { s.ciphertext[at % s.ciphertext.size()] ^= 1; }));
    EXPECT_TRUE(damaged([&](auto& s) { s.wrapped_key[at % s.wrapped_key.size()] ^= 1; }));
    EXPECT_TRUE(damaged([&](auto& s) { s.nonce[at % s.nonce.size()] ^= 1; }));
  }
  // A secret of one connection put under another.
  const std::string from = Add(*vault, "theirs");
  const auto stolen = *store_->GetSecrets(from);
  EXPECT_TRUE(damaged([&](auto& s) {
    const auto& other = s.field == stolen[0].field ? stolen[0] : stolen[1];
    s.ciphertext = other.ciphertext;
    s.nonce = other.nonce;
    s.wrapped_key = other.wrapped_key;
  }));
}

TEST_F(VaultTest, WrongMissingAndExposedKeysAreOneClearError) {
  {
    ASSERT_TRUE(OpenVault());
  }
  const std::string path = KeyFile();
  const auto code = [&] {
    auto opened = OpenVault();
    if (opened) return std::string("opened");
    EXPECT_FALSE(opened.error().hints().empty());
    return opened.error().code();
  };
  EXPECT_EQ(code(), "opened");
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  EXPECT_EQ(code(), "vault.key_exposed");
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  std::filesystem::rename(path, path + ".away");
  EXPECT_EQ(code(), "vault.key_missing");
  std::ofstream(path, std::ios::binary) << std::string(32, 'k');
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  EXPECT_EQ(code(), "vault.wrong_key");
  std::ofstream(path, std::ios::binary | std::ios::trunc) << "short";
  EXPECT_EQ(code(), "vault.wrong_key");
  std::filesystem::rename(path + ".away", path);
  EXPECT_EQ(code(), "opened");
  auto other = Vault::Open(
      *store_, PassphraseKeyProvider(Secret("long enough"), PassphraseCost::kInteractive), clock_);
  EXPECT_EQ(other.error().code(), "vault.key_missing");
}

TEST_F(VaultTest, PassphraseOpensAndAWrongOneDoesNot) {
  const auto open = [&](std::string_view phrase) {
    return Vault::Open(*store_, PassphraseKeyProvider(Secret(phrase), PassphraseCost::kInteractive),
                       clock_);
  };
  EXPECT_EQ(open("short").error().code(), "vault.weak_passphrase");
  std::string id;
  {
    auto vault = open("correct horse battery");
    ASSERT_TRUE(vault) << vault.error().ToString();
    id = Add(**vault, kCanary);
  }
  const auto wrong = open("correct horse batterY");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code(), "vault.wrong_key");
  auto right = open("correct horse battery");
  ASSERT_TRUE(right);
  EXPECT_TRUE(Holds(**right, id, kCanary));
  ASSERT_TRUE((*right)->RotateKey(Context()));
  EXPECT_TRUE(Holds(**open("correct horse battery"), id, kCanary));
}

TEST_F(VaultTest, RotationRewrapsEverythingAndRetiresTheOldKey) {
  auto vault = std::move(*OpenVault());
  std::vector<std::string> ids;
  for (int i = 0; i < 100; ++i) ids.push_back(Add(*vault, fmt::format("secret-{}", i)));
  const auto before = store_->GetSecrets(ids[0])->front();
  const auto progress = vault->RotateKey(Context());
  ASSERT_TRUE(progress) << progress.error().ToString();
  EXPECT_TRUE(progress->finished);
  EXPECT_EQ(progress->done, 200);
  EXPECT_EQ(progress->total, 200);
  const auto after = store_->GetSecrets(ids[0])->front();
  EXPECT_EQ(after.ciphertext, before.ciphertext);
  EXPECT_NE(after.wrapped_key, before.wrapped_key);
  EXPECT_EQ(after.kek_id, progress->key_id);
  const auto keys = *store_->ListKeys();
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(std::ranges::count(keys, "retired", &store::KeyRecord::state), 1);
  std::filesystem::remove(root_ + "/keys/" + before.kek_id + ".key");
  auto reopened = OpenVault();
  ASSERT_TRUE(reopened) << reopened.error().ToString();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(Holds(**reopened, ids[i], fmt::format("secret-{}", i)));
  }
}

TEST_F(VaultTest, StoppedRotationGoesOn) {
  auto vault = std::move(*OpenVault());
  const std::string id = Add(*vault, kCanary);
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = vault->RotateKey(Context().WithStop(stop.get_token()));
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code(), "query.cancelled");
  const auto resumed = vault->ResumeRewrap(Context());
  ASSERT_TRUE(resumed);
  EXPECT_TRUE(resumed->finished);
  EXPECT_TRUE(Holds(*vault, id, kCanary));
}

TEST_F(VaultTest, CallersGoOnDuringRotation) {
  auto vault = std::move(*OpenVault());
  const std::string id = Add(*vault, kCanary);
  std::atomic<bool> done = false;
  std::atomic<int> read = 0;
  std::vector<std::string> added;
  {
    std::jthread reader([&] {
      while (!done) {
        ASSERT_TRUE(Holds(*vault, id, kCanary));
        ++read;
      }
    });
    std::jthread writer([&] {
      while (!done) added.push_back(Add(*vault, "fresh"));
    });
    while (read < 20) std::this_thread::yield();
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(vault->RotateKey(Context()));
    done = true;
  }
  ASSERT_TRUE(vault->ResumeRewrap(Context())->finished);
  EXPECT_EQ(*store_->CountSecretsNotWrappedBy(vault->Progress()->key_id), 0);
  for (const auto& one : added) ASSERT_TRUE(Holds(*vault, one, "fresh"));
}

TEST_F(VaultTest, KilledRotationLosesNoSecret) {
  std::vector<std::string> ids;
  {
    auto vault = std::move(*OpenVault());
    for (int i = 0; i < 120; ++i) ids.push_back(Add(*vault, fmt::format("secret-{}", i)));
  }
  store_.reset();
  std::mt19937 random(5);
  int interrupted = 0;
  for (int round = 0; round < 15; ++round) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto store = store::OpenSqliteStore(root_ + "/store.db");
      if (!store) _exit(3);
      auto vault = Vault::Open(**store, FileKeyProvider(root_ + "/keys"), clock_);
      if (!vault) _exit(4);
      for (int i = 0; i < 100'000; ++i) {
        if (!(*vault)->RotateKey(Context())) _exit(5);
      }
      _exit(6);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(5'000 + random() % 40'000));
    kill(child, SIGKILL);
    int how = 0;
    ASSERT_EQ(waitpid(child, &how, 0), child);
    ASSERT_TRUE(WIFSIGNALED(how)) << "the rotation failed by itself: " << WEXITSTATUS(how);

    store_ = std::move(*store::OpenSqliteStore(root_ + "/store.db"));
    {
      auto vault = OpenVault();
      ASSERT_TRUE(vault) << vault.error().ToString();
      if (!(*vault)->Progress()->finished) ++interrupted;
      for (int i = 0; i < 120; ++i) {
        ASSERT_TRUE(Holds(**vault, ids[i], fmt::format("secret-{}", i))) << "round " << round;
      }
      if (round % 2 == 0) {
        const auto resumed = (*vault)->ResumeRewrap(Context());
        ASSERT_TRUE(resumed);
        ASSERT_TRUE(resumed->finished);
      }
    }
    store_.reset();
  }
  EXPECT_GT(interrupted, 0);
}

}  // namespace
}  // namespace nstarx::vault
