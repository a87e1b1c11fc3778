#include "cli/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace nstarx::cli {
namespace {

/// The code point at the front of `text` and its length; broken UTF-8 counts byte by byte.
struct CodePoint {
  uint32_t value = 0xFFFD;
  size_t length = 1;
  bool valid = false;
};

CodePoint Decode(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1, true};
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
  if (length == 0 || first > 0xF4 || text.size() < length) return {};
  uint32_t value = first & (0xFF >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3F);
  }
  return {value, length, true};
}

struct Range {
  uint32_t first;
  uint32_t last;
};

// East Asian wide and emoji blocks, and combining or zero-width characters (UAX #11, abridged).
constexpr Range kWide[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},  {0x2E80, 0x303E}, {0x3041, 0x33FF},   {0x3400, 0x4DBF},
    {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},  {0xA960, 0xA97F}, {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},
    {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},  {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF},
    {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
constexpr Range kNarrowless[] = {
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x0610, 0x061A}, {0x064B, 0x065F},
    {0x1AB0, 0x1AFF}, {0x200B, 0x200F}, {0x202A, 0x202E}, {0x2060, 0x2064}, {0x20D0, 0x20FF},
    {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}};

template <size_t kSize>
bool In(const Range (&ranges)[kSize], uint32_t value) {
  return std::ranges::any_of(
      ranges, [&](const Range& range) { return value >= range.first && value <= range.last; });
}

int WidthOf(uint32_t value) {
  if (value < 0x300) return 1;
  if (In(kNarrowless, value)) return 0;
  return In(kWide, value) ? 2 : 1;
}

// Control characters, and those that turn the direction of text around, drive terminals.
bool Drives(uint32_t value) {
  return value < 0x20 || (value >= 0x7F && value < 0xA0) || (value >= 0x202A && value <= 0x202E) ||
         (value >= 0x2066 && value <= 0x2069);
}

std::string Escaped(uint32_t value) {
  switch (value) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return value < 0x100 ? fmt::format("\\x{:02x}", value) : fmt::format("\\u{:04x}", value);
  }
}

}  // namespace

int DisplayWidth(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const CodePoint point = Decode(text);
    width += point.valid ? WidthOf(point.value) : 1;
    text.remove_prefix(point.length);
  }
  return width;
}

std::string CellText(std::string_view text, int width) {
  std::string cell;
  int used = 0;
  size_t fits = 0;  // bytes of `cell` that leave a column for the ellipsis
  while (!text.empty()) {
    const CodePoint point = Decode(text);
    std::string piece = !point.valid          ? std::string("\xEF\xBF\xBD")
                        : Drives(point.value) ? Escaped(point.value)
                                              : std::string(text.substr(0, point.length));
    const int piece_width = DisplayWidth(piece);
    if (width > 0 && used + piece_width > width) {
      cell.resize(fits);
      return cell + "…";
    }
    cell += piece;
    used += piece_width;
    if (width == 0 || used <= width - 1) fits = cell.size();
    text.remove_prefix(point.length);
  }
  return cell;
}

Table::Table(std::vector<std::string> headers, int max_cell)
    : headers_(std::move(headers)), right_(headers_.size()), max_cell_(max_cell) {
  for (std::string& header : headers_) {
    header = CellText(header, max_cell_);
    widths_.push_back(DisplayWidth(header));
  }
}

void Table::Add(std::vector<std::string> cells) {
  cells.resize(headers_.size());
  for (size_t i = 0; i < cells.size(); ++i) {
    cells[i] = CellText(cells[i], begun_ ? std::max(widths_[i], 1) : max_cell_);
    if (!begun_) widths_[i] = std::max(widths_[i], DisplayWidth(cells[i]));
  }
  rows_.push_back(std::move(cells));
  ++total_;
}

std::string Table::Line(const std::vector<std::string>& cells) const {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += "  ";
    const std::string padding(static_cast<size_t>(std::max(0, widths_[i] - DisplayWidth(cells[i]))),
                              ' ');
    line += right_[i] ? padding + cells[i] : cells[i] + padding;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string Table::Take(int width) {
  std::string text;
  const auto add = [&](const std::string& line) {
    text += width > 0 ? CellText(line, width) : line;
    text += '\n';
  };
  if (!begun_ && !headers_.empty()) {
    begun_ = true;
    add(Line(headers_));
    std::vector<std::string> rules;
    for (const int column : widths_) {
      std::string rule;
      for (int i = 0; i < column; ++i) rule += "─";
      rules.push_back(std::move(rule));
    }
    add(Line(rules));
  }
  for (const auto& row : rows_) add(Line(row));
  rows_.clear();
  return text;
}

std::string CsvLine(const std::vector<std::string>& cells) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += ',';
    const std::string& cell = cells[i];
    if (cell.find_first_of(",\"\r\n") == std::string::npos) {
      line += cell;
      continue;
    }
    line += '"';
    for (const char c : cell) {
      if (c == '"') line += '"';
      line += c;
    }
    line += '"';
  }
  return line + "\r\n";
}

}  // namespace nstarx::cli
