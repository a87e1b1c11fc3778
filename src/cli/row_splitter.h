#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace nstarx::cli {

/// Cuts the JSON of a query's answer, {"columns": […], "rows": [[…], …], …}, into its rows while it
/// arrives, so that a long result needs no memory. Bounded: one row at a time.
class RowSplitter {
 public:
  /// `head` is called once with the document up to its rows, closed so that it parses; `row` with
  /// the text of each row.
  RowSplitter(std::function<Status(std::string_view)> head,
              std::function<Status(std::string_view)> row)
      : head_(std::move(head)), row_(std::move(row)) {}

  Status Feed(std::string_view piece);
  /// What comes after the rows, opened so that it parses: {"row_count": …}.
  std::string Tail() const;
  bool complete() const { return place_ == Place::kTail; }

 private:
  enum class Place { kHead, kRows, kTail };
  Status EndOfHead();

  std::function<Status(std::string_view)> head_;
  std::function<Status(std::string_view)> row_;
  Place place_ = Place::kHead;
  std::string text_;
  int depth_ = 0;
  bool quoted_ = false;
  bool escaped_ = false;
};

}  // namespace nstarx::cli
