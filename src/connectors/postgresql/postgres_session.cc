#include "connectors/postgresql/postgres_session.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <random>

#include "connectors/postgresql/postgres_scan.h"

namespace nstarx::connectors::postgresql {
namespace {

/// How long a session may take to come to rest after a statement was stopped.
constexpr std::chrono::milliseconds kRestTimeout{3000};
constexpr int64_t kEarlyStopMax = 10'000;
constexpr size_t kPreparedMax = 64;
constexpr size_t kPreparedTextMax = size_t{16} << 10;
constexpr size_t kShapesMax = 1024;
const std::vector<const std::string*> kNoParameters;

Result<std::optional<std::string>> ParameterText(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return std::optional<std::string>();
    case json::kind::bool_:
      return value.get_bool() ? "true" : "false";
    case json::kind::int64:
      return fmt::format("{}", value.get_int64());
    case json::kind::uint64:
      return fmt::format("{}", value.get_uint64());
    case json::kind::double_:
      return fmt::format("{}", value.get_double());
    case json::kind::string: {
      std::string text(value.get_string());
      if (text.find('\0') != std::string::npos) {
        return InvalidArgument("query.bad_value",
                               "a text parameter has a zero byte, which "
                               "PostgreSQL can't hold")
            .WithStage("query");
      }
      return text;
    }
    default:
      return std::optional<std::string>(json::serialize(value));
  }
}

Error Refuse(std::string code, std::string message) {
  return InvalidArgument(std::move(code), std::move(message))
      .WithStage("query")
      .WithConnector("postgresql");
}

/// One flag a column: is it asked for in binary?
std::vector<bool> FormatsOf(const PostgresSession& session,
                            const std::vector<ResultColumn>& columns) {
  std::vector<bool> formats;
  formats.reserve(columns.size());
  for (const ResultColumn& column : columns) formats.push_back(session.TypeOf(column).binary);
  return formats;
}

/// True when an error means only that a remembered statement is of no use any more.
bool MeansStale(const ServerError& error) {
  return error.sqlstate == "26000" || error.sqlstate == "42P05" ||
         (error.sqlstate == "0A000" && error.message.find("cached plan") != std::string::npos);
}

}  // namespace

Result<std::vector<std::optional<std::string>>> ParameterTexts(const json::array& values) {
  std::vector<std::optional<std::string>> texts;
  texts.reserve(values.size());
  for (const json::value& value : values) {
    NSTARX_TRY(texts.emplace_back(), ParameterText(value));
  }
  return texts;
}

StatementMemory::Prepared* StatementMemory::Find(const std::string& text) {
  auto found = prepared_.find(text);
  if (found == prepared_.end()) return nullptr;
  found->second.used = ++clock_;
  return &found->second;
}

std::string StatementMemory::Remember(const std::string& text, Prepared prepared) {
  std::string dropped;
  if (text.size() > kPreparedTextMax) return prepared.name;
  if (prepared_.size() >= kPreparedMax && !prepared_.contains(text)) {
    auto oldest = prepared_.begin();
    for (auto row = prepared_.begin(); row != prepared_.end(); ++row) {
      if (row->second.used < oldest->second.used) oldest = row;
    }
    dropped = oldest->second.name;
    prepared_.erase(oldest);
  }
  prepared.used = ++clock_;
  prepared_.insert_or_assign(text, std::move(prepared));
  return dropped;
}

StatementMemory::StatementMemory() : token_(std::random_device()()) {}

std::string StatementMemory::NextName() {
  return fmt::format("nstarx_{:08x}_{}", token_, ++names_);
}

const std::vector<ResultColumn>* StatementMemory::FindShape(uint64_t shape) const {
  auto found = shapes_.find(shape);
  return found == shapes_.end() ? nullptr : &found->second;
}

void StatementMemory::RememberShape(uint64_t shape, const std::vector<ResultColumn>& columns) {
  if (shapes_.size() >= kShapesMax) shapes_.clear();
  shapes_.insert_or_assign(shape, columns);
}

void StatementMemory::RememberSmallScan(uint64_t shape) {
  if (small_scans_.size() >= kShapesMax) small_scans_.clear();
  small_scans_[shape] = true;
}

void StatementMemory::Clear() {
  prepared_.clear();
  shapes_.clear();
  small_scans_.clear();
}

/// One call of Execute.
struct PostgresSession::Run {
  const connector::Statement& request;
  const connector::ExecuteOptions& options;
  SqlStatement statement;  ///< the last one
  bool alone = true;       ///< the text has no other
  Parameters values;
  std::vector<const std::string*> parameters;
  bool leaves_state = false;
};

int32_t PostgresSession::RowsMax(const Run& run) {
  // A limit may stop the server itself, unless that takes its parallel workers away.
  const std::optional<int64_t>& limit = run.request.limit;
  bool early = run.statement.scan && limit && *limit > 0 && *limit <= kEarlyStopMax;
  return early ? static_cast<int32_t>(*limit) : 0;
}

PostgresSession::PostgresSession(std::unique_ptr<Client> client, SessionOptions options)
    : wire_(std::move(client)),
      options_(std::move(options)),
      check_utf8_(wire_.client().Parameter("server_encoding") == "SQL_ASCII") {}

PostgresSession::~PostgresSession() = default;

Status PostgresSession::Ping(const Context& context) {
  wire_.Sync();
  NSTARX_RETURN_IF_ERROR(wire_.Send(context));
  Status status = wire_.Drain(context);
  if (!status) wire_.MarkBroken();
  return status;
}

connector::SessionFacts PostgresSession::facts() const {
  connector::SessionFacts facts{{"server_version", wire_.client().Parameter("server_version")},
                                {"user", options_.user},
                                {"database", options_.database}};
  if (auto tls = wire_.client().TlsFacts(); !tls.empty()) facts["tls"] = std::move(tls);
  return facts;
}

std::unique_ptr<BatchDecoder> PostgresSession::DecoderFor(
    const std::vector<ResultColumn>& columns) const {
  std::vector<ColumnType> types;
  types.reserve(columns.size());
  for (const ResultColumn& column : columns) types.push_back(TypeOf(column));
  return std::make_unique<BatchDecoder>(columns, std::move(types), check_utf8_);
}

Status PostgresSession::CheckAllowed(const std::vector<SqlStatement>& statements,
                                     bool with_parameters) const {
  if (statements.empty()) return Refuse("query.empty", "the text holds no statement");
  if (with_parameters && statements.size() > 1) {
    return Refuse("query.bad_value", "parameters go with one statement, not with several");
  }
  for (const SqlStatement& statement : statements) {
    if (statement.kind == StatementKind::kCopyStream) {
      return Refuse("query.not_supported", "COPY from or to the client is not run as a statement")
          .WithHint("Query the rows and take them as Arrow, CSV or Parquet; write with ingest.");
    }
    bool may_write = statement.kind == StatementKind::kOther ||
                     statement.kind == StatementKind::kSetting ||
                     statement.kind == StatementKind::kTransaction ||
                     (options_.dialect.read_only_blocks && statement.kind == StatementKind::kWrite);
    if (options_.read_only && may_write) {
      return Error(ErrorKind::kPermissionDenied, "query.read_only",
                   "this connection is read-only: it runs queries only")
          .WithStage("query")
          .WithConnector("postgresql");
    }
  }
  return {};
}

Result<std::unique_ptr<connector::BatchStream>> PostgresSession::Execute(
    const Context& context, const connector::Statement& statement,
    const connector::ExecuteOptions& options) {
  if (streaming_) return Internal("the session still streams another result");
  Run run{.request = statement, .options = options};
  if (statement.text.find('\0') != std::string::npos) {
    return Refuse("query.syntax_error", "the statement has a zero byte");
  }
  NSTARX_TRY(run.values, ParameterTexts(statement.parameters));
  for (const auto& value : run.values) run.parameters.push_back(value ? &*value : nullptr);
  if (StatementMemory::Prepared* known = memory_.Find(statement.text);
      known != nullptr && !known->name.empty() &&
      !(options_.dialect.page_ranges && known->scan && options.parallelism > 1 &&
        options.siblings != nullptr && !memory_.SmallScan(known->shape))) {
    StatementMemory::Prepared prepared = *known;
    run.leaves_state = prepared.leaves_state;
    run.statement.text = statement.text;
    run.statement.shape = prepared.shape;
    if (prepared.scan) run.statement.scan.emplace();
    auto stream = RunPrepared(context, run, prepared);
    if (stream || stream.error().code() != "query.stale_statement") return stream;
  }
  std::vector<SqlStatement> statements = SplitStatements(statement.text);
  NSTARX_RETURN_IF_ERROR(CheckAllowed(statements, !run.parameters.empty()));
  run.alone = statements.size() == 1;
  for (const SqlStatement& part : statements) run.leaves_state |= part.leaves_state;
  run.statement = std::move(statements.back());
  statements.pop_back();
  if (options_.read_only && options_.dialect.read_only_blocks) {
    NSTARX_RETURN_IF_ERROR(Ask(context, "BEGIN READ ONLY"));
    in_block_ = true;
  }
  for (const SqlStatement& part : statements) {
    Status status = RunLeading(context, statement.text, part);
    if (!status) return Recover(context, status).error();
  }
  if (options_.dialect.page_ranges && run.alone && run.statement.scan && options.parallelism > 1 &&
      options.siblings != nullptr && !statement.limit && run.parameters.empty() &&
      !memory_.SmallScan(run.statement.shape)) {
    NSTARX_TRY(auto parallel,
               TryParallelScan(context, *this, statement.text, run.statement, options));
    if (parallel) return parallel;
  }
  return RunLast(context, run);
}

Result<std::unique_ptr<connector::BatchStream>> PostgresSession::StartStream(
    const Context& context, Run& run, const std::vector<ResultColumn>& columns) {
  auto reader = std::make_unique<ResultReader>(wire_, DecoderFor(columns),
                                               SqlOrigin{run.request.text, run.statement.offset});
  auto stream =
      std::make_unique<ResultStream>(*this, std::move(reader), run.leaves_state, run.request.limit);
  if (run.statement.scan) stream->set_scan_shape(run.statement.shape);
  if (auto status = stream->Prime(context); !status) {
    const auto& failure = stream->reader().failure();
    if (failure && MeansStale(*failure)) {
      // A pooler between gives each transaction another session: names are of no use there.
      if (failure->sqlstate != "0A000") options_.prepared_statements = false;
      stream.reset();
      memory_.Clear();
      return Refuse("query.stale_statement", "the remembered statement is gone");
    }
    return status.error();
  }
  return stream;
}

Result<std::unique_ptr<connector::BatchStream>> PostgresSession::RunPrepared(
    const Context& context, Run& run, StatementMemory::Prepared& prepared) {
  wire_.Bind("", prepared.name, run.parameters, FormatsOf(*this, prepared.columns));
  wire_.Execute("", RowsMax(run));
  wire_.Sync();
  NSTARX_RETURN_IF_ERROR(wire_.Send(context));
  return StartStream(context, run, prepared.columns);
}

Status PostgresSession::Recover(const Context& context, const Status& status) {
  wire_.Sync();
  Status sent = wire_.Send(context);
  if (sent) sent = EndStatement(context, false, true);
  if (!sent) wire_.MarkBroken();
  return status;
}

Status PostgresSession::RunLeading(const Context& context, const std::string& text,
                                   const SqlStatement& statement) {
  wire_.Parse("", statement.text);
  wire_.Bind("", "", kNoParameters, {});
  wire_.Execute("", 0);
  wire_.Flush();
  NSTARX_RETURN_IF_ERROR(wire_.Send(context));
  for (;;) {
    NSTARX_TRY(Message message, wire_.Receive(context));
    if (message.type == 'C' || message.type == 'I') return {};
    if (message.type == 'E') {
      return QueryError(ParseServerError(message.body), text, statement.offset);
    }
  }
}

Result<std::vector<ResultColumn>> PostgresSession::DescribeColumns(const Context& context,
                                                                   const Run& run,
                                                                   const std::string& name) {
  wire_.Parse(name, run.statement.text);
  wire_.DescribeStatement(name);
  wire_.Flush();
  NSTARX_RETURN_IF_ERROR(wire_.Send(context));
  for (;;) {
    NSTARX_TRY(Message message, wire_.Receive(context));
    if (message.type == 'T') return ParseRowDescription(message.body);
    if (message.type == 'n') return std::vector<ResultColumn>();
    if (message.type == 'E') {
      return QueryError(ParseServerError(message.body), run.request.text, run.statement.offset);
    }
  }
}

Result<std::unique_ptr<connector::BatchStream>> PostgresSession::RunLast(const Context& context,
                                                                         Run& run) {
  const bool plain =
      run.alone && options_.prepared_statements && !in_block_ &&
      (run.statement.kind == StatementKind::kQuery || run.statement.kind == StatementKind::kWrite);
  const bool seen = plain && memory_.Find(run.request.text) != nullptr;
  std::string name = seen ? memory_.NextName() : "";
  std::vector<ResultColumn> columns;
  const std::vector<ResultColumn>* known = run.alone && !seen && !in_block_ &&
                                                   run.statement.kind == StatementKind::kQuery &&
                                                   run.parameters.empty()
                                               ? memory_.FindShape(run.statement.shape)
                                               : nullptr;
  const int32_t rows_max = RowsMax(run);
  if (known != nullptr) {
    // Columns as last time, in all likelihood: everything goes out at once.
    columns = *known;
    wire_.Parse("", run.statement.text);
    wire_.DescribeStatement("");
    wire_.Bind("", "", run.parameters, FormatsOf(*this, columns));
    wire_.Execute("", rows_max);
    wire_.Sync();
    NSTARX_RETURN_IF_ERROR(wire_.Send(context));
    auto same = DescribedAs(context, columns);
    if (!same) {
      NSTARX_RETURN_IF_ERROR(EndStatement(context, false, run.leaves_state));
      return same.error();
    }
    if (*same) return StartStream(context, run, columns);
    memory_.Clear();
    NSTARX_RETURN_IF_ERROR(EndStatement(context, false, false));
  }
  auto described = DescribeColumns(context, run, name);
  if (!described) return Recover(context, described.error()).error();
  columns = std::move(*described);
  wire_.Bind("", name, run.parameters, FormatsOf(*this, columns));
  wire_.Execute("", rows_max);
  wire_.Sync();
  std::string dropped;
  if (plain) {
    dropped = memory_.Remember(run.request.text, {.name = name,
                                                  .columns = columns,
                                                  .leaves_state = run.leaves_state,
                                                  .scan = run.statement.scan.has_value(),
                                                  .shape = run.statement.shape});
  }
  if (run.alone && run.statement.kind == StatementKind::kQuery && !columns.empty()) {
    memory_.RememberShape(run.statement.shape, columns);
  }
  if (!dropped.empty()) {
    wire_.CloseStatement(dropped);
    wire_.Sync();
  }
  NSTARX_RETURN_IF_ERROR(wire_.Send(context));
  return StartStream(context, run, columns);
}

Result<bool> PostgresSession::DescribedAs(const Context& context,
                                          std::vector<ResultColumn>& columns) {
  for (;;) {
    NSTARX_TRY(char type, wire_.Peek(context));
    if (type == 'E') return true;  // the stream tells it
    NSTARX_TRY(Message message, wire_.Receive(context));
    if (message.type == 'n') return false;
    if (message.type != 'T') continue;
    NSTARX_TRY(auto now, ParseRowDescription(message.body));
    bool same = FormatsOf(*this, now) == FormatsOf(*this, columns);
    columns = std::move(now);
    return same;
  }
}

Result<std::vector<TextRow>> PostgresSession::Ask(
    const Context& context, std::string_view sql,
    const std::vector<std::optional<std::string>>& parameters) {
  std::vector<const std::string*> values;
  for (const auto& parameter : parameters) values.push_back(parameter ? &*parameter : nullptr);
  wire_.Parse("", sql);
  wire_.Bind("", "", values, {});
  wire_.Execute("", 0);
  wire_.Sync();
  NSTARX_RETURN_IF_ERROR(wire_.Send(context));
  std::vector<TextRow> rows;
  std::optional<ServerError> failure;
  while (wire_.syncs_expected() > 0) {
    auto message = wire_.Receive(context);
    if (!message) {
      // The caller's time is over, but the session may live on.
      if (resting_) wire_.MarkBroken();
      if (!wire_.broken()) (void)EndStatement(context, false, false);
      return message.error();
    }
    if (message->type == 'E' && !failure) failure = ParseServerError(message->body);
    if (message->type != 'D') continue;
    std::string_view body = message->body;
    if (body.size() < 2) continue;
    TextRow row(LoadBig16(body.data()));
    body.remove_prefix(2);
    for (auto& cell : row) {
      if (body.size() < 4) break;
      auto length = static_cast<int32_t>(LoadBig32(body.data()));
      body.remove_prefix(4);
      if (length < 0) continue;
      cell = body.substr(0, static_cast<size_t>(length));
      body.remove_prefix(std::min(body.size(), static_cast<size_t>(length)));
    }
    rows.push_back(std::move(row));
  }
  if (failure) return QueryError(*failure, {}, 0);
  return rows;
}

Status PostgresSession::SetDefaults(const Context& context) {
  // Ranges and composites come as text: their dates must not depend on the server's taste.
  if (wire_.client().Parameter("DateStyle").starts_with("ISO")) return {};
  NSTARX_RETURN_IF_ERROR(Ask(context, "SET DateStyle = 'ISO'"));
  return {};
}

Status PostgresSession::EndStatement(const Context& context, bool finished, bool leaves_state) {
  if (wire_.broken()) return {};
  // The caller may be gone: coming to rest has a time of its own.
  Context resting = Context(context.principal(), context.request_id()).WithTimeout(kRestTimeout);
  if (!finished) {
    wire_.Cancel();
    if (auto status = wire_.Drain(resting); !status) {
      wire_.MarkBroken();
      return {};
    }
  }
  wire_.ExpectMuch(false);
  Status status;
  resting_ = true;
  if (wire_.transaction() != 'I') {
    bool failed = wire_.transaction() == 'E' || !finished;
    if (auto asked = Ask(resting, "ROLLBACK"); !asked) wire_.MarkBroken();
    if (!failed && !in_block_) {
      status =
          Refuse("query.open_transaction", "the text leaves a transaction open; it was rolled back")
              .WithHint("Send BEGIN … COMMIT as one text: each call is on its own.");
    }
  }
  in_block_ = false;
  if (leaves_state && !options_.dialect.resets) wire_.MarkBroken();
  if (leaves_state && !wire_.broken()) {
    memory_.Clear();
    auto asked = Ask(resting, "DISCARD ALL");
    if (!asked || !SetDefaults(resting)) wire_.MarkBroken();
  }
  resting_ = false;
  return status;
}

}  // namespace nstarx::connectors::postgresql
