// What a server sends is hostile until it is decoded: any bytes must give valid Arrow or an error.
#include <arrow/api.h>

#include <cstdint>
#include <string>

#include "connectors/postgresql/postgres_decoder.h"
#include "connectors/postgresql/postgres_errors.h"
#include "connectors/postgresql/postgres_sql.h"

namespace {

using namespace nstarx::connectors::postgresql;  // NOLINT: the whole file is about this room

/// A type for every decoder; the first byte of the input picks where the columns begin.
constexpr std::pair<uint32_t, int32_t> kTypes[] = {
    {16, -1},        {21, -1},         {23, -1},   {20, -1},   {700, -1},       {701, -1},
    {25, -1},        {3802, -1},       {17, -1},   {1082, -1}, {1083, -1},      {1114, -1},
    {1186, -1},      {2950, -1},       {1007, -1}, {1009, -1}, {1700, 0xF0006}, {1700, 0x26000E},
    {1231, 0xF0006}, {1700, 0x4C0018}, {1700, -1}, {3807, -1}, {2951, -1}};

void Decode(std::string_view input, size_t first, bool check_utf8, OpenNumeric open) {
  constexpr size_t kColumns = 3;
  std::vector<ResultColumn> columns;
  std::vector<ColumnType> types;
  for (size_t i = 0; i < kColumns; ++i) {
    const auto& [oid, modifier] = kTypes[(first + i) % std::size(kTypes)];
    columns.push_back({.name = "c", .oid = oid, .modifier = modifier});
    types.push_back(TypeOfColumn(oid, modifier, open));
  }
  BatchDecoder decoder(columns, std::move(types), check_utf8);
  std::string bytes(input);
  bytes.append(64, '\0');
  RowBlock block;
  bool other = false;
  auto used = IndexRows({bytes.data(), input.size()}, kColumns, block, &other);
  if (!used || !decoder.Append(block) || !decoder.Settle(true)) return;
  auto batch = decoder.Finish();
  if (batch && check_utf8 && !(*batch)->ValidateFull().ok()) __builtin_trap();
  if (batch && !(*batch)->Validate().ok()) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  std::string_view input(reinterpret_cast<const char*>(data + 2), size - 2);
  Decode(input, data[0], (data[1] & 1) != 0, static_cast<OpenNumeric>((data[1] >> 1) % 3));
  (void)ParseRowDescription(input);
  (void)QueryError(ParseServerError(input), input, data[0]);
  (void)LoginError(input);
  (void)SplitPath(input);
  for (const SqlStatement& statement : SplitStatements(input)) {
    if (statement.scan && CutByPages(statement).size() < statement.text.size()) __builtin_trap();
  }
  return 0;
}
