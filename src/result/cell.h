#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace arrow {
class DataType;
struct ArrayData;
}  // namespace arrow

namespace nstarx::result {

class TextBuffer;

enum class Dialect { kJson, kCsv };

/// Offsets of a named time zone from UTC, looked up once per period.
class ZoneClock;

/// Writes the values of one column as text. What to do is chosen once from the type; per value it
/// is one indirect call on raw pointers. Bind it to a batch's column, then Write row by row.
class Cell {
 public:
  /// result.unsupported_type when text can't hold the type.
  static Result<Cell> Make(const arrow::DataType& type, Dialect dialect);
  Cell(Cell&&) noexcept;
  Cell& operator=(Cell&&) noexcept;
  ~Cell();

  /// Points at `data`, which must outlive the writes.
  void Bind(const arrow::ArrayData& data);

  /// The value of `row`; NULL is `null` in JSON and nothing in CSV.
  void Write(int64_t row, TextBuffer& out) const {
    const int64_t index = offset_ + row;
    if (validity_ != nullptr && (validity_[index >> 3] >> (index & 7) & 1) == 0) {
      WriteNull(out);
      return;
    }
    write_(*this, index, out);
  }
  bool IsNull(int64_t row) const;

 private:
  friend struct CellWriters;
  Cell();
  void WriteNull(TextBuffer& out) const;

  using WriteFunction = void (*)(const Cell& cell, int64_t index, TextBuffer& out);

  WriteFunction write_ = nullptr;
  const uint8_t* validity_ = nullptr;
  const uint8_t* values_ = nullptr;      ///< of fixed width, offsets of lists, or views
  const uint8_t* characters_ = nullptr;  ///< of strings and binary
  const arrow::ArrayData* data_ = nullptr;
  int64_t offset_ = 0;
  int32_t scale_ = 0;
  int32_t width_ = 0;  ///< bytes of a fixed-size binary, entries of a fixed-size list
  bool csv_ = false;
  std::unique_ptr<ZoneClock> zone_;
  std::vector<Cell> children_;
  std::vector<std::string> keys_;        ///< `"name":` of a struct's fields
  std::unique_ptr<TextBuffer> scratch_;  ///< of nested values in CSV
};

}  // namespace nstarx::result
