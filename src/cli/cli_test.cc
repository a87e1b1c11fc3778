#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/error_table.h"
#include "base/percent.h"
#include "cli/draft.h"
#include "cli/help.h"
#include "cli/output_file.h"
#include "cli/parser.h"
#include "cli/row_splitter.h"
#include "cli/scripted.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/test_checklist.h"

namespace nstarx::cli {
namespace {

Result<Parsed> Parse(const std::vector<std::string>& words) {
  static const CommandTable table = AllCommands();
  return ParseCommandLine(table, words);
}

TEST(CommandLine, ReadsArgumentsFlagsAndGlobals) {
  const auto parsed = Parse({"query", "sales", "SELECT 1", "--limit", "5", "-o", "csv", "--param",
                             "1", "--param", "x", "--url", "http://h:1"});
  ASSERT_TRUE(parsed) << parsed.error().ToString();
  ASSERT_TRUE(parsed->command);
  EXPECT_EQ(parsed->command->path, "query");
  EXPECT_EQ(parsed->arguments.Text("ref"), "sales");
  EXPECT_EQ(parsed->arguments.Text("query"), "SELECT 1");
  EXPECT_EQ(parsed->arguments.Integer("limit", 0), 5);
  EXPECT_EQ(parsed->arguments.Text("format"), "csv");
  EXPECT_EQ(parsed->arguments.All("param"), (std::vector<std::string>{"1", "x"}));
  EXPECT_EQ(parsed->globals.Text("url"), "http://h:1");
}

TEST(CommandLine, GlobalsMayComeFirst) {
  const auto parsed = Parse({"--data", "/d", "health"});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->command->path, "health");
  EXPECT_EQ(parsed->globals.Text("data"), "/d");
}

TEST(CommandLine, AConnectionMayHaveTheNameOfACommand) {
  for (const char* name : {"test", "list", "query", "objects"}) {
    const auto parsed = Parse({"query", name, "SELECT 1"});
    ASSERT_TRUE(parsed) << name;
    EXPECT_EQ(parsed->command->path, "query");
    EXPECT_EQ(parsed->arguments.Text("ref"), name);
  }
  const auto nested = Parse({"objects", "ls", "test", "query"});
  ASSERT_TRUE(nested);
  EXPECT_EQ(nested->command->path, "objects ls");
  EXPECT_EQ(nested->arguments.Text("ref"), "test");
}

TEST(CommandLine, ListsTakeOneValueEach) {
  const auto parsed = Parse({"add", "--tag", "a", "--tag", "b", "sqlite:x.db", "--name", "n"});
  ASSERT_TRUE(parsed) << parsed.error().ToString();
  EXPECT_EQ(parsed->arguments.All("tag"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(parsed->arguments.Text("uri"), "sqlite:x.db");
  const auto keys = Parse({"objects", "rm", "lake", "a", "b", "c"});
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->arguments.All("keys").size(), 3U);
}

struct WrongUse {
  std::vector<std::string> words;
  std::string code;
  std::string hint;
};

TEST(CommandLine, WrongUseIsExplained) {
  const WrongUse cases[] = {
      {{"qurey", "x"}, "usage.unknown_command", "Did you mean 'query'?"},
      {{"objects", "gte", "x"}, "usage.unknown_command", "Did you mean 'get'?"},
      {{"list", "--tpye", "x"}, "usage.unknown_argument", "Did you mean '--type'?"},
      {{"list", "-o", "jsn"}, "usage.wrong_value", "Did you mean 'json'?"},
      {{"list", "--limit", "many"}, "usage.wrong_value", ""},
      {{"query"}, "usage.missing_argument", "See: nstarx query --help"},
      {{"query", "x", "y", "--limit", "-1"}, "usage.wrong_value", ""},
      {{"rollback", "x", "0"}, "usage.wrong_value", ""},
      {{"show", "a", "b"}, "usage.unknown_argument", ""},
  };
  for (const WrongUse& wrong : cases) {
    const auto parsed = Parse(wrong.words);
    ASSERT_FALSE(parsed) << wrong.words.back();
    EXPECT_EQ(parsed.error().code(), wrong.code) << parsed.error().ToString();
    EXPECT_EQ(RowOf(parsed.error().kind()).exit_code, 2);
    if (wrong.hint.empty()) continue;
    EXPECT_NE(std::ranges::find(parsed.error().hints(), wrong.hint), parsed.error().hints().end())
        << wrong.hint;
  }
}

TEST(CommandLine, HelpNeedsNoArguments) {
  const auto parsed = Parse({"query", "--help"});
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->help);
  EXPECT_EQ(parsed->command->path, "query");
  EXPECT_TRUE(Parse({"--version"})->version);
  EXPECT_EQ(Parse({"objects"})->group, "objects");
}

TEST(CommandTableTest, IsWhole) {
  std::set<std::string> paths;
  for (const Command& command : AllCommands()) {
    EXPECT_TRUE(paths.insert(command.path).second) << command.path;
    EXPECT_TRUE(command.run) << command.path;
    EXPECT_FALSE(command.summary.empty()) << command.path;
    std::set<std::string> names;
    for (const Option& option : command.options) {
      EXPECT_TRUE(names.insert(option.name).second) << command.path << " " << option.name;
      EXPECT_FALSE(option.help.empty()) << command.path << " " << option.name;
    }
    EXPECT_NE(HelpOf(command).find("Usage: nstarx " + command.path), std::string::npos);
  }
}

TEST(Help, ListsEveryCommandAndEveryExitCode) {
  const CommandTable table = AllCommands();
  const std::string markdown = HelpMarkdown(table);
  const std::string overview = HelpOverview(table);
  for (const Command& command : table) {
    EXPECT_NE(markdown.find("### nstarx " + command.path + "\n"), std::string::npos);
    EXPECT_NE(overview.find(command.path), std::string::npos);
  }
  const std::string codes = HelpExitCodes();
  for (const ErrorRow& row : ErrorTable()) {
    EXPECT_NE(codes.find(std::to_string(row.exit_code)), std::string::npos);
    EXPECT_NE(codes.find(std::string(row.title)), std::string::npos);
  }
}

TEST(Help, TheReferenceInDocsIsUpToDate) {
  const auto path = std::filesystem::path("docs/cli.md");
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_TRUE(text == HelpMarkdown(WholeTable()))
      << "write it again: nstarx help --markdown > docs/cli.md";
}

TEST(Completion, OffersCommandsFlagsAndNames) {
  const CommandTable table = AllCommands();
  const std::string bash = CompletionScript(table, "bash");
  EXPECT_NE(bash.find("nstarx list --names"), std::string::npos);
  EXPECT_NE(bash.find("'objects') echo 'get ls presign put rm stat'"), std::string::npos);
  EXPECT_NE(bash.find("complete -F _nstarx nstarx"), std::string::npos);
  EXPECT_TRUE(CompletionScript(table, "zsh").starts_with("#compdef nstarx\n"));
  EXPECT_NE(CompletionScript(table, "fish").find("-a 'presign'"), std::string::npos);
  const auto path =
      std::filesystem::temp_directory_path() / ("nstarx-completion-" + std::to_string(::getpid()));
  std::ofstream(path) << bash << "\n[ \"$(_nstarx_positional query)\" = @connections ] || exit 7\n";
  EXPECT_EQ(std::system(("bash " + path.string()).c_str()), 0);
  std::filesystem::remove(path);
}

TEST(TableLayout, CountsDisplayColumns) {
  EXPECT_EQ(DisplayWidth("abc"), 3);
  EXPECT_EQ(DisplayWidth("žluť"), 4);
  EXPECT_EQ(DisplayWidth("日本"), 4);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1);
  EXPECT_EQ(DisplayWidth("🐎"), 2);
  EXPECT_EQ(DisplayWidth("\xFF\xC3"), 2);
}

TEST(TableLayout, DataCannotDriveTheTerminal) {
  EXPECT_EQ(CellText("a\x1B[31mred\nx\t\x7F"), "a\\x1b[31mred\\nx\\t\\x7f");
  EXPECT_EQ(CellText("\u202Eevil"), "\\u202eevil");
  EXPECT_EQ(CellText("a\xFF"), "a\uFFFD");
  EXPECT_EQ(CellText("abcdef", 4), "abc…");
  EXPECT_EQ(CellText("日本語", 4), "日…");
  EXPECT_EQ(CellText("abcd", 4), "abcd");
}

TEST(TableLayout, AlignsAndStreams) {
  Table table({"name", "n"});
  table.AlignRight(1);
  table.Add({"日本", "1"});
  table.Add({"a", "100"});
  EXPECT_EQ(table.Take(), "name    n\n────  ───\n日本    1\na     100\n");
  table.Add({"longer than before", "7"});
  EXPECT_EQ(table.Take(), "lon…    7\n");
  EXPECT_EQ(table.rows(), 3U);
}

TEST(TableLayout, CsvQuotesWhatNeedsIt) {
  EXPECT_EQ(CsvLine({"a", "b,c", "d\"e", ""}), "a,\"b,c\",\"d\"\"e\",\r\n");
}

TEST(Rows, AreCutOutOfTheDocumentAsItArrives) {
  const std::string document =
      R"({"columns":[{"name":"a\"[","type":"x[\"rows\":["}],"rows":[[1,"]"],[[2,{"k":"\\"}]],[]],"row_count":3,"rows_affected":4})";
  for (const size_t step : {size_t{1}, size_t{7}, document.size()}) {
    std::string head;
    std::vector<std::string> rows;
    RowSplitter splitter(
        [&](std::string_view text) {
          head = text;
          return Status();
        },
        [&](std::string_view text) {
          rows.emplace_back(text);
          return Status();
        });
    for (size_t at = 0; at < document.size(); at += step) {
      ASSERT_TRUE(splitter.Feed(std::string_view(document).substr(at, step)));
    }
    EXPECT_TRUE(splitter.complete());
    EXPECT_TRUE(ParseJson(head)) << head;
    EXPECT_EQ(rows, (std::vector<std::string>{R"([1,"]"])", R"([[2,{"k":"\\"}]])", "[]"}));
    EXPECT_EQ(GetInt(ParseJson(splitter.Tail())->as_object(), "rows_affected", 0), 4);
  }
}

TEST(Problems, BecomeTheirErrors) {
  const auto problem = ParseJson(
      R"({"type": "/errors/tls.certificate_expired", "title": "t", "status": 502, "detail": "it ended",
          "code": "tls.certificate_expired", "kind": "unavailable", "stage": "tls",
          "hints": ["Renew it."], "details": {"field": "f"}})");
  const Error error = ErrorFromProblem(*problem, 502);
  EXPECT_EQ(error.kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(error.code(), "tls.certificate_expired");
  EXPECT_EQ(error.stage(), "tls");
  EXPECT_EQ(error.hints(), std::vector<std::string>{"Renew it."});
  for (const ErrorRow& row : ErrorTable()) {
    const json::object one{{"code", "x.y"}, {"kind", ToString(row.kind)}};
    EXPECT_EQ(ErrorFromProblem(one, 400).kind(), row.kind);
  }
  EXPECT_EQ(ErrorFromProblem({}, 404).kind(), ErrorKind::kNotFound);
  EXPECT_EQ(ErrorFromProblem({}, 404).code(), "client.not_nstarx");
}

TEST(Urls, AreEncoded) {
  EXPECT_EQ(PercentEncode("a b/ž?"), "a%20b%2F%C5%BE%3F");
  EXPECT_EQ(PercentEncode("a/b c", "/"), "a/b%20c");
  EXPECT_EQ(PercentDecode("a%20b%2f%zz%4"), "a b/%zz%4");
  EXPECT_EQ(ConnectionPath("my db", "/query"), "/connections/my%20db/query");
}

constexpr const char* kSpec = R"({"type": "s3", "title": "S3", "configuration": {"properties": {
    "bucket": {"type": "string"}, "path_style": {"type": "boolean"}, "threads": {"type": "integer"}}},
  "authentication": {"oneOf": [
    {"properties": {"type": {"const": "iam"}, "role_arn": {"type": "string"},
      "secret": {"type": "string", "x-secret": true}}},
    {"properties": {"type": {"const": "key"}, "key_id": {"type": "string"}}}]}})";

class DraftTest : public testing::Test {
 protected:
  Status Apply(const std::vector<std::pair<std::string, std::string>>& flags) {
    Arguments arguments;
    for (const auto& [name, value] : flags) arguments.Add(name, value);
    return ApplyFlags(session_, arguments, form_, draft_);
  }
  ScriptedConsole console_;
  const Arguments globals_;
  const ServeCommand serve_;
  Session session_{console_, globals_, serve_};
  const Form form_ = Form::FromSpec(ParseJson(kSpec)->as_object());
  json::object draft_;
};

TEST_F(DraftTest, SetFindsThePartByTheSpec) {
  ASSERT_TRUE(Apply({{"set", "bucket=b"},
                     {"set", "path_style=yes"},
                     {"set", "threads=4"},
                     {"set", "role_arn=arn:x"},
                     {"auth", "iam"},
                     {"set", "pooling.maxSize=3"},
                     {"ssl-mode", "disable"},
                     {"tag", "t"},
                     {"description", "d"}}));
  const json::object expected = {
      {"authentication", {{"type", "iam"}, {"role_arn", "arn:x"}}},
      {"configuration", {{"bucket", "b"}, {"path_style", true}, {"threads", 4}}},
      {"pooling", {{"maxSize", 3}}},
      {"ssl", {{"enabled", false}}},
      {"metadata", {{"tags", json::array{"t"}}, {"description", "d"}}}};
  EXPECT_EQ(draft_, expected) << json::serialize(draft_);
}

TEST_F(DraftTest, VariablesOfTheServerStayText) {
  ASSERT_TRUE(Apply({{"set", "threads=${N}"}, {"auth", "secret=${S}"}}));
  EXPECT_EQ(CellAt(draft_, "configuration.threads"), "${N}");
  EXPECT_EQ(console_.err, "");
}

TEST_F(DraftTest, SecretsComeFromElsewhereOrEarnANote) {
  ::setenv("NSTARX_TEST_SECRET", "from env", 1);
  ASSERT_TRUE(Apply({{"auth", "secret=env:NSTARX_TEST_SECRET"}}));
  EXPECT_EQ(CellAt(draft_, "authentication.secret"), "from env");
  EXPECT_EQ(console_.err, "");
  console_.script = {{"secret", {"typed"}}};
  ASSERT_TRUE(Apply({{"auth", "secret=-"}}));
  EXPECT_EQ(CellAt(draft_, "authentication.secret"), "typed");
  EXPECT_EQ(console_.err, "");
  ASSERT_TRUE(Apply({{"auth", "secret=plain"}}));
  EXPECT_NE(console_.err.find("process list"), std::string::npos);
  EXPECT_EQ(console_.err.find("plain"), std::string::npos);
  EXPECT_EQ(Apply({{"auth", "secret=env:NSTARX_TEST_UNSET_VARIABLE"}}).error().code(),
            "config.unset_variable");
}

TEST_F(DraftTest, WrongFlagsAreExplained) {
  EXPECT_EQ(Apply({{"set", "bucket"}}).error().code(), "usage.wrong_value");
  EXPECT_EQ(Apply({{"set", "threads=many"}}).error().code(), "config.wrong_type");
  const auto method = Apply({{"auth", "kerberos"}});
  ASSERT_FALSE(method);
  EXPECT_EQ(method.error().hints().front(), "It has: iam, key.");
}

class CommandTest : public testing::Test {
 protected:
  Result<int> Run(const std::vector<std::string>& words) {
    auto parsed = ParseCommandLine(table_, words);
    if (!parsed) return std::move(parsed).error();
    parsed->globals.Add("api-key", "k");
    Session session(console_, parsed->globals, serve_,
                    [this](const ServerAddress&) { return std::make_unique<BorrowedApi>(api_); });
    return parsed->command->run(session, parsed->arguments);
  }
  const CommandTable table_ = AllCommands();
  const ServeCommand serve_;
  ScriptedConsole console_;
  FakeApi api_;
};

TEST_F(CommandTest, QueryDrawsATable) {
  console_.terminal = false;
  api_.OnJson("POST /connections/sales/query",
              R"({"columns":[{"name":"id","type":"int64"},{"name":"s","type":"string"}],)"
              R"("rows":[[1,"a"],[22,null]],"row_count":2})");
  const auto code = Run({"query", "sales", "SELECT", "--limit", "5"});
  ASSERT_TRUE(code) << code.error().ToString();
  EXPECT_EQ(console_.out, "id  s\n──  ─\n 1  a\n22  ∅\n");
  EXPECT_EQ(console_.err, "2 rows\n");
  EXPECT_EQ(api_.sent[0].body, R"({"query":"SELECT","limit":5})");
}

TEST_F(CommandTest, QueryPassesOtherFormatsThrough) {
  console_.terminal = false;
  console_.input = "SELECT 1\n";
  api_.OnJson("POST /connections/sales/query", "a\r\n1\r\n");
  ASSERT_TRUE(Run({"query", "sales", "-o", "csv"}));
  EXPECT_EQ(console_.out, "a\r\n1\r\n");
  EXPECT_EQ(api_.sent[0].accept, "text/csv");
}

TEST_F(CommandTest, AFailedTestExitsWithOne) {
  api_.OnJson("POST /connections/sales/test", R"({"status": "failed", "stages": []})");
  EXPECT_EQ(*Run({"test", "sales"}), kExitNo);
  api_.OnJson("POST /connections/sales/test", R"({"status": "ok", "stages": []})");
  EXPECT_EQ(*Run({"test", "sales"}), 0);
}

TEST_F(CommandTest, AddTestsBeforeItSaves) {
  const std::vector<std::string> words = {"add", "--type", "s3",      "--name",
                                          "n",   "--set",  "bucket=b"};
  api_.OnJson("GET /connection-types/s3", kSpec);
  api_.OnJson("POST /connections", R"({"name": "n"})");
  const auto saved = [&] {
    return std::ranges::any_of(api_.sent, [](const Request& request) {
      return request.method == "POST" && request.path == "/connections";
    });
  };
  api_.OnJson("POST /connections/test", R"({"status": "failed", "stages": [
    {"stage": "login", "status": "failed", "code": "auth.wrong_password", "detail": "no"}]})");
  EXPECT_EQ(*Run(words), kExitNo);
  EXPECT_FALSE(saved());
  EXPECT_NE(console_.err.find("auth.wrong_password"), std::string::npos);
  api_.On("POST /connections/test", [](const Request&) -> Result<Answer> {
    return InvalidArgument("config.unset_variable", "the variable PW is not set");
  });
  EXPECT_EQ(*Run(words), 0);
  EXPECT_TRUE(saved());
  EXPECT_NE(console_.err.find("PW"), std::string::npos);
}

TEST_F(CommandTest, DeletingAsksForTheName) {
  api_.OnJson("DELETE /connections/sales", "");
  EXPECT_EQ(*Run({"delete", "sales"}), kExitNo);
  EXPECT_TRUE(api_.sent.empty());
  console_.script = {{"Type its name", {"sales"}}};
  EXPECT_EQ(*Run({"delete", "sales"}), 0);
  console_.terminal = false;
  EXPECT_EQ(Run({"delete", "sales"}).error().code(), "usage.not_confirmed");
  EXPECT_EQ(*Run({"delete", "sales", "--yes"}), 0);
  EXPECT_EQ(api_.sent.size(), 2U);
}

TEST_F(CommandTest, CommitsPositionsAndShowsLag) {
  console_.terminal = false;
  api_.OnJson("POST /connections/events/commit", "");
  EXPECT_EQ(*Run({"commit", "events", "orders", "--group", "g", "0=42", "1=7:1:-1"}), 0);
  EXPECT_EQ(api_.sent.back().body,
            R"({"topic":"orders","group":"g","offsets":[{"partition":0,"offset":"42"},)"
            R"({"partition":1,"offset":"7:1:-1"}]})");
  for (const char* wrong : {"42", "=42", "0=", "-1=2", "x=2"}) {
    const auto refused = Run({"commit", "events", "orders", "--group", "g", "--", wrong});
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code(), "usage.wrong_value");
  }
  console_.out.clear();
  api_.OnJson("GET /connections/events/lag",
              R"({"partitions":[{"partition":0,"first":0,"end":50,"committed":42,"lag":8}]})");
  EXPECT_EQ(*Run({"lag", "events", "orders", "--group", "g"}), 0);
  EXPECT_NE(console_.out.find("42         8"), std::string::npos) << console_.out;
}

TEST_F(CommandTest, UpdateSendsOnlyWhatWasNamed) {
  api_.OnJson("GET /connections/lake", R"({"name": "lake", "type": "s3", "version": 4})");
  api_.OnJson("GET /connection-types/s3", kSpec);
  api_.OnJson("PATCH /connections/lake", R"({"name": "lake", "version": 5})");
  ASSERT_EQ(*Run({"update", "lake", "--set", "threads=2", "--unset", "secret"}), 0);
  EXPECT_EQ(api_.sent.back().body,
            R"({"configuration":{"threads":2},"authentication":{"secret":null}})");
  EXPECT_EQ(api_.sent.back().headers[0].second, "\"4\"");
}

TEST_F(CommandTest, ApplyPlansByNameAndKeepsSecrets) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("nstarx-apply-" + std::to_string(::getpid()) + ".json");
  std::ofstream(path) << R"({"connections": [
    {"name": "new", "type": "s3", "configuration": {"bucket": "b"}},
    {"name": "old", "type": "s3", "configuration": {"bucket": "c"}, "tags": ["x"],
     "authentication": {"type": "iam"}, "secrets": ["secret"]},
    {"name": "same", "type": "s3", "configuration": {"bucket": "b"}}]})";
  api_.OnJson("GET /connections/old",
              R"({"name": "old", "type": "s3", "version": 3,
                  "configuration": {"bucket": "b", "region": "r"}, "metadata": {"tags": []},
                  "authentication": {"type": "iam", "role_arn": "a", "secret": {"configured": true}}})");
  api_.OnJson("GET /connections/same",
              R"({"name": "same", "type": "s3", "version": 1, "configuration": {"bucket": "b"}})");
  api_.On("GET /connections/new", [](const Request&) -> Result<Answer> {
    return NotFound("connection.not_found", "none");
  });
  ASSERT_EQ(*Run({"apply", "-f", path.string(), "--dry-run"}), 0);
  for (const Request& request : api_.sent) EXPECT_EQ(request.method, "GET");
  api_.OnJson("POST /connections", "{}");
  api_.OnJson("PATCH /connections/old", "{}");
  api_.sent.clear();
  ASSERT_EQ(*Run({"apply", "-f", path.string()}), 0);
  std::vector<std::string> writes;
  for (const Request& request : api_.sent) {
    if (request.method != "GET") writes.push_back(request.method + " " + request.body);
  }
  ASSERT_EQ(writes.size(), 2U);
  EXPECT_EQ(writes[0], R"(POST {"name":"new","type":"s3","configuration":{"bucket":"b"}})");
  EXPECT_EQ(writes[1], R"(PATCH {"configuration":{"bucket":"c","region":null},)"
                       R"("metadata":{"tags":["x"]},"authentication":{"role_arn":null}})");
  std::filesystem::remove(path);
}

TEST_F(CommandTest, ErrorsShowCodeSentenceStageAndHints) {
  const Arguments globals;
  Session session(console_, globals, serve_);
  session.PrintError(Unavailable("tls.failed", "no\x1B TLS").WithStage("tls").WithHint("Do this."),
                     false);
  EXPECT_EQ(console_.err, "error tls.failed: no\\x1b TLS\n  stage: tls\n  • Do this.\n");
  console_.err.clear();
  session.PrintError(Unavailable("tls.failed", "no"), true);
  EXPECT_EQ(GetString(ParseJson(console_.err)->as_object(), "code"), "tls.failed");
}

TEST(ServerChoice, TheKeyOfTheFileStaysWithItsServer) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("nstarx-data-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "credentials.json") << R"({"url": "http://127.0.0.1:1", "api_key": "k1"})";
  ScriptedConsole console;
  const ServeCommand serve;
  Arguments globals;
  globals.Add("data", folder.string());
  EXPECT_EQ(Session(console, globals, serve).Address().api_key, "k1");
  EXPECT_EQ(Session(console, globals, serve).Address().url, "http://127.0.0.1:1");
  globals.Add("url", "http://elsewhere.example.com");
  EXPECT_EQ(Session(console, globals, serve).Address().api_key, "");
  std::filesystem::remove_all(folder);
}

TEST(OutputFiles, AppearWhenTheyAreWhole) {
  const auto path =
      std::filesystem::temp_directory_path() / ("nstarx-out-" + std::to_string(::getpid()));
  ScriptedConsole console;
  {
    auto file = OutputFile::Create(console, path.string());
    ASSERT_TRUE(file && (*file)->Write("half"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  auto file = OutputFile::Create(console, path.string());
  ASSERT_TRUE(file && (*file)->Write("whole") && (*file)->Commit());
  EXPECT_EQ(std::filesystem::file_size(path), 5U);
  std::filesystem::remove(path);
}

TEST(ProcessExit, CodesFollowTheErrorTable) {
  const auto run = [](std::vector<std::string> words) {
    std::vector<char*> argv;
    words.insert(words.begin(), "nstarx");
    for (std::string& word : words) argv.push_back(word.data());
    return nstarx::cli::Run(static_cast<int>(argv.size()), argv.data(), nullptr);
  };
  EXPECT_EQ(run({"version"}), 0);
  EXPECT_EQ(run({"help", "exit-codes"}), 0);
  EXPECT_EQ(run({"nonsense"}), 2);
  EXPECT_EQ(run({}), 2);
  EXPECT_EQ(run({"help", "nonsense"}), 5);
  EXPECT_EQ(run({"list", "--url", "http://127.0.0.1:1", "--api-key", "k"}), 9);
  EXPECT_EQ(run({"list", "--url", "ftp://x", "--api-key", "k"}), 2);
}

}  // namespace
}  // namespace nstarx::cli
