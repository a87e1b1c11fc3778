#include "connectors/cassandra/cassandra_ingest.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

#include "connectors/cassandra/cassandra_errors.h"
#include "connectors/cassandra/cql_encode.h"
#include "connectors/cassandra/cql_literals.h"

namespace nstarx::connectors::cassandra {
namespace {

/// A marker without a value: unlike NULL it leaves no tombstone behind.
constexpr uint32_t kUnset = 0xFFFF'FFFEU;
constexpr uint32_t kNull = 0xFFFF'FFFFU;

Status Run(const Context& context, CqlClient& client, const std::string& text,
           uint16_t consistency) {
  NSTARX_TRY(const Answer answer,
             client.Call(context, Opcode::kQuery,
                         BodyOf(QueryRequest(text), {.consistency = consistency}), text));
  (void)answer;
  return {};
}

Status CreateTable(const Context& context, CqlClient& client, const TablePath& table,
                   const arrow::Schema& schema, uint16_t consistency) {
  std::string columns;
  for (const auto& field : schema.fields()) {
    const std::string type = DeclaredType(*field->type());
    if (type.empty()) {
      return Refuse("ingest.unsupported_type",
                    fmt::format("Column '{}' is {}, which Cassandra has no type for", field->name(),
                                field->type()->ToString()))
          .WithDetail("column", field->name());
    }
    columns += fmt::format("{} {}, ", Quote(field->name()), type);
  }
  return Run(context, client,
             fmt::format("CREATE TABLE {} ({}PRIMARY KEY ({}))", table.Quoted(), columns,
                         Quote(schema.field(0)->name())),
             consistency);
}

Status PrepareTable(const Context& context, CqlClient& client, const TablePath& table,
                    connector::IngestMode mode, const arrow::Schema& schema, uint16_t consistency) {
  if (mode == connector::IngestMode::kAppend) return {};
  if (mode == connector::IngestMode::kReplace) {
    NSTARX_RETURN_IF_ERROR(
        Run(context, client, "DROP TABLE IF EXISTS " + table.Quoted(), consistency));
  }
  Status created = CreateTable(context, client, table, schema, consistency);
  if (!created && created.error().code() == "query.already_exists") {
    return Named(Error(ErrorKind::kAlreadyExists, "ingest.table_exists",
                       fmt::format("The table {} is already there", table.Quoted())),
                 "query");
  }
  return created;
}

Result<ResultHead> PrepareInsert(const Context& context, CqlClient& client, const TablePath& table,
                                 const arrow::Schema& schema) {
  std::string names;
  std::string markers;
  for (const auto& field : schema.fields()) {
    names += (names.empty() ? "" : ", ") + Quote(field->name());
    markers += markers.empty() ? "?" : ", ?";
  }
  const std::string text =
      fmt::format("INSERT INTO {} ({}) VALUES ({})", table.Quoted(), names, markers);
  BodyWriter body;
  body.LongString(text);
  NSTARX_TRY(const Answer answer, client.Call(context, Opcode::kPrepare, body.text(), text));
  NSTARX_TRY(ResultHead head, ParseResult(answer.body));
  if (head.kind != ResultHead::Kind::kPrepared ||
      head.metadata.columns.size() != static_cast<size_t>(schema.num_fields())) {
    return ProtocolError("no prepared insert");
  }
  return head;
}

/// The inserts that are under way.
class Writer {
 public:
  Writer(const Context& context, CqlClient& client, const IngestOptions& options,
         const ResultHead& insert, uint32_t missing)
      : context_(context), client_(client), options_(options), insert_(insert), missing_(missing) {}

  Status Write(const arrow::RecordBatch& batch) {
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      NSTARX_TRY(const Request request, RequestOf(batch, row));
      if (client_.in_flight() >= options_.concurrency) {
        // Half of them at once, so that as many go out together.
        while (client_.in_flight() > options_.concurrency / 2) NSTARX_RETURN_IF_ERROR(TakeOne());
      }
      const std::string body = BodyOf(request, {.consistency = options_.consistency});
      NSTARX_TRY(const int16_t number, client_.Queue(context_, Opcode::kExecute, body));
      (void)number;
    }
    return {};
  }
  Status Finish() {
    while (client_.in_flight() > 0) NSTARX_RETURN_IF_ERROR(TakeOne());
    return {};
  }
  int64_t written() const { return written_; }

 private:
  Status TakeOne() {
    NSTARX_TRY(const Answer answer, client_.Receive(context_));
    if (answer.opcode == Opcode::kError) return ServerError(answer.body, {});
    if (answer.opcode != Opcode::kResult) return ProtocolError("no result");
    ++written_;
    return {};
  }

  Result<Request> RequestOf(const arrow::RecordBatch& batch, int64_t row) {
    BodyWriter head;
    head.ShortBytes(insert_.prepared_id);
    std::string values;
    AppendBigEndian(static_cast<uint64_t>(batch.num_columns()), 2, &values);
    for (int i = 0; i < batch.num_columns(); ++i) {
      const arrow::Array& array = *batch.column(i);
      if (array.IsNull(row)) {
        AppendBigEndian(missing_, 4, &values);
        continue;
      }
      cell_.clear();
      const CqlType& type = insert_.metadata.columns[static_cast<size_t>(i)].type;
      if (const std::string wrong = EncodeCell(type, array, row, &cell_); !wrong.empty()) {
        return Refuse("ingest.value_not_storable",
                      fmt::format("Column '{}' has {}", batch.column_name(i), wrong))
            .WithDetail("column", batch.column_name(i));
      }
      AppendBytes(cell_, &values);
    }
    return Request{
        .opcode = Opcode::kExecute, .head = std::move(head.text()), .values = std::move(values)};
  }

  const Context& context_;
  CqlClient& client_;
  const IngestOptions& options_;
  const ResultHead& insert_;
  uint32_t missing_;
  int64_t written_ = 0;
  std::string cell_;
};

}  // namespace

Result<int64_t> IngestInto(const Context& context, CqlClient& client, const TablePath& table,
                           connector::IngestMode mode, connector::BatchStream& source,
                           const IngestOptions& options) {
  const auto schema = source.schema();
  if (schema->num_fields() == 0) {
    return Refuse("ingest.unsupported_type", "There are no columns to write");
  }
  NSTARX_RETURN_IF_ERROR(PrepareTable(context, client, table, mode, *schema, options.consistency));
  NSTARX_TRY(const ResultHead insert, PrepareInsert(context, client, table, *schema));
  // In a new table nothing is there that a NULL would have to hide.
  Writer writer(context, client, options, insert,
                mode == connector::IngestMode::kAppend ? kNull : kUnset);
  const auto write = [&]() -> Status {
    for (;;) {
      NSTARX_RETURN_IF_ERROR(context.Check());
      NSTARX_TRY(const auto batch, source.Next(context));
      if (batch == nullptr) return writer.Finish();
      NSTARX_RETURN_IF_ERROR(writer.Write(*batch));
    }
  };
  if (Status status = write(); !status) {
    return Error(std::move(status).error()).WithDetail("rows_written", writer.written());
  }
  return writer.written();
}

}  // namespace nstarx::connectors::cassandra
