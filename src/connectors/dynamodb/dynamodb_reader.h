#pragma once

#include <deque>
#include <memory>
#include <string>

#include "connector/facets.h"
#include "connectors/aws/json_client.h"
#include "connectors/documents/document_builder.h"
#include "connectors/dynamodb/dynamodb_statement.h"

namespace nstarx::connectors::dynamodb {

/// Items, a page at a time.
class PageSource {
 public:
  virtual ~PageSource() = default;
  virtual bool ended() const = 0;
  /// Appends the next page's items to `out` and returns the size of what came.
  virtual Result<size_t> Next(const Context& context, std::deque<json::value>* out) = 0;
};

/// The items of one operation.
class ItemPages final : public PageSource {
 public:
  ItemPages(aws::JsonClient& client, Operation operation)
      : client_(client), operation_(std::move(operation)) {}

  bool ended() const override { return ended_; }
  Result<size_t> Next(const Context& context, std::deque<json::value>* out) override;

 private:
  Status Take(json::value reply, std::deque<json::value>* out);
  Status TakeBatch(json::object& reply, std::deque<json::value>* out);

  aws::JsonClient& client_;
  Operation operation_;
  bool ended_ = false;
  int empty_handed_ = 0;  ///< batches of which nothing was answered, in a row
};

/// Calls an operation once: repeated where it may be.
Result<std::string> CallOperation(const Context& context, aws::JsonClient& client,
                                  const Operation& operation);

/// Items as record batches. The first ones make the schema; when there are more, a last column
/// `_drift` takes what has no place in it.
class ItemStream final : public connector::BatchStream {
 public:
  struct Settings {
    int64_t limit = -1;      ///< items at most; negative: all
    Operation when_nothing;  ///< gives the columns of an empty result; without a name: none
  };
  static Result<std::unique_ptr<ItemStream>> Start(const Context& context, aws::JsonClient& client,
                                                   std::unique_ptr<PageSource> pages,
                                                   Settings settings);
  /// Items that are there already.
  static Result<std::unique_ptr<ItemStream>> Of(std::deque<json::value> items,
                                                int64_t rows_affected);
  /// An answer as the only row.
  static Result<std::unique_ptr<ItemStream>> OfDocument(std::string_view body);

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override;
  int64_t rows_affected() const override { return rows_affected_; }

 private:
  ItemStream() = default;
  Status Fetch(const Context& context);
  Status Learn(const std::deque<json::value>& items);
  /// All of a result that is known whole: without `_drift` when nothing drifted.
  Status FinishWhole();

  std::unique_ptr<PageSource> pages_;
  std::deque<json::value> items_;
  int64_t left_ = -1;
  std::shared_ptr<arrow::Schema> schema_;
  std::unique_ptr<documents::DocumentBuilder> builder_;
  std::shared_ptr<arrow::RecordBatch> whole_;
  int64_t rows_affected_ = -1;
};

}  // namespace nstarx::connectors::dynamodb
