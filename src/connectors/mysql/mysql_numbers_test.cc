#include "connectors/mysql/mysql_numbers.h"

#include <gtest/gtest.h>

#include <optional>
#include <string_view>

namespace nstarx::connectors::mysql {
namespace {

const uint8_t* Bytes(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

template <class T>
std::optional<T> Integer(std::string_view text) {
  T value = 0;
  return ParseInteger(Bytes(text), text.size(), &value) ? std::optional(value) : std::nullopt;
}

TEST(MysqlNumbers, IntegersKeepTheirLimits) {
  EXPECT_EQ(Integer<int8_t>("-128"), -128);
  EXPECT_EQ(Integer<int8_t>("128"), std::nullopt);
  EXPECT_EQ(Integer<uint8_t>("-1"), std::nullopt);
  EXPECT_EQ(Integer<int64_t>("-9223372036854775808"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(Integer<int64_t>("9223372036854775808"), std::nullopt);
  EXPECT_EQ(Integer<uint64_t>("18446744073709551615"), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(Integer<uint64_t>("18446744073709551616"), std::nullopt);
  EXPECT_EQ(Integer<uint32_t>("0000000042"), 42u);
  for (const char* text : {"", "-", "1x", " 1", "+1", "1.0"}) {
    EXPECT_EQ(Integer<int32_t>(text), std::nullopt) << text;
  }
}

std::optional<__int128> Decimal(std::string_view text, int scale) {
  __int128 value = 0;
  return ParseDecimal128(Bytes(text), text.size(), scale, &value) ? std::optional(value)
                                                                  : std::nullopt;
}

TEST(MysqlNumbers, DecimalsAreExact) {
  EXPECT_TRUE(Decimal("-12.34", 2) == __int128{-1234});
  EXPECT_TRUE(Decimal("5", 2) == __int128{500});
  EXPECT_TRUE(Decimal("0.1", 3) == __int128{100});
  EXPECT_TRUE(Decimal("-0.00", 2) == __int128{0});
  const __int128 large = __int128{1'234'567'890'123'456'789} * 10'000'000'000 + 123'456'789;
  EXPECT_TRUE(Decimal("12345678901234567890123456.789", 3) ==
              __int128{12'345'678'901'234'567} * 1'000'000'000'000 + 890'123'456'789);
  EXPECT_TRUE(Decimal("12345678901234567890123456789", 0) == large);
  EXPECT_TRUE(Decimal("99999999999999999999999999999999999999", 0).has_value());
  EXPECT_FALSE(Decimal("999999999999999999999999999999999999999", 0).has_value());
  EXPECT_FALSE(Decimal("99999999999999999999999999999999999999", 1).has_value());
  EXPECT_FALSE(Decimal("0.001", 2).has_value());
  for (const char* text : {"", "-", "1.2.3", "1e5", "abc"}) {
    EXPECT_FALSE(Decimal(text, 5).has_value()) << text;
  }
}

TEST(MysqlNumbers, DaysAndTimes) {
  int32_t days = 0;
  EXPECT_EQ(ParseDate(Bytes("1970-01-01"), 10, &days), Moment::kOk);
  EXPECT_EQ(days, 0);
  EXPECT_EQ(ParseDate(Bytes("9999-12-31"), 10, &days), Moment::kOk);
  EXPECT_EQ(days, 2'932'896);
  for (const char* text : {"0000-00-00", "2024-00-10", "2023-02-29", "2024-04-31", "1900-02-29"}) {
    EXPECT_EQ(ParseDate(Bytes(text), 10, &days), Moment::kNoSuchDay) << text;
  }
  EXPECT_EQ(ParseDate(Bytes("2024-02-29"), 10, &days), Moment::kOk);
  EXPECT_EQ(ParseDate(Bytes("20240229xx"), 10, &days), Moment::kMalformed);
  int64_t micros = 0;
  EXPECT_EQ(ParseDatetime(Bytes("1970-01-01 00:00:01.5"), 21, &micros), Moment::kOk);
  EXPECT_EQ(micros, 1'500'000);
  EXPECT_EQ(ParseDatetime(Bytes("1970-01-01 00:00"), 16, &micros), Moment::kMalformed);
  EXPECT_TRUE(ParseTime(Bytes("-838:59:59.999999"), 17, &micros));
  EXPECT_EQ(micros, -3'020'399'999'999);
  EXPECT_TRUE(ParseTime(Bytes("00:00:00"), 8, &micros));
  EXPECT_EQ(micros, 0);
  EXPECT_FALSE(ParseTime(Bytes("00:00"), 5, &micros));
}

TEST(MysqlNumbers, AsciiIsFound) {
  EXPECT_TRUE(IsAscii(Bytes("plain text of some length"), 25));
  EXPECT_FALSE(IsAscii(Bytes("12345678\xC3\xA9"), 10));
  EXPECT_FALSE(IsAscii(Bytes("\xC3\xA9 at the start"), 15));
}

}  // namespace
}  // namespace nstarx::connectors::mysql
