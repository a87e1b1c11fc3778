#include "audit/journal.h"
#include "federation/federation.h"
#include "gateway/gateway.h"
#include "http/route.h"
#include "result/encode.h"

namespace nstarx::http {
namespace {

using std::chrono::milliseconds;

constexpr auto kQueryTimeout = std::chrono::minutes(5);
constexpr auto kQueryTimeoutMax = std::chrono::hours(1);
constexpr const char* kArrow = "application/vnd.apache.arrow.stream";
constexpr const char* kParquet = "application/vnd.apache.parquet";

Result<result::Negotiated> FormatOf(const Call& call) {
  return result::Negotiate(call.request.Header("Accept"));
}

Response Rows(const Context& context, std::unique_ptr<connector::BatchStream> batches,
              result::Negotiated format) {
  Response response;
  response.content_type = result::MediaType(format.format);
  response.stream = result::EncodeBatches(std::move(batches), format);
  response.stream_context = context;
  return response;
}

gateway::QueryRequest ReadQuery(json::object& body) {
  gateway::QueryRequest request;
  request.query = GetString(body, "query");
  if (json::value* parameters = body.if_contains("parameters"); parameters != nullptr) {
    request.parameters = std::move(parameters->get_array());
  }
  if (const json::value* limit = body.if_contains("limit"); limit != nullptr && !limit->is_null()) {
    request.limit = limit->is_double() ? static_cast<int64_t>(limit->get_double())
                                       : limit->to_number<int64_t>();
  }
  request.lane = GetString(body, "lane", "interactive");
  request.parallelism = static_cast<int>(GetInt(body, "parallelism", 0));
  return request;
}

/// The call's context with the body's own time limit.
Context TimedContext(const Call& call) {
  const int64_t wanted =
      GetInt(call.body, "timeout_ms", std::chrono::milliseconds(kQueryTimeout).count());
  return call.context.WithTimeout(milliseconds(wanted));
}

Result<Response> RunQuery(Call& call) {
  NSTARX_TRY(const result::Negotiated format, FormatOf(call));
  const Context context = TimedContext(call);
  const gateway::QueryRequest request = ReadQuery(call.body);
  NSTARX_TRY(auto batches, call.services.gateway.Query(context, call.capture(0), request));
  return Rows(context, std::move(batches), format);
}

Result<Response> RunSql(Call& call) {
  NSTARX_TRY(const result::Negotiated format, FormatOf(call));
  const Context context = TimedContext(call);
  gateway::QueryRequest read = ReadQuery(call.body);
  NSTARX_TRY(auto batches,
             call.services.federation.Query(context, {.sql = std::move(read.query),
                                                      .parameters = std::move(read.parameters),
                                                      .limit = read.limit}));
  return Rows(context, std::move(batches), format);
}

Result<Response> Explain(Call& call) {
  const Context context = TimedContext(call);
  const gateway::QueryRequest request = ReadQuery(call.body);
  NSTARX_TRY(const json::object plan,
             call.services.gateway.Explain(context, call.capture(0), request));
  return JsonResponse(200, plan);
}

Result<Response> Browse(Call& call) {
  NSTARX_TRY(const auto nodes,
             call.services.gateway.Browse(call.context, call.capture(0), call.Text("path"),
                                          call.Integer("limit", 1000)));
  json::array items;
  items.reserve(nodes.size());
  for (const connector::Node& node : nodes) items.push_back(connector::ToJson(node));
  return JsonResponse(200, {{"items", std::move(items)}, {"next", nullptr}});
}

Result<Response> Describe(Call& call) {
  NSTARX_TRY(const auto description,
             call.services.gateway.Describe(call.context, call.capture(0), call.Text("path")));
  return JsonResponse(200, connector::ToJson(description));
}

Result<Response> Sample(Call& call) {
  NSTARX_TRY(const result::Negotiated format, FormatOf(call));
  NSTARX_TRY(auto batches,
             call.services.gateway.Sample(call.context, call.capture(0), call.Text("path"),
                                          call.Integer("limit", 100)));
  return Rows(call.context, std::move(batches), format);
}

/// The request's body as a stream with an owner of its own.
class RequestBody final : public connector::ByteStream {
 public:
  explicit RequestBody(connector::ByteStream& body) : body_(body) {}
  Result<size_t> Read(const Context& context, std::span<std::byte> into) override {
    return body_.Read(context, into);
  }

 private:
  connector::ByteStream& body_;
};

Result<Response> Ingest(Call& call) {
  const std::string_view path = call.Has("path") ? call.Text("path") : call.Text("table");
  if (path.empty()) {
    return InvalidArgument("request.missing_parameter", "query parameter 'path' is missing")
        .WithDetail("parameter", "path")
        .WithHint("Add ?path=<table to write to>.");
  }
  const std::string_view wanted = call.Text("mode");
  const connector::IngestMode mode = wanted == "create"    ? connector::IngestMode::kCreate
                                     : wanted == "replace" ? connector::IngestMode::kReplace
                                                           : connector::IngestMode::kAppend;
  NSTARX_TRY(auto rows, result::DecodeBatches(call.context,
                                              std::make_unique<RequestBody>(*call.request.stream),
                                              call.request.Header("Content-Type")));
  NSTARX_TRY(const int64_t written,
             call.services.gateway.Ingest(call.context, call.capture(0), path, mode, *rows));
  return JsonResponse(200, {{"rows", written}});
}

Result<Response> PoolState(Call& call) {
  NSTARX_TRY(const json::object state,
             call.services.gateway.PoolState(call.context, call.capture(0)));
  return JsonResponse(200, state);
}

Parameter PathParameter(bool required, std::string description) {
  Parameter parameter{.name = "path", .description = std::move(description), .required = required};
  if (!required) parameter.default_value = "";
  return parameter;
}

Parameter LimitParameter(std::string standard, int64_t most) {
  return {.name = "limit",
          .type = ParameterType::kInteger,
          .description = "at most so many",
          .default_value = std::move(standard),
          .minimum = 1,
          .maximum = most};
}

void AddStatementRoutes(std::vector<Route>& table) {
  table.push_back({.method = Method::kPost,
                   .path = "/connections/{ref}/query",
                   .operation = "query",
                   .tag = "data",
                   .summary = "Run a statement in the system's own language",
                   .description =
                       "The rows come as Accept asks: an Arrow IPC stream "
                       "(`;compression=zstd` or `lz4`), JSON, NDJSON, CSV or Parquet. A client "
                       "that hangs up cancels the statement on the system.",
                   .permission = "use",
                   .body = BodyKind::kJson,
                   .request_schema = "QueryRequest",
                   .request_examples = {R"({"query": "SELECT * FROM sales_data", "limit": 100})"},
                   .response_schema = "QueryResult",
                   .response_media = {kArrow, "application/x-ndjson", "text/csv", kParquet},
                   .rows = true,
                   .timeout = kQueryTimeoutMax,
                   .handler = RunQuery});
  table.push_back(
      {.method = Method::kPost,
       .path = "/queries",
       .operation = "querySql",
       .tag = "data",
       .summary = "Run one SQL over connections",
       .description =
           "A table is \"connection\".\"schema\".\"table\", or \"connection\".\"path\" as "
           "browse shows it. Each connection's tables are read as the caller may, with "
           "the columns that are wanted. The rows come as Accept asks.",
       .permission = "use",
       .body = BodyKind::kJson,
       .request_schema = "SqlRequest",
       .request_examples =
           {R"({"query": "SELECT c.name, sum(o.total) FROM \"sales\".public.orders AS o JOIN \"crm\".\"crm.customers\" AS c ON c.id = o.customer_id GROUP BY 1"})"},
       .response_schema = "QueryResult",
       .response_media = {kArrow, "application/x-ndjson", "text/csv", kParquet},
       .rows = true,
       .timeout = kQueryTimeoutMax,
       .handler = RunSql});
  table.push_back({.method = Method::kPost,
                   .path = "/connections/{ref}/explain",
                   .operation = "explain",
                   .tag = "data",
                   .summary = "The plan of a statement, without running it",
                   .permission = "use",
                   .body = BodyKind::kJson,
                   .request_schema = "QueryRequest",
                   .response_schema = "Explanation",
                   .timeout = kQueryTimeoutMax,
                   .handler = Explain});
  table.push_back({.method = Method::kPost,
                   .path = "/connections/{ref}/ingest",
                   .operation = "ingest",
                   .tag = "data",
                   .summary = "Write rows into a table by the system's bulk path",
                   .description = "All or nothing where the system has transactions.",
                   .permission = "use",
                   .parameters = {{.name = "path", .description = "table to write to"},
                                  {.name = "table", .description = "another name of path"},
                                  {.name = "mode",
                                   .description = "add to the table, make it, or empty it first",
                                   .default_value = "append",
                                   .values = {"append", "create", "replace"}}},
                   .body = BodyKind::kBytes,
                   .request_media = {kArrow, "application/x-ndjson", "text/csv", kParquet},
                   .response_schema = "IngestResult",
                   .timeout = kQueryTimeoutMax,
                   .handler = Ingest});
}

}  // namespace

void AddDataRoutes(std::vector<Route>& table) {
  AddStatementRoutes(table);
  table.push_back({.method = Method::kGet,
                   .path = "/connections/{ref}/browse",
                   .operation = "browse",
                   .tag = "data",
                   .summary = "What is inside: schemas, tables, prefixes, objects",
                   .permission = "use",
                   .parameters = {PathParameter(false, "where; the top when empty"),
                                  LimitParameter("1000", 10'000)},
                   .response_schema = "NodeList",
                   .handler = Browse});
  table.push_back({.method = Method::kGet,
                   .path = "/connections/{ref}/describe",
                   .operation = "describe",
                   .tag = "data",
                   .summary = "Columns, keys, indexes and comments of one thing",
                   .permission = "use",
                   .parameters = {PathParameter(true, "as browse shows it")},
                   .response_schema = "Description",
                   .handler = Describe});
  table.push_back(
      {.method = Method::kGet,
       .path = "/connections/{ref}/sample",
       .operation = "sample",
       .tag = "data",
       .summary = "The first rows of one thing",
       .permission = "use",
       .parameters = {PathParameter(true, "as browse shows it"), LimitParameter("100", 10'000)},
       .response_schema = "QueryResult",
       .response_media = {kArrow, "application/x-ndjson", "text/csv", kParquet},
       .rows = true,
       .handler = Sample});
  table.push_back({.method = Method::kGet,
                   .path = "/connections/{ref}/pool",
                   .operation = "getPool",
                   .tag = "data",
                   .summary = "Sessions of the connection's pool, and who holds them",
                   .permission = "view",
                   .response_schema = "PoolState",
                   .handler = PoolState});
}

}  // namespace nstarx::http
