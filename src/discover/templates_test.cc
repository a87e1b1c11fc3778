#include "discover/templates.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "store/sqlite/sqlite_store.h"

namespace nstarx::discover {
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
      "token": {"type": "string", "x-secret": true}}}]},
  "templates": [{"id": "cloud", "title": "Toy Cloud", "configuration": {"host": "<name>.toys.example.com", "port": 7},
                 "ssl": {"enabled": true, "mode": "verify-full"}, "hints": ["Open the port."]}]})";

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

Context As(std::string id, Role role) {
  return {Principal{.id = id, .name = id, .role = role, .scopes = {"*"}}, "req_1"};
}

json::object Parse(std::string_view text) { return json::parse(text).as_object(); }

class TemplatesTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ =
        std::filesystem::temp_directory_path() / ("templates_test_" + std::to_string(getpid()));
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    store_ = *store::OpenSqliteStore(directory_ / "nstarx.db");
    vault_ = *vault::Vault::Open(*store_, vault::FileKeyProvider(directory_ / "keys"), clock_);
    journal_ = *audit::Journal::Open(directory_ / "audit", clock_);
    registry_ = registry::Registry::Make(*store_, *vault_, connectors_, *journal_, clock_);
    templates_ = Templates::Make(*store_, *registry_, connectors_, *journal_, clock_);
  }
  void TearDown() override {
    templates_.reset();
    registry_.reset();
    journal_.reset();
    vault_.reset();
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  std::string Refused(std::string_view body) {
    const auto made = templates_->Create(owner_, Parse(body));
    return made ? std::string("none") : made.error().code();
  }
  Result<json::object> Applied(const Context& context, std::string_view draft) {
    return templates_->Apply(context, Parse(draft));
  }

  std::filesystem::path directory_;
  SystemClock clock_;
  connector::ConnectorTable connectors_{Toys()};
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<vault::Vault> vault_;
  std::unique_ptr<audit::Journal> journal_;
  std::unique_ptr<registry::Registry> registry_;
  std::unique_ptr<Templates> templates_;
  Context owner_ = As("owner", Role::kEditor);
  Context other_ = As("other", Role::kEditor);
};

TEST_F(TemplatesTest, LiesBeneathADraft) {
  const auto made = templates_->Create(owner_, Parse(R"({"name": "corp", "type": "toy",
      "configuration": {"host": "<team>.db", "port": 9}, "tags": ["corp"],
      "authentication": {"type": "basic", "username": "svc"}, "pooling": {"maxSize": 3}})"));
  ASSERT_TRUE(made) << made.error().ToString();
  EXPECT_EQ(made->at("version"), 1);
  auto draft = Applied(owner_, R"({"name": "a", "template": "corp"})");
  ASSERT_FALSE(draft);
  EXPECT_EQ(draft.error().code(), "template.placeholder_left");
  EXPECT_EQ(GetString(draft.error().details(), "field"), "configuration.host");
  draft = Applied(owner_, R"({"name": "a", "template": "CORP", "config": {"host": "sales.db"},
                             "authentication": {"password": "p"}, "tags": ["mine"]})");
  ASSERT_TRUE(draft) << draft.error().ToString();
  EXPECT_EQ(json::serialize(draft->at("configuration")), R"({"host":"sales.db","port":9})");
  EXPECT_EQ(json::serialize(draft->at("authentication")),
            R"({"type":"basic","username":"svc","password":"p"})");
  EXPECT_EQ(json::serialize(draft->at("tags")), R"(["mine"])");
  EXPECT_TRUE(registry_->Create(owner_, *model::DraftFromJson(*draft)));
  // Another way to log in takes nothing of the template's.
  draft = Applied(owner_, R"({"name": "b", "template": "corp", "configuration": {"host": "h"},
                             "authentication": {"type": "token", "token": "t"}})");
  ASSERT_TRUE(draft);
  EXPECT_EQ(json::serialize(draft->at("authentication")), R"({"type":"token","token":"t"})");
  EXPECT_EQ(Applied(owner_, R"({"template": "corp", "type": "postgresql"})").error().code(),
            "template.other_type");
  EXPECT_EQ(Applied(owner_, R"({"template": 7})").error().code(), "config.wrong_type");
  EXPECT_EQ(Applied(owner_, R"({"name": "c"})")->size(), 1U);
}

TEST_F(TemplatesTest, VariantsOfATypeAreTemplatesToo) {
  const auto draft =
      Applied(owner_, R"({"name": "a", "template": "toy/cloud", "configuration": {"host": "h"}})");
  ASSERT_TRUE(draft) << draft.error().ToString();
  EXPECT_EQ(draft->at("configuration").at("port"), 7);
  EXPECT_EQ(GetString(draft->at("ssl").as_object(), "mode"), "verify-full");
  EXPECT_EQ(Applied(owner_, R"({"template": "toy/moon"})").error().code(), "template.not_found");
  EXPECT_EQ(Applied(owner_, R"({"template": "teddy/x"})").error().code(), "template.not_found");
  EXPECT_EQ(templates_->Delete(owner_, "toy/cloud").error().code(), "template.built_in");
  EXPECT_EQ(templates_->Update(owner_, "toy/cloud", {}, 0).error().code(), "template.built_in");
  EXPECT_EQ(templates_->List(owner_, "toy")->size(), 1U);
  EXPECT_EQ(templates_->List(owner_, "other")->size(), 0U);
}

TEST_F(TemplatesTest, HoldsNoSecretAndNothingUnknown) {
  EXPECT_EQ(Refused(R"({"name": "t", "type": "toy", "authentication": {"password": "x"}})"),
            "config.secret_in_template");
  EXPECT_EQ(Refused(R"({"name": "t", "type": "toy",
                        "configuration": {"additionalParams": {"api_key": "x"}}})"),
            "config.secret_in_template");
  EXPECT_EQ(Refused(R"({"name": "t", "type": "toy", "configuration": {"hots": "x"}})"),
            "config.unknown_field");
  EXPECT_EQ(Refused(R"({"name": "t", "type": "toy", "configuration": {"port": 0}})"),
            "config.out_of_range");
  EXPECT_EQ(Refused(R"({"name": "t", "type": "toy", "ssl": {"mode": "loose"}})"),
            "config.wrong_type");
  EXPECT_EQ(Refused(R"({"name": "t", "type": "bear"})"), "config.unknown_type");
  EXPECT_EQ(Refused(R"({"name": "t"})"), "config.missing_field");
  EXPECT_EQ(Refused(R"({"name": "a/b", "type": "toy"})"), "config.bad_name");
  EXPECT_EQ(templates_->Create(As("viewer", Role::kViewer), Parse(R"({"name":"t","type":"toy"})"))
                .error()
                .code(),
            "access.denied");
}

TEST_F(TemplatesTest, IsSharedAsConnectionsAre) {
  ASSERT_TRUE(templates_->Create(owner_, Parse(R"({"name": "mine", "type": "toy"})")));
  EXPECT_EQ(templates_->Get(other_, "mine").error().code(), "template.not_found");
  EXPECT_EQ(templates_->List(other_, "toy")->size(), 1U);
  EXPECT_EQ(templates_->Create(other_, Parse(R"({"name": "Mine", "type": "toy"})")).error().code(),
            "template.name_taken");
  const auto shared = templates_->Update(
      owner_, "mine", Parse(R"({"sharing": {"scope": "organization"}, "name": "ours"})"), 1);
  ASSERT_TRUE(shared) << shared.error().ToString();
  EXPECT_EQ(shared->at("version"), 2);
  EXPECT_TRUE(templates_->Get(other_, "ours"));
  EXPECT_EQ(templates_->Update(other_, "ours", Parse("{}"), 0).error().code(), "access.denied");
  EXPECT_EQ(templates_->Delete(other_, "ours").error().code(), "access.denied");
  EXPECT_EQ(templates_->Update(owner_, "ours", Parse("{}"), 1).error().code(),
            "template.version_conflict");
  EXPECT_TRUE(templates_->Delete(As("root", Role::kAdmin), "ours"));
  EXPECT_EQ(templates_->Get(owner_, "ours").error().code(), "template.not_found");
}

TEST_F(TemplatesTest, StartsFromAConnectionWithoutItsSecrets) {
  const auto draft =
      Parse(R"({"name": "one", "type": "toy", "configuration": {"host": "h", "port": 5},
      "authentication": {"username": "u", "password": "canary"}})");
  ASSERT_TRUE(registry_->Create(owner_, *model::DraftFromJson(draft)));
  const auto made = templates_->Create(
      owner_,
      Parse(R"({"name": "like one", "connection": "one", "configuration": {"host": null}})"));
  ASSERT_TRUE(made) << made.error().ToString();
  EXPECT_EQ(json::serialize(made->at("configuration")), R"({"port":5})");
  EXPECT_EQ(json::serialize(*made).find("canary"), std::string::npos);
  EXPECT_EQ(json::serialize(made->at("authentication")), R"({"username":"u","type":"basic"})");
  EXPECT_EQ(
      templates_->Create(other_, Parse(R"({"name": "x", "connection": "one"})")).error().code(),
      "connection.not_found");
}

}  // namespace
}  // namespace nstarx::discover
