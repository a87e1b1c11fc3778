#include "connectors/mysql/mysql_decode.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

namespace nstarx::connectors::mysql {
namespace {

Packet PacketOf(const std::string& bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

std::string TextRow(std::initializer_list<const char*> cells) {
  std::string out;
  for (const char* cell : cells) {
    if (cell == nullptr) {
      out += '\xFB';
      continue;
    }
    AppendLength(out, std::string_view(cell).size());
    out += cell;
  }
  return out;
}

ColumnDefinition Of(WireType type, uint16_t charset = 45, uint32_t length = 20,
                    uint8_t decimals = 0) {
  return {.name = "c", .type = type, .charset = charset, .length = length, .decimals = decimals};
}

TEST(MysqlTypes, TheProtocolsTypesBecomeArrow) {
  const std::pair<ColumnDefinition, const char*> rows[] = {
      {Of(WireType::kTiny), "int8"},
      {Of(WireType::kYear), "int16"},
      {Of(WireType::kInt24), "int32"},
      {Of(WireType::kLongLong), "int64"},
      {Of(WireType::kNewDecimal, 63, 17, 2), "decimal128(15, 2)"},
      {Of(WireType::kNewDecimal, 63, 67, 30), "decimal256(65, 30)"},
      {Of(WireType::kDatetime), "timestamp[us]"},
      {Of(WireType::kTimestamp), "timestamp[us, tz=UTC]"},
      {Of(WireType::kTime), "duration[us]"},
      {Of(WireType::kBit), "uint64"},
      {Of(WireType::kBlob, 63), "binary"},
      {Of(WireType::kBlob, 45), "string"},
      {Of(WireType::kString, 45), "string"},
      {Of(WireType::kJson, 63), "string"},
      {Of(WireType::kGeometry, 63), "binary"},
      {Of(WireType::kNull, 63), "string"},
  };
  for (const auto& [definition, arrow] : rows) {
    EXPECT_EQ(ToArrow(TypeOf(definition))->ToString(), arrow);
  }
  ColumnDefinition plain = Of(WireType::kLong);
  plain.flags = 0x20;
  EXPECT_EQ(ToArrow(TypeOf(plain))->ToString(), "uint32");
}

TEST(MysqlTypes, DeclarationsComeBack) {
  for (const auto& type :
       {arrow::int8(), arrow::int16(), arrow::int32(), arrow::int64(), arrow::uint8(),
        arrow::uint16(), arrow::uint32(), arrow::uint64(), arrow::float32(), arrow::float64(),
        arrow::utf8(), arrow::binary(), arrow::date32(), arrow::duration(arrow::TimeUnit::MICRO),
        arrow::timestamp(arrow::TimeUnit::MICRO), arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"),
        arrow::decimal128(15, 2), arrow::decimal256(65, 30)}) {
    EXPECT_TRUE(ToArrow(TypeOfDeclared(ToDeclared(*type)))->Equals(type)) << type->ToString();
  }
  EXPECT_EQ(ToDeclared(*arrow::list(arrow::int8())), "");
  EXPECT_EQ(ToDeclared(*arrow::decimal256(70, 2)), "");
}

TEST(MysqlDecode, TextRowsBecomeABatch) {
  RowDecoder decoder({Of(WireType::kLong), Of(WireType::kVarString),
                      Of(WireType::kNewDecimal, 63, 12, 2), Of(WireType::kDate)},
                     RowFormat::kText, ZeroDates::kError);
  ASSERT_TRUE(decoder.Append(PacketOf(TextRow({"-7", "é", "1.5", "2026-02-28"}))));
  ASSERT_TRUE(decoder.Append(PacketOf(TextRow({nullptr, nullptr, nullptr, nullptr}))));
  ASSERT_TRUE(decoder.Append(PacketOf(TextRow({"0", "", "0", "1970-01-01"}))));
  auto batch = decoder.Finish();
  ASSERT_TRUE(batch) << batch.error().ToString();
  ASSERT_TRUE((*batch)->ValidateFull().ok());
  EXPECT_EQ((*batch)->num_rows(), 3);
  for (const auto& column : (*batch)->columns()) EXPECT_EQ(column->null_count(), 1);
  EXPECT_EQ((*batch)->column(2)->GetScalar(0).ValueOrDie()->ToString(), "1.50");
  EXPECT_EQ((*batch)->column(1)->GetScalar(0).ValueOrDie()->ToString(), "é");
}

TEST(MysqlDecode, BinaryRowsBecomeABatch) {
  RowDecoder decoder({Of(WireType::kLong), Of(WireType::kDatetime), Of(WireType::kTime)},
                     RowFormat::kBinary, ZeroDates::kError);
  std::string row("\x00\x00", 2);
  AppendFixed(row, 0xFFFFFFFF, 4);
  row += '\x07';
  AppendFixed(row, 1970, 2);
  row += std::string("\x01\x01\x00\x00\x01", 5);
  row += '\x08';
  row += '\x01';
  AppendFixed(row, 1, 4);
  row += std::string("\x00\x00\x02", 3);
  ASSERT_TRUE(decoder.Append(PacketOf(row)));
  ASSERT_TRUE(decoder.Append(PacketOf(std::string("\x00\x1C", 2))));
  auto batch = decoder.Finish();
  ASSERT_TRUE(batch) << batch.error().ToString();
  EXPECT_EQ((*batch)->column(0)->GetScalar(0).ValueOrDie()->ToString(), "-1");
  EXPECT_EQ((*batch)->column(1)->GetScalar(0).ValueOrDie()->ToString(),
            "1970-01-01 00:00:01.000000");
  EXPECT_EQ((*batch)->column(2)->GetScalar(0).ValueOrDie()->ToString(), "-86402000000");
  EXPECT_EQ((*batch)->column(0)->null_count(), 1);
}

TEST(MysqlDecode, MisfitsNameColumnAndRow) {
  RowDecoder dates({Of(WireType::kDate)}, RowFormat::kText, ZeroDates::kError);
  ASSERT_TRUE(dates.Append(PacketOf(TextRow({"2026-02-28"}))));
  const Status zero = dates.Append(PacketOf(TextRow({"0000-00-00"})));
  ASSERT_FALSE(zero);
  EXPECT_EQ(zero.error().code(), "query.zero_date");
  EXPECT_EQ(zero.error().details().at("row").as_int64(), 2);
  RowDecoder text({Of(WireType::kVarString)}, RowFormat::kText, ZeroDates::kError);
  const Status bad = text.Append(PacketOf(TextRow({"\xC3("})));
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code(), "query.bad_value");
}

TEST(MysqlDecode, HostileBytesAreErrors) {
  for (const RowFormat format : {RowFormat::kText, RowFormat::kBinary}) {
    // Every cut and every single-byte change of a good row must end in a batch or an error.
    std::string good = TextRow({"-7", "abc", "2026-02-28"});
    if (format == RowFormat::kBinary) {
      good.assign(
          "\x00\x00\xF9\xFF\xFF\xFF\x03"
          "abc\x04\xEA\x07\x02\x1C",
          15);
    }
    const auto feed = [format](const std::string& row) {
      RowDecoder decoder({Of(WireType::kLong), Of(WireType::kVarString), Of(WireType::kDate)},
                         format, ZeroDates::kNull);
      // A copy of the exact size, so that a sanitizer sees any step beyond it.
      const std::vector<uint8_t> exact(row.begin(), row.end());
      Status status = decoder.Append({exact.data(), exact.size()});
      if (status) {
        auto batch = decoder.Finish();
        EXPECT_TRUE(batch && (*batch)->ValidateFull().ok());
      }
      return status.has_value();
    };
    EXPECT_TRUE(feed(good));
    for (size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(feed(good.substr(0, size)));
    for (size_t at = 0; at < good.size(); ++at) {
      for (int byte : {0x00, 0x01, 0x7F, 0x80, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF}) {
        std::string bad = good;
        bad[at] = static_cast<char>(byte);
        feed(bad);
      }
    }
  }
}

}  // namespace
}  // namespace nstarx::connectors::mysql
