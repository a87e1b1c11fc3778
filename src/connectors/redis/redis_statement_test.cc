#include "connectors/redis/redis_statement.h"

#include <gtest/gtest.h>

#include "connectors/redis/redis_catalog.h"
#include "connectors/redis/redis_commands.h"
#include "connectors/redis/redis_ingest.h"

namespace nstarx::connectors::redis {
namespace {

using namespace std::string_literals;

Arguments One(std::string_view text, const json::array& parameters = {}) {
  const auto parsed = ParseStatement(text, parameters);
  EXPECT_TRUE(parsed) << text << ": " << parsed.error().message();
  return parsed && !parsed->commands.empty() ? parsed->commands[0] : Arguments{};
}

std::string CodeOf(std::string_view text, const json::array& parameters = {}) {
  const auto parsed = ParseStatement(text, parameters);
  return parsed ? "" : parsed.error().code();
}

TEST(Statement, SplitsAsRedisCliDoes) {
  EXPECT_EQ(One("  SET k  v "), (Arguments{"SET", "k", "v"}));
  EXPECT_EQ(One(R"(SET "a b" "\x00\xffq\"\n\t\\")"),
            (Arguments{"SET", "a b", "\x00\xff"s + "q\"\n\t\\"}));
  EXPECT_EQ(One(R"(SET 'it\'s' '\n')"), (Arguments{"SET", "it's", "\\n"}));
  EXPECT_EQ(One(R"(SET "" '')"), (Arguments{"SET", "", ""}));
  const auto two = ParseStatement("# first\nMULTI\n-- then\nGET a\r\nEXEC", {});
  ASSERT_TRUE(two);
  EXPECT_EQ(two->commands.size(), 3);
}

TEST(Statement, SyntaxErrorsHaveTheirPositionInCharacters) {
  const auto bad = ParseStatement("SET naïve \"open", {});
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code(), "query.syntax_error");
  EXPECT_EQ(bad.error().details().at("position").as_int64(), 11);
  for (const char* text : {"",
                           " \n ",
                           "# only",
                           "GET \"a\"b",
                           "GET 'a",
                           "TABLE",
                           "TABLE a DB x",
                           "TABLE a DB -1",
                           "TABLE a FIELDS",
                           "TABLE a FIELDS ,b",
                           "TABLE a NOW",
                           "PING\nTABLE a",
                           "TABLE a\nPING",
                           "[",
                           "[]",
                           "[[]]",
                           "[null]",
                           "[[\"A\"],1]",
                           "[{\"a\":1}]",
                           "[\"GET\" \"k\"]",
                           "[\"\xff\"]"}) {
    EXPECT_EQ(CodeOf(text), "query.syntax_error") << text;
  }
  std::string deep(10'000, '[');
  EXPECT_EQ(CodeOf(deep), "query.syntax_error");
}

TEST(Statement, JsonIsACommandOrSeveral) {
  EXPECT_EQ(One(R"(["SET", "k\u0000", 42, true, 0.5])"),
            (Arguments{"SET", "k\0"s, "42", "1", "0.5"}));
  const auto several = ParseStatement(R"( [["MULTI"], ["GET", {"$param": 1}], ["EXEC"]])", {"?"});
  ASSERT_TRUE(several) << several.error().message();
  EXPECT_EQ(several->commands[1], (Arguments{"GET", "?"}));
  EXPECT_EQ(CodeOf(R"(["GET", {"$param": 2}])", {"a"}), "query.parameter_count");
  EXPECT_EQ(CodeOf(R"(["GET", "a"])", {"a"}), "query.parameter_count");
  EXPECT_EQ(One(R"(["GET", "$1"])"), (Arguments{"GET", "$1"}));
}

TEST(Statement, ParametersAreWholeArguments) {
  EXPECT_EQ(One("SET ? ?", {"a b", 42}), (Arguments{"SET", "a b", "42"}));
  EXPECT_EQ(One("SET $2 $1", {true, "?\n\""}), (Arguments{"SET", "?\n\"", "1"}));
  EXPECT_EQ(One("SET ? '?'", {"x"}), (Arguments{"SET", "x", "?"}));
  EXPECT_EQ(One("KEYS ?"), (Arguments{"KEYS", "?"}));
  EXPECT_EQ(CodeOf("GET ?", {1, 2}), "query.parameter_count");
  EXPECT_EQ(CodeOf("MGET ? ?", {1}), "query.parameter_count");
  EXPECT_EQ(CodeOf("GET $99999999999999999999999", {1}), "query.parameter_count");
  EXPECT_EQ(CodeOf("GET ?", {nullptr}), "query.parameter_type");
  json::array nested;
  nested.emplace_back(json::array());
  EXPECT_EQ(CodeOf("GET ?", nested), "query.parameter_type");
}

TEST(Statement, TableHasOptions) {
  const auto parsed = ParseStatement("table user:* db 3 type hash fields id:int,a:b sorted", {});
  ASSERT_TRUE(parsed) << parsed.error().message();
  ASSERT_TRUE(parsed->table);
  EXPECT_EQ(parsed->table->pattern, "user:*");
  EXPECT_EQ(parsed->table->database, 3);
  EXPECT_EQ(parsed->table->type, "hash");
  EXPECT_TRUE(parsed->table->sorted);
  ASSERT_EQ(parsed->table->fields.size(), 2);
  EXPECT_EQ(parsed->table->fields[0].type, ColumnType::kInteger);
  EXPECT_EQ(parsed->table->fields[1].name, "a:b");
}

TEST(Patterns, EscapeAndBack) {
  const std::string key = "a*b?[c]\\^";
  EXPECT_EQ(UnescapePattern(EscapePattern(key)), key);
  EXPECT_EQ(UnescapePattern("a\\"), "a\\");
}

TEST(Paths, DatabaseAndPattern) {
  EXPECT_EQ(ParseKeyPath("3").database, 3);
  EXPECT_EQ(ParseKeyPath("3").pattern, "");
  EXPECT_EQ(ParseKeyPath("3/a/b*").pattern, "a/b*");
  EXPECT_FALSE(ParseKeyPath("a/b").database);
  EXPECT_EQ(ParseKeyPath("a/b").pattern, "a/b");
  EXPECT_FALSE(ParseKeyPath("99999999999999999999").database);
  EXPECT_FALSE(ParseKeyPath("-1").database);
}

TEST(Commands, WhatChangesTheConnectionIsRefused) {
  const auto code = [](std::vector<Arguments> commands) {
    const Status checked = CheckCommands(commands);
    return checked ? std::string() : checked.error().code();
  };
  EXPECT_EQ(code({{"get", "a"}}), "");
  EXPECT_EQ(code({{"MULTI"}, {"GET", "a"}, {"EXEC"}}), "");
  EXPECT_EQ(code({{"MULTI"}, {"GET", "a"}}), "query.syntax_error");
  EXPECT_EQ(code({{"WATCH", "a"}}), "query.syntax_error");
  for (const Arguments& command : {Arguments{"subscribe", "a"},
                                   {"MONITOR"},
                                   {"AUTH", "x"},
                                   {"hello", "2"},
                                   {"client", "reply", "off"}}) {
    EXPECT_EQ(code({command}), "query.unsupported_command") << command[0];
  }
}

TEST(Commands, HarmlessOnesAreKnownByTheirParts) {
  EXPECT_TRUE(IsHarmless("CONFIG", "GET"));
  EXPECT_FALSE(IsHarmless("CONFIG", "SET"));
  EXPECT_FALSE(IsHarmless("CONFIG", ""));
  EXPECT_FALSE(IsHarmless("CLIENT", "KILL"));
  EXPECT_FALSE(IsHarmless("FUNCTION", "FLUSH"));
  EXPECT_FALSE(IsHarmless("EVAL", ""));
}

TEST(KeyTemplate, MakesPatterns) {
  const auto pattern = [](std::string_view text) {
    const auto parsed = KeyTemplate::Parse(text);
    return parsed ? parsed->Pattern() : parsed.error().code();
  };
  EXPECT_EQ(pattern("user:{id}"), "user:*");
  EXPECT_EQ(pattern("a?:{b}:*"), "a\\?:*:*");
  // Without a prefix, replace would remove every key.
  for (const char* bad : {"", "plain", "*", "{id}", "*:a", "a:{", "a:{}"}) {
    EXPECT_EQ(pattern(bad), "ingest.bad_path") << bad;
  }
}

}  // namespace
}  // namespace nstarx::connectors::redis
