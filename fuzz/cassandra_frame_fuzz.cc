// What a node sends is hostile until it is decoded: any bytes must give valid Arrow or an error.
#include <arrow/api.h>

#include <cstdint>
#include <string>

#include "connectors/cassandra/cassandra_errors.h"
#include "connectors/cassandra/cql_client.h"
#include "connectors/cassandra/cql_literals.h"
#include "connectors/cassandra/cql_numbers.h"
#include "connectors/cassandra/cql_rows.h"
#include "connectors/cassandra/cql_statement.h"

namespace {

using namespace nstarx::connectors::cassandra;  // NOLINT: the whole file is about this room

void DecodeRows(const std::vector<ResultColumn>& columns, std::string_view rows, int32_t count,
                NumericAs numeric) {
  RowDecoder decoder(columns, numeric);
  BodyReader reader(rows);
  for (int32_t i = 0; i < count; ++i) {
    if (!decoder.Append(reader)) return;
    if (!decoder.full()) continue;
    if (auto batch = decoder.Finish(); !batch || !(*batch)->ValidateFull().ok()) __builtin_trap();
  }
  if (auto batch = decoder.Finish(); !batch || !(*batch)->ValidateFull().ok()) __builtin_trap();
}

/// A RESULT frame's body as it is.
void DecodeBody(std::string_view input, NumericAs numeric) {
  const auto head = ParseResult(input);
  if (!head) return;
  DecodeRows(head->metadata.columns, input.substr(head->rows_at), head->row_count, numeric);
}

/// The input as rows of one column, whose type the first byte picks.
void DecodeColumn(uint8_t pick, std::string_view input, NumericAs numeric) {
  static constexpr std::string_view kTypes[] = {
      "int",
      "text",
      "decimal",
      "varint",
      "duration",
      "inet",
      "list<text>",
      "time",
      "timestamp",
      "uuid",
      "date",
      "map<text, int>",
      "vector<float, 3>",
      "boolean",
      "tuple<int, set<text>>",
      "vector<tuple<text>, 4>",
      "smallint",
      "blob",
      "list<frozen<map<int, frozen<tuple<uuid, vector<int, 2>>>>>>"};
  auto type = ParseCql(kTypes[pick % std::size(kTypes)], {});
  if (!type) __builtin_trap();
  const std::vector<ResultColumn> columns{
      {.keyspace = "", .table = "", .name = "c", .type = std::move(*type)}};
  DecodeRows(columns, input, 64, numeric);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data + 2), size - 2);
  const auto numeric = static_cast<NumericAs>(data[0] % 3);
  DecodeBody(input, numeric);
  DecodeColumn(data[1], input, numeric);
  (void)ServerError(input, input);
  (void)LoginError(input);
  (void)SplitPath(input);
  const UdtTable udts{{"a", {.names = {"x", "y"}, .types = {"frozen<a>", "list<a>"}}}};
  if (const auto type = ParseCql(input, udts); type && Leaves(*type) <= kLeavesMax) {
    (void)ToArrow(*type, numeric, false);
  }
  if (const auto type = ParseClass(input)) (void)ToArrow(*type, numeric, true);
  if (const auto scan = AsPlainScan(input); scan && scan->text.size() > input.size()) {
    __builtin_trap();
  }
  // Digits that were read are written as the same number.
  if (const auto bytes = VarintBytes(input); bytes && *VarintBytes(VarintText(*bytes)) != *bytes) {
    __builtin_trap();
  }
  if (const auto value = ReadDecimal(input)) {
    const auto again = ReadDecimal(DecimalText(value->unscaled, value->scale));
    if (again && (again->unscaled != value->unscaled || again->scale != value->scale)) {
      __builtin_trap();
    }
  }
  return 0;
}
