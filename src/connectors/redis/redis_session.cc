#include "connectors/redis/redis_session.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/redis/redis_catalog.h"
#include "connectors/redis/redis_errors.h"
#include "connectors/redis/redis_ingest.h"
#include "connectors/redis/redis_rows.h"
#include "connectors/redis/redis_table.h"
#include "connectors/redis/redis_table_rows.h"

namespace nstarx::connectors::redis {
namespace {

std::string NativeType(const TableColumn& column) {
  if (column.source != ColumnSource::kField) return "string";
  switch (column.type) {
    case ColumnType::kInteger:
      return "hash field (integer)";
    case ColumnType::kDouble:
      return "hash field (float)";
    case ColumnType::kBinary:
      return "hash field (bytes)";
    default:
      return "hash field";
  }
}

}  // namespace

Result<std::unique_ptr<RedisSession>> RedisSession::Open(const Context& context, Options options) {
  std::unique_ptr<RedisSession> session(new RedisSession(std::move(options)));
  NSTARX_TRY(session->client_, Client::Open(context, session->options_.login));
  return session;
}

Status RedisSession::Ping(const Context& context) {
  // Logins without the right to PING are alive all the same.
  NSTARX_TRY(const auto answers, client_->RunAll(context, {{"PING"}}));
  const Reply& answer = answers.front();
  if (answer.kind != Reply::Kind::kError || answer.text.starts_with("NOPERM")) return {};
  return MapError(answer.text);
}

connector::SessionFacts RedisSession::facts() const {
  connector::SessionFacts out;
  out["server_version"] = client_->version();
  out["user"] = options_.login.user.empty() ? "default" : options_.login.user;
  out["database"] = options_.login.database;
  out["address"] = fmt::format("{}:{}", options_.login.endpoint.host, options_.login.endpoint.port);
  out["protocol"] = client_->resp3() ? "RESP3" : "RESP2";
  out["mode"] = client_->mode();
  out["role"] = client_->role();
  out["read_only"] = options_.read_only;
  if (const net::TlsFacts* tls = client_->tls()) {
    out["tls"] = json::object{{"version", tls->version}, {"cipher", tls->cipher}};
  }
  return out;
}

Status RedisSession::GoHome(const Context& context) {
  return client_->Select(context, options_.login.database);
}

Result<TableScan> RedisSession::ScanOf(std::string_view path) const {
  const KeyPath where = ParseKeyPath(path);
  if (where.pattern.empty()) {
    return QueryError(ErrorKind::kNotFound, "query.undefined_table",
                      "The path names a database, not keys");
  }
  TableScan scan;
  scan.pattern = where.pattern;
  scan.database = where.database.value_or(options_.login.database);
  return scan;
}

Result<std::unique_ptr<connector::BatchStream>> RedisSession::Execute(
    const Context& context, const connector::Statement& statement,
    const connector::ExecuteOptions& /*options*/) {
  NSTARX_TRY(Parsed parsed, ParseStatement(statement.text, statement.parameters));
  NSTARX_RETURN_IF_ERROR(GoHome(context));
  if (parsed.table) {
    parsed.table->limit = statement.limit;
    return ScanTable(context, *client_, *parsed.table, nullptr);
  }
  NSTARX_RETURN_IF_ERROR(CheckCommands(parsed.commands));
  if (options_.read_only) {
    for (const Arguments& command : parsed.commands) {
      NSTARX_RETURN_IF_ERROR(guard_.Check(context, *client_, command));
    }
  }
  bool in_transaction = false;  // Or what it watches.
  for (size_t number = 0; number < parsed.commands.size(); ++number) {
    const Arguments& command = parsed.commands[number];
    const std::string name = Upper(command[0]);
    // What comes after an answer that was not read, or a database that was not left, is unknown.
    if (name == "SELECT") client_->ForgetDatabase();
    if (name == "MULTI" || name == "WATCH") in_transaction = true;
    if (name == "EXEC" || name == "DISCARD") in_transaction = false;
    const bool last = number + 1 == parsed.commands.size();
    NSTARX_RETURN_IF_ERROR(client_->Send(context, command));
    if (last) return StreamReply(context, *client_, command, parsed.binary);
    NSTARX_TRY(const Reply reply, client_->ReadItem(context));
    if (reply.kind != Reply::Kind::kError) continue;
    if (in_transaction) client_->Break();
    return MapError(reply.text).WithDetail("command", static_cast<int64_t>(number) + 1);
  }
  return QueryError(ErrorKind::kInvalidArgument, "query.syntax_error", "The statement is empty");
}

Result<std::vector<connector::Node>> RedisSession::List(const Context& context,
                                                        std::string_view path, int64_t limit) {
  if (path.empty()) return ListDatabases(context, *client_, options_.login.database, limit);
  const KeyPath where = ParseKeyPath(path);
  return ListKeys(context, *client_, where, where.database.value_or(options_.login.database),
                  options_.separator, limit);
}

Result<connector::Description> RedisSession::Describe(const Context& context,
                                                      std::string_view path) {
  NSTARX_TRY(TableScan scan, ScanOf(path));
  std::vector<TableColumn> columns;
  NSTARX_TRY(const auto stream, ScanTable(context, *client_, scan, &columns));
  connector::Description out;
  out.path = path;
  out.kind = "table";
  for (const TableColumn& column : columns) {
    const bool key = column.source == ColumnSource::kKey;
    out.columns.push_back({.name = column.name,
                           .native_type = NativeType(column),
                           .arrow_type = ArrowTypeName(column.type),
                           .nullable = !key,
                           .primary_key = key});
  }
  out.keys.push_back({.name = "key", .kind = "primary", .columns = {"key"}, .references = {}});
  return out;
}

Result<std::unique_ptr<connector::BatchStream>> RedisSession::Sample(const Context& context,
                                                                     std::string_view path,
                                                                     int64_t limit) {
  NSTARX_TRY(TableScan scan, ScanOf(path));
  scan.limit = std::max<int64_t>(limit, 1);
  return ScanTable(context, *client_, scan, nullptr);
}

Result<int64_t> RedisSession::Ingest(const Context& context, std::string_view path,
                                     connector::IngestMode mode, connector::BatchStream& source) {
  if (options_.read_only) {
    return QueryError(ErrorKind::kPermissionDenied, "query.read_only",
                      "The connection is read-only: nothing can be ingested");
  }
  const KeyPath where = ParseKeyPath(path);
  NSTARX_RETURN_IF_ERROR(
      client_->Select(context, where.database.value_or(options_.login.database)));
  return IngestHashes(context, *client_, where.pattern, mode, source);
}

Result<connector::PrivilegeReport> RedisSession::CheckPrivileges(const Context& context) {
  NSTARX_TRY(auto out, ReadPrivileges(context, *client_));
  if (out.user.empty()) out.user = options_.login.user.empty() ? "default" : options_.login.user;
  return out;
}

}  // namespace nstarx::connectors::redis
