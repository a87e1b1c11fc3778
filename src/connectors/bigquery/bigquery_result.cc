#include "connectors/bigquery/bigquery_result.h"

#include <arrow/api.h>
#include <arrow/util/byte_size.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "base/percent.h"
#include "connectors/bigquery/bigquery_errors.h"
#include "connectors/bigquery/bigquery_job.h"

namespace nstarx::connectors::bigquery {
namespace {

constexpr int64_t kBatchBytes = 2 << 20;
/// A page is held in memory as JSON: so many cells.
constexpr int64_t kPageCells = 100'000;
constexpr int64_t kPageRowsMin = 500;
constexpr int64_t kPageRowsMax = 50'000;

/// Where the pages of a result are asked for.
struct PagePlace {
  std::string path;
  net::HttpFields query;
};

const json::object* ObjectAt(const json::object& object, std::string_view key) {
  const auto* found = object.if_contains(key);
  return found ? found->if_object() : nullptr;
}

/// Fetches one page ahead by a thread of its own. Used by one thread.
class PageFetcher {
 public:
  using Batch = std::shared_ptr<arrow::RecordBatch>;
  struct Plan {
    ServicePtr service;
    PagePlace place;
    std::vector<DeclaredField> fields;
    std::shared_ptr<arrow::Schema> schema;
    std::string token;    ///< of the first page that is to be fetched; empty: the very first
    bool done = false;    ///< nothing is to be fetched
    int64_t wanted = -1;  ///< rows that are still to come; below 0: all
  };

  explicit PageFetcher(Plan plan) : plan_(std::move(plan)), done_(plan_.done) {
    if (done_) return;
    const auto columns = std::max<int64_t>(1, static_cast<int64_t>(plan_.fields.size()));
    page_rows_ = std::clamp(kPageCells / columns, kPageRowsMin, kPageRowsMax);
    thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
  }

  /// Null at the end.
  Result<Batch> Next(const Context& context) {
    std::unique_lock lock(mutex_);
    const bool woken = changed_.wait_until(lock, context.stop_token(), WakeAt(context), [this] {
      return ready_ != nullptr || failure_ || done_;
    });
    if (!woken) {
      NSTARX_RETURN_IF_ERROR(context.Check());
      return Unavailable("request.timeout", "No page came").WithStage("query");
    }
    if (ready_) {
      Batch out = std::move(ready_);
      ready_ = nullptr;
      changed_.notify_all();
      return out;
    }
    if (failure_) return *failure_;
    return Batch();
  }

 private:
  static Context::SteadyClock::time_point WakeAt(const Context& context) {
    return Context::SteadyClock::now() + context.remaining();
  }

  void Run(const std::stop_token& stop) {
    const Context context = Context().WithStop(stop);
    auto client = BigqueryClient::Open(plan_.service);
    while (true) {
      auto page = client ? Fetch(context, **client) : Result<Batch>(client.error());
      std::unique_lock lock(mutex_);
      if (!page) {
        failure_ = page.error();
        changed_.notify_all();
        return;
      }
      ready_ = *std::move(page);
      done_ = plan_.done;
      changed_.notify_all();
      if (done_ || !changed_.wait(lock, stop, [this] { return ready_ == nullptr; })) return;
    }
  }

  Result<Batch> Fetch(const Context& context, BigqueryClient& client) {
    BigqueryClient::Call call{.method = "GET",
                              .path = plan_.place.path,
                              .query = plan_.place.query,
                              .body = {},
                              .text = {}};
    const int64_t most = plan_.wanted < 0 ? page_rows_ : std::min(page_rows_, plan_.wanted);
    call.query.emplace_back("maxResults", fmt::format("{}", most));
    if (!plan_.token.empty()) call.query.emplace_back("pageToken", plan_.token);
    NSTARX_TRY(const json::object answer, client.Send(context, call));
    static const json::array kNone;
    const auto* rows = answer.if_contains("rows");
    NSTARX_TRY(Batch out, DecodeRows(plan_.fields, plan_.schema,
                                     rows && rows->is_array() ? rows->get_array() : kNone));
    const std::string_view token = GetString(answer, "pageToken");
    if (token == plan_.token && !token.empty()) return Malformed("a page that is its own next");
    plan_.token = token;
    if (plan_.wanted >= 0) plan_.wanted = std::max<int64_t>(0, plan_.wanted - out->num_rows());
    plan_.done = token.empty() || plan_.wanted == 0;
    return out;
  }

  Plan plan_;  // the thread's own once it runs
  int64_t page_rows_ = kPageRowsMin;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  Batch ready_ NSTARX_GUARDED_BY(mutex_);
  std::optional<Error> failure_ NSTARX_GUARDED_BY(mutex_);
  bool done_ NSTARX_GUARDED_BY(mutex_);
  std::jthread thread_;
};

class ResultStream final : public connector::BatchStream {
 public:
  ResultStream(std::shared_ptr<arrow::Schema> schema, std::shared_ptr<arrow::RecordBatch> first,
               PageFetcher::Plan plan)
      : schema_(std::move(schema)), fetcher_(std::move(plan)) {
    if (first) Take(std::move(first));
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }

  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    NSTARX_RETURN_IF_ERROR(context.Check());
    while (!batch_ || at_ >= batch_->num_rows()) {
      batch_ = nullptr;
      NSTARX_TRY(auto page, fetcher_.Next(context));
      if (!page) return page;
      Take(std::move(page));
    }
    auto slice = batch_->Slice(at_, std::min(step_, batch_->num_rows() - at_));
    at_ += slice->num_rows();
    return slice;
  }

 private:
  void Take(std::shared_ptr<arrow::RecordBatch> batch) {
    const int64_t bytes = arrow::util::TotalBufferSize(*batch);
    step_ = std::max<int64_t>(1, batch->num_rows() / (bytes / kBatchBytes + 1));
    batch_ = std::move(batch);
    at_ = 0;
  }

  const std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::RecordBatch> batch_;
  int64_t at_ = 0;
  int64_t step_ = 1;
  PageFetcher fetcher_;
};

/// What a statement that writes leaves: no columns, and how many rows it changed.
class Written final : public connector::BatchStream {
 public:
  explicit Written(int64_t rows) : rows_(rows) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& /*context*/) override {
    return std::shared_ptr<arrow::RecordBatch>();
  }
  int64_t rows_affected() const override { return rows_; }

 private:
  const std::shared_ptr<arrow::Schema> schema_ = arrow::schema({});
  const int64_t rows_;
};

/// Definitions show the columns of what they made, and have no rows.
bool HasNoRows(std::string_view statement_type) {
  for (const std::string_view begin : {"CREATE", "DROP", "ALTER", "TRUNCATE", "GRANT", "REVOKE",
                                       "EXPORT", "LOAD", "INSERT", "UPDATE", "DELETE", "MERGE"}) {
    if (statement_type.starts_with(begin)) return true;
  }
  return false;
}

int64_t Count(std::string_view text) {
  int64_t out = -1;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
  return read.ec == std::errc() && out >= 0 ? out : -1;
}

}  // namespace

Result<std::unique_ptr<connector::BatchStream>> OpenResult(const ServicePtr& service,
                                                           const json::object& answer,
                                                           int64_t wanted) {
  const std::string_view changed = GetString(answer, "numDmlAffectedRows");
  if (!changed.empty()) return std::make_unique<Written>(Count(changed));
  const auto* declared = ObjectAt(answer, "schema");
  if (declared == nullptr || HasNoRows(GetString(answer, "statementType"))) {
    return std::make_unique<Written>(-1);
  }
  NSTARX_TRY(auto fields, ReadFields(*declared));
  if (fields.empty()) return std::make_unique<Written>(-1);
  auto schema = SchemaOf(fields);
  std::shared_ptr<arrow::RecordBatch> first;
  if (const auto* rows = answer.if_contains("rows"); rows && rows->is_array()) {
    NSTARX_TRY(first, DecodeRows(fields, schema, rows->get_array()));
  }
  const Job job = JobOf(answer, *service);
  const std::string_view token = GetString(answer, "pageToken");
  const int64_t read = first ? first->num_rows() : 0;
  PageFetcher::Plan plan{.service = service,
                         .place = {.path = fmt::format("{}/queries/{}", ResourcePath(job.project),
                                                       PercentEncode(job.id)),
                                   .query = {{"formatOptions.useInt64Timestamp", "true"}}},
                         .fields = std::move(fields),
                         .schema = schema,
                         .token = std::string(token),
                         .done = token.empty() || job.id.empty() || (wanted >= 0 && read >= wanted),
                         .wanted = wanted < 0 ? -1 : wanted - read};
  if (!job.location.empty()) plan.place.query.emplace_back("location", job.location);
  return std::make_unique<ResultStream>(std::move(schema), std::move(first), std::move(plan));
}

Result<std::unique_ptr<connector::BatchStream>> OpenTable(const ServicePtr& service,
                                                          const std::string& table,
                                                          std::vector<DeclaredField> fields,
                                                          int64_t wanted) {
  auto schema = SchemaOf(fields);
  PageFetcher::Plan plan{
      .service = service,
      .place = {.path = table + "/data", .query = {{"formatOptions.useInt64Timestamp", "true"}}},
      .fields = std::move(fields),
      .schema = schema,
      .token = {},
      .done = false,
      .wanted = std::max<int64_t>(wanted, 1)};
  return std::make_unique<ResultStream>(std::move(schema), nullptr, std::move(plan));
}

}  // namespace nstarx::connectors::bigquery
