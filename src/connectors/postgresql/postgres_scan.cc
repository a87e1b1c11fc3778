#include "connectors/postgresql/postgres_scan.h"

#include <arrow/api.h>
#include <fmt/format.h>
#include <pthread.h>

#include <atomic>
#include <charconv>

namespace nstarx::connectors::postgresql {
namespace {

constexpr int kTidRangeScans = 140000;  ///< the version that has them
constexpr int64_t kBytesMin = int64_t{24} << 20;
constexpr int64_t kPagesPerCutMax = 2048;  ///< 16 MiB of the usual pages
constexpr int64_t kPagesPerCutMin = 128;
constexpr int64_t kCutsPerStream = 16;
constexpr int kStreamsMax = 16;

/// The pages of one table, handed out range by range to whoever asks next.
class PageRanges {
 public:
  PageRanges(int64_t pages, int streams)
      : pages_(pages),
        step_(std::clamp(pages / (streams * kCutsPerStream), kPagesPerCutMin, kPagesPerCutMax)) {}

  /// The bounds of the next range as tids; false when there is none left.
  bool Take(std::string& lower, std::string& upper) {
    int64_t first = next_.fetch_add(step_, std::memory_order_relaxed);
    if (first >= pages_) return false;
    bool last = first + step_ >= pages_;
    lower = fmt::format("({},0)", first);
    // Pages that were added since hold nothing that the snapshot sees; the last range takes them.
    upper = last ? "(4294967295,0)" : fmt::format("({},0)", first + step_);
    return true;
  }

 private:
  const int64_t pages_;
  const int64_t step_;
  std::atomic<int64_t> next_ = 0;
};

/// One session's part in the scan.
struct ScanPart {
  PostgresSession* session = nullptr;
  std::unique_ptr<connector::SessionHandle> handle;  ///< null for the leader
  std::unique_ptr<ResultReader> reader;
  std::vector<bool> formats;
};

int64_t Number(const std::optional<std::string>& text) {
  int64_t number = -1;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

/// The one sequential scan that the plan consists of, or null.
const json::object* OnlySeqScan(const json::value& explained) {
  if (!explained.is_array() || explained.get_array().empty()) return nullptr;
  const json::value& first = explained.get_array().front();
  if (!first.is_object()) return nullptr;
  const json::value* plan = first.get_object().if_contains("Plan");
  if (plan == nullptr || !plan->is_object()) return nullptr;
  const json::object& node = plan->get_object();
  bool plain = GetString(node, "Node Type") == "Seq Scan" && !node.contains("Plans");
  return plain ? &node : nullptr;
}

/// The table's pages if the statement is a scan of a big plain table, else 0. A statement that
/// can't even be planned is none: running it tells why.
Result<int64_t> PagesOfBigScan(const Context& context, PostgresSession& session,
                               const SqlStatement& statement) {
  auto explained =
      session.Ask(context, fmt::format("EXPLAIN (VERBOSE, FORMAT JSON) {}", statement.text));
  if (!explained) {
    if (session.healthy() && context.Check()) return 0;
    return explained.error();
  }
  if (explained->size() != 1 || explained->front().size() != 1) return 0;
  auto plan = ParseJson(explained->front().front().value_or(""));
  if (!plan) return 0;
  const json::object* scan = OnlySeqScan(*plan);
  if (scan == nullptr) return 0;
  NSTARX_TRY(auto rows,
             session.Ask(context,
                         "SELECT n.nspname, c.relname, pg_catalog.pg_relation_size(c.oid), "
                         "pg_catalog.current_setting('block_size') FROM pg_catalog.pg_class c JOIN "
                         "pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = "
                         "pg_catalog.to_regclass($1) AND c.relkind IN ('r', 'm') AND "
                         "c.relpersistence <> 't'",
                         {statement.scan->relation}));
  if (rows.size() != 1) return 0;
  const TextRow& row = rows.front();
  if (row[0] != GetString(*scan, "Schema") || row[1] != GetString(*scan, "Relation Name")) return 0;
  int64_t bytes = Number(row[2]);
  int64_t page = Number(row[3]);
  return bytes < kBytesMin || page <= 0 ? 0 : (bytes + page - 1) / page;
}

/// Prepares the cut statement and reads its columns.
Result<std::vector<ResultColumn>> PrepareCut(const Context& context, PostgresSession& session,
                                             const std::string& cut) {
  Wire& wire = session.wire();
  wire.Parse("", cut);
  wire.DescribeStatement("");
  wire.Sync();
  NSTARX_RETURN_IF_ERROR(wire.Send(context));
  std::vector<ResultColumn> columns;
  while (wire.syncs_expected() > 0) {
    NSTARX_TRY(Message message, wire.Receive(context));
    if (message.type == 'E') return QueryError(ParseServerError(message.body), {}, 0);
    if (message.type == 'T') {
      NSTARX_TRY(columns, ParseRowDescription(message.body));
    }
  }
  return columns;
}

/// Brings one session into the snapshot, ready to scan.
Status JoinSnapshot(const Context& context, ScanPart& part, const std::string& snapshot,
                    const std::string& cut, SqlOrigin origin) {
  PostgresSession& session = *part.session;
  if (part.handle) {
    NSTARX_RETURN_IF_ERROR(session.Ask(context, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
    NSTARX_RETURN_IF_ERROR(
        session.Ask(context, "SET TRANSACTION SNAPSHOT " + QuoteLiteral(snapshot)));
  }
  NSTARX_TRY(auto columns, PrepareCut(context, session, cut));
  for (const ResultColumn& column : columns) part.formats.push_back(session.TypeOf(column).binary);
  auto decoder = session.DecoderFor(columns);
  NSTARX_RETURN_IF_ERROR(decoder->Settle(false));  // one type for all streams
  part.reader =
      std::make_unique<ResultReader>(session.wire(), std::move(decoder), std::move(origin));
  return {};
}

class ParallelScan final : public connector::BatchStream {
 public:
  ParallelScan(std::vector<ScanPart> parts, int64_t pages)
      : parts_(std::move(parts)),
        ranges_(pages, static_cast<int>(parts_.size())),
        queue_(2 * parts_.size(), static_cast<int>(parts_.size())) {
    parts_.front().session->set_streaming(true);
  }
  ~ParallelScan() override { End(); }

  /// Takes the snapshot, brings every session into it and starts reading.
  Status Join(const Context& context, const std::string& cut, const SqlOrigin& origin);
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override;

 private:
  Status SendNext(const Context& context, ScanPart& part);
  Status Start(const Context& context);
  void Read(const Context& context, ScanPart& part);
  void End();

  std::vector<ScanPart> parts_;
  PageRanges ranges_;
  BatchQueue queue_;
  std::shared_ptr<arrow::Schema> schema_;
  std::stop_source stop_;
  std::vector<std::thread> threads_;
  bool ended_ = false;
};

Status ParallelScan::SendNext(const Context& context, ScanPart& part) {
  std::string lower;
  std::string upper;
  if (!ranges_.Take(lower, upper)) return {};
  Wire& wire = part.session->wire();
  wire.Bind("", "", {&lower, &upper}, part.formats);
  wire.Execute("", 0);
  wire.Sync();
  return wire.Send(context);
}

void ParallelScan::Read(const Context& context, ScanPart& part) {
  std::stop_callback forward(context.stop_token(), [this] { stop_.request_stop(); });
  Context reading = context.WithStop(stop_.get_token());
  for (;;) {
    auto batch = part.reader->Next(reading);
    if (batch && !*batch) break;
    bool failed = !batch;
    if (!queue_.Push(std::move(batch)) || failed) break;
  }
  queue_.Leave();
}

Status ParallelScan::Start(const Context& context) {
  for (ScanPart& part : parts_) {
    part.reader->set_next_execution(
        [this, &part](const Context& reading) { return SendNext(reading, part); });
    part.session->wire().ExpectMuch(true);
    // Two at once: the server always has the next range at hand.
    NSTARX_RETURN_IF_ERROR(SendNext(context, part));
    NSTARX_RETURN_IF_ERROR(SendNext(context, part));
  }
  schema_ = parts_.front().reader->decoder().schema();
  for (ScanPart& part : parts_) {
    threads_.emplace_back([this, &part, given = context] {
      pthread_setname_np(pthread_self(), "pg-scan");
      Read(given, part);
    });
  }
  return {};
}

Status ParallelScan::Join(const Context& context, const std::string& cut, const SqlOrigin& origin) {
  PostgresSession& leader = *parts_.front().session;
  NSTARX_RETURN_IF_ERROR(leader.Ask(context, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
  NSTARX_TRY(auto snapshot, leader.Ask(context, "SELECT pg_catalog.pg_export_snapshot()"));
  if (snapshot.size() != 1 || snapshot.front().size() != 1 || !snapshot.front().front()) {
    return Internal("the server exported no snapshot");
  }
  for (ScanPart& part : parts_) {
    NSTARX_RETURN_IF_ERROR(JoinSnapshot(context, part, *snapshot.front().front(), cut, origin));
  }
  return Start(context);
}

Result<std::shared_ptr<arrow::RecordBatch>> ParallelScan::Next(const Context& context) {
  if (ended_) return nullptr;
  auto batch = queue_.Pop(context);
  if (!batch || !*batch) End();
  return batch;
}

void ParallelScan::End() {
  if (ended_) return;
  ended_ = true;
  queue_.Close();
  stop_.request_stop();
  for (std::thread& thread : threads_) thread.join();
  for (ScanPart& part : parts_) {
    // Whatever came, the transaction only read: taking it back is the same as committing it.
    bool finished = part.session->wire().syncs_expected() == 0;
    (void)part.session->EndStatement(Context(), finished, false);
    if (part.handle && !part.session->healthy()) part.handle->Discard();
    part.handle.reset();
  }
  parts_.front().session->set_streaming(false);
}

}  // namespace

Result<std::unique_ptr<connector::BatchStream>> TryParallelScan(
    const Context& context, PostgresSession& session, const std::string& text,
    const SqlStatement& statement, const connector::ExecuteOptions& options) {
  const Client& client = session.wire().client();
  if (client.server_version() < kTidRangeScans ||
      client.Parameter("standard_conforming_strings") != "on") {
    return nullptr;
  }
  NSTARX_TRY(int64_t pages, PagesOfBigScan(context, session, statement));
  if (pages == 0) {
    session.memory().RememberSmallScan(statement.shape);
    return nullptr;
  }
  std::vector<ScanPart> parts(1);
  parts.front().session = &session;
  while (static_cast<int>(parts.size()) < std::min(options.parallelism, kStreamsMax)) {
    auto handle = options.siblings->TryBorrow(context);
    if (!handle) break;
    auto* sibling = dynamic_cast<PostgresSession*>(&(*handle)->session());
    if (sibling == nullptr) break;
    parts.push_back({.session = sibling, .handle = std::move(*handle)});
  }
  if (parts.size() == 1) return nullptr;
  // From here on the parts must come to rest whatever happens: the stream sees to that.
  auto scan = std::make_unique<ParallelScan>(std::move(parts), pages);
  auto started = scan->Join(context, CutByPages(statement), SqlOrigin{text, statement.offset});
  if (started) return scan;
  scan.reset();
  // A server that can't share a snapshot (a proxy between, a standby of old) still answers one.
  if (session.healthy() && context.Check()) return nullptr;
  return started.error();
}

}  // namespace nstarx::connectors::postgresql
