#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "connector/facets.h"
#include "connectors/cassandra/cql_client.h"

namespace nstarx::connectors::cassandra {

/// What a stream needs from the session that runs it.
class StatementOwner {
 public:
  virtual ~StatementOwner() = default;
  /// Nothing of the statement is in flight any more, or the connection is broken. Called once.
  virtual void StatementEnded() = 0;
};

/// The first answer to a statement with rows.
struct FirstPage {
  ResultHead head;
  std::string body;
};

/// Pages of one statement, or of several that together are one scan. While a page is decoded the
/// next one is on its way; the puller's pace is the server's.
class PageStream final : public connector::BatchStream {
 public:
  struct Options {
    uint16_t consistency = 0;
    int32_t page_rows_max = 0;
    NumericAs numeric = NumericAs::kText;
    std::optional<int64_t> limit;
    int lanes = 1;  ///< statements that run at the same time
    std::string text;
  };
  /// Goes on after `first`, the answer to `request`.
  static Result<std::unique_ptr<PageStream>> Continue(const Context& context, CqlClient& client,
                                                      StatementOwner& owner, std::stop_source stop,
                                                      Options options, Request request,
                                                      FirstPage first);
  /// All of `requests`, whose columns are those of `first`; its rows are left out.
  static Result<std::unique_ptr<PageStream>> Scan(const Context& context, CqlClient& client,
                                                  StatementOwner& owner, std::stop_source stop,
                                                  Options options, std::deque<Request> requests,
                                                  const FirstPage& first);
  ~PageStream() override;

  const std::shared_ptr<arrow::Schema>& schema() const override { return decoder_.schema(); }
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override;

  /// Rows of a statement's first page, when the caller set no bound.
  static constexpr int32_t kFirstPageRows = 1000;

 private:
  PageStream(CqlClient& client, StatementOwner& owner, std::stop_source stop, Options options,
             const std::vector<ResultColumn>& columns);
  Status Send(const Context& context, Request request, std::string_view paging_state);
  Status StartLanes(const Context& context);
  /// Makes an answer the current page and asks for what follows it.
  Status Take(const Context& context, const ResultHead& head, std::string body, Request request);
  Status ReceivePage(const Context& context);
  Result<std::shared_ptr<arrow::RecordBatch>> NextBatch(const Context& context);
  int32_t PageRows() const;
  bool AtLimit() const { return options_.limit && rows_ >= *options_.limit; }
  void End();

  CqlClient& client_;
  StatementOwner& owner_;
  std::stop_source stop_;
  Options options_;
  std::vector<ResultColumn> columns_;
  RowDecoder decoder_;
  std::deque<Request> waiting_;
  std::vector<std::pair<int16_t, Request>> in_flight_;
  std::string page_;
  size_t page_at_ = 0;
  int32_t page_left_ = 0;  ///< rows of the page that are not decoded yet
  int64_t rows_ = 0;
  int64_t rows_seen_ = 0;
  int64_t bytes_seen_ = 0;
  bool ended_ = false;
};

/// What a statement without rows leaves.
class NoRows final : public connector::BatchStream {
 public:
  NoRows();
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context&) override;

 private:
  std::shared_ptr<arrow::Schema> schema_;
};

}  // namespace nstarx::connectors::cassandra
