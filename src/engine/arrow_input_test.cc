#include "engine/arrow_input.h"

#include <arrow/array/array_binary.h>
#include <arrow/array/array_decimal.h>
#include <arrow/array/builder_decimal.h>
#include <arrow/array/builder_nested.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/array/builder_time.h>
#include <arrow/type.h>
#include <arrow/util/decimal.h>
#include <gtest/gtest.h>

namespace nstarx::engine {
namespace {

std::shared_ptr<arrow::Array> Times(const std::shared_ptr<arrow::DataType>& type,
                                    std::initializer_list<int64_t> values) {
  arrow::TimestampBuilder builder(arrow::timestamp(arrow::TimeUnit::NANO),
                                  arrow::default_memory_pool());
  for (const int64_t value : values) EXPECT_TRUE(builder.Append(value).ok());
  EXPECT_TRUE(builder.AppendNull().ok());
  auto data = (*builder.Finish())->data()->Copy();
  data->type = type;
  return arrow::MakeArray(data);
}

TEST(ArrowInput, NanosecondsAreSeenWhereTheyWouldBeCutOff) {
  const auto zoned = arrow::timestamp(arrow::TimeUnit::NANO, "UTC");
  EXPECT_TRUE(HasNanoseconds(*Times(zoned, {1000, 1001})->data()));
  EXPECT_TRUE(HasNanoseconds(*Times(zoned, {-1})->data()));
  EXPECT_FALSE(HasNanoseconds(*Times(zoned, {0, -2000, 3000})->data()));
  EXPECT_TRUE(HasNanoseconds(*Times(arrow::time64(arrow::TimeUnit::NANO), {1})->data()));
  EXPECT_TRUE(HasNanoseconds(*Times(arrow::duration(arrow::TimeUnit::NANO), {1})->data()));
  EXPECT_FALSE(HasNanoseconds(*Times(arrow::timestamp(arrow::TimeUnit::NANO), {1})->data()));
  EXPECT_FALSE(
      HasNanoseconds(*Times(arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"), {1})->data()));
}

TEST(ArrowInput, NanosecondsAreSeenInsideOfLists) {
  auto values = std::make_shared<arrow::TimestampBuilder>(
      arrow::timestamp(arrow::TimeUnit::NANO, "UTC"), arrow::default_memory_pool());
  arrow::ListBuilder lists(arrow::default_memory_pool(), values);
  ASSERT_TRUE(lists.Append().ok());
  ASSERT_TRUE(values->Append(5).ok());
  EXPECT_TRUE(HasNanoseconds(*(*lists.Finish())->data()));
}

TEST(ArrowInput, WideDecimalsBecomeText) {
  const auto type = arrow::decimal256(60, 2);
  arrow::Decimal256Builder builder(type);
  const auto big = *arrow::Decimal256::FromString("-123456789012345678901234567890123456789012");
  ASSERT_TRUE(builder.Append(big).ok());
  ASSERT_TRUE(builder.AppendNull().ok());
  EXPECT_EQ(InputType(type)->id(), arrow::Type::STRING);
  const auto out = InputColumn(*builder.Finish());
  ASSERT_TRUE(out.has_value()) << out.error().ToString();
  const auto& texts = static_cast<const arrow::StringArray&>(**out);
  EXPECT_EQ(texts.GetView(0), "-1234567890123456789012345678901234567890.12");
  EXPECT_TRUE(texts.IsNull(1));
  EXPECT_EQ(InputType(arrow::decimal128(38, 2))->id(), arrow::Type::DECIMAL128);
}

}  // namespace
}  // namespace nstarx::engine
