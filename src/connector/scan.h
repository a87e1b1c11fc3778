#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nstarx::connector {

/// `column op value`: a row for which it is not true need not come.
struct Comparison {
  std::string column;
  std::string op;  ///< =, <>, <, <=, >, >=; of a text only =
  std::variant<int64_t, std::string> value;
};

/// What one SQL over connections wants of a table.
struct ScanRequest {
  std::string path;                  ///< as browse shows it
  std::vector<std::string> columns;  ///< empty: all
  std::vector<Comparison> where;     ///< all must be true; they are checked again above
};

/// `SELECT columns FROM table WHERE …`, names between `quote` signs, one inside doubled; `table` is
/// quoted already. Texts that dialects might read differently (other than printable ASCII without
/// quotes and backslashes) are left out of WHERE.
std::string ScanText(std::string_view table, const ScanRequest& request, char quote);

}  // namespace nstarx::connector
