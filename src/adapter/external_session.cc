#include "adapter/external_session.h"

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/api.h>
#include <fmt/format.h>

#include <deque>
#include <optional>

#include "adapter/failure_codes.h"
#include "adapter/jvm_process.h"
#include "base/secret.h"
#include "drivers/library.h"

namespace nstarx::adapter {
namespace {

/// What a driver gets to stop a statement before its process is killed.
constexpr std::chrono::milliseconds kStopGrace{1000};
/// JDBC drivers stop a statement by a second connection, on which they wait.
constexpr std::chrono::milliseconds kJvmStopGrace{10000};

Error Malformed(std::string_view what) {
  return Error(ErrorKind::kInternal, "adapter.protocol",
               fmt::format("the driver's process answered with {}", what))
      .WithStage("query");
}

json::array Strings(const std::vector<std::string>& texts) {
  json::array out;
  for (const auto& text : texts) out.emplace_back(text);
  return out;
}

/// Collects what an IPC stream decodes to.
class Collector final : public arrow::ipc::Listener {
 public:
  arrow::Status OnSchemaDecoded(std::shared_ptr<arrow::Schema> decoded) override {
    schema = std::move(decoded);
    return arrow::Status::OK();
  }
  arrow::Status OnRecordBatchDecoded(std::shared_ptr<arrow::RecordBatch> batch) override {
    batches.push_back(std::move(batch));
    return arrow::Status::OK();
  }
  std::shared_ptr<arrow::Schema> schema;
  std::deque<std::shared_ptr<arrow::RecordBatch>> batches;
};

}  // namespace

/// The rows of one statement, decoded as they come.
class ExternalSession::Rows final : public connector::BatchStream {
 public:
  explicit Rows(ExternalSession& session)
      : session_(session), collector_(std::make_shared<Collector>()), decoder_(collector_) {}
  ~Rows() override {
    if (!done_) session_.Stop();
  }

  /// Until the schema is there.
  Status Start(const Context& context) {
    while (collector_->schema == nullptr && !done_) NSTARX_RETURN_IF_ERROR(Receive(context));
    schema_ = collector_->schema ? collector_->schema : arrow::schema({});
    return {};
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  int64_t rows_affected() const override { return schema_->num_fields() > 0 ? -1 : affected_; }

  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    while (collector_->batches.empty()) {
      if (done_) return std::shared_ptr<arrow::RecordBatch>();
      NSTARX_RETURN_IF_ERROR(Receive(context));
    }
    auto batch = std::move(collector_->batches.front());
    collector_->batches.pop_front();
    return batch;
  }

 private:
  Status Receive(const Context& context) {
    auto message = session_.host_->Receive(context);
    if (!message) {
      session_.Stop();
      done_ = true;
      return std::move(message).error();
    }
    switch (message->kind) {
      case Frame::kData: {
        const auto buffer = arrow::Buffer::FromString(std::move(message->payload));
        if (const auto read = decoder_.Consume(buffer); !read.ok()) {
          session_.host_->Kill();
          done_ = true;
          return Malformed("a broken Arrow stream");
        }
        return {};
      }
      case Frame::kReply: {
        done_ = true;
        const auto reply = ParseJson(message->payload);
        if (reply && reply->is_object())
          affected_ = GetInt(reply->get_object(), "rows_affected", -1);
        return {};
      }
      case Frame::kError:
        done_ = true;
        return session_.Map(message->payload, "query");
      default:
        session_.host_->Kill();
        done_ = true;
        return Malformed("a frame of another kind");
    }
  }

  ExternalSession& session_;
  const std::shared_ptr<Collector> collector_;
  arrow::ipc::StreamDecoder decoder_;
  std::shared_ptr<arrow::Schema> schema_;
  int64_t affected_ = -1;
  bool done_ = false;
};

Result<std::unique_ptr<ExternalSession>> ExternalSession::Open(
    const Context& context, const DriverSpec& driver, const connector::OpenRequest& request) {
  NSTARX_TRY(json::object database, FillOptions(driver.database, request));
  NSTARX_TRY(json::object connection, FillOptions(driver.connection, request));
  std::vector<std::string> statements = driver.session;
  if (request.read_only) {
    NSTARX_TRY(const json::object more, FillOptions(driver.read_only_connection, request));
    for (const auto& [key, value] : more) connection[key] = value;
    statements.insert(statements.end(), driver.read_only_session.begin(),
                      driver.read_only_session.end());
  }
  NSTARX_TRY(json::object url, FillOptions(driver.url, request));
  auto library = drivers::ResolveLibrary(driver.library);
  if (!library) return std::move(library).error().WithStage("login");
  NSTARX_TRY(auto host,
             driver.kind == "jdbc" ? StartJvm(*library, driver.memory_mb) : HostProcess::Start());
  std::unique_ptr<ExternalSession> session(
      new ExternalSession(driver, std::move(host), request.read_only));
  auto facts = session->Ask(context,
                            {{"op", "open"},
                             {"kind", driver.kind},
                             {"library", *library},
                             {"entrypoint", driver.entrypoint},
                             {"database", std::move(database)},
                             {"connection", std::move(connection)},
                             {"session", Strings(statements)},
                             {"url", GetString(url, "url")},
                             {"read_only", request.read_only},
                             {"memory_mb", driver.memory_mb}},
                            "login");
  if (!facts) {
    if (driver.kind == "jdbc" && session->host_->exit_code() == 1) return JvmRefused();
    return std::move(facts).error();
  }
  session->facts_ = std::move(*facts);
  session->facts_["driver_process"] = session->host_->pid();
  return session;
}

ExternalSession::~ExternalSession() = default;

Status ExternalSession::Send(const Context& context, const json::object& request) {
  std::string text = json::serialize(request);
  const Status sent = text.size() > kMaxFrame
                          ? Status(InvalidArgument("query.too_large", "the statement is too large"))
                          : host_->Send(context, Frame::kRequest, text);
  WipeString(text);
  return sent;
}

void ExternalSession::Stop() {
  const Context grace = Context().WithTimeout(driver_.kind == "jdbc" ? kJvmStopGrace : kStopGrace);
  if (host_->gone()) return host_->Kill();
  if (!host_->Send(grace, Frame::kCancel, {})) return host_->Kill();
  while (true) {
    const auto message = host_->Receive(grace);
    if (!message) return host_->Kill();
    if (message->kind == Frame::kReply || message->kind == Frame::kError) return;
  }
}

Result<json::object> ExternalSession::Ask(const Context& context, const json::object& request,
                                          std::string_view stage) {
  if (Status sent = Send(context, request); !sent) {
    host_->Kill();
    return Error(sent.error()).WithStage(stage);
  }
  auto message = host_->Receive(context);
  if (!message) {
    Stop();
    return Error(message.error()).WithStage(stage);
  }
  if (message->kind == Frame::kError) return Map(message->payload, stage);
  auto reply = ParseJson(message->payload);
  if (message->kind != Frame::kReply || !reply || !reply->is_object()) {
    host_->Kill();
    return Malformed("what is no reply");
  }
  return std::move(reply->get_object());
}

Error ExternalSession::Map(std::string_view failure, std::string_view stage) {
  const auto parsed = ParseJson(failure);
  if (!parsed || !parsed->is_object()) return Malformed("an error that can't be read");
  const json::object& fields = parsed->get_object();
  const std::string_view message = GetString(fields, "message");
  const std::string_view sqlstate = GetString(fields, "sqlstate");
  const int64_t vendor_code = GetInt(fields, "vendor_code", 0);
  std::string_view code = GetString(fields, "code");
  for (const ErrorRule& rule : driver_.errors) {
    const bool fits = (rule.contains.empty() || message.find(rule.contains) != message.npos) &&
                      (rule.sqlstate.empty() || rule.sqlstate == sqlstate) &&
                      (rule.vendor_code == 0 || rule.vendor_code == vendor_code);
    if (fits && code.empty()) {
      code = rule.code;
      break;
    }
  }
  if (code.empty() && stage == "login" &&
      (message.find("dlopen") != message.npos || sqlstate == "01000")) {
    code = "adapter.driver_missing";
  }
  if (code.empty()) code = CodeOfSqlstate(sqlstate);
  if (code.empty()) code = CodeOfStatus(GetInt(fields, "status", 0), stage);
  std::string where(stage);
  for (const std::string_view early : {"dns", "tcp", "tls", "login"}) {
    if (code.starts_with(early) && code.substr(early.size()).starts_with('.')) {
      where = early == "dns" ? "resolve" : early;
    }
  }
  // Such a process ends by itself; the next query must not meet it.
  if (code == "adapter.out_of_memory") host_->Kill();
  // The driver's own words may repeat the URI with its password when the login fails.
  const CodeRow& row = RowOf(code);
  Error error(row.kind, std::string(code),
              stage == "login" && code != "adapter.driver_missing"
                  ? "the driver could not open a session"
                  : std::string(message.empty() ? "the driver says no more" : message));
  error.WithStage(where);
  if (!driver_.advised.contains(code)) error.WithHint(std::string(row.hint));
  if (!sqlstate.empty()) error.WithSqlstate(std::string(sqlstate));
  if (vendor_code != 0) error.WithVendorCode(std::to_string(vendor_code));
  return error;
}

Status ExternalSession::Ping(const Context& context) {
  auto done = Ask(context, {{"op", "run"}, {"text", driver_.ping}}, "query");
  return done ? Status() : Status(done.error());
}

Result<std::unique_ptr<connector::BatchStream>> ExternalSession::Query(
    const Context& context, const std::string& text, const json::array& parameters) {
  NSTARX_RETURN_IF_ERROR(
      Send(context, {{"op", "query"}, {"text", text}, {"parameters", parameters}}));
  auto rows = std::make_unique<Rows>(*this);
  NSTARX_RETURN_IF_ERROR(rows->Start(context));
  return std::unique_ptr<connector::BatchStream>(std::move(rows));
}

Result<std::unique_ptr<connector::BatchStream>> ExternalSession::Execute(
    const Context& context, const connector::Statement& statement,
    const connector::ExecuteOptions& /*options*/) {
  return Query(context, statement.text, statement.parameters);
}

Result<std::vector<connector::Node>> ExternalSession::List(const Context& context,
                                                           std::string_view path, int64_t limit) {
  NSTARX_TRY(const json::object reply,
             Ask(context, {{"op", "list"}, {"path", path}, {"limit", limit}}, "query"));
  std::vector<connector::Node> out;
  const json::value* items = reply.if_contains("items");
  if (items == nullptr || !items->is_array()) return Malformed("no list");
  for (const auto& item : items->get_array()) {
    if (!item.is_object()) return Malformed("no list");
    const json::object& row = item.get_object();
    out.push_back({.name = std::string(GetString(row, "name")),
                   .path = std::string(GetString(row, "path")),
                   .kind = std::string(GetString(row, "kind")),
                   .has_children = GetBool(row, "has_children", false)});
  }
  return out;
}

Result<connector::Description> ExternalSession::Describe(const Context& context,
                                                         std::string_view path) {
  NSTARX_TRY(const json::object reply, Ask(context, {{"op", "describe"}, {"path", path}}, "query"));
  connector::Description out{.path = std::string(path),
                             .kind = std::string(GetString(reply, "kind", "table"))};
  const auto rows = [&](const char* name) {
    const json::value* value = reply.if_contains(name);
    return value != nullptr && value->is_array() ? value->get_array() : json::array();
  };
  const auto names = [](const json::object& row, const char* name) {
    std::vector<std::string> list;
    const json::value* value = row.if_contains(name);
    if (value == nullptr || !value->is_array()) return list;
    for (const auto& text : value->get_array()) {
      if (text.is_string()) list.emplace_back(text.get_string());
    }
    return list;
  };
  for (const auto& item : rows("table_constraints")) {
    if (!item.is_object()) continue;
    const json::object& row = item.get_object();
    const std::string_view kind = GetString(row, "constraint_type");
    connector::Key key{.name = std::string(GetString(row, "constraint_name")),
                       .kind = kind == "PRIMARY KEY"   ? "primary"
                               : kind == "FOREIGN KEY" ? "foreign"
                                                       : "unique",
                       .columns = names(row, "constraint_column_names")};
    if (kind == "CHECK") continue;
    out.keys.push_back(std::move(key));
  }
  const json::value* types = reply.if_contains("arrow_types");
  for (const auto& item : rows("table_columns")) {
    if (!item.is_object()) continue;
    const json::object& row = item.get_object();
    connector::Column column{.name = std::string(GetString(row, "column_name")),
                             .native_type = std::string(GetString(row, "xdbc_type_name")),
                             .nullable = GetInt(row, "xdbc_nullable", 1) != 0,
                             .default_value = std::string(GetString(row, "xdbc_column_def")),
                             .comment = std::string(GetString(row, "remarks"))};
    if (types != nullptr && types->is_object()) {
      column.arrow_type = GetString(types->get_object(), column.name);
    }
    for (const auto& key : out.keys) {
      if (key.kind != "primary") continue;
      column.primary_key =
          column.primary_key || std::ranges::find(key.columns, column.name) != key.columns.end();
    }
    out.columns.push_back(std::move(column));
  }
  return out;
}

Result<std::unique_ptr<connector::BatchStream>> ExternalSession::Sample(const Context& context,
                                                                        std::string_view path,
                                                                        int64_t limit) {
  NSTARX_TRY(const json::object reply, Ask(context, {{"op", "quote"}, {"path", path}}, "query"));
  std::string text = driver_.sample;
  const auto put = [&](std::string_view placeholder, const std::string& value) {
    if (const size_t at = text.find(placeholder); at != std::string::npos) {
      text.replace(at, placeholder.size(), value);
    }
  };
  put("{limit}", std::to_string(std::max<int64_t>(limit, 1)));
  put("{path}", std::string(GetString(reply, "path")));
  return Query(context, text, {});
}

Result<int64_t> ExternalSession::Ingest(const Context& context, std::string_view path,
                                        connector::IngestMode mode,
                                        connector::BatchStream& source) {
  if (read_only_) {
    return Error(ErrorKind::kPermissionDenied, "query.read_only", "the connection is read-only")
        .WithStage("query");
  }
  const char* name = mode == connector::IngestMode::kCreate    ? "create"
                     : mode == connector::IngestMode::kReplace ? "replace"
                                                               : "append";
  NSTARX_RETURN_IF_ERROR(Send(context, {{"op", "ingest"}, {"path", path}, {"mode", name}}));
  // Gives up in the middle: the driver hears an error instead of the end, and rolls back.
  const auto abandon = [&](Error error) {
    Stop();
    return error;
  };
  auto sink = arrow::io::BufferOutputStream::Create();
  if (!sink.ok()) return abandon(Internal(sink.status().ToString()));
  auto writer = arrow::ipc::MakeStreamWriter(*sink, source.schema());
  if (!writer.ok()) return abandon(Internal(writer.status().ToString()));
  int64_t rows = 0;
  const auto pass = [&]() -> Status {
    auto buffer = (*sink)->Finish();
    if (!buffer.ok()) return Internal(buffer.status().ToString());
    std::string_view left(reinterpret_cast<const char*>((*buffer)->data()),
                          static_cast<size_t>((*buffer)->size()));
    while (!left.empty()) {
      NSTARX_RETURN_IF_ERROR(host_->Send(context, Frame::kData, left.substr(0, kDataPiece)));
      left.remove_prefix(std::min(left.size(), kDataPiece));
    }
    if (!(*sink)->Reset().ok()) return Internal("no memory for the next rows");
    return {};
  };
  while (true) {
    auto batch = source.Next(context);
    if (!batch) return abandon(std::move(batch).error());
    if (*batch == nullptr) break;
    rows += (*batch)->num_rows();
    if (const auto written = (*writer)->WriteRecordBatch(**batch); !written.ok()) {
      return abandon(Internal(written.ToString()));
    }
    if (Status passed = pass(); !passed) return abandon(passed.error());
  }
  if (const auto closed = (*writer)->Close(); !closed.ok())
    return abandon(Internal(closed.ToString()));
  if (Status passed = pass(); !passed) return abandon(passed.error());
  NSTARX_RETURN_IF_ERROR(host_->Send(context, Frame::kEnd, {}));
  auto message = host_->Receive(context);
  if (!message) return abandon(std::move(message).error());
  if (message->kind == Frame::kError) return Map(message->payload, "query");
  const auto reply = ParseJson(message->payload);
  const int64_t told =
      reply && reply->is_object() ? GetInt(reply->get_object(), "rows", -1) : int64_t{-1};
  return told >= 0 ? told : rows;
}

}  // namespace nstarx::adapter
