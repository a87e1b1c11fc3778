#include "connectors/sqlite/sqlite_session.h"

#include <arrow/api.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <map>

#include "connectors/sqlite/sqlite_catalog.h"
#include "connectors/sqlite/sqlite_ingest.h"
#include "connectors/sqlite/sqlite_reader.h"

namespace nstarx::connectors::sqlite {
namespace {

Error WrongCount(int wanted, size_t given) {
  Error error =
      InvalidArgument("query.parameter_count",
                      fmt::format("The statement has {} placeholders, but {} parameters were given",
                                  wanted, given));
  error.WithStage("query").WithConnector("sqlite");
  return error;
}

Status BindAll(sqlite3_stmt* statement, const json::array& parameters) {
  const int wanted = sqlite3_bind_parameter_count(statement);
  if (static_cast<size_t>(wanted) != parameters.size())
    return WrongCount(wanted, parameters.size());
  for (int place = 1; place <= wanted; ++place) {
    const json::value& value = parameters[static_cast<size_t>(place - 1)];
    int result = SQLITE_OK;
    switch (value.kind()) {
      case json::kind::null:
        result = sqlite3_bind_null(statement, place);
        break;
      case json::kind::bool_:
        result = sqlite3_bind_int64(statement, place, value.get_bool() ? 1 : 0);
        break;
      case json::kind::int64:
        result = sqlite3_bind_int64(statement, place, value.get_int64());
        break;
      case json::kind::double_:
        result = sqlite3_bind_double(statement, place, value.get_double());
        break;
      case json::kind::string:
        result = sqlite3_bind_text64(statement, place, value.get_string().data(),
                                     value.get_string().size(), SQLITE_TRANSIENT, SQLITE_UTF8);
        break;
      default:
        result = SQLITE_MISMATCH;
    }
    if (result == SQLITE_OK) continue;
    Error error = InvalidArgument(
        "query.parameter_type",
        fmt::format("Parameter {} is no null, boolean, 64-bit integer, number or text", place));
    error.WithStage("query").WithConnector("sqlite");
    return error;
  }
  return {};
}

Error EmptyStatement() {
  Error error = InvalidArgument("query.syntax_error", "The statement is empty");
  error.WithStage("query").WithConnector("sqlite");
  return error;
}

bool IsBlank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n;") == std::string_view::npos;
}

std::string Cell(sqlite3_stmt* row, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
  return text != nullptr ? text : "";
}

}  // namespace

Status SqliteSession::Ping(const Context& context) {
  Database::Watch watch(*database_, context);
  return database_->Run("SELECT count(*) FROM sqlite_schema WHERE 0");
}

connector::SessionFacts SqliteSession::facts() const {
  return {{"server_version", sqlite3_libversion()},
          {"database", database_->path()},
          {"read_only", sqlite3_db_readonly(database_->handle(), "main") == 1}};
}

Result<std::unique_ptr<connector::BatchStream>> SqliteSession::Execute(
    const Context& context, const connector::Statement& statement,
    const connector::ExecuteOptions& /*options*/) {
  NSTARX_RETURN_IF_ERROR(context.Check());
  Database::Watch watch(*database_, context);
  const int64_t before = database_->changes();
  std::string_view rest = statement.text;
  StatementPointer last;
  const auto fail = [this, &last](Error error) {
    last.reset();
    database_->Rollback();
    return error;
  };
  for (bool first = true; first || !IsBlank(rest); first = false) {
    // Parameters belong to one statement; a second one would leave them without an owner.
    if (!first && !statement.parameters.empty()) {
      return fail(WrongCount(0, statement.parameters.size()));
    }
    while (last != nullptr) {
      auto row = database_->Step(last.get());
      if (!row) return fail(std::move(row).error());
      if (!*row) last.reset();
    }
    auto prepared = database_->Prepare(rest);
    if (!prepared) return fail(std::move(prepared).error());
    if (*prepared == nullptr) break;
    last = std::move(*prepared);
    if (Status bound = BindAll(last.get(), statement.parameters); !bound) {
      return fail(std::move(bound).error());
    }
  }
  if (last == nullptr) return fail(EmptyStatement());
  if (sqlite3_column_count(last.get()) > 0) {
    auto stream =
        SqliteStream::Start(context, *database_, std::move(last), statement.limit.value_or(-1));
    if (!stream) return fail(std::move(stream).error());
    return std::unique_ptr<connector::BatchStream>(std::move(*stream));
  }
  for (;;) {
    auto row = database_->Step(last.get());
    if (!row) return fail(std::move(row).error());
    if (!*row) break;
  }
  last.reset();
  if (database_->in_transaction()) {
    Error error = InvalidArgument("query.transaction_left_open",
                                  "The request left a transaction open; it was rolled back");
    error.WithStage("query").WithConnector("sqlite");
    return fail(std::move(error));
  }
  return std::unique_ptr<connector::BatchStream>(
      SqliteStream::Affected(*database_, database_->changes() - before));
}

Result<std::vector<connector::Node>> SqliteSession::List(const Context& context,
                                                         std::string_view path, int64_t limit) {
  Database::Watch watch(*database_, context);
  return ListChildren(*database_, path, limit);
}

Result<connector::Description> SqliteSession::Describe(const Context& context,
                                                       std::string_view path) {
  Database::Watch watch(*database_, context);
  return DescribeTable(*database_, path);
}

Result<std::unique_ptr<connector::BatchStream>> SqliteSession::Sample(const Context& context,
                                                                      std::string_view path,
                                                                      int64_t limit) {
  Database::Watch watch(*database_, context);
  NSTARX_TRY(const std::string table, TableOfPath(path));
  NSTARX_TRY(const bool exists, TableExists(*database_, table));
  if (!exists) return NoSuchTable(path);
  NSTARX_TRY(StatementPointer rows,
             database_->PrepareOne(fmt::format("SELECT * FROM main.{}", Quote(table))));
  NSTARX_TRY(auto stream, SqliteStream::Start(context, *database_, std::move(rows), limit));
  return std::unique_ptr<connector::BatchStream>(std::move(stream));
}

Result<int64_t> SqliteSession::Ingest(const Context& context, std::string_view path,
                                      connector::IngestMode mode, connector::BatchStream& source) {
  return IngestInto(context, *database_, path, mode, source);
}

Result<json::object> SqliteSession::Explain(const Context& context,
                                            const connector::Statement& statement) {
  Database::Watch watch(*database_, context);
  NSTARX_TRY(StatementPointer rows, database_->PrepareOne("EXPLAIN QUERY PLAN " + statement.text));
  struct Step {
    int parent;
    std::string detail;
  };
  std::map<int, Step> steps;
  std::string native;
  for (;;) {
    NSTARX_TRY(const bool more, database_->Step(rows.get()));
    if (!more) break;
    Step step{sqlite3_column_int(rows.get(), 1), Cell(rows.get(), 3)};
    native += step.detail + "\n";
    steps.emplace(sqlite3_column_int(rows.get(), 0), std::move(step));
  }
  const auto children = [&steps](const auto& self, int parent) -> json::array {
    json::array out;
    for (const auto& [id, step] : steps) {
      if (step.parent != parent || id == parent) continue;
      out.push_back(json::object{{"node", step.detail},
                                 {"rows", nullptr},
                                 {"cost", nullptr},
                                 {"children", self(self, id)}});
    }
    return out;
  };
  json::object plan{{"node", "QUERY PLAN"},
                    {"rows", nullptr},
                    {"cost", nullptr},
                    {"children", children(children, 0)}};
  return json::object{{"plan", std::move(plan)}, {"native", native}};
}

Result<connector::PrivilegeReport> SqliteSession::CheckPrivileges(const Context& context) {
  NSTARX_RETURN_IF_ERROR(context.Check());
  connector::PrivilegeReport report;
  const bool can_write = sqlite3_db_readonly(database_->handle(), "main") == 0;
  report.granted.emplace_back("read");
  if (can_write) {
    report.granted.emplace_back("write");
  } else if (!database_->read_only()) {
    report.missing.emplace_back("write");
  }
  report.facts["path"] = database_->path();
  return report;
}

}  // namespace nstarx::connectors::sqlite
