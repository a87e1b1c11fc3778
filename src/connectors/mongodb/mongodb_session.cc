#include "connectors/mongodb/mongodb_session.h"

#include <arrow/api.h>
#include <bson/bson.h>
#include <fmt/format.h>

#include <algorithm>

#include "connectors/mongodb/mongodb_catalog.h"
#include "connectors/mongodb/mongodb_errors.h"
#include "connectors/mongodb/mongodb_ingest.h"
#include "connectors/mongodb/mongodb_reader.h"

namespace nstarx::connectors::mongodb {
namespace {

/// The server stops a little later than we do: our own error is the better one.
constexpr int64_t kGraceMs = 200;
constexpr std::chrono::milliseconds kKillTimeout{1500};
constexpr int64_t kLearnFrom = 100;
constexpr int64_t kDayMs = 86'400'000;

/// A cursor's documents; a cursor that is left behind on a broken line is killed by another.
class WatchedCursor final : public DocumentSource {
 public:
  WatchedCursor(MongoSession& session, Client& client, std::unique_ptr<Cursor> cursor,
                const Command& command, int64_t limit)
      : session_(session),
        client_(client),
        cursor_(std::move(cursor)),
        database_(command.database),
        collection_(command.collection),
        left_(limit) {}
  ~WatchedCursor() override {
    const int64_t id = cursor_->id();
    cursor_.reset();
    if (client_.broken() && id != 0) session_.KillElsewhere(database_, collection_, id);
  }
  Result<const bson_t*> Next(const Context& context) override {
    if (left_ == 0) return nullptr;
    if (left_ > 0) --left_;
    return cursor_->Next(context);
  }

 private:
  MongoSession& session_;
  Client& client_;
  std::unique_ptr<Cursor> cursor_;
  const std::string database_;
  const std::string collection_;
  int64_t left_;
};

Command FindIn(const std::string& database, const std::string& collection) {
  Command out;
  out.name = "find";
  out.collection = collection;
  out.database = database;
  out.shape = AnswerShape::kRows;
  out.document.reset(bson_new());
  BSON_APPEND_UTF8(out.document.get(), "find", collection.c_str());
  return out;
}

/// One row of a single named value.
std::unique_ptr<DocumentSource> OneNumber(const char* name, int64_t value) {
  std::vector<Bson> rows;
  rows.emplace_back(bson_new());
  BSON_APPEND_INT64(rows.back().get(), name, value);
  return FromList(std::move(rows));
}

int64_t NumberOf(const bson_t& reply, const char* dotted) {
  bson_iter_t iter;
  bson_iter_t found;
  if (!bson_iter_init(&iter, &reply) || !bson_iter_find_descendant(&iter, dotted, &found)) return 0;
  return bson_iter_as_int64(&found);
}

/// A row {"value": v} for each of the reply's values.
std::unique_ptr<DocumentSource> Values(const bson_t& reply) {
  std::vector<Bson> rows;
  bson_iter_t iter;
  bson_iter_t value;
  if (bson_iter_init_find(&iter, &reply, "values") && BSON_ITER_HOLDS_ARRAY(&iter) &&
      bson_iter_recurse(&iter, &value)) {
    while (bson_iter_next(&value)) {
      rows.emplace_back(bson_new());
      bson_append_iter(rows.back().get(), "value", -1, &value);
    }
  }
  return FromList(std::move(rows));
}

/// The document that findAndModify gives, if it gave one.
std::unique_ptr<DocumentSource> Modified(const bson_t& reply) {
  std::vector<Bson> rows;
  bson_iter_t iter;
  if (bson_iter_init_find(&iter, &reply, "value") && BSON_ITER_HOLDS_DOCUMENT(&iter)) {
    uint32_t size = 0;
    const uint8_t* bytes = nullptr;
    bson_iter_document(&iter, &size, &bytes);
    if (bson_t* copy = bson_new_from_data(bytes, size)) rows.emplace_back(copy);
  }
  return FromList(std::move(rows));
}

Result<Shape> NoColumns() {
  Shape out;
  out.kind = Shape::Kind::kStruct;
  return out;
}

}  // namespace

Result<std::unique_ptr<MongoSession>> MongoSession::Open(const Context& context, Options options) {
  std::unique_ptr<MongoSession> session(new MongoSession(std::move(options)));
  NSTARX_TRY(session->client_, Client::Connect(context, session->options_.login));
  return session;
}

Status MongoSession::Ping(const Context& context) {
  NSTARX_RETURN_IF_ERROR(client_->RunJson(context, "admin", R"({"ping": 1})"));
  return {};
}

bool MongoSession::healthy() const { return !client_->broken() && !client_->PeerGone(); }

connector::SessionFacts MongoSession::facts() const {
  json::object out = client_->facts();
  out["user"] = options_.login.user;
  out["database"] = options_.database;
  out["read_only"] = options_.read_only;
  return out;
}

void MongoSession::KillElsewhere(const std::string& database, const std::string& collection,
                                 int64_t cursor) {
  const Context patience = Context().WithTimeout(kKillTimeout);
  auto client = Client::Connect(patience, options_.login);
  if (!client) return;
  Bson command(bson_new());
  bson_t cursors;
  BSON_APPEND_UTF8(command.get(), "killCursors", collection.c_str());
  BSON_APPEND_ARRAY_BEGIN(command.get(), "cursors", &cursors);
  BSON_APPEND_INT64(&cursors, "0", cursor);
  bson_append_array_end(command.get(), &cursors);
  const auto ignored = (*client)->RunSimple(patience, database, *command);
}

Result<std::unique_ptr<connector::BatchStream>> MongoSession::Send(const Context& context,
                                                                   const Command& command,
                                                                   int64_t limit) {
  const int64_t left = context.remaining().count();
  const Bson bounded = Bounded(
      command,
      {.limit = limit,
       .batch_size = options_.batch_size,
       .max_time_ms = left >= kDayMs ? 0 : left + kGraceMs,
       .comment = context.request_id().empty() ? "nstarx" : "nstarx " + context.request_id()});
  const int64_t batch = limit > 0 ? std::min(limit, options_.batch_size) : options_.batch_size;
  NSTARX_TRY(Answer answer, client_->Run(context, command.database, *bounded, command.use, batch));
  std::unique_ptr<DocumentSource> source;
  int64_t affected = -1;
  if (answer.cursor != nullptr) {
    source = std::make_unique<WatchedCursor>(*this, *client_, std::move(answer.cursor), command,
                                             limit > 0 ? limit : -1);
  } else {
    const bson_t& reply = *answer.reply;
    switch (command.shape) {
      case AnswerShape::kCount:
        source = OneNumber("n", NumberOf(reply, "n"));
        break;
      case AnswerShape::kValues:
        source = Values(reply);
        break;
      case AnswerShape::kWrite:
        return DocumentStream::Affected(NumberOf(reply, "n"));
      case AnswerShape::kModify:
        affected = NumberOf(reply, "lastErrorObject.n");
        source = Modified(reply);
        break;
      default: {
        std::vector<Bson> rows;
        rows.push_back(std::move(answer.reply));
        source = FromList(std::move(rows));
      }
    }
  }
  const auto empty = [&]() -> Result<Shape> {
    if (command.name == "find" || command.name == "aggregate" || command.name == "distinct") {
      return ShapeOfNothing(context, command);
    }
    return NoColumns();
  };
  NSTARX_TRY(auto stream, DocumentStream::Start(context, std::move(source), empty, affected));
  return std::unique_ptr<connector::BatchStream>(std::move(stream));
}

Result<Shape> MongoSession::ShapeOfNothing(const Context& context, const Command& command) {
  if (command.collection.empty() || !command.reads_only) return NoColumns();
  auto there = client_->HasCollection(context, command.database, command.collection);
  // Who may read one collection may not always list them.
  if (!there && there.error().kind() != ErrorKind::kPermissionDenied) {
    return std::move(there).error();
  }
  if (there && !*there) {
    return NoSuchCollection(fmt::format("{}.{}", command.database, command.collection));
  }
  if (command.name != "find") return NoColumns();
  Command all = FindIn(command.database, command.collection);
  bson_iter_t iter;
  if (bson_iter_init_find(&iter, command.document.get(), "projection")) {
    bson_append_iter(all.document.get(), "projection", -1, &iter);
  }
  return Learn(context, all, kLearnFrom);
}

Result<Shape> MongoSession::Learn(const Context& context, const Command& find, int64_t documents) {
  Shape shape;
  shape.kind = Shape::Kind::kStruct;
  const Bson bounded = Bounded(find, {.limit = documents, .batch_size = options_.batch_size});
  NSTARX_TRY(Answer answer,
             client_->Run(context, find.database, *bounded, Client::Use::kRead, documents));
  int64_t seen = 0;
  while (answer.cursor != nullptr && seen < documents) {
    NSTARX_TRY(const bson_t* document, answer.cursor->Next(context));
    if (document == nullptr) break;
    NSTARX_RETURN_IF_ERROR(Observe(*document, &shape));
    ++seen;
  }
  Settle(&shape, seen == documents);
  return shape;
}

Result<std::unique_ptr<connector::BatchStream>> MongoSession::Execute(
    const Context& context, const connector::Statement& statement,
    const connector::ExecuteOptions& /*options*/) {
  NSTARX_TRY(const Command command, ParseCommand(statement, options_.database));
  if (options_.read_only && !command.reads_only) {
    return ReadOnly(fmt::format("'{}'", command.name));
  }
  return Send(context, command, statement.limit.value_or(-1));
}

Result<std::unique_ptr<connector::BatchStream>> MongoSession::Sample(const Context& context,
                                                                     std::string_view path,
                                                                     int64_t limit) {
  CollectionPath where = ParsePath(path);
  if (where.collection.empty()) where = {options_.database, where.database};
  return Send(context, FindIn(where.database, where.collection), std::max<int64_t>(limit, 1));
}

Result<std::vector<connector::Node>> MongoSession::List(const Context& context,
                                                        std::string_view path, int64_t limit) {
  if (path.empty()) return ListDatabases(context, *client_, options_.database, limit);
  const CollectionPath where = ParsePath(path);
  if (!where.collection.empty()) {
    NSTARX_TRY(const bool there, client_->HasCollection(context, where.database, where.collection));
    if (!there) return NoSuchCollection(path);
    return std::vector<connector::Node>();
  }
  return ListCollections(context, *client_, where.database, limit);
}

Result<connector::Description> MongoSession::Describe(const Context& context,
                                                      std::string_view path) {
  CollectionPath where = ParsePath(path);
  if (where.collection.empty()) where = {options_.database, where.database};
  NSTARX_TRY(connector::Description out, DescribeCollection(context, *client_, where));
  NSTARX_TRY(const Shape shape,
             Learn(context, FindIn(where.database, where.collection), options_.sample_size));
  for (size_t i = 0; i < shape.names.size(); ++i) {
    const bool primary = shape.names[i] == "_id";
    out.columns.push_back({.name = shape.names[i],
                           .native_type = NativeTypeOf(shape.parts[i]),
                           .arrow_type = ArrowTypeOf(shape.parts[i])->ToString(),
                           .nullable = !primary,
                           .primary_key = primary});
  }
  return out;
}

Result<int64_t> MongoSession::Ingest(const Context& context, std::string_view path,
                                     connector::IngestMode mode, connector::BatchStream& source) {
  if (options_.read_only) return ReadOnly("ingest");
  CollectionPath where = ParsePath(path);
  if (where.collection.empty()) where = {options_.database, where.database};
  return IngestInto(context, *client_, where.database, where.collection, mode, source);
}

Result<json::object> MongoSession::Explain(const Context& context,
                                           const connector::Statement& statement) {
  NSTARX_TRY(const Command command, ParseCommand(statement, options_.database));
  const Bson bounded = Bounded(command, {});
  return ExplainCommand(context, *client_, command.database, *bounded);
}

Result<connector::PrivilegeReport> MongoSession::CheckPrivileges(const Context& context) {
  NSTARX_TRY(auto out, ReadPrivileges(context, *client_, options_.database));
  if (out.user.empty()) out.user = options_.login.user;
  return out;
}

}  // namespace nstarx::connectors::mongodb
