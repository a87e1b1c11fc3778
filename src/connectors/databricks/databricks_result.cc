#include "connectors/databricks/databricks_result.h"

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <arrow/util/byte_size.h>
#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "connectors/databricks/databricks_errors.h"
#include "connectors/databricks/databricks_types.h"

namespace nstarx::connectors::databricks {
namespace {

constexpr size_t kAhead = 2;
constexpr int64_t kBatchBytes = 2 << 20;

/// One chunk as it came: Arrow's stream, or rows as JSON.
struct Chunk {
  std::string stream;
  json::array rows;
  bool is_json = false;
};

const json::object* ObjectOf(const json::object& object, std::string_view key) {
  const auto* found = object.if_contains(key);
  return found && found->is_object() ? &found->get_object() : nullptr;
}

/// Gets one chunk after the other.
class Chunks {
 public:
  Chunks(std::unique_ptr<DatabricksClient> client, std::string statement_id, json::object first)
      : client_(std::move(client)), id_(std::move(statement_id)), data_(std::move(first)) {}

  /// Nothing at the end.
  Result<std::optional<Chunk>> Next(const Context& context) {
    if (data_.empty() && next_.empty()) return std::optional<Chunk>();
    if (data_.empty()) {
      NSTARX_TRY(data_, client_->Call(context, "GET", next_, {}, {}, {}));
    }
    const json::object data = std::exchange(data_, {});
    next_.clear();
    Chunk out;
    if (const auto* rows = data.if_contains("data_array"); rows && rows->is_array()) {
      out.is_json = true;
      out.rows = rows->get_array();
      FollowFrom(data);
      return std::optional<Chunk>(std::move(out));
    }
    const auto* links = data.if_contains("external_links");
    if (!links || !links->is_array() || links->get_array().empty()) return std::optional<Chunk>();
    // One link for each chunk that the service has ready; the last one tells what follows.
    const json::array& list = links->get_array();
    if (!list.front().is_object()) return Malformed("a link without fields");
    const json::object& link = list.front().get_object();
    if (list.size() > 1) {
      data_["external_links"] = json::array(list.begin() + 1, list.end());
    } else {
      FollowFrom(link);
    }
    NSTARX_TRY(out.stream, Fetch(context, link));
    return std::optional<Chunk>(std::move(out));
  }

 private:
  void FollowFrom(const json::object& object) {
    next_ = GetString(object, "next_chunk_internal_link");
    const int64_t index = GetInt(object, "next_chunk_index", -1);
    if (next_.empty() && index > 0) {
      next_ = fmt::format("/api/2.0/sql/statements/{}/result/chunks/{}", id_, index);
    }
    if (!next_.empty() && !next_.starts_with("/api/")) next_.clear();
  }

  /// A link lives for minutes only: one that has run out is asked for again, once.
  Result<std::string> Fetch(const Context& context, const json::object& link) {
    auto bytes = Follow(context, link);
    if (bytes || bytes.error().code() != "result.link_refused") return bytes;
    const std::string path = fmt::format("/api/2.0/sql/statements/{}/result/chunks/{}", id_,
                                         GetInt(link, "chunk_index", 0));
    NSTARX_TRY(const json::object again, client_->Call(context, "GET", path, {}, {}, {}));
    const auto* links = again.if_contains("external_links");
    if (!links || !links->is_array() || links->get_array().empty() ||
        !links->get_array().front().is_object()) {
      return bytes;
    }
    return Follow(context, links->get_array().front().get_object());
  }

  Result<std::string> Follow(const Context& context, const json::object& link) {
    net::HttpFields headers;
    if (const auto* given = ObjectOf(link, "http_headers")) {
      for (const auto& each : *given) {
        if (each.value().is_string()) headers.emplace_back(each.key(), each.value().get_string());
      }
    }
    return client_->Download(context, GetString(link, "external_link"), headers);
  }

  const std::unique_ptr<DatabricksClient> client_;
  const std::string id_;
  json::object data_;
  std::string next_;
};

/// Chunks fetched ahead by a thread, at most kAhead of them.
class Fetcher {
 public:
  explicit Fetcher(std::unique_ptr<Chunks> chunks) : chunks_(std::move(chunks)) {}
  ~Fetcher() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }

  Result<std::optional<Chunk>> Next(const Context& context) {
    if (!thread_.joinable()) {
      thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
    }
    std::unique_lock lock(mutex_);
    const bool there = changed_.wait_for(lock, context.stop_token(), context.remaining(),
                                         [this] { return !ready_.empty() || done_; });
    if (!there) {
      NSTARX_RETURN_IF_ERROR(context.Check());
      return DeadlineExceeded("query.timeout", "The result did not come in time")
          .WithStage("query");
    }
    if (ready_.empty()) {
      if (failure_) return *failure_;
      return std::optional<Chunk>();
    }
    std::optional<Chunk> out = std::move(ready_.front());
    ready_.pop_front();
    changed_.notify_all();
    return out;
  }

 private:
  void Run(const std::stop_token& stop) {
    const Context context = Context().WithStop(stop);
    while (true) {
      {
        std::unique_lock lock(mutex_);
        // One is on its way while the others wait.
        if (!changed_.wait(lock, stop, [this] { return ready_.size() < kAhead; })) return;
      }
      auto chunk = chunks_->Next(context);
      const std::lock_guard lock(mutex_);
      if (!chunk) failure_ = chunk.error();
      done_ = !chunk || !*chunk;
      if (!done_) ready_.push_back(**std::move(chunk));
      changed_.notify_all();
      if (done_) return;
    }
  }

  const std::unique_ptr<Chunks> chunks_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Chunk> ready_ NSTARX_GUARDED_BY(mutex_);
  std::optional<Error> failure_ NSTARX_GUARDED_BY(mutex_);
  bool done_ NSTARX_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

class ResultStream final : public connector::BatchStream {
 public:
  ResultStream(std::vector<DeclaredColumn> columns, std::unique_ptr<Chunks> chunks)
      : columns_(std::move(columns)), fetcher_(std::move(chunks)) {}

  /// The first chunk shows the form of the columns.
  Status Start(const Context& context) {
    NSTARX_RETURN_IF_ERROR(Fill(context));
    schema_ = ResultSchema(columns_, batch_ ? batch_->schema().get() : nullptr);
    return {};
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }

  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    NSTARX_RETURN_IF_ERROR(context.Check());
    if (!batch_ || at_ >= batch_->num_rows()) NSTARX_RETURN_IF_ERROR(Fill(context));
    if (!batch_) return std::shared_ptr<arrow::RecordBatch>();
    const auto slice = batch_->Slice(at_, std::min(step_, batch_->num_rows() - at_));
    at_ += slice->num_rows();
    return Conform(schema_, slice);
  }

 private:
  /// The next batch with rows; none at the end.
  Status Fill(const Context& context) {
    batch_ = nullptr;
    at_ = 0;
    while (true) {
      std::shared_ptr<arrow::RecordBatch> read;
      if (reader_) {
        if (!reader_->ReadNext(&read).ok()) return Malformed("a broken Arrow stream");
        if (!read) {
          reader_ = nullptr;
          continue;
        }
      } else {
        NSTARX_TRY(auto chunk, fetcher_.Next(context));
        if (!chunk) return {};
        if (chunk->is_json) {
          NSTARX_TRY(read, RowsOfJson(columns_, chunk->rows));
        } else {
          auto opened =
              arrow::ipc::RecordBatchStreamReader::Open(std::make_shared<arrow::io::BufferReader>(
                  arrow::Buffer::FromString(std::move(chunk->stream))));
          if (!opened.ok()) return Malformed("a broken Arrow stream");
          reader_ = *std::move(opened);
          continue;
        }
      }
      if (read->num_rows() == 0) continue;
      if (!read->Validate().ok()) return Malformed("a broken Arrow batch");
      const int64_t bytes = arrow::util::TotalBufferSize(*read);
      step_ = std::max<int64_t>(1, read->num_rows() / (bytes / kBatchBytes + 1));
      batch_ = std::move(read);
      return {};
    }
  }

  const std::vector<DeclaredColumn> columns_;
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::RecordBatchReader> reader_;
  std::shared_ptr<arrow::RecordBatch> batch_;
  int64_t at_ = 0;
  int64_t step_ = 1;
  Fetcher fetcher_;
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

Result<int64_t> CountWritten(const Context& context, connector::BatchStream& rows) {
  NSTARX_TRY(const auto batch, rows.Next(context));
  if (!batch || batch->num_rows() != 1) return -1;
  const auto cell = batch->column(0)->GetScalar(0);
  if (!cell.ok() || !(*cell)->is_valid || (*cell)->type->id() != arrow::Type::INT64) return -1;
  return std::static_pointer_cast<arrow::Int64Scalar>(*cell)->value;
}

}  // namespace

Result<std::unique_ptr<connector::BatchStream>> OpenResult(
    const Context& context, const std::shared_ptr<const Workspace>& workspace,
    const json::object& answer, int64_t wanted, bool reads) {
  const json::object* manifest = ObjectOf(answer, "manifest");
  const auto columns = manifest ? ReadColumns(*manifest) : std::vector<DeclaredColumn>();
  if (columns.empty()) return std::make_unique<Written>(-1);
  if (GetBool(*manifest, "truncated", false)) {
    const int64_t rows = GetInt(*manifest, "total_row_count", 0);
    if (wanted < 0 || rows < wanted) {
      return Error(ErrorKind::kResourceExhausted, "query.result_truncated",
                   fmt::format("The service cut the result after {} rows", rows))
          .WithStage("query")
          .WithConnector("databricks");
    }
  }
  const json::object* first = ObjectOf(answer, "result");
  NSTARX_TRY(auto client, DatabricksClient::Open(workspace));
  auto chunks =
      std::make_unique<Chunks>(std::move(client), std::string(GetString(answer, "statement_id")),
                               first ? *first : json::object());
  auto stream = std::make_unique<ResultStream>(columns, std::move(chunks));
  NSTARX_RETURN_IF_ERROR(stream->Start(context));
  const std::string& name = columns.front().name;
  if (!reads && (name == "num_affected_rows" || name == "Count")) {
    NSTARX_TRY(const int64_t rows, CountWritten(context, *stream));
    return std::make_unique<Written>(rows);
  }
  return std::unique_ptr<connector::BatchStream>(std::move(stream));
}

}  // namespace nstarx::connectors::databricks
