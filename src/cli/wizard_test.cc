#include "cli/wizard.h"

#include "cli/scripted.h"

namespace nstarx::cli {
namespace {

constexpr const char* kTypes = R"({"items": [
  {"type": "mysql", "title": "MySQL/MariaDB"}, {"type": "postgresql", "title": "PostgreSQL"},
  {"type": "s3", "title": "AWS S3"}], "next": null})";

constexpr const char* kSpec = R"({"type": "postgresql", "title": "PostgreSQL",
  "tls": {"default_mode": "require"},
  "configuration": {"required": ["host", "database"], "properties": {
    "port": {"type": "integer", "title": "Port", "default": 5432, "x-order": 2},
    "host": {"type": "string", "title": "Host", "x-order": 1},
    "database": {"type": "string", "title": "Database", "x-order": 3},
    "read_only": {"type": "boolean", "title": "Read only", "default": false, "x-order": 4,
                  "x-group": "advanced"}}},
  "authentication": {"oneOf": [
    {"title": "Password", "required": ["username", "password"], "properties": {
      "type": {"const": "basic"}, "username": {"type": "string", "title": "User"},
      "password": {"type": "string", "title": "Password", "x-secret": true}}},
    {"title": "Certificate", "properties": {"type": {"const": "certificate"}}}]},
  "templates": []})";

constexpr const char* kGood = R"({"status": "ok", "stages": [
  {"stage": "login", "status": "ok", "ms": 3.25, "facts": {"user": "app"}}]})";
constexpr const char* kBad = R"({"status": "failed", "stages": [
  {"stage": "tcp", "status": "ok", "ms": 0.1},
  {"stage": "login", "status": "failed", "ms": 2, "code": "auth.wrong_password",
   "detail": "the password is wrong", "hints": ["Check the password."]},
  {"stage": "query", "status": "skipped", "ms": 0}]})";

class WizardTest : public testing::Test {
 protected:
  WizardTest() {
    api_.OnJson("GET /connection-types", kTypes);
    api_.OnJson("GET /connection-types/postgresql", kSpec);
    api_.OnJson("POST /connections/test", kGood);
    api_.OnJson("POST /connections", R"({"name": "sales"})");
  }

  Result<int> Run(json::object draft = {}) { return Wizard(session_, api_).Run(std::move(draft)); }
  void Answer(std::string part, std::deque<std::string> answers) {
    console_.script.emplace_back(std::move(part), std::move(answers));
  }
  void AnswerAll() {
    Answer("Type", {"postgresql"});
    Answer("Host", {"db.example.com"});
    Answer("Database", {"sales"});
    Answer("User", {"app"});
    Answer("Password", {"hunter2"});
  }
  json::object Saved() {
    for (const Request& request : api_.sent) {
      if (request.method == "POST" && request.path == "/connections") {
        return ParseJson(request.body)->as_object();
      }
    }
    return {};
  }

  ScriptedConsole console_;
  FakeApi api_;
  const Arguments globals_;
  const ServeCommand serve_;
  Session session_{console_, globals_, serve_};
};

TEST_F(WizardTest, AsksTestsAndSaves) {
  AnswerAll();
  Answer("Name", {"sales db"});
  Answer("Tags", {"nightly, finance"});
  Answer("Who may use", {"organization"});
  const auto code = Run();
  ASSERT_TRUE(code) << code.error().ToString();
  EXPECT_EQ(*code, 0);
  const json::object expected = {
      {"type", "postgresql"},
      {"name", "sales db"},
      {"configuration", {{"host", "db.example.com"}, {"database", "sales"}}},
      {"authentication", {{"type", "basic"}, {"username", "app"}, {"password", "hunter2"}}},
      {"ssl", {{"enabled", true}, {"mode", "require"}}},
      {"metadata", {{"tags", {"nightly", "finance"}}}},
      {"sharing", {{"scope", "organization"}}}};
  EXPECT_EQ(Saved(), expected) << console_.out;
  EXPECT_EQ(console_.out.find("hunter2"), std::string::npos);
  EXPECT_NE(console_.out.find("✓ login"), std::string::npos);
}

TEST_F(WizardTest, FieldsComeInTheSpecsOrder) {
  AnswerAll();
  ASSERT_TRUE(Run());
  std::string order;
  for (const std::string& prompt : console_.asked) {
    for (const char* field : {"(host)", "(port)", "(database)", "(username)", "(password)"}) {
      if (prompt.find(field) != prompt.npos) order += field;
    }
  }
  EXPECT_EQ(order, "(host)(port)(database)(username)(password)");
}

TEST_F(WizardTest, AWrongTypeGetsASuggestion) {
  Answer("Type", {"postgrsql", "2"});
  AnswerAll();
  ASSERT_TRUE(Run());
  EXPECT_NE(console_.out.find("Did you mean postgresql?"), std::string::npos);
  EXPECT_EQ(CellAt(Saved(), "type"), "postgresql");
}

TEST_F(WizardTest, AWrongNumberIsAskedAgain) {
  AnswerAll();
  Answer("Port", {"fivethousand", "5433"});
  ASSERT_TRUE(Run());
  EXPECT_EQ(CellAt(Saved(), "configuration.port"), "5433");
  EXPECT_TRUE(Saved().at("configuration").at("port").is_int64());
}

TEST_F(WizardTest, AFailedLoginLetsThePasswordBeFixed) {
  Answer("Password", {"wrong"});
  AnswerAll();
  int tests = 0;
  api_.On("POST /connections/test", [&](const Request&) {
    return Result<nstarx::cli::Answer>(
        nstarx::cli::Answer{.status = 200, .headers = {}, .body = ++tests == 1 ? kBad : kGood});
  });
  ASSERT_TRUE(Run());
  EXPECT_EQ(tests, 2);
  EXPECT_EQ(CellAt(Saved(), "authentication.password"), "hunter2");
  EXPECT_EQ(CellAt(Saved(), "authentication.username"), "app") << "kept by Enter";
  EXPECT_NE(console_.out.find("auth.wrong_password"), std::string::npos);
  EXPECT_NE(console_.out.find("• Check the password."), std::string::npos);
}

TEST_F(WizardTest, QuittingAfterAFailedTestSavesNothing) {
  AnswerAll();
  api_.OnJson("POST /connections/test", kBad);
  Answer("What now", {"quit"});
  const auto code = Run();
  ASSERT_TRUE(code);
  EXPECT_EQ(*code, kExitNo);
  EXPECT_TRUE(Saved().empty());
}

TEST_F(WizardTest, HangingUpSavesNothing) {
  AnswerAll();
  Answer("TLS", {"require"});
  console_.hang_up = true;
  const auto code = Run();
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code(), "client.input_ended");
  EXPECT_TRUE(Saved().empty());
}

TEST_F(WizardTest, ATakenNameIsAskedAgain) {
  AnswerAll();
  Answer("Name of the connection", {"taken"});
  Answer("Another name", {"free"});
  api_.On("POST /connections", [](const Request& request) -> Result<nstarx::cli::Answer> {
    if (request.body.find("taken") != std::string::npos) {
      return Error(ErrorKind::kAlreadyExists, "connection.name_taken", "there is one already");
    }
    return nstarx::cli::Answer{.status = 201, .headers = {}, .body = R"({"name": "free"})"};
  });
  const auto code = Run();
  ASSERT_TRUE(code);
  EXPECT_EQ(*code, 0);
  EXPECT_NE(console_.out.find("free is saved"), std::string::npos);
}

TEST_F(WizardTest, WhatAUriSaysIsNotAskedAgain) {
  Answer("Password", {"hunter2"});
  ASSERT_TRUE(Run({{"type", "postgresql"},
                   {"configuration", {{"host", "h"}, {"port", 6000}, {"database", "d"}}},
                   {"authentication", {{"type", "basic"}, {"username", "u"}}},
                   {"ssl", {{"enabled", false}}}}));
  for (const std::string& prompt : console_.asked) {
    EXPECT_EQ(prompt.find("(host)"), prompt.npos);
    EXPECT_EQ(prompt.find("(username)"), prompt.npos);
    EXPECT_EQ(prompt.find("TLS"), prompt.npos);
  }
  EXPECT_EQ(CellAt(Saved(), "configuration.port"), "6000");
}

}  // namespace
}  // namespace nstarx::cli
