#include "registry/registry.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "registry/patching.h"
#include "store/sqlite/sqlite_store.h"

namespace nstarx::registry {
namespace {

constexpr std::string_view kSpec = R"({
  "type": "toy", "title": "Toy", "family": "relational", "default_port": 1, "schemes": ["toy"], "capabilities": ["query"],
  "tls": {"default_mode": ""},
  "configuration": {"required": ["host"], "properties": {
    "host": {"type": "string", "x-uri": "host"},
    "port": {"type": "integer", "minimum": 1, "maximum": 65535, "default": 1}}},
  "authentication": {"oneOf": [
    {"title": "Password", "required": ["username", "password"], "properties": {"type": {"const": "basic"},
      "username": {"type": "string"}, "password": {"type": "string", "x-secret": true}}},
    {"title": "Token", "required": ["token"], "properties": {"type": {"const": "token"},
      "token": {"type": "string", "x-secret": true}}}]}})";

class ToyConnector final : public connector::Connector {
 public:
  const connector::Spec& spec() const override { return spec_; }
  Result<std::unique_ptr<connector::Session>> Open(const Context&,
                                                   const connector::OpenRequest&) override {
    return Unavailable("tcp.refused", "a toy opens nothing");
  }

 private:
  connector::Spec spec_ = *connector::Spec::Parse(kSpec);
};

std::vector<std::unique_ptr<connector::Connector>> Toys() {
  std::vector<std::unique_ptr<connector::Connector>> out;
  out.push_back(std::make_unique<ToyConnector>());
  return out;
}

Context As(std::string id, Role role, std::vector<std::string> teams = {}) {
  return {Principal{.id = id, .name = id, .role = role, .teams = std::move(teams), .scopes = {"*"}},
          "req_1"};
}

class RegistryTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ =
        std::filesystem::temp_directory_path() / ("registry_test_" + std::to_string(getpid()));
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    store_ = *store::OpenSqliteStore(directory_ / "nstarx.db");
    vault_ = *vault::Vault::Open(*store_, vault::FileKeyProvider(directory_ / "keys"), clock_);
    journal_ = *audit::Journal::Open(directory_ / "audit", clock_);
    registry_ = Registry::Make(*store_, *vault_, connectors_, *journal_, clock_);
  }
  void TearDown() override {
    registry_.reset();
    journal_.reset();
    vault_.reset();
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  model::Connection Create(const std::string& name, std::string_view extra = "{}") {
    json::value body = json::parse(R"({"type":"toy","configuration":{"host":"h"},
        "authentication":{"username":"u","password":"first"}})");
    body.as_object()["name"] = name;
    MergePatch(body, json::parse(extra));
    auto created = registry_->Create(owner_, *model::DraftFromJson(body.as_object()));
    EXPECT_TRUE(created) << created.error().ToString();
    return *created;
  }

  std::string Password(std::string_view ref) {
    auto resolved = registry_->Resolve(owner_, ref, access::Permission::kUse);
    EXPECT_TRUE(resolved) << resolved.error().ToString();
    return std::string(resolved->secrets.at("password").Reveal());
  }

  std::filesystem::path directory_;
  SystemClock clock_;
  connector::ConnectorTable connectors_{Toys()};
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<vault::Vault> vault_;
  std::unique_ptr<audit::Journal> journal_;
  std::unique_ptr<Registry> registry_;
  Context owner_ = As("owner", Role::kEditor);
};

TEST_F(RegistryTest, CreatesUpdatesAndRollsBackWithoutLosingSecrets) {
  const auto created = Create("one");
  EXPECT_EQ(Password("one"), "first");
  auto updated = registry_->Update(owner_, "one",
                                   json::parse(R"({"configuration":{"port":9}})").as_object(), 1);
  ASSERT_TRUE(updated) << updated.error().ToString();
  EXPECT_EQ(updated->version, 2);
  EXPECT_EQ(Password("one"), "first");
  updated = registry_->Update(
      owner_, "one",
      json::parse(R"({"authentication":{"password":"second"},"name":"uno"})").as_object(), 2);
  ASSERT_TRUE(updated) << updated.error().ToString();
  EXPECT_EQ(updated->authentication.secrets.at(0).version, 2);
  EXPECT_EQ(Password("uno"), "second");
  EXPECT_EQ(registry_->Get(owner_, "one").error().code(), "connection.not_found");
  auto back = registry_->Rollback(owner_, created.id, 1);
  ASSERT_TRUE(back) << back.error().ToString();
  EXPECT_EQ(back->version, 4);
  EXPECT_EQ(back->name, "one");
  EXPECT_FALSE(back->configuration.contains("port"));
  EXPECT_EQ(Password("one"), "second");
  EXPECT_EQ(registry_->Versions(owner_, "one")->size(), 4u);
}

TEST_F(RegistryTest, SendingBackWhatWasReadKeepsTheSecret) {
  const auto created = Create("one");
  json::object shown = model::ToJson(created);
  const json::object patch{{"configuration", shown["configuration"]},
                           {"authentication", shown["authentication"]}};
  const auto updated = registry_->Update(owner_, "one", patch, 0);
  ASSERT_TRUE(updated) << updated.error().ToString();
  EXPECT_EQ(Password("one"), "first");
}

TEST_F(RegistryTest, AnotherMethodDropsTheOldSecrets) {
  Create("one");
  const auto updated = registry_->Update(
      owner_, "one", json::parse(R"({"authentication":{"type":"token","token":"t"}})").as_object(),
      0);
  ASSERT_TRUE(updated) << updated.error().ToString();
  const auto resolved = registry_->Resolve(owner_, "one", access::Permission::kUse);
  ASSERT_TRUE(resolved);
  EXPECT_FALSE(resolved->secrets.contains("password"));
  EXPECT_EQ(resolved->secrets.at("token").Reveal(), "t");
}

TEST_F(RegistryTest, ConflictsAndNames) {
  Create("one");
  EXPECT_EQ(registry_->Update(owner_, "one", {{"description", "x"}}, 7).error().code(),
            "connection.version_conflict");
  EXPECT_EQ(registry_->Update(owner_, "one", {{"type", "x"}}, 0).error().code(),
            "config.read_only_field");
  EXPECT_EQ(registry_->Update(owner_, "one", {{"nmae", "x"}}, 0).error().code(),
            "config.unknown_field");
  json::object again = json::parse(R"({"name":"one","type":"toy","configuration":{"host":"h"},
      "authentication":{"username":"u","password":"p"}})")
                           .as_object();
  EXPECT_EQ(registry_->Create(owner_, *model::DraftFromJson(again)).error().code(),
            "connection.name_taken");
  for (const char* bad : {"", " a", "a/b", "test", "con_1", "a\nb"})
    EXPECT_FALSE(CheckName(bad)) << bad;
  EXPECT_TRUE(CheckName("données 1.2_x-y"));
}

TEST_F(RegistryTest, ArchivedCannotBeUsedUntilRestored) {
  Create("one");
  ASSERT_TRUE(registry_->Archive(owner_, "one"));
  EXPECT_EQ(registry_->Admit(owner_, "one", access::Permission::kUse).error().code(),
            "connection.archived");
  ASSERT_TRUE(registry_->Restore(owner_, "one"));
  EXPECT_TRUE(registry_->Admit(owner_, "one", access::Permission::kUse));
}

TEST_F(RegistryTest, OthersDoNotSeePrivateOnes) {
  Create("mine");
  Create("ours", R"({"sharing":{"scope":"organization"}})");
  const Context other = As("other", Role::kUser);
  EXPECT_EQ(registry_->Get(other, "mine").error().code(), "connection.not_found");
  EXPECT_TRUE(registry_->Get(other, "ours"));
  EXPECT_EQ(registry_->Update(other, "ours", {{"description", "x"}}, 0).error().code(),
            "access.denied");
  EXPECT_EQ(registry_->List(other, {})->items.size(), 1u);
  EXPECT_EQ(registry_->Create(other, *model::DraftFromJson({{"name", "x"}, {"type", "toy"}}))
                .error()
                .code(),
            "access.denied");
}

TEST_F(RegistryTest, VariablesAreResolvedOnUseAndSecretsToo) {
  setenv("REGISTRY_TEST_HOST", "from-env", 1);
  setenv("REGISTRY_TEST_PASSWORD", "from-env-too", 1);
  Create("env", R"({"configuration":{"host":"${REGISTRY_TEST_HOST}"},
                    "authentication":{"password":"${REGISTRY_TEST_PASSWORD}"}})");
  const auto resolved = registry_->Resolve(owner_, "env", access::Permission::kUse);
  ASSERT_TRUE(resolved);
  EXPECT_EQ(resolved->endpoints.at(0).host, "from-env");
  EXPECT_EQ(resolved->secrets.at("password").Reveal(), "from-env-too");
  EXPECT_EQ(registry_->Get(owner_, "env")->configuration.at("host").as_string(),
            "${REGISTRY_TEST_HOST}");
  unsetenv("REGISTRY_TEST_HOST");
  EXPECT_EQ(registry_->Resolve(owner_, "env", access::Permission::kUse).error().code(),
            "config.unset_variable");
}

TEST_F(RegistryTest, DeniedAndChangedAreInTheJournal) {
  Create("one");
  (void)registry_->Delete(As("other", Role::kViewer), "one");
  ASSERT_TRUE(registry_->Delete(owner_, "one"));
  ASSERT_TRUE(journal_->Flush());
  const auto entries = journal_->List({});
  ASSERT_TRUE(entries);
  std::vector<std::string> seen;
  for (const auto& entry : *entries)
    seen.push_back(std::string(GetString(entry, "action")) + " " +
                   std::string(GetString(entry, "outcome")));
  EXPECT_EQ(seen, (std::vector<std::string>{"connection.delete ok", "connection.delete denied",
                                            "connection.create ok"}));
}

}  // namespace
}  // namespace nstarx::registry
