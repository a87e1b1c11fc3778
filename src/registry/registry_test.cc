#include "registry/registry.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>

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

TEST_F(RegistryTest, HiddenAndMissingLookTheSame) {
  const auto hidden = Create("hidden");
  const Context other = As("other", Role::kEditor);
  const auto told = [&](const std::string& ref) {
    std::vector<Error> errors;
    const auto take = [&](const auto& result) { errors.push_back(result.error()); };
    take(registry_->Get(other, ref));
    take(registry_->Update(other, ref, {{"description", "x"}}, 0));
    take(registry_->Update(other, ref, {{"sharing", json::object()}}, 0));
    take(registry_->Versions(other, ref));
    take(registry_->Rollback(other, ref, 1));
    take(registry_->Archive(other, ref));
    take(registry_->Restore(other, ref));
    take(registry_->Delete(other, ref));
    take(registry_->Resolve(other, ref, access::Permission::kTest));
    take(registry_->Admit(other, ref, access::Permission::kUse));
    std::string out;
    for (const Error& error : errors) {
      std::string text = json::serialize(error.ToJson()) + "\n";
      for (size_t at = text.find(ref); at != std::string::npos; at = text.find(ref)) {
        text.replace(at, ref.size(), "REF");
      }
      out += text;
    }
    return out;
  };
  const std::string missing = told("no-such-name");
  EXPECT_EQ(told("hidden"), missing);
  EXPECT_EQ(told(hidden.id), missing);
  EXPECT_NE(missing.find("connection.not_found"), std::string::npos);
}

TEST_F(RegistryTest, CacheFollowsEveryWriteWhateverTheCase) {
  const auto one = Create("One");
  const auto host = [&](std::string_view ref) {
    const auto row = registry_->Admit(owner_, ref, access::Permission::kUse);
    return row ? std::string((*row)->configuration.at("host").as_string()) : row.error().code();
  };
  const std::vector<std::string> refs = {"One", "one", "ONE", one.id};
  for (const auto& ref : refs) EXPECT_EQ(host(ref), "h");
  const json::object patch = json::parse(R"({"configuration":{"host":"h2"}})").as_object();
  ASSERT_TRUE(registry_->Update(owner_, "one", patch, 0));
  for (const auto& ref : refs) EXPECT_EQ(host(ref), "h2");
  ASSERT_TRUE(registry_->Update(owner_, "ONE", {{"name", "Two"}}, 0));
  EXPECT_EQ(host("one"), "connection.not_found");
  EXPECT_EQ(host("two"), "h2");
  ASSERT_TRUE(registry_->Rollback(owner_, "TWO", 1));
  EXPECT_EQ(host("two"), "connection.not_found");
  EXPECT_EQ(host("oNe"), "h");
  ASSERT_TRUE(registry_->Archive(owner_, "ONE"));
  for (const auto& ref : refs) EXPECT_EQ(host(ref), "connection.archived");
  ASSERT_TRUE(registry_->Delete(owner_, "one"));
  for (const auto& ref : refs) EXPECT_EQ(host(ref), "connection.not_found");
}

TEST_F(RegistryTest, SecretsOfAdditionalParamsStayAndGo) {
  const auto made = Create(
      "extra", R"({"configuration":{"additionalParams":{"api_key":"canary-1","level":"x"}}})");
  const auto has = [&](std::string_view secret) {
    return registry_->Resolve(owner_, "extra", access::Permission::kUse)->secrets.contains(secret);
  };
  EXPECT_TRUE(has("additionalParams.api_key"));
  json::object shown = model::ToJson(made);
  EXPECT_EQ(json::serialize(shown).find("canary-1"), std::string::npos);
  const auto same = registry_->Update(
      owner_, "extra",
      {{"configuration", shown["configuration"]}, {"authentication", shown["authentication"]}}, 0);
  ASSERT_TRUE(same) << same.error().ToString();
  EXPECT_TRUE(has("additionalParams.api_key"));
  ASSERT_TRUE(registry_->Update(
      owner_, "extra",
      json::parse(R"({"configuration":{"additionalParams":{"api_key":null}}})").as_object(), 0));
  EXPECT_FALSE(has("additionalParams.api_key"));
  EXPECT_TRUE(has("password"));
}

TEST_F(RegistryTest, RefusedChangesLeaveNoTrace) {
  Create("taken");
  Create("one");
  const auto refused = [&](std::string_view patch) {
    const auto updated = registry_->Update(owner_, "one", json::parse(patch).as_object(), 0);
    return updated ? "ok" : updated.error().code();
  };
  EXPECT_EQ(refused(R"({"name":"TAKEN","authentication":{"password":"second"}})"),
            "connection.name_taken");
  EXPECT_EQ(refused(R"({"authentication":{"password":"second"},"configuration":{"port":0}})"),
            "config.out_of_range");
  EXPECT_EQ(refused(R"({"authentication":{"password":null}})"), "config.missing_field");
  EXPECT_EQ(refused(R"({"authentication":{"password":7}})"), "config.wrong_type");
  EXPECT_EQ(refused(R"({"configuration":null})"), "config.wrong_type");
  EXPECT_EQ(refused(R"({"metadata":{"owner":"me"}})"), "config.read_only_field");
  EXPECT_EQ(Password("one"), "first");
  EXPECT_EQ(registry_->Get(owner_, "one")->version, 1);
  EXPECT_EQ(registry_->Versions(owner_, "one")->size(), 1u);
}

TEST_F(RegistryTest, SharingIsAPermissionOfItsOwn) {
  Create("one", R"({"sharing":{"permissions":[
      {"subject":"user:sharer","permissions":["share"]},
      {"subject":"user:editor","permissions":["edit"]}]}})");
  const json::object sharing = json::parse(R"({"sharing":{"scope":"organization"}})").as_object();
  json::object both = sharing;
  both["description"] = "x";
  const Context sharer = As("sharer", Role::kEditor);
  const Context editor = As("editor", Role::kEditor);
  EXPECT_EQ(registry_->Update(sharer, "one", both, 0).error().code(), "access.denied");
  EXPECT_EQ(registry_->Update(editor, "one", sharing, 0).error().code(), "access.denied");
  EXPECT_TRUE(registry_->Update(editor, "one", {{"description", "x"}}, 0));
  EXPECT_TRUE(registry_->Update(sharer, "one", sharing, 0));
}

TEST_F(RegistryTest, ScopesOfTheKeyHoldForListsToo) {
  Create("one");
  Principal capped = owner_.principal();
  capped.key_id = "key_1";
  capped.scopes = {"data:use"};
  const Context context(capped, "r");
  EXPECT_EQ(registry_->List(context, {}).error().code(), "access.denied");
  EXPECT_EQ(registry_->Get(context, "one").error().code(), "access.denied");
  EXPECT_TRUE(registry_->Admit(context, "one", access::Permission::kUse));
}

TEST_F(RegistryTest, ListShowsExactlyWhatIsVisible) {
  const Context admin = As("root", Role::kAdmin);
  const char* sharings[] = {R"({"scope":"private"})",
                            R"({"scope":"organization"})",
                            R"({"scope":"team","team":"data"})",
                            R"({"scope":"team","team":"Data"})",
                            R"({"permissions":[{"subject":"user:ann","permissions":["view"]}]})",
                            R"({"permissions":[{"subject":"user:ann","permissions":[]}]})",
                            R"({"permissions":[{"subject":"team:data","permissions":["manage"]}]})",
                            R"({"permissions":[{"subject":"user:data","permissions":["use"]},
                         {"subject":"team:ann","permissions":["use"]}]})"};
  for (size_t i = 0; i < std::size(sharings); ++i) {
    json::value extra = json::object();
    extra.as_object()["sharing"] = json::parse(sharings[i]);
    Create("c" + std::to_string(i), json::serialize(extra));
  }
  for (const Context& caller :
       {admin, owner_, As("ann", Role::kViewer), As("bob", Role::kEditor, {"data"}),
        As("data", Role::kUser, {"ann", "ops"}), As("nobody", Role::kUser)}) {
    std::vector<std::string> visible;
    for (const auto& row : registry_->List(admin, {})->items) {
      const auto decision = access::Decide(caller.principal(), access::Permission::kView, &row);
      EXPECT_EQ(decision.visible, decision.allowed);
      if (decision.visible) visible.push_back(row.name);
    }
    std::vector<std::string> listed;
    for (const auto& row : registry_->List(caller, {})->items) listed.push_back(row.name);
    EXPECT_EQ(listed, visible) << caller.principal().name;
  }
}

TEST_F(RegistryTest, ConcurrentUpdatesAllLand) {
  Create("one");
  constexpr int kThreads = 4;
  constexpr int kEach = 8;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kEach; ++i) {
          json::object patch;
          patch["configuration"] = json::object{{"port", 1 + t * kEach + i}};
          const auto updated = registry_->Update(owner_, "one", patch, 0);
          EXPECT_TRUE(updated) << updated.error().ToString();
          const auto seen = registry_->Admit(owner_, "one", access::Permission::kUse);
          EXPECT_TRUE(seen && (*seen)->version >= updated->version);
        }
      });
    }
  }
  EXPECT_EQ(registry_->Get(owner_, "one")->version, 1 + kThreads * kEach);
  EXPECT_EQ(registry_->Versions(owner_, "one")->size(), size_t{1} + kThreads * kEach);
}

TEST_F(RegistryTest, AdmissionCostsNanoseconds) {
  Create("one", R"({"sharing":{"scope":"organization"}})");
  const Context other = As("other", Role::kUser);
  constexpr int kRounds = 200'000;
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < kRounds; ++i) {
    ASSERT_TRUE(registry_->Admit(other, "one", access::Permission::kUse));
  }
  const double ns =
      std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begun).count() /
      kRounds;
  std::printf("an admission from the cache takes %.0f ns\n", ns);
  EXPECT_LT(ns, 50'000);
}

TEST_F(RegistryTest, SecretsAreInNoAnswerAndNoJournal) {
  const std::string canary = "canary-5f3a";
  Create("one", R"({"authentication":{"password":"canary-5f3a"}})");
  ASSERT_TRUE(registry_->Update(owner_, "one", {{"description", "d"}}, 0));
  std::string everything;
  everything += json::serialize(model::ToJson(*registry_->Get(owner_, "one")));
  for (const auto& version : *registry_->Versions(owner_, "one")) {
    everything += json::serialize(model::ToJson(version.connection));
  }
  ASSERT_TRUE(journal_->Flush());
  for (const auto& entry : *journal_->List({})) everything += json::serialize(entry);
  json::object bad = json::parse(R"({"authentication":{"password":"canary-5f3a","pasword":"x"},
      "configuration":{"port":"canary-5f3a"}})")
                         .as_object();
  bad["configuration"].as_object()["port"] = 0;
  everything += json::serialize(registry_->Update(owner_, "one", bad, 0).error().ToJson());
  EXPECT_EQ(everything.find(canary), std::string::npos);
  EXPECT_EQ(Password("one"), canary);
}

}  // namespace
}  // namespace nstarx::registry
