#include "connectors/sql_ingest/insert_ingest.h"

#include <arrow/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

namespace nstarx::connectors::sql_ingest {
namespace {

using connector::IngestMode;
using testing::ElementsAre;

std::string Declare(const arrow::DataType& type) {
  return type.id() == arrow::Type::LIST ? "" : type.id() == arrow::Type::INT32 ? "INT" : "TEXT";
}

Dialect Small() {
  return {.connector = "test", .system = "Test", .declare = Declare, .statement_rows = 2};
}

template <class Builder, class Value>
std::string Literal(const std::shared_ptr<arrow::DataType>& type, const Value& value) {
  Builder builder(type, arrow::default_memory_pool());
  EXPECT_TRUE(builder.Append(value).ok());
  std::string out;
  const Status done = AppendLiteral(Small(), **builder.Finish(), 0, "T", out);
  return done ? out : done.error().code();
}

TEST(AppendLiteral, KeepsWhatIsThere) {
  EXPECT_EQ((Literal<arrow::StringBuilder>(arrow::utf8(), "it's \\ 50%\né")),
            "'it\\'s \\\\ 50%\\né'");
  EXPECT_EQ((Literal<arrow::BinaryBuilder>(arrow::binary(), std::string("\x00\xff", 2))),
            "X'00FF'");
  EXPECT_EQ((Literal<arrow::Int64Builder>(arrow::int64(), INT64_MIN)),
            "CAST('-9223372036854775808' AS T)");
  EXPECT_EQ((Literal<arrow::DoubleBuilder>(arrow::float64(), 0.1)), "CAST('0.1' AS T)");
  EXPECT_EQ((Literal<arrow::DoubleBuilder>(arrow::float64(), -HUGE_VAL)), "CAST('-inf' AS T)");
  EXPECT_EQ((Literal<arrow::Decimal128Builder>(arrow::decimal128(15, 2), arrow::Decimal128(-1))),
            "CAST('-0.01' AS T)");
  EXPECT_EQ((Literal<arrow::Time64Builder>(arrow::time64(arrow::TimeUnit::MICRO),
                                           int64_t{86'399'999'999})),
            "CAST('23:59:59.999999' AS T)");
}

TEST(AppendLiteral, WritesTextsWithoutEscapesToo) {
  Dialect dialect = Small();
  dialect.backslash_escapes = false;
  arrow::StringBuilder builder;
  EXPECT_TRUE(builder.AppendValues({"it's", "\\", "plain", ""}).ok());
  const auto values = *builder.Finish();
  std::string out;
  for (int64_t row = 0; row < 4; ++row) {
    EXPECT_TRUE(AppendLiteral(dialect, *values, row, "T", out));
    out += ' ';
  }
  EXPECT_EQ(out, "CONCAT('', 'it', CHR(39), 's') CONCAT('', CHR(92)) 'plain' '' ");
}

TEST(AppendLiteral, CountsDaysAsTheCalendarDoes) {
  const auto day = [](int32_t days) {
    return Literal<arrow::Date32Builder>(arrow::date32(), days);
  };
  EXPECT_EQ(day(-719'162), "CAST('0001-01-01' AS T)");
  EXPECT_EQ(day(2'932'896), "CAST('9999-12-31' AS T)");
  EXPECT_EQ(day(-719'163), "ingest.value_not_storable");
  EXPECT_EQ(day(INT32_MAX), "ingest.value_not_storable");
  const auto utc = arrow::timestamp(arrow::TimeUnit::NANO, "UTC");
  EXPECT_EQ((Literal<arrow::TimestampBuilder>(utc, int64_t{-1})),
            "CAST('1969-12-31 23:59:59.999999999+00:00' AS T)");
  const auto local = arrow::timestamp(arrow::TimeUnit::SECOND);
  EXPECT_EQ((Literal<arrow::TimestampBuilder>(local, int64_t{0})),
            "CAST('1970-01-01 00:00:00' AS T)");
  EXPECT_EQ((Literal<arrow::TimestampBuilder>(local, INT64_MIN)), "ingest.value_not_storable");
}

class Rows final : public connector::BatchStream {
 public:
  explicit Rows(int count) {
    arrow::Int32Builder builder;
    for (int i = 0; i < count; ++i) EXPECT_TRUE(builder.Append(i).ok());
    schema_ = arrow::schema({arrow::field("n", arrow::int32())});
    batches_.push_back(arrow::RecordBatch::Make(schema_, count, {*builder.Finish()}));
  }
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context&) override {
    if (batches_.empty()) return std::shared_ptr<arrow::RecordBatch>();
    auto out = std::move(batches_.front());
    batches_.pop_front();
    return out;
  }

 private:
  std::shared_ptr<arrow::Schema> schema_;
  std::deque<std::shared_ptr<arrow::RecordBatch>> batches_;
};

struct Ran {
  std::vector<std::string> statements;
  Result<int64_t> rows = 0;
};

/// `refused`: the statement that begins so fails.
Ran Write(int count, IngestMode mode, std::string_view refused = "-") {
  Ran out;
  Rows rows(count);
  out.rows = Ingest(Context(), Small(), {.table = "t", .staging = "s"}, mode, rows,
                    [&](const Context&, const std::string& statement) -> Status {
                      out.statements.push_back(statement);
                      if (!statement.starts_with(refused)) return {};
                      return InvalidArgument("query.failed", "Object 't' already exists.");
                    });
  return out;
}

TEST(Ingest, AppendsFewRowsByOneStatement) {
  EXPECT_THAT(Write(2, IngestMode::kAppend).statements,
              ElementsAre("INSERT INTO t (\"n\") VALUES (0), (1)"));
  EXPECT_TRUE(Write(0, IngestMode::kAppend).statements.empty());
}

TEST(Ingest, AppendsManyRowsAtOnceAfterAStagingTable) {
  const Ran ran = Write(3, IngestMode::kAppend);
  EXPECT_EQ(*ran.rows, 3);
  EXPECT_THAT(ran.statements,
              ElementsAre("CREATE TABLE s (\"n\" INT)", "INSERT INTO s (\"n\") VALUES (0), (1)",
                          "INSERT INTO s (\"n\") VALUES (2)",
                          "INSERT INTO t (\"n\") SELECT \"n\" FROM s", "DROP TABLE s"));
}

TEST(Ingest, ReplacesByOneStatement) {
  EXPECT_THAT(
      Write(1, IngestMode::kReplace).statements,
      ElementsAre("CREATE TABLE s (\"n\" INT)", "INSERT INTO s (\"n\") VALUES (0)",
                  "CREATE OR REPLACE TABLE t (\"n\" INT) AS SELECT \"n\" FROM s", "DROP TABLE s"));
}

TEST(Ingest, LeavesNothingBehindWhenItFails) {
  const Ran created = Write(1, IngestMode::kCreate, "INSERT");
  EXPECT_FALSE(created.rows);
  EXPECT_EQ(created.statements.back(), "DROP TABLE t");
  const Ran appended = Write(3, IngestMode::kAppend, "INSERT INTO t");
  EXPECT_FALSE(appended.rows);
  EXPECT_EQ(appended.statements.back(), "DROP TABLE s");
  const Ran there = Write(1, IngestMode::kCreate, "CREATE");
  EXPECT_EQ(there.rows.error().code(), "ingest.table_exists");
  EXPECT_EQ(there.statements.size(), 1U);  // What was there stays.
}

}  // namespace
}  // namespace nstarx::connectors::sql_ingest
