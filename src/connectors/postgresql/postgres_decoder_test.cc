#include "connectors/postgresql/postgres_decoder.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

namespace nstarx::connectors::postgresql {
namespace {

std::string Big(auto value) {
  std::string bytes(sizeof(value), '\0');
  for (size_t i = 0; i < sizeof(value); ++i) {
    bytes[i] = static_cast<char>(static_cast<uint64_t>(value) >> (8 * (sizeof(value) - 1 - i)));
  }
  return bytes;
}

using CellBytes = std::optional<std::string>;

std::string Row(const std::vector<CellBytes>& cells) {
  std::string body = Big(static_cast<int16_t>(cells.size()));
  for (const CellBytes& cell : cells) {
    body += Big(cell ? static_cast<int32_t>(cell->size()) : int32_t{-1});
    if (cell) body += *cell;
  }
  return "D" + Big(static_cast<int32_t>(body.size() + 4)) + body;
}

std::string Numeric(std::vector<int> digits, int weight, int sign, int scale) {
  std::string bytes = Big(static_cast<int16_t>(digits.size())) + Big(static_cast<int16_t>(weight)) +
                      Big(static_cast<uint16_t>(sign)) + Big(static_cast<int16_t>(scale));
  for (int digit : digits) bytes += Big(static_cast<int16_t>(digit));
  return bytes;
}

/// Decodes one column of a type; the array's text, or the error's code.
std::string Decode(uint32_t oid, int32_t modifier, const std::vector<CellBytes>& cells,
                   bool check_utf8 = false) {
  std::string bytes;
  for (const CellBytes& cell : cells) bytes += Row({cell});
  size_t size = bytes.size();
  bytes.append(64, '\0');
  RowBlock block;
  bool other = false;
  auto used = IndexRows({bytes.data(), size}, 1, block, &other);
  if (!used) return used.error().code();
  EXPECT_EQ(*used, size);
  BatchDecoder decoder({{.name = "c"}}, {TypeOfColumn(oid, modifier, OpenNumeric::kDecimal)},
                       check_utf8);
  if (auto status = decoder.Append(block); !status) return status.error().code();
  if (auto status = decoder.Settle(true); !status) return status.error().code();
  auto batch = decoder.Finish();
  if (!batch) return batch.error().code();
  auto valid = (*batch)->ValidateFull();
  if (!valid.ok()) return valid.ToString();
  std::string text;
  for (int64_t i = 0; i < (*batch)->num_rows(); ++i) {
    text += (i == 0 ? "" : "|") + (*(*batch)->column(0)->GetScalar(i))->ToString();
  }
  return text;
}

constexpr int32_t NumericModifierOf(int precision, int scale) {
  return ((precision << 16) | (scale & 0x7FF)) + 4;
}

TEST(PostgresDecoderTest, FixedTypes) {
  EXPECT_EQ(Decode(16, -1, {"\1", std::string(1, '\0'), std::nullopt}), "true|false|null");
  EXPECT_EQ(Decode(21, -1, {Big(int16_t{-32768}), Big(int16_t{32767})}), "-32768|32767");
  EXPECT_EQ(Decode(23, -1, {Big(INT32_MIN), std::nullopt, Big(INT32_MAX)}),
            "-2147483648|null|2147483647");
  EXPECT_EQ(Decode(20, -1, {Big(INT64_MIN), Big(INT64_MAX)}),
            "-9223372036854775808|9223372036854775807");
  EXPECT_EQ(Decode(26, -1, {Big(UINT32_MAX)}), "4294967295");
  EXPECT_EQ(Decode(700, -1, {Big(std::bit_cast<uint32_t>(1.5F))}), "1.5");
  EXPECT_EQ(Decode(701, -1, {Big(std::bit_cast<uint64_t>(-0.25))}), "-0.25");
}

TEST(PostgresDecoderTest, Temporal) {
  EXPECT_EQ(Decode(1082, -1, {Big(int32_t{0}), Big(int32_t{-10958}), Big(int32_t{-730119})}),
            "2000-01-01|1969-12-31|0001-01-01");
  EXPECT_EQ(Decode(1082, -1, {Big(INT32_MAX)}), "query.value_out_of_range");
  EXPECT_EQ(Decode(1082, -1, {Big(INT32_MIN)}), "query.value_out_of_range");
  EXPECT_EQ(Decode(1114, -1, {Big(int64_t{1})}), "2000-01-01 00:00:00.000001");
  EXPECT_EQ(Decode(1184, -1, {Big(int64_t{-946684800000000})}), "1970-01-01 00:00:00.000000Z");
  EXPECT_EQ(Decode(1114, -1, {Big(INT64_MAX)}), "query.value_out_of_range");
  EXPECT_EQ(Decode(1114, -1, {Big(INT64_MIN)}), "query.value_out_of_range");
  EXPECT_EQ(Decode(1083, -1, {Big(int64_t{86399999999})}), "23:59:59.999999");
  EXPECT_EQ(Decode(1083, -1, {Big(int64_t{86400000000})}), "query.value_out_of_range");
  EXPECT_EQ(Decode(1186, -1, {Big(int64_t{7}) + Big(int32_t{-3}) + Big(int32_t{14})}),
            "14M-3d7000ns");
  EXPECT_EQ(Decode(1186, -1, {Big(INT64_MAX) + Big(int32_t{0}) + Big(int32_t{0})}),
            "query.value_out_of_range");
}

TEST(PostgresDecoderTest, TextAndBytes) {
  EXPECT_EQ(Decode(25, -1, {"", "é", std::nullopt, std::string(100, 'x')}),
            "|é|null|" + std::string(100, 'x'));
  EXPECT_EQ(Decode(25, -1, {"\xff"}, true), "query.value_out_of_range");
  EXPECT_EQ(Decode(25, -1, {"\xc3", "\xa9"}, true), "query.value_out_of_range");
  EXPECT_EQ(Decode(25, -1, {"ok", std::nullopt, "é"}, true), "ok|null|é");
  EXPECT_EQ(Decode(3802, -1, {"\1{}"}), "{}");
  EXPECT_EQ(Decode(3802, -1, {"\2{}"}), "query.value_out_of_range");
  EXPECT_EQ(Decode(3802, -1, {""}), "query.value_out_of_range");
  EXPECT_EQ(Decode(16384, -1, {"any type's text"}), "any type's text");
}

TEST(PostgresDecoderTest, NumericsOfAPrecision) {
  const int32_t money = NumericModifierOf(15, 2);
  EXPECT_EQ(Decode(1700, money,
                   {Numeric({2, 1168, 2300}, 1, 0, 2), Numeric({}, 0, 0, 2),
                    Numeric({100}, -1, 0x4000, 2), std::nullopt}),
            "21168.23|0.00|-0.01|null");
  EXPECT_EQ(Decode(1700, money, {Numeric({9, 9999, 9999, 9999, 9900}, 3, 0, 2)}),
            "9999999999999.99");
  EXPECT_EQ(Decode(1700, money, {Numeric({10, 0, 0, 0}, 3, 0, 2)}), "query.value_out_of_range");
  EXPECT_EQ(Decode(1700, money, {Numeric({1}, -1, 0, 4)}), "query.value_out_of_range") << "0.0001";
  EXPECT_EQ(Decode(1700, money, {Numeric({10000}, 0, 0, 2)}), "query.value_out_of_range");
  EXPECT_EQ(Decode(1700, money, {Numeric({}, 0, 0xC000, 0)}), "query.value_out_of_range") << "NaN";
  EXPECT_EQ(Decode(1700, money, {Numeric({}, 0, 0xD000, 0)}), "query.value_out_of_range") << "inf";
  EXPECT_EQ(Decode(1700, money, {Numeric({}, 0, 0x1234, 0)}), "query.value_out_of_range");
  EXPECT_EQ(Decode(1700, money, {"short"}), "query.value_out_of_range");
  EXPECT_EQ(Decode(1700, money, {Numeric({0, 0, 5}, 1, 0, 4)}), "query.value_out_of_range");
  EXPECT_EQ(Decode(1700, money, {Numeric({0, 5, 0}, 1, 0, 4)}), "5.00") << "zero digits";
  EXPECT_EQ(Decode(1700, money, {Numeric({1}, 32767, 0, 0)}), "query.value_out_of_range");
  EXPECT_EQ(Decode(1700, money, {Numeric({1}, -32768, 0, 0)}), "query.value_out_of_range");
  for (int scale = 0; scale <= 8; ++scale) {
    std::string wanted =
        scale == 0 ? "12345" : "12345." + std::string(static_cast<size_t>(scale), '0');
    EXPECT_EQ(Decode(1700, NumericModifierOf(38, scale), {Numeric({1, 2345}, 1, 0, scale)}),
              wanted);
  }
  EXPECT_EQ(
      Decode(1700, NumericModifierOf(38, 10),
             {Numeric({9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9900}, 6, 0, 10)}),
      "9999999999999999999999999999.9999999999");
  EXPECT_EQ(Decode(1700, NumericModifierOf(60, 20), {Numeric({1}, -5, 0x4000, 20)}), "-1E-20");
  EXPECT_EQ(Decode(1700, NumericModifierOf(5, -3), {Numeric({12, 3000}, 1, 0, 0)}), "123000");
}

TEST(PostgresDecoderTest, NumericsWithoutAPrecision) {
  EXPECT_EQ(
      Decode(1700, -1, {Numeric({1, 5000}, 0, 0, 2), Numeric({2, 2500}, 0, 0, 2), std::nullopt}),
      "1.50|2.25|null");
  EXPECT_EQ(Decode(1700, -1, {std::nullopt}), "null");
  EXPECT_EQ(Decode(1700, -1, {Numeric({1}, 10, 0, 0)}),
            "10000000000000000000000000000000000000000");
  EXPECT_EQ(Decode(1700, -1, {Numeric({1}, 20, 0, 0)}), "query.value_out_of_range");
  EXPECT_EQ(Decode(1700, -1, {Numeric({1}, 10, 0, 0), Numeric({1}, -10, 0, 40)}),
            "query.value_out_of_range");
  EXPECT_EQ(Decode(1700, -1, {Numeric({}, 0, 0xC000, 0)}), "query.value_out_of_range");
}

TEST(PostgresDecoderTest, Arrays) {
  auto array = [](int32_t dimensions, uint32_t oid, const std::vector<CellBytes>& items) {
    std::string bytes = Big(dimensions) + Big(int32_t{1}) + Big(oid);
    if (dimensions == 0) return bytes;
    bytes += Big(static_cast<int32_t>(items.size())) + Big(int32_t{1});
    for (const CellBytes& item : items) {
      bytes += Big(item ? static_cast<int32_t>(item->size()) : int32_t{-1}) + item.value_or("");
    }
    return bytes;
  };
  EXPECT_EQ(Decode(1007, -1,
                   {array(1, 23, {Big(1), std::nullopt, Big(-3)}), array(0, 23, {}), std::nullopt}),
            "list<item: int32>[1, null, -3]|list<item: int32>[]|null");
  EXPECT_EQ(Decode(1009, -1, {array(1, 25, {"a", ""})}), "list<item: string>[a, ]");
  EXPECT_EQ(Decode(1007, -1, {array(2, 23, {Big(1)})}), "query.value_out_of_range");
  EXPECT_EQ(Decode(1007, -1, {array(1, 25, {Big(1)})}), "query.value_out_of_range");
  EXPECT_EQ(Decode(1007, -1, {array(1, 23, {"x"})}), "query.value_out_of_range");
  EXPECT_EQ(Decode(1007, -1, {array(1, 23, {Big(1)}).substr(0, 22)}), "query.value_out_of_range");
  EXPECT_EQ(Decode(1007, -1, {Big(int32_t{1}) + Big(0) + Big(23) + Big(INT32_MAX) + Big(1)}),
            "query.value_out_of_range");
  EXPECT_EQ(Decode(1007, -1, {""}), "query.value_out_of_range");
}

TEST(PostgresDecoderTest, WrongSizesAreErrors) {
  for (uint32_t oid :
       {16U, 20U, 21U, 23U, 26U, 700U, 701U, 1082U, 1083U, 1114U, 1184U, 1186U, 2950U}) {
    EXPECT_EQ(Decode(oid, -1, {"xyz"}), "query.value_out_of_range") << oid;
  }
}

TEST(PostgresDecoderTest, BrokenRowsAreErrors) {
  auto index = [](std::string bytes, size_t columns) -> std::string {
    size_t size = bytes.size();
    bytes.append(64, '\0');
    RowBlock block;
    bool other = false;
    auto used = IndexRows({bytes.data(), size}, columns, block, &other);
    return used ? std::to_string(block.rows) : used.error().code();
  };
  const std::string row = Row({"ab", std::nullopt});
  EXPECT_EQ(index(row + row, 2), "2");
  EXPECT_EQ(index(row.substr(0, row.size() - 1), 2), "0") << "the rest is still to come";
  EXPECT_EQ(index(row, 1), "connection.protocol_violation");
  std::string cell = row;
  cell[10] = 3;  // the first cell's length
  EXPECT_EQ(index(cell, 2), "connection.protocol_violation");
  cell[7] = '\x80';
  EXPECT_EQ(index(cell, 2), "connection.protocol_violation");
  std::string length = row;
  length[4] = 1;
  EXPECT_EQ(index(length, 2), "connection.protocol_violation");
}

TEST(PostgresDecoderTest, RowDescriptions) {
  std::string body = Big(int16_t{1}) + std::string("n\0", 2) + Big(int32_t{0}) + Big(int16_t{0}) +
                     Big(int32_t{1700}) + Big(int16_t{-1}) + Big(NumericModifierOf(15, 2)) +
                     Big(int16_t{0});
  auto columns = ParseRowDescription(body);
  ASSERT_TRUE(columns);
  EXPECT_EQ((*columns)[0].name, "n");
  EXPECT_EQ((*columns)[0].oid, 1700U);
  EXPECT_EQ((*columns)[0].modifier, NumericModifierOf(15, 2));
  for (size_t size = 0; size < body.size(); ++size) {
    EXPECT_FALSE(ParseRowDescription(body.substr(0, size))) << size;
  }
}

TEST(PostgresDecoderTest, BatchesStartAnew) {
  std::string bytes = Row({Big(int32_t{7}), "text"});
  size_t size = bytes.size();
  bytes.append(64, '\0');
  RowBlock block;
  bool other = false;
  ASSERT_TRUE(IndexRows({bytes.data(), size}, 2, block, &other));
  BatchDecoder decoder(
      {{.name = "a"}, {.name = "b"}},
      {TypeOfColumn(23, -1, OpenNumeric::kDecimal), TypeOfColumn(25, -1, OpenNumeric::kDecimal)},
      false);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(decoder.Append(block));
    ASSERT_TRUE(decoder.Append(block));
    auto batch = decoder.Finish();
    ASSERT_TRUE(batch);
    EXPECT_EQ((*batch)->num_rows(), 2);
    EXPECT_TRUE((*batch)->ValidateFull().ok());
  }
}

}  // namespace
}  // namespace nstarx::connectors::postgresql
