#include "connector/scan.h"

#include <algorithm>

namespace nstarx::connector {
namespace {

std::string Quoted(std::string_view name, char quote) {
  std::string out(1, quote);
  for (const char c : name) {
    if (c == quote) out += quote;
    out += c;
  }
  return out + quote;
}

bool IsTheSameInAllDialects(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return c >= ' ' && c < 0x7F && c != '\'' && c != '"' && c != '\\'; });
}

}  // namespace

std::string ScanText(std::string_view table, const ScanRequest& request, char quote) {
  std::string out = "SELECT ";
  for (const std::string& column : request.columns) {
    if (&column != request.columns.data()) out += ", ";
    out += Quoted(column, quote);
  }
  if (request.columns.empty()) out += '*';
  out += " FROM ";
  out += table;
  std::string_view before = " WHERE ";
  for (const Comparison& row : request.where) {
    std::string value;
    if (const auto* number = std::get_if<int64_t>(&row.value)) {
      value = std::to_string(*number);
    } else {
      const std::string& text = std::get<std::string>(row.value);
      if (!IsTheSameInAllDialects(text)) continue;
      value = "'" + text + "'";
    }
    out += before;
    out += Quoted(row.column, quote) + " " + row.op + " " + value;
    before = " AND ";
  }
  return out;
}

}  // namespace nstarx::connector
