#include "adapter/odbc_result.h"

#include <arrow-adbc/adbc.h>
#include <arrow/api.h>

#include <algorithm>

namespace nstarx::adapter {
namespace {

constexpr size_t kBlockBytes = 4 << 20;  ///< of all columns' buffers
constexpr size_t kMostBlockRows = 4096;
constexpr int64_t kBatchRows = 16'384;
constexpr int64_t kBatchBytes = 8 << 20;
constexpr size_t kPiece = 64 << 10;  ///< of a value that is read in pieces

/// What both ways of reading share.
class OdbcRows : public arrow::RecordBatchReader {
 public:
  OdbcRows(const OdbcStatement& statement, std::vector<ColumnTarget> targets)
      : statement_(statement), targets_(std::move(targets)) {
    arrow::FieldVector fields;
    for (const auto& target : targets_)
      fields.push_back(arrow::field(target.name(), target.type()));
    schema_ = arrow::schema(std::move(fields));
  }
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

 protected:
  arrow::Status Check(SQLRETURN code) const {
    if (SQL_SUCCEEDED(code) || code == SQL_NO_DATA) return arrow::Status::OK();
    const DriverError error = OdbcFailure(SQL_HANDLE_STMT, statement_.get());
    if (error.status == ADBC_STATUS_CANCELLED) return arrow::Status::Cancelled(error.message);
    return arrow::Status::IOError(error.sqlstate, ": ", error.message);
  }
  bool Full(int64_t rows) const {
    int64_t bytes = 0;
    for (const auto& target : targets_) bytes += target.bytes();
    return rows >= kBatchRows || bytes >= kBatchBytes;
  }
  arrow::Status Finish(int64_t rows, std::shared_ptr<arrow::RecordBatch>* batch) {
    arrow::ArrayVector columns;
    for (auto& target : targets_) {
      ARROW_ASSIGN_OR_RAISE(auto column, target.Finish());
      columns.push_back(std::move(column));
    }
    *batch = rows > 0 ? arrow::RecordBatch::Make(schema_, rows, std::move(columns)) : nullptr;
    return arrow::Status::OK();
  }

  const OdbcStatement& statement_;
  std::vector<ColumnTarget> targets_;
  std::shared_ptr<arrow::Schema> schema_;
  bool ended_ = false;
};

/// Blocks of rows in bound buffers.
class BlockRows final : public OdbcRows {
 public:
  using OdbcRows::OdbcRows;
  ~BlockRows() override { SQLFreeStmt(statement_.get(), SQL_UNBIND); }

  arrow::Status Start() {
    size_t row_bytes = 0;
    for (const auto& target : targets_) row_bytes += target.width() + sizeof(SQLLEN);
    block_ = std::clamp<size_t>(kBlockBytes / std::max<size_t>(row_bytes, 1), 1, kMostBlockRows);
    SQLSetStmtAttr(statement_.get(), SQL_ATTR_ROW_BIND_TYPE, SQL_BIND_BY_COLUMN, 0);
    SQLSetStmtAttr(statement_.get(), SQL_ATTR_ROWS_FETCHED_PTR, &fetched_, 0);
    if (!SQL_SUCCEEDED(SQLSetStmtAttr(statement_.get(), SQL_ATTR_ROW_ARRAY_SIZE,
                                      reinterpret_cast<SQLPOINTER>(block_), 0))) {
      block_ = 1;
    }
    buffers_.resize(targets_.size());
    lengths_.resize(targets_.size());
    for (size_t i = 0; i < targets_.size(); ++i) {
      buffers_[i].resize(block_ * targets_[i].width());
      lengths_[i].resize(block_);
      ARROW_RETURN_NOT_OK(Check(SQLBindCol(
          statement_.get(), static_cast<SQLUSMALLINT>(i + 1), targets_[i].c_type(),
          buffers_[i].data(), static_cast<SQLLEN>(targets_[i].width()), lengths_[i].data())));
    }
    return arrow::Status::OK();
  }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    int64_t rows = 0;
    while (!ended_ && !Full(rows)) {
      const SQLRETURN code = SQLFetch(statement_.get());
      ARROW_RETURN_NOT_OK(Check(code));
      ended_ = code == SQL_NO_DATA;
      if (ended_) break;
      for (size_t i = 0; i < targets_.size(); ++i) ARROW_RETURN_NOT_OK(TakeColumn(i));
      rows += static_cast<int64_t>(fetched_);
    }
    return Finish(rows, batch);
  }

 private:
  arrow::Status TakeColumn(size_t i) {
    ColumnTarget& target = targets_[i];
    const size_t width = target.width();
    const bool sized = target.sized();
    for (size_t row = 0; row < fetched_; ++row) {
      const SQLLEN length = lengths_[i][row];
      if (length == SQL_NULL_DATA) {
        ARROW_RETURN_NOT_OK(target.AppendNull());
        continue;
      }
      if (sized && (length < 0 || static_cast<size_t>(length) > width)) {
        return target.Misfit("a value is longer than the driver declared");
      }
      ARROW_RETURN_NOT_OK(target.Append(buffers_[i].data() + row * width,
                                        sized ? static_cast<size_t>(length) : width));
    }
    return arrow::Status::OK();
  }

  size_t block_ = 1;
  SQLULEN fetched_ = 0;
  std::vector<std::vector<char>> buffers_;
  std::vector<std::vector<SQLLEN>> lengths_;
};

/// Row by row, value by value: for columns of any length.
class ValueRows final : public OdbcRows {
 public:
  using OdbcRows::OdbcRows;

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    int64_t rows = 0;
    while (!ended_ && !Full(rows)) {
      const SQLRETURN code = SQLFetch(statement_.get());
      ARROW_RETURN_NOT_OK(Check(code));
      ended_ = code == SQL_NO_DATA;
      if (ended_) break;
      for (size_t i = 0; i < targets_.size(); ++i) ARROW_RETURN_NOT_OK(TakeValue(i));
      ++rows;
    }
    return Finish(rows, batch);
  }

 private:
  arrow::Status TakeValue(size_t i) {
    ColumnTarget& target = targets_[i];
    const Form form = target.form();
    // Texts end with a zero that is not theirs.
    const size_t ending = form == Form::kText                             ? sizeof(SQLWCHAR)
                          : form == Form::kTime || form == Form::kDecimal ? 1
                                                                          : 0;
    value_.clear();
    while (true) {
      piece_.resize(kPiece);
      SQLLEN length = 0;
      const SQLRETURN code =
          SQLGetData(statement_.get(), static_cast<SQLUSMALLINT>(i + 1), target.c_type(),
                     piece_.data(), static_cast<SQLLEN>(piece_.size()), &length);
      if (code == SQL_NO_DATA) break;
      ARROW_RETURN_NOT_OK(Check(code));
      if (length == SQL_NULL_DATA) return target.AppendNull();
      if (!target.sized()) return target.Append(piece_.data(), target.width());
      const size_t room = piece_.size() - ending;
      const bool cut = length == SQL_NO_TOTAL || static_cast<size_t>(length) > room;
      value_.append(piece_.data(), cut ? room : static_cast<size_t>(length));
      if (!cut) break;
      if (value_.size() > (size_t{1} << 30)) return target.Misfit("a value is larger than 1 GiB");
    }
    return target.Append(value_.data(), value_.size());
  }

  std::string piece_;
  std::string value_;
};

}  // namespace

DriverResult<Rows> ReadRows(const OdbcStatement& statement, std::vector<OdbcColumn> columns) {
  std::vector<ColumnTarget> targets;
  bool all_bound = true;
  for (auto& column : columns) {
    auto type = ArrowTypeOf(column);
    ColumnTarget& target = targets.emplace_back(std::move(column), std::move(type));
    if (const auto made = target.MakeBuilder(); !made.ok()) return std::unexpected(OfArrow(made));
    all_bound = all_bound && target.width() > 0;
  }
  if (!all_bound) return std::make_shared<ValueRows>(statement, std::move(targets));
  auto rows = std::make_shared<BlockRows>(statement, std::move(targets));
  if (const auto started = rows->Start(); !started.ok()) return std::unexpected(OfArrow(started));
  return rows;
}

}  // namespace nstarx::adapter
