#include "connectors/cassandra/cassandra_session.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

#include "connectors/cassandra/cassandra_catalog.h"
#include "connectors/cassandra/cassandra_errors.h"
#include "connectors/cassandra/cassandra_ingest.h"
#include "connectors/cassandra/cql_encode.h"

namespace nstarx::connectors::cassandra {
namespace {

constexpr size_t kPreparedMax = 64;
constexpr int kPartsPerLane = 8;
constexpr int kLanesMax = 16;
constexpr size_t kMarkersMax = 0xFFFF;

}  // namespace

Result<std::unique_ptr<CassandraSession>> CassandraSession::Open(const Context& context,
                                                                 Options options) {
  std::unique_ptr<CassandraSession> session(new CassandraSession(std::move(options)));
  NSTARX_TRY(session->client_, CqlClient::Connect(context, session->options_.login));
  return session;
}

std::stop_source CassandraSession::Begin() {
  busy_ = true;
  const std::scoped_lock guard(stop_lock_);
  stop_ = std::stop_source();
  return stop_;
}

void CassandraSession::Cancel() {
  const std::scoped_lock guard(stop_lock_);
  stop_.request_stop();
}

bool CassandraSession::healthy() const {
  if (!client_->usable() || tainted_) return false;
  return busy_ || !client_->PeerGone();
}

template <class Work>
auto CassandraSession::Run(const Context& context, const Work& work) -> decltype(work(context)) {
  std::stop_source stop = Begin();
  const std::stop_callback forward(context.stop_token(), [&stop] { stop.request_stop(); });
  auto result = work(context.WithStop(stop.get_token()));
  if (!result) result = Named(std::move(result).error(), "query");
  client_->Quiesce();
  busy_ = false;
  return result;
}

Status CassandraSession::Ping(const Context& context) {
  return Run(context, [this](const Context& limited) -> Status {
    NSTARX_TRY(const Answer answer, client_->Call(limited, Opcode::kOptions, {}, {}));
    if (answer.opcode != Opcode::kSupported) return ProtocolError("no answer to OPTIONS");
    return {};
  });
}

Result<Prepared> CassandraSession::Prepare(const Context& context, const std::string& text) {
  if (const auto found = prepared_.find(text); found != prepared_.end()) return found->second;
  BodyWriter body;
  body.LongString(text);
  NSTARX_TRY(const Answer answer, client_->Call(context, Opcode::kPrepare, body.text(), text));
  if (answer.opcode != Opcode::kResult) return ProtocolError("no answer to PREPARE");
  NSTARX_TRY(ResultHead head, ParseResult(answer.body));
  if (head.kind != ResultHead::Kind::kPrepared) return ProtocolError("no prepared statement");
  Prepared prepared{.id = std::move(head.prepared_id), .markers = std::move(head.metadata.columns)};
  if (prepared_.size() >= kPreparedMax) prepared_.clear();
  prepared_[text] = prepared;
  return prepared;
}

Result<Request> CassandraSession::RequestOf(const Context& context,
                                            const connector::Statement& statement) {
  if (statement.parameters.empty()) return QueryRequest(statement.text);
  NSTARX_TRY(const Prepared prepared, Prepare(context, statement.text));
  if (prepared.markers.size() != statement.parameters.size()) {
    return Refuse("query.parameter_count",
                  fmt::format("The statement has {} markers, and {} parameters were given",
                              prepared.markers.size(), statement.parameters.size()));
  }
  if (prepared.markers.size() > kMarkersMax) {
    return Refuse("query.too_large", "The statement has too many markers");
  }
  BodyWriter values;
  values.Short(static_cast<uint16_t>(prepared.markers.size()));
  for (size_t i = 0; i < prepared.markers.size(); ++i) {
    NSTARX_TRY(const auto bytes,
               EncodeParameter(prepared.markers[i].type, statement.parameters[i], i + 1));
    if (bytes) {
      values.Bytes(*bytes);
    } else {
      values.Null();
    }
  }
  BodyWriter head;
  head.ShortBytes(prepared.id);
  return Request{.opcode = Opcode::kExecute,
                 .head = std::move(head.text()),
                 .values = std::move(values.text())};
}

Result<FirstPage> CassandraSession::FirstAnswer(const Context& context,
                                                const connector::Statement& statement,
                                                Request* request) {
  int64_t rows = std::min<int64_t>(options_.page_rows_max, PageStream::kFirstPageRows);
  if (statement.limit) rows = std::clamp<int64_t>(*statement.limit, 1, rows);
  const PageOptions page{.consistency = options_.consistency,
                         .page_size = static_cast<int32_t>(rows),
                         .paging_state = {}};
  for (bool again = false;; again = true) {
    NSTARX_TRY(*request, RequestOf(context, statement));
    auto answer = client_->Call(context, request->opcode, BodyOf(*request, page), statement.text);
    if (answer) {
      if (answer->opcode != Opcode::kResult) return ProtocolError("no result");
      NSTARX_TRY(ResultHead head, ParseResult(answer->body));
      return FirstPage{.head = std::move(head), .body = std::move(answer->body)};
    }
    // The server forgets statements when a table changes.
    if (answer.error().code() != "query.unprepared" || again) return std::move(answer).error();
    prepared_.clear();
  }
}

Result<std::deque<Request>> CassandraSession::PartsOf(const Context& context,
                                                      const std::string& text, int lanes) {
  std::deque<Request> parts;
  auto scan = AsPlainScan(text);
  if (lanes < 2 || !scan || !client_->has_murmur3()) return parts;
  const std::string keyspace = scan->keyspace.empty() ? options_.login.keyspace : scan->keyspace;
  if (keyspace.starts_with("system")) return parts;  // Local and virtual tables have no ring.
  NSTARX_TRY(const auto key, PartitionKey(context, *client_, TablePath{keyspace, scan->table}));
  if (key.empty()) return parts;
  for (const std::string& part : CutByTokens(*scan, key, lanes * kPartsPerLane)) {
    parts.push_back(QueryRequest(part));
  }
  return parts;
}

Result<std::unique_ptr<connector::BatchStream>> CassandraSession::Stream(
    const Context& context, const std::stop_source& stop, const connector::Statement& statement,
    int parallelism) {
  Request request;
  NSTARX_TRY(FirstPage first, FirstAnswer(context, statement, &request));
  if (first.head.kind == ResultHead::Kind::kKeyspace) tainted_ = true;
  if (first.head.kind != ResultHead::Kind::kRows) {
    StatementEnded();
    return std::make_unique<NoRows>();
  }
  const int lanes = std::clamp(parallelism, 1, kLanesMax);
  PageStream::Options options{.consistency = options_.consistency,
                              .page_rows_max = options_.page_rows_max,
                              .numeric = options_.numeric,
                              .limit = statement.limit,
                              .lanes = lanes,
                              .text = statement.text};
  if (first.head.metadata.paging_state && !statement.limit && statement.parameters.empty()) {
    NSTARX_TRY(auto parts, PartsOf(context, statement.text, lanes));
    if (!parts.empty()) {
      return PageStream::Scan(context, *client_, *this, stop, std::move(options), std::move(parts),
                              first);
    }
  }
  return PageStream::Continue(context, *client_, *this, stop, std::move(options),
                              std::move(request), std::move(first));
}

Result<std::unique_ptr<connector::BatchStream>> CassandraSession::Execute(
    const Context& context, const connector::Statement& statement,
    const connector::ExecuteOptions& options) {
  if (options_.read_only && !OnlyReads(statement.text)) {
    const std::string word = FirstWord(statement.text);
    return ReadOnly(word.empty() ? "the statement" : word);
  }
  std::stop_source stop = Begin();
  const std::stop_callback forward(context.stop_token(), [&stop] { stop.request_stop(); });
  auto stream = Stream(context.WithStop(stop.get_token()), stop, statement, options.parallelism);
  if (!stream) {
    client_->Quiesce();
    busy_ = false;
    return Named(std::move(stream).error(), "query");
  }
  return stream;
}

Result<std::vector<connector::Node>> CassandraSession::List(const Context& context,
                                                            std::string_view path, int64_t limit) {
  return Run(context,
             [&](const Context& limited) { return ListChildren(limited, *client_, path, limit); });
}

Result<connector::Description> CassandraSession::Describe(const Context& context,
                                                          std::string_view path) {
  return Run(context, [&](const Context& limited) {
    return DescribePath(limited, *client_, path, options_.login.keyspace, options_.numeric);
  });
}

Result<std::unique_ptr<connector::BatchStream>> CassandraSession::Sample(const Context& context,
                                                                         std::string_view path,
                                                                         int64_t limit) {
  const auto table = ParsePath(path, options_.login.keyspace);
  if (!table) return NoSuchTable(path);
  connector::Statement statement{.text = fmt::format("SELECT * FROM {}", table->Quoted()),
                                 .parameters = {},
                                 .limit = std::max<int64_t>(limit, 0)};
  auto stream = Execute(context, statement, {});
  if (!stream && stream.error().kind() == ErrorKind::kNotFound) return NoSuchTable(path);
  return stream;
}

Result<int64_t> CassandraSession::Ingest(const Context& context, std::string_view path,
                                         connector::IngestMode mode,
                                         connector::BatchStream& source) {
  if (options_.read_only) return ReadOnly("ingest");
  const auto table = ParsePath(path, options_.login.keyspace);
  if (!table) return Refuse("query.undefined_table", fmt::format("'{}' is no path", path));
  return Run(context, [&](const Context& limited) {
    return IngestInto(
        limited, *client_, *table, mode, source,
        {.consistency = options_.consistency, .concurrency = options_.ingest_concurrency});
  });
}

Result<connector::PrivilegeReport> CassandraSession::CheckPrivileges(const Context& context) {
  return Run(context, [&](const Context& limited) {
    return ReadPrivileges(limited, *client_, options_.login.user, options_.login.keyspace,
                          options_.read_only);
  });
}

}  // namespace nstarx::connectors::cassandra
