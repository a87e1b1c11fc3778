#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connector/facets.h"
#include "connectors/sqlite/sqlite_database.h"
#include "connectors/sqlite/sqlite_types.h"

namespace nstarx::connectors::sqlite {

/// The rows of one statement. Columns with a declared type have that type; for the others the
/// storage classes of the first batch decide, and a later value that does not fit is an error that
/// names column and row. The first batch is read by Start(), so that the schema is final.
class SqliteStream final : public connector::BatchStream {
 public:
  /// `database` must outlive the stream. `limit` < 0: all rows.
  static Result<std::unique_ptr<SqliteStream>> Start(const Context& context, Database& database,
                                                     StatementPointer statement, int64_t limit);
  /// A stream without columns, for statements that give no rows.
  static std::unique_ptr<SqliteStream> Affected(Database& database, int64_t rows);
  ~SqliteStream() override;

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override;
  int64_t rows_affected() const override { return rows_affected_; }

 private:
  struct Column;
  SqliteStream(Database& database, StatementPointer statement, int64_t limit);
  Result<std::shared_ptr<arrow::RecordBatch>> ReadBatch();
  Status ReadRow(bool first_batch);
  Status DecideTypes();
  Status Finish();

  Database& database_;
  StatementPointer statement_;
  int64_t limit_;
  int64_t rows_ = 0;
  int64_t batch_bytes_ = 0;
  int64_t rows_affected_ = -1;
  bool finished_ = false;
  std::vector<Column> columns_;
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::RecordBatch> first_;
};

}  // namespace nstarx::connectors::sqlite
