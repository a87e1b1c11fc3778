#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "connector/facets.h"
#include "connectors/mongodb/mongodb_client.h"
#include "connectors/mongodb/mongodb_rows.h"

namespace nstarx::connectors::mongodb {

/// Where documents come from; null at the end. A document lives until the next call.
class DocumentSource {
 public:
  virtual ~DocumentSource() = default;
  virtual Result<const bson_t*> Next(const Context& context) = 0;
};

/// The documents of a cursor, at most `limit` when that is not negative.
std::unique_ptr<DocumentSource> FromCursor(std::unique_ptr<Cursor> cursor, int64_t limit);
/// Documents that are there already.
std::unique_ptr<DocumentSource> FromList(std::vector<Bson> documents);

/// Documents as record batches. The first ones are kept until the schema is known; when there are
/// more, a column `_drift` takes what the schema has no place for.
class DocumentStream final : public connector::BatchStream {
 public:
  /// Reads the first documents. `empty_shape` is asked for when there are none.
  static Result<std::unique_ptr<DocumentStream>> Start(
      const Context& context, std::unique_ptr<DocumentSource> source,
      const std::function<Result<Shape>()>& empty_shape, int64_t rows_affected = -1);
  /// A statement without rows.
  static std::unique_ptr<DocumentStream> Affected(int64_t rows);

  const std::shared_ptr<arrow::Schema>& schema() const override { return builder_->schema(); }
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override;
  int64_t rows_affected() const override { return rows_affected_; }

 private:
  DocumentStream() = default;
  std::unique_ptr<DocumentSource> source_;
  std::vector<Bson> first_;
  size_t taken_ = 0;
  bool ended_ = false;
  std::unique_ptr<RowBuilder> builder_;
  int64_t rows_affected_ = -1;
};

}  // namespace nstarx::connectors::mongodb
