#include <arrow/api.h>
#include <fmt/format.h>

#include "connectors/postgresql/postgres_copy_encoder.h"
#include "connectors/postgresql/postgres_session.h"

namespace nstarx::connectors::postgresql {
namespace {

constexpr size_t kChunk = size_t{256} << 10;

Error Refuse(std::string code, std::string message) {
  return InvalidArgument(std::move(code), std::move(message))
      .WithStage("query")
      .WithConnector("postgresql");
}

/// How the rows get into their table.
struct IngestPlan {
  std::string table;    ///< quoted
  std::string columns;  ///< quoted, separated
  std::vector<std::string> sql_types;
  std::string staged_select;  ///< casts of the staging table's columns; empty: straight in
};

Result<std::string> QuotedTable(std::string_view path) {
  std::vector<std::string> parts = SplitPath(path);
  if (parts.empty() || parts.size() > 2) {
    return Refuse("query.undefined_table", fmt::format("'{}' is no table's path", path))
        .WithHint("Write table or schema.table, with \"…\" around names that need it.");
  }
  std::string quoted = QuoteName(parts[0]);
  if (parts.size() == 2) quoted += "." + QuoteName(parts[1]);
  return quoted;
}

std::string Definition(const arrow::Schema& schema, const IngestPlan& plan) {
  std::string definition;
  for (int i = 0; i < schema.num_fields(); ++i) {
    definition += fmt::format("{}{} {}", i == 0 ? "" : ", ", QuoteName(schema.field(i)->name()),
                              plan.sql_types[static_cast<size_t>(i)]);
  }
  return definition;
}

/// Compares with the columns of the table that is there; what differs in type goes by staging.
Status MatchTable(PostgresSession& session, const Context& context, const arrow::Schema& schema,
                  IngestPlan& plan) {
  NSTARX_TRY(auto rows,
             session.Ask(context,
                         "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), "
                         "pg_catalog.format_type(a.atttypid, NULL) FROM pg_catalog.pg_attribute a "
                         "WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped",
                         {plan.table}));
  std::string select;
  bool staged = false;
  for (int i = 0; i < schema.num_fields(); ++i) {
    const std::string& name = schema.field(i)->name();
    auto row = std::find_if(rows.begin(), rows.end(),
                            [&name](const TextRow& found) { return found[0] == name; });
    if (row == rows.end()) {
      return Refuse("query.undefined_column", fmt::format("the table has no column '{}'", name))
          .WithDetail("column_name", name);
    }
    const std::string whole = (*row)[1].value_or("");
    const std::string base = (*row)[2].value_or("");
    staged = staged || !SameOnTheWire(plan.sql_types[static_cast<size_t>(i)], base);
    select += fmt::format("{}{}::{}", i == 0 ? "" : ", ", QuoteName(name), whole);
  }
  if (staged) plan.staged_select = std::move(select);
  return {};
}

/// Sends all batches of `source` as COPY data. Returns the rows that the server counted.
Result<int64_t> CopyIn(PostgresSession& session, const Context& context, const std::string& sql,
                       connector::BatchStream& source) {
  Wire& wire = session.wire();
  wire.Parse("", sql);
  wire.Bind("", "", {}, {});
  wire.Execute("", 0);
  wire.Flush();
  NSTARX_RETURN_IF_ERROR(wire.Send(context));
  for (bool ready = false; !ready;) {
    NSTARX_TRY(Message message, wire.Receive(context));
    if (message.type == 'E') return QueryError(ParseServerError(message.body), {}, 0);
    ready = message.type == 'G';
  }
  std::string data = CopyHeader();
  for (;;) {
    NSTARX_TRY(auto batch, source.Next(context));
    if (!batch) break;
    NSTARX_TRY(CopyEncoder encoder, CopyEncoder::Make(batch));
    for (int64_t row = 0; row < batch->num_rows();) {
      NSTARX_TRY(row, encoder.Append(row, kChunk, data));
      wire.CopyData(data);
      data.clear();
      NSTARX_RETURN_IF_ERROR(wire.Send(context));
      if (wire.Buffered()) {  // the server speaks only to refuse
        NSTARX_TRY(char type, wire.Peek(context));
        if (type == 'E') break;
      }
    }
    if (wire.Buffered()) break;
  }
  data += CopyTrailer();
  wire.CopyData(data);
  wire.CopyDone();
  wire.Sync();
  NSTARX_RETURN_IF_ERROR(wire.Send(context));
  int64_t rows = 0;
  std::optional<ServerError> failure;
  while (wire.syncs_expected() > 0) {
    NSTARX_TRY(Message message, wire.Receive(context));
    if (message.type == 'E' && !failure) failure = ParseServerError(message.body);
    if (message.type == 'C') rows = RowsOfTag(message.body);
  }
  if (failure) return QueryError(*failure, {}, 0);
  return rows;
}

Result<int64_t> IngestInTransaction(PostgresSession& session, const Context& context,
                                    IngestPlan plan, connector::IngestMode mode,
                                    connector::BatchStream& source) {
  const arrow::Schema& schema = *source.schema();
  if (mode == connector::IngestMode::kReplace) {
    NSTARX_RETURN_IF_ERROR(session.Ask(context, "DROP TABLE IF EXISTS " + plan.table));
  }
  if (mode == connector::IngestMode::kAppend) {
    NSTARX_RETURN_IF_ERROR(MatchTable(session, context, schema, plan));
  } else {
    NSTARX_RETURN_IF_ERROR(session.Ask(
        context, fmt::format("CREATE TABLE {} ({})", plan.table, Definition(schema, plan))));
  }
  std::string target = plan.table;
  if (!plan.staged_select.empty()) {
    target = "pg_temp.nstarx_ingest";
    NSTARX_RETURN_IF_ERROR(
        session.Ask(context, fmt::format("CREATE TEMP TABLE nstarx_ingest ({}) ON COMMIT DROP",
                                         Definition(schema, plan))));
  }
  NSTARX_TRY(
      int64_t rows,
      CopyIn(session, context,
             fmt::format("COPY {} ({}) FROM STDIN (FORMAT binary)", target, plan.columns), source));
  if (!plan.staged_select.empty()) {
    NSTARX_RETURN_IF_ERROR(
        session.Ask(context, fmt::format("INSERT INTO {} ({}) SELECT {} FROM {}", plan.table,
                                         plan.columns, plan.staged_select, target)));
  }
  NSTARX_RETURN_IF_ERROR(session.Ask(context, "COMMIT"));
  return rows;
}

}  // namespace

Result<int64_t> PostgresSession::Ingest(const Context& context, std::string_view path,
                                        connector::IngestMode mode,
                                        connector::BatchStream& source) {
  if (options_.read_only) {
    return Error(ErrorKind::kPermissionDenied, "query.read_only",
                 "this connection is read-only: it runs queries only")
        .WithStage("query")
        .WithConnector("postgresql");
  }
  IngestPlan plan;
  NSTARX_TRY(plan.table, QuotedTable(path));
  const arrow::Schema& schema = *source.schema();
  if (schema.num_fields() == 0) return Refuse("ingest.no_columns", "the rows have no columns");
  for (const auto& field : schema.fields()) {
    plan.sql_types.push_back(SqlTypeOf(*field));
    if (plan.sql_types.back().empty()) {
      return Refuse("ingest.unsupported_type",
                    fmt::format("column '{}' has the type {}, which PostgreSQL has no place for",
                                field->name(), field->type()->ToString()))
          .WithDetail("column_name", field->name())
          .WithHint("Cast the column before it is written, e.g. to text or JSON.");
    }
    plan.columns += (plan.columns.empty() ? "" : ", ") + QuoteName(field->name());
  }
  NSTARX_RETURN_IF_ERROR(Ask(context, "BEGIN"));
  auto rows = IngestInTransaction(*this, context, std::move(plan), mode, source);
  if (rows) return rows;
  // Taken back whole: a COPY that still runs is told to stop, then everything is rolled back.
  if (!wire_.broken()) {
    wire_.CopyFail("the rows ended early");
    wire_.Sync();
    Context resting = Context().WithTimeout(std::chrono::seconds(3));
    if (auto sent = wire_.Send(resting); !sent) wire_.MarkBroken();
    if (!wire_.broken()) (void)EndStatement(resting, wire_.syncs_expected() == 0, false);
  }
  return rows;
}

}  // namespace nstarx::connectors::postgresql
