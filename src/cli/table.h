#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nstarx::cli {

/// Columns that a terminal needs for `text`: wide characters count two, combining ones none.
int DisplayWidth(std::string_view text);

/// `text` made fit for one table cell: control characters shown as escapes (so that data can't
/// drive the terminal), cut with … at `width` columns (0: no limit).
std::string CellText(std::string_view text, int width = 0);

/// Rows laid out in aligned columns: a header, a rule, two spaces between columns. Widths come from
/// the rows added before the first Take; later rows keep them, so that long results can stream.
class Table {
 public:
  explicit Table(std::vector<std::string> headers, int max_cell = 60);
  /// Aligns the column to the right, as numbers are.
  void AlignRight(size_t column) { right_[column] = true; }
  void Add(std::vector<std::string> cells);
  /// What was added since the last call, as lines; the header comes with the first. Columns that
  /// do not fit into `width` (0: no limit) are cut there.
  std::string Take(int width = 0);
  size_t rows() const { return total_; }
  size_t pending() const { return rows_.size(); }

 private:
  std::string Line(const std::vector<std::string>& cells) const;

  std::vector<std::string> headers_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<int> widths_;
  std::vector<bool> right_;
  int max_cell_;
  size_t total_ = 0;
  bool begun_ = false;
};

/// One line of CSV (RFC 4180) with its end.
std::string CsvLine(const std::vector<std::string>& cells);

}  // namespace nstarx::cli
