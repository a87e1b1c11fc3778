#include "connectors/hive_metastore/thrift_value.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "connectors/hive_metastore/hive_metastore_errors.h"
#include "connectors/hive_metastore/table_value.h"

namespace nstarx::connectors::hive_metastore {
namespace {

using namespace std::string_literals;

ThriftSource From(std::string bytes) {
  return [bytes = std::move(bytes), at = size_t{0}](std::span<char> into) mutable -> Status {
    if (bytes.size() - at < into.size()) return Unavailable("connection.lost", "ended");
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), into.size(), into.begin());
    at += into.size();
    return {};
  };
}

std::string CodeOf(std::string bytes, const ThriftBounds& bounds = {}) {
  const auto answer = ReadThriftAnswer(From(std::move(bytes)), bounds);
  return answer ? "none" : answer.error().code();
}

/// A reply "m" with sequence 1 and then these bytes.
std::string Reply(const std::string& body) {
  return "\x80\x01\x00\x02\x00\x00\x00\x01m\x00\x00\x00\x01"s + body;
}

ThriftValue EveryType() {
  ThriftValue all = ThriftValue::Struct();
  all.Set(1, ThriftValue::Number(ThriftType::kBool, 1));
  all.Set(2, ThriftValue::Number(ThriftType::kByte, -128));
  all.Set(3, ThriftValue::Number(ThriftType::kI16, INT16_MIN));
  all.Set(4, ThriftValue::Number(ThriftType::kI32, INT32_MIN));
  all.Set(5, ThriftValue::Number(ThriftType::kI64, INT64_MIN));
  all.Set(6, ThriftValue::Number(ThriftType::kDouble, 0x3ff8000000000000));
  all.Set(7, ThriftValue::Text("a\0漢"s));
  ThriftValue map = ThriftValue::TextMap();
  map.items = {ThriftValue::Text("k"), ThriftValue::Text("v")};
  all.Set(8, map);
  ThriftValue list = ThriftValue::List(ThriftType::kStruct);
  list.items = {ThriftValue::Struct()};
  list.items[0].Set(-1, ThriftValue::Text("negative ids too"));
  all.Set(32767, list);
  ThriftValue set = ThriftValue::List(ThriftType::kI32);
  set.type = ThriftType::kSet;
  set.items = {ThriftValue::Number(ThriftType::kI32, 7)};
  all.Set(9, set);
  return all;
}

TEST(Thrift, EveryTypeComesBackByteForByte) {
  std::string sent;
  WriteThrift(EveryType(), sent);
  const auto answer = ReadThriftAnswer(From(Reply(sent)));
  ASSERT_TRUE(answer) << answer.error().ToString();
  EXPECT_EQ(answer->method, "m");
  EXPECT_EQ(answer->sequence, 1);
  EXPECT_EQ(answer->body.NumberAt(5, 0), INT64_MIN);
  EXPECT_EQ(answer->body.NumberAt(2, 0), -128);
  EXPECT_EQ(answer->body.TextAt(7), "a\0漢"s);
  std::string again;
  WriteThrift(answer->body, again);
  EXPECT_EQ(again, sent);
}

TEST(Thrift, ACallHasVersionNameAndSequence) {
  ThriftValue arguments = ThriftValue::Struct();
  arguments.Set(1, ThriftValue::Text("d"));
  EXPECT_EQ(
      ThriftCall("get", 258, arguments),
      "\x80\x01\x00\x01\x00\x00\x00\x03get\x00\x00\x01\x02\x0b\x00\x01\x00\x00\x00\x01\x64\x00"s);
}

TEST(Thrift, CutAnywhereIsAnErrorAndNoCrash) {
  std::string whole;
  WriteThrift(EveryType(), whole);
  whole = Reply(whole);
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(CodeOf(whole.substr(0, length)), "connection.lost") << length;
  }
  EXPECT_EQ(CodeOf(whole), "none");
}

TEST(Thrift, HostileBytesAreErrors) {
  EXPECT_EQ(CodeOf("HTTP/1.1 400 Bad Request"), "protocol.malformed");
  EXPECT_EQ(CodeOf("\x80\x01\x00\x01\x00\x00\x00\x00"s), "protocol.malformed");  // a call
  EXPECT_EQ(CodeOf("\x80\x01\x00\x02\xff\xff\xff\xff"s), "protocol.malformed");
  EXPECT_EQ(CodeOf("\x80\x01\x00\x02\x7f\xff\xff\xff"s), "response.too_large");
  EXPECT_EQ(CodeOf(Reply("\x05\x00\x01"s)), "protocol.malformed");  // no such type
  EXPECT_EQ(CodeOf(Reply("\x0f\x00\x01\x01\x00\x00\x00\x01"s)), "protocol.malformed");
  EXPECT_EQ(CodeOf(Reply("\x0f\x00\x01\x0b\xff\xff\xff\xff"s)), "protocol.malformed");
  EXPECT_EQ(CodeOf(Reply("\x0d\x00\x01\x00\x00\x00\x00\x00\x00\x00"s)), "none");  // an empty map
  EXPECT_EQ(CodeOf(Reply("\x0d\x00\x01\x00\x0b\x00\x00\x00\x01"s)), "protocol.malformed");
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += "\x0c\x00\x01"s;
  EXPECT_EQ(CodeOf(Reply(deep)), "protocol.malformed");
}

TEST(Thrift, BoundsHold) {
  // Empty structs cost a byte on the wire and far more in memory.
  const std::string many = Reply("\x0f\x00\x01\x0c\x7f\xff\xff\xff"s + std::string(100'000, '\0'));
  EXPECT_EQ(CodeOf(many, {.values = 1000}), "response.too_large");
  EXPECT_EQ(CodeOf(many, {.bytes = 1000}), "response.too_large");
  EXPECT_EQ(CodeOf(many), "connection.lost");
}

TEST(MetastoreTable, AChangeKeepsWhatItDoesNotName) {
  connector::DatasetChange make{.columns = {{{.name = "id", .native_type = "int"}}}};
  auto table = NewTable("d", "t", make);
  ASSERT_TRUE(table);
  ThriftValue* storage = &table->At(7, ThriftValue::Struct());
  storage->Set(6, ThriftValue::Number(ThriftType::kI32, 7));  // buckets
  table->Set(99, ThriftValue::Text("of a later Hive"));
  ASSERT_TRUE(ChangeTable(*table, {.comment = "c", .tags = {{"x"}}, .properties = {{"k", "v"}}}));
  EXPECT_EQ(table->TextAt(99), "of a later Hive");
  EXPECT_EQ(table->Find(7, ThriftType::kStruct)->NumberAt(6, 0), 7);
  const connector::Dataset shown = ReadTable(*table);
  EXPECT_EQ(shown.path, "d.t");
  EXPECT_EQ(shown.kind, "external_table");
  EXPECT_EQ(shown.format, "parquet");
  EXPECT_EQ(shown.comment, "c");
  EXPECT_EQ(shown.tags, std::vector<std::string>{"x"});
  EXPECT_EQ(shown.columns.front().arrow_type, "int32");
  const auto refused =
      ChangeTable(*table, {.partition_columns = {{{.name = "day", .native_type = "date"}}}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), "metadata.change_refused");
}

TEST(MetastoreTable, AnythingMayBeMissingOrOfAnotherType) {
  ThriftValue table = ThriftValue::Struct();
  EXPECT_EQ(ReadTable(table).path, "\"\".\"\"");
  table.Set(1, ThriftValue::Number(ThriftType::kI32, 5));
  table.Set(7, ThriftValue::Text("no struct"));
  table.Set(8, ThriftValue::List(ThriftType::kI32));
  ThriftValue map{.type = ThriftType::kMap, .key = ThriftType::kI32, .item = ThriftType::kI32};
  map.items.resize(3);
  table.Set(9, map);
  table.Set(4, ThriftValue::Number(ThriftType::kI32, INT32_MIN));
  const connector::Dataset shown = ReadTable(table);
  EXPECT_TRUE(shown.columns.empty());
  EXPECT_FALSE(shown.created);
  ThriftValue partition = ThriftValue::Struct();
  partition.Set(1, ThriftValue::List(ThriftType::kI64));
  EXPECT_TRUE(ReadPartition(partition).values.empty());
}

TEST(MetastoreTable, CountsAreNumbersOrNothing) {
  const auto with = [](std::string rows, std::string modified) {
    ThriftValue table = ThriftValue::Struct();
    WriteParameters(table, kTableParameters,
                    {{"numRows", std::move(rows)}, {"transient_lastDdlTime", std::move(modified)}});
    return ReadTable(table);
  };
  EXPECT_EQ(with("42", "1700000000").row_estimate, 42);
  EXPECT_TRUE(with("42", "1700000000").modified);
  for (const char* text : {"-1", "", "4 2", "99999999999999999999", "x"}) {
    EXPECT_FALSE(with(text, text).row_estimate) << text;
    EXPECT_FALSE(with(text, text).modified) << text;
  }
  EXPECT_FALSE(with("1", "9223372036854775807").modified);
}

TEST(MetastoreErrors, ExceptionsHaveCodes) {
  const auto code = [](std::string_view type, std::string_view message) {
    return FromException(type, message).code();
  };
  EXPECT_EQ(code("NoSuchObjectException", "hive.d.t table not found"), "query.undefined_table");
  EXPECT_EQ(code("MetaException", "No FileSystem for scheme \"s3\""),
            "metadata.location_unreachable");
  EXPECT_EQ(code("InvalidOperationException", "types incompatible"), "metadata.change_refused");
  EXPECT_EQ(code("MetaException", "something else"), "query.failed");
  EXPECT_EQ(FromApplicationException(1, "Invalid method name").code(), kUnknownMethod);
  EXPECT_EQ(FromApplicationException(6, "Internal error").code(), "query.failed");
  EXPECT_EQ(FromRefusal("Error validating the login").code(), "login.wrong_password");
  EXPECT_EQ(FromRefusal("Unsupported mechanism type PLAIN").code(), "login.mechanism_unsupported");
}

}  // namespace
}  // namespace nstarx::connectors::hive_metastore
