#include "connectors/mysql/mysql_session.h"

#include <arrow/api.h>
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cctype>

#include "connectors/mysql/mysql_catalog.h"
#include "connectors/mysql/mysql_errors.h"
#include "connectors/mysql/mysql_ingest.h"

namespace nstarx::connectors::mysql {
namespace {

constexpr std::chrono::milliseconds kStopTimeout{1000};
constexpr std::chrono::milliseconds kTidyTimeout{3000};
constexpr uint16_t kStatusAutocommit = 0x0002;
constexpr int kNotPreparable = 1295;
constexpr int kTooManyPrepared = 1461;
constexpr int kSyntaxError = 1064;

/// Statements after which the session is as it was before.
constexpr std::string_view kHarmless[] = {"SELECT",   "INSERT",  "UPDATE", "DELETE", "REPLACE",
                                          "SHOW",     "EXPLAIN", "WITH",   "DESC",   "DESCRIBE",
                                          "TRUNCATE", "ALTER",   "DROP",   "VALUES", "ANALYZE",
                                          "DO",       "CREATE",  "TABLE",  "GRANT",  "REVOKE"};
/// What a read-only session lets through to the server, which then refuses writes by itself.
constexpr std::string_view kReading[] = {"SELECT", "WITH", "VALUES",   "TABLE",
                                         "SHOW",   "DESC", "DESCRIBE", "EXPLAIN"};
/// Statements that the binary protocol reads faster and more exactly.
constexpr std::string_view kPreparable[] = {"SELECT", "WITH", "VALUES"};

/// The first word in capitals, behind comments and opening brackets.
std::string FirstWord(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const char letter = text[at];
    if (std::isspace(static_cast<unsigned char>(letter)) != 0 || letter == '(') {
      ++at;
    } else if (text.substr(at).starts_with("/*") && !text.substr(at).starts_with("/*!") &&
               !text.substr(at).starts_with("/*M!")) {
      const size_t end = text.find("*/", at + 2);
      at = end == std::string_view::npos ? text.size() : end + 2;
    } else if (text.substr(at).starts_with("-- ") || letter == '#') {
      const size_t end = text.find('\n', at);
      at = end == std::string_view::npos ? text.size() : end + 1;
    } else {
      break;
    }
  }
  std::string word;
  while (at < text.size() && std::isalpha(static_cast<unsigned char>(text[at])) != 0) {
    word += static_cast<char>(std::toupper(static_cast<unsigned char>(text[at++])));
  }
  return word;
}

template <size_t N>
bool Among(const std::string_view (&list)[N], std::string_view word) {
  return std::ranges::find(list, word) != std::end(list);
}

/// True when the word is in the text, in capitals or not.
bool Holds(std::string_view text, std::string_view word) {
  return !std::ranges::search(text, word, {}, [](char letter) {
            return static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
          }).empty();
}

/// True when the text may hold a second statement or set something for later ones.
bool MayTaint(std::string_view text, std::string_view word) {
  if (!Among(kHarmless, word)) return true;
  const size_t semicolon = text.find(';');
  if (semicolon != std::string_view::npos &&
      text.find_first_not_of("; \t\r\n", semicolon) != std::string_view::npos) {
    return true;
  }
  return Holds(text, "TEMPORARY") || Holds(text, "GET_LOCK") || Holds(text, "@");
}

}  // namespace

Result<std::unique_ptr<MysqlSession>> MysqlSession::Open(const Context& context, Options options) {
  options.login.many_statements = !options.read_only;
  NSTARX_TRY(auto client, Client::Connect(context, options.login));
  std::unique_ptr<MysqlSession> session(new MysqlSession(std::move(options)));
  session->facts_ = client->facts();
  session->facts_["user"] = session->options_.login.user;
  session->facts_["database"] = session->options_.login.database;
  session->facts_["address"] = fmt::format("{}:{}", session->options_.login.endpoint.host,
                                           session->options_.login.endpoint.port);
  session->thread_id_ = client->thread_id();
  session->socket_ = client->socket();
  session->is_mariadb_ = client->is_mariadb();
  session->conversation_ = std::make_unique<Conversation>(std::move(client));
  Wire& wire = session->conversation_->wire();
  wire.set_patience({.context = &context});
  std::string set = "SET SESSION time_zone = '+00:00'";
  if (const int64_t limit = session->options_.statement_timeout_ms; limit > 0) {
    set += session->is_mariadb_
               ? fmt::format(", SESSION max_statement_time = {}.{:03}", limit / 1000, limit % 1000)
               : fmt::format(", SESSION max_execution_time = {}", limit);
  }
  Status status = session->conversation_->Run(set);
  if (status && session->options_.read_only) {
    status = session->conversation_->Run("SET SESSION TRANSACTION READ ONLY");
  }
  wire.set_patience({});
  if (!status) return Error(std::move(status).error()).WithStage("login");
  return session;
}

bool MysqlSession::healthy() const {
  if (broken_ || tainted_) return false;
  // A server that went away leaves a closed line, which costs nothing to see and saves a failed
  // statement.
  pollfd line{.fd = socket_, .events = POLLRDHUP, .revents = 0};
  return poll(&line, 1, 0) == 0;
}

MysqlSession::~MysqlSession() = default;

connector::SessionFacts MysqlSession::facts() const { return facts_; }

void MysqlSession::Begin() {
  const std::scoped_lock guard(stop_lock_);
  running_ = true;
  stopped_ = false;
  cancelled_ = false;
}

void MysqlSession::Cancel() {
  cancelled_ = true;
  StopRunning();
}

void MysqlSession::StopRunning() {
  const std::scoped_lock guard(stop_lock_);
  if (!running_ || stopped_) return;
  stopped_ = true;
  const Context patience = Context().WithTimeout(kStopTimeout);
  auto client = Client::Connect(patience, options_.login);
  if (!client) return;
  Conversation side(std::move(*client));
  side.wire().set_patience({.context = &patience});
  Status ignored = side.Run(fmt::format("KILL QUERY {}", thread_id_));
}

Status MysqlSession::StatementEnded(uint16_t status) {
  bool stopped = false;
  {
    const std::scoped_lock guard(stop_lock_);
    running_ = false;
    stopped = stopped_;
  }
  Wire& wire = conversation_->wire();
  const Context patience = Context().WithTimeout(kTidyTimeout);
  wire.set_patience({.context = &patience});
  Status out;
  // A KILL that came too late must not hit the next statement.
  if (stopped && wire.usable()) Status absorbed = conversation_->Run("DO 0");
  if (options_.read_only) {
    if (wire.usable()) out = conversation_->Run("ROLLBACK");
  } else if (wire.usable() && (status & kStatusInTransaction) != 0) {
    out = conversation_->Run("ROLLBACK");
    if (out) {
      out = InvalidArgument("query.transaction_left_open",
                            "The request left a transaction open; it was rolled back")
                .WithStage("query")
                .WithConnector("mysql");
    }
  }
  if (status != 0 && (status & kStatusAutocommit) == 0 && !options_.read_only) tainted_ = true;
  wire.set_patience({});
  if (!wire.usable()) broken_ = true;
  // Some statements end early without an error when they are killed (SLEEP).
  if (out && stopped && cancelled_) {
    out = Cancelled("The statement was stopped").WithStage("query").WithConnector("mysql");
  }
  return out;
}

Error MysqlSession::Fail(Error error) {
  Wire& wire = conversation_->wire();
  // Without a vendor code it is our own impatience, and the server still works on it.
  if (wire.usable() && error.vendor_code().empty() && conversation_->awaits_answer()) {
    StopRunning();
    const Context patience = Context().WithTimeout(kTidyTimeout);
    wire.set_patience({.context = &patience});
    Status skipped = conversation_->SkipAnswer();
    if (!skipped && skipped.error().vendor_code().empty()) wire.Break();
  } else if (error.kind() == ErrorKind::kDeadlineExceeded ||
             error.kind() == ErrorKind::kCancelled) {
    // Somewhere inside an answer: the line can't be brought in step again.
    if (error.vendor_code().empty()) wire.Break();
  }
  Status ignored = StatementEnded(0);
  return error;
}

/// LOAD DATA LOCAL of a caller (or of a server with bad intentions) would read this machine's
/// files.
Status MysqlSession::RefuseFile() {
  NSTARX_RETURN_IF_ERROR(conversation_->wire().SendMore({}));
  NSTARX_TRY(const Packet packet, conversation_->wire().Receive());
  (void)packet;
  return Error(ErrorKind::kPermissionDenied, "query.forbidden",
               "LOAD DATA LOCAL would read a file of the gateway's machine")
      .WithStage("query")
      .WithConnector("mysql")
      .WithVendorCode("2068");
}

Result<ResultHeader> MysqlSession::FirstHeader(const connector::Statement& statement) {
  const std::string word = FirstWord(statement.text);
  if (MayTaint(statement.text, word)) tainted_ = true;
  if (statement.parameters.empty() && !Among(kPreparable, word)) {
    return conversation_->Query(statement.text);
  }
  auto prepared = conversation_->Prepare(statement.text);
  if (prepared) {
    return conversation_->Execute(**prepared, statement.parameters, statement.text);
  }
  const std::string& code = prepared.error().vendor_code();
  const bool many =
      code == std::to_string(kSyntaxError) && statement.text.find(';') != std::string::npos;
  if (statement.parameters.empty() && (many || code == std::to_string(kNotPreparable) ||
                                       code == std::to_string(kTooManyPrepared))) {
    return conversation_->Query(statement.text);
  }
  return std::move(prepared).error();
}

Result<ResultHeader> MysqlSession::LastHeader(const connector::Statement& statement) {
  if (options_.read_only) {
    // DDL ends the read-only transaction before it is looked at, so only reading words pass.
    if (!Among(kReading, FirstWord(statement.text)) || Holds(statement.text, "OUTFILE") ||
        Holds(statement.text, "DUMPFILE")) {
      return Error(ErrorKind::kPermissionDenied, "query.read_only",
                   "The connection is read-only, and this statement does more than read")
          .WithStage("query")
          .WithConnector("mysql")
          .WithVendorCode("1792");
    }
    NSTARX_RETURN_IF_ERROR(conversation_->Run("START TRANSACTION READ ONLY"));
  }
  NSTARX_TRY(ResultHeader header, FirstHeader(statement));
  // Of a procedure the first result with rows counts, of many statements the last.
  const bool procedure = FirstWord(statement.text) == "CALL";
  for (;;) {
    if (header.wants_file) return Error(RefuseFile().error());
    if ((header.status & kStatusMoreResults) == 0) return header;
    if (!header.columns.empty()) {
      if (procedure) return header;
      NSTARX_TRY(header.status, conversation_->SkipRows());
      if ((header.status & kStatusMoreResults) == 0)
        return Unavailable("connection.protocol", "A result went missing");
    }
    NSTARX_TRY(header, conversation_->NextResult(header.format, statement.text));
  }
}

Result<std::unique_ptr<connector::BatchStream>> MysqlSession::Execute(
    const Context& context, const connector::Statement& statement,
    const connector::ExecuteOptions& /*options*/) {
  NSTARX_RETURN_IF_ERROR(context.Check());
  Begin();
  conversation_->wire().set_patience({.context = &context});
  auto header = LastHeader(statement);
  if (!header) return Fail(std::move(header).error());
  conversation_->wire().set_patience({});
  if (header->columns.empty()) {
    Status ended = StatementEnded(header->status);
    // A write that is done is done, even if somebody tried to stop it.
    if (!ended && ended.error().kind() != ErrorKind::kCancelled) return std::move(ended).error();
    return std::make_unique<AffectedStream>(header->rows_affected);
  }
  NSTARX_TRY(auto stream, ResultStream::Start(context, *conversation_, *this, *header,
                                              {.zero_dates = options_.zero_dates,
                                               .limit = statement.limit.value_or(-1),
                                               .text = statement.text}));
  return std::unique_ptr<connector::BatchStream>(std::move(stream));
}

Status MysqlSession::Ping(const Context& context) {
  conversation_->wire().set_patience({.context = &context});
  Status status = conversation_->Ping();
  conversation_->wire().set_patience({});
  if (!status) broken_ = true;
  return status;
}

Result<std::unique_ptr<connector::BatchStream>> MysqlSession::Sample(const Context& context,
                                                                     std::string_view path,
                                                                     int64_t limit) {
  NSTARX_TRY(const TablePath table, ParsePath(path, options_.login.database));
  auto stream = Execute(context,
                        {.text = fmt::format("SELECT * FROM {} LIMIT {}", table.Quoted(),
                                             std::max<int64_t>(limit, 0))},
                        {});
  if (!stream && stream.error().code() == "query.undefined_table") return NoSuchTable(path);
  return stream;
}

Result<std::unique_ptr<connector::BatchStream>> MysqlSession::Scan(
    const Context& context, const connector::ScanRequest& request,
    const connector::ExecuteOptions& options) {
  NSTARX_TRY(const TablePath table, ParsePath(request.path, options_.login.database));
  return Execute(context, {.text = connector::ScanText(table.Quoted(), request, '`')}, options);
}

Result<std::vector<connector::Node>> MysqlSession::List(const Context& context,
                                                        std::string_view path, int64_t limit) {
  Begin();
  conversation_->wire().set_patience({.context = &context});
  auto out = ListChildren(*conversation_, path, limit);
  if (!out) return Fail(std::move(out).error());
  NSTARX_RETURN_IF_ERROR(StatementEnded(0));
  return out;
}

Result<connector::Description> MysqlSession::Describe(const Context& context,
                                                      std::string_view path) {
  Begin();
  conversation_->wire().set_patience({.context = &context});
  auto out = DescribeTable(*conversation_, path, options_.login.database);
  if (!out) return Fail(std::move(out).error());
  NSTARX_RETURN_IF_ERROR(StatementEnded(0));
  return out;
}

Result<json::object> MysqlSession::Explain(const Context& context,
                                           const connector::Statement& statement) {
  Begin();
  conversation_->wire().set_patience({.context = &context});
  auto out = ExplainStatement(*conversation_, statement.text);
  if (!out) return Fail(std::move(out).error());
  NSTARX_RETURN_IF_ERROR(StatementEnded(0));
  return out;
}

Result<connector::PrivilegeReport> MysqlSession::CheckPrivileges(const Context& context) {
  Begin();
  conversation_->wire().set_patience({.context = &context});
  auto out = ReadPrivileges(*conversation_, options_.login.database, options_.read_only);
  if (!out) return Fail(std::move(out).error());
  NSTARX_RETURN_IF_ERROR(StatementEnded(0));
  return out;
}

Result<int64_t> MysqlSession::Ingest(const Context& context, std::string_view path,
                                     connector::IngestMode mode, connector::BatchStream& source) {
  if (options_.read_only) {
    return Error(ErrorKind::kPermissionDenied, "query.read_only", "The connection is read-only")
        .WithStage("query")
        .WithConnector("mysql");
  }
  NSTARX_TRY(const TablePath table, ParsePath(path, options_.login.database));
  Begin();
  conversation_->wire().set_patience({.context = &context});
  auto written = IngestInto(context, *conversation_, table, path, mode, source);
  if (!written) {
    // An unfinished LOAD DATA can only be ended with the line; the server rolls it back.
    return Fail(std::move(written).error());
  }
  NSTARX_RETURN_IF_ERROR(StatementEnded(0));
  return written;
}

}  // namespace nstarx::connectors::mysql
