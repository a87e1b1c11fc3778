#include "connectors/sqlite/sqlite_types.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

namespace nstarx::connectors::sqlite {
namespace {

TEST(SqliteTypes, DeclarationsBecomeArrow) {
  const std::pair<const char*, const char*> rows[] = {
      {"INTEGER", "int64"},
      {"bigint unsigned", "int64"},
      {"REAL", "double"},
      {"double precision", "double"},
      {"FLOAT", "double"},
      {"TEXT", "string"},
      {"VARCHAR(20)", "string"},
      {"json", "string"},
      {"BLOB", "binary"},
      {"varbinary(3)", "binary"},
      {"BOOLEAN", "bool"},
      {"DATE", "date32[day]"},
      {"TIME", "time64[us]"},
      {"DATETIME", "timestamp[us]"},
      {"timestamp(6)", "timestamp[us]"},
      {"TIMESTAMPTZ", "timestamp[us, tz=UTC]"},
      {"timestamp with time zone", "timestamp[us, tz=UTC]"},
      {"DECIMAL(15,2)", "decimal128(15, 2)"},
      {"numeric( 9 )", "decimal128(9, 0)"},
      {"DECIMAL_TEXT(60,20)", "decimal256(60, 20)"},
  };
  for (const auto& [declared, arrow] : rows) {
    EXPECT_EQ(ToArrow(FromDeclared(declared))->ToString(), arrow) << declared;
    EXPECT_NE(FromDeclared(declared).kind, ColumnKind::kDynamic) << declared;
  }
  for (const char* declared : {"", "NUMERIC", "DECIMAL(0,1)", "DECIMAL(99,1)", "UUID", "any"}) {
    EXPECT_EQ(FromDeclared(declared).kind, ColumnKind::kDynamic) << declared;
  }
}

TEST(SqliteTypes, ArrowComesBackFromItsDeclaration) {
  for (const auto& type :
       {arrow::int64(), arrow::float64(), arrow::utf8(), arrow::binary(), arrow::boolean(),
        arrow::date32(), arrow::time64(arrow::TimeUnit::MICRO),
        arrow::timestamp(arrow::TimeUnit::MICRO), arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"),
        arrow::decimal128(15, 2), arrow::decimal128(38, 10), arrow::decimal256(70, 3)}) {
    EXPECT_TRUE(ToArrow(FromDeclared(ToDeclared(*type)))->Equals(type)) << type->ToString();
  }
  EXPECT_EQ(ToDeclared(*arrow::list(arrow::int8())), "");
  EXPECT_EQ(ToDeclared(*arrow::timestamp(arrow::TimeUnit::NANO)), "");
}

TEST(SqliteTypes, DatesAndTimesAreStrict) {
  EXPECT_EQ(ParseDate("1970-01-01"), 0);
  EXPECT_EQ(ParseDate("0001-01-01"), -719162);
  EXPECT_EQ(ParseDate("2024-02-29"), 19782);
  EXPECT_EQ(ParseDate("2023-02-29"), std::nullopt);
  EXPECT_EQ(ParseDate("2023-1-01"), std::nullopt);
  EXPECT_EQ(ParseDate("2023-01-01 "), std::nullopt);
  EXPECT_EQ(ParseTime("23:59:59.999999"), 86'399'999'999);
  EXPECT_EQ(ParseTime("24:00"), std::nullopt);
  EXPECT_EQ(ParseTimestamp("1970-01-01"), 0);
  EXPECT_EQ(ParseTimestamp("1970-01-01T00:00:01Z"), 1'000'000);
  EXPECT_EQ(ParseTimestamp("1970-01-01 02:00:00+02:00"), 0);
  EXPECT_EQ(ParseTimestamp("1969-12-31 23:59:59.5"), -500'000);
  EXPECT_EQ(ParseTimestamp("1970-01-01 00:00:00.1234567"), std::nullopt);
  EXPECT_EQ(ParseTimestamp("1970-01-01 00:00:00.1234560"), 123'456);
  EXPECT_EQ(ParseTimestamp("now"), std::nullopt);
}

TEST(SqliteTypes, FormatsReadBack) {
  for (int64_t micros : {int64_t{0}, int64_t{-1}, int64_t{1'772'282'096'123'456}}) {
    EXPECT_EQ(ParseTimestamp(FormatTimestamp(micros)), micros);
  }
  EXPECT_EQ(FormatDate(-719162), "0001-01-01");
  EXPECT_EQ(FormatDouble(0.1), "0.1");
}

}  // namespace
}  // namespace nstarx::connectors::sqlite
