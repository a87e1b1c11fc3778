#include <arrow/api.h>
#include <gtest/gtest.h>

#include "http/fake_rooms.h"
#include "http/message_rows.h"

namespace nstarx::http {
namespace {

std::string Shown(const arrow::RecordBatch& batch, std::string_view column, int64_t row) {
  const auto array = batch.GetColumnByName(std::string(column));
  if (array->IsNull(row)) return "NULL";
  return std::string(static_cast<const arrow::BinaryArray&>(*array).GetView(row));
}

Result<std::shared_ptr<arrow::RecordBatch>> OfJson(std::string_view body, std::string* topic) {
  NSTARX_TRY(const auto messages, MessagesOfJson(body, *topic));
  return messages->Next(Context());
}

TEST(Messages, RawMembersKeepTheirText) {
  const std::string_view text = R"( {"a\"b" : [1, {"x": "}]"}] , "b":-1.10e5 ,"c" : "q\\" } )";
  EXPECT_EQ(RawMember(text, "a\"b"), R"([1, {"x": "}]"}])");
  EXPECT_EQ(RawMember(text, "b"), "-1.10e5");
  EXPECT_EQ(RawMember(text, "c"), R"("q\\")");
  EXPECT_EQ(RawMember(text, "x"), "");
  EXPECT_EQ(RawMember("{}", "x"), "");
}

TEST(Messages, JsonBodyKeepsDigitsAndNulls) {
  std::string topic = "of the query";
  const auto batch = OfJson(
      R"({"messages": [ {"key":"k","value":{"price":1.10,"n":12345678901234567890}},
          {"value":null}, {"value":"","headers":{"h":"1","n":null},"partition":2,"timestamp":5},
          {"value":[1,2],"timestamp":"2026-01-01T00:00:00Z"}], "topic": "t"})",
      &topic);
  ASSERT_TRUE(batch) << batch.error().ToString();
  EXPECT_EQ(topic, "t");
  ASSERT_EQ((*batch)->num_rows(), 4);
  EXPECT_EQ(Shown(**batch, "value", 0), R"({"price":1.10,"n":12345678901234567890})");
  EXPECT_EQ(Shown(**batch, "key", 0), "k");
  EXPECT_EQ(Shown(**batch, "key", 1), "NULL");
  EXPECT_EQ(Shown(**batch, "value", 1), "NULL");
  EXPECT_EQ(Shown(**batch, "value", 2), "");
  EXPECT_EQ(Shown(**batch, "value", 3), "[1,2]");
  const auto& at =
      static_cast<const arrow::TimestampArray&>(*(*batch)->GetColumnByName("timestamp"));
  EXPECT_EQ(at.Value(2), 5);
  EXPECT_EQ(at.Value(3), 1'767'225'600'000);
}

TEST(Messages, WrongJsonIsNamed) {
  std::string topic;
  const auto code = [&](std::string_view body) {
    const auto batch = OfJson(body, &topic);
    return batch ? std::string("none") : batch.error().code();
  };
  EXPECT_EQ(code("[]"), "request.missing_field");
  EXPECT_EQ(code("{"), "request.malformed_json");
  EXPECT_EQ(code(R"({"messages":{}})"), "request.missing_field");
  EXPECT_EQ(code(R"({"messages":[],"topics":1})"), "request.unknown_field");
  EXPECT_EQ(code(R"({"messages":[],"topic":1})"), "request.wrong_type");
  EXPECT_EQ(code(R"({"messages":[1]})"), "request.malformed_data");
  EXPECT_EQ(code(R"({"messages":[{"valeu":1}]})"), "request.malformed_data");
  EXPECT_EQ(code(R"({"messages":[{"partition":-1}]})"), "request.malformed_data");
  EXPECT_EQ(code(R"({"messages":[{"partition":4294967296}]})"), "request.malformed_data");
  EXPECT_EQ(code(R"({"messages":[{"timestamp":"soon"}]})"), "request.malformed_data");
  EXPECT_EQ(code(R"({"messages":[{"headers":{"h":1}}]})"), "request.malformed_data");
}

TEST(Messages, LinesArriveInAnyPieces) {
  const auto messages = MessagesOfNdjson(
      std::make_unique<TextBytes>("{\"value\":\"a\"}\r\n\n{\"value\": 1.50 }\n{\"value\":\"z\"}"));
  const auto batch = messages->Next(Context());
  ASSERT_TRUE(batch) << batch.error().ToString();
  ASSERT_EQ((*batch)->num_rows(), 3);
  EXPECT_EQ(Shown(**batch, "value", 1), "1.50");
  EXPECT_EQ(Shown(**batch, "value", 2), "z");
  EXPECT_EQ(*messages->Next(Context()), nullptr);
  const auto broken = MessagesOfNdjson(std::make_unique<TextBytes>("{\"value\":1}\n{oops\n"));
  const auto error = broken->Next(Context());
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error().code(), "request.malformed_data");
  EXPECT_EQ(error.error().details().at("message").as_int64(), 2);
}

TEST(Messages, RowsWithoutAValueBecomeJson) {
  auto rows = MessagesOfRows(std::make_unique<FakeRows>(2, std::nullopt));
  ASSERT_TRUE(rows) << rows.error().ToString();
  const auto batch = (*rows)->Next(Context());
  ASSERT_TRUE(batch) << batch.error().ToString();
  EXPECT_EQ(Shown(**batch, "key", 0), "NULL");
  EXPECT_TRUE(ParseJson(Shown(**batch, "value", 0))) << Shown(**batch, "value", 0);
}

}  // namespace
}  // namespace nstarx::http
