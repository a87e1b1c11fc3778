#include <fmt/format.h>

#include <charconv>

#include "gateway/gateway.h"
#include "http/event_stream.h"
#include "http/message_rows.h"
#include "http/route.h"
#include "result/encode.h"

namespace nstarx::http {
namespace {

using std::chrono::milliseconds;

constexpr auto kFollowMax = std::chrono::hours(24);
constexpr auto kProduceMax = std::chrono::minutes(10);
constexpr size_t kJsonBodyMax = 16 << 20;
constexpr size_t kPositionMax = 1000;
constexpr const char* kArrow = "application/vnd.apache.arrow.stream";
constexpr const char* kEvents = "text/event-stream";

std::optional<int64_t> ParseNumber(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Error BadStart(std::string_view text) {
  return InvalidArgument("request.invalid_parameter",
                         fmt::format("query parameter 'from' can't be '{}'", text.substr(0, 100)))
      .WithDetail("parameter", "from")
      .WithHint(
          "earliest, latest, committed, offset:N (or the system's own position), or timestamp:T "
          "with milliseconds or RFC 3339.");
}

Status ReadStart(std::string_view text, connector::ConsumeRequest& request) {
  using connector::StreamStart;
  if (text == "earliest") {
    request.from = StreamStart::kEarliest;
  } else if (text == "latest") {
    request.from = StreamStart::kLatest;
  } else if (text == "committed") {
    request.from = StreamStart::kCommitted;
  } else if (text.starts_with("offset:")) {
    request.from = StreamStart::kOffset;
    request.position = connector::StreamPosition::Parse(text.substr(7));
    if (text.size() == 7 || text.size() > kPositionMax || request.position.number < 0) {
      return BadStart(text);
    }
  } else if (text.starts_with("timestamp:")) {
    const std::string_view at = text.substr(10);
    request.from = StreamStart::kTimestamp;
    if (const auto number = ParseNumber(at); number && *number >= 0) {
      request.timestamp_ms = *number;
    } else if (const auto time = ParseTime(at)) {
      request.timestamp_ms = time->time_since_epoch().count();
    } else {
      return BadStart(text);
    }
  } else {
    return BadStart(text);
  }
  return {};
}

Result<std::vector<int32_t>> ReadPartitions(std::string_view text) {
  std::vector<int32_t> out;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const auto number = ParseNumber(text.substr(0, comma));
    if (!number || *number < 0 || *number > INT32_MAX) {
      return InvalidArgument("request.invalid_parameter",
                             "query parameter 'partitions' must be numbers, separated by commas")
          .WithDetail("parameter", "partitions")
          .WithHint("For example: partitions=0,1.");
    }
    out.push_back(static_cast<int32_t>(*number));
    text = comma == text.npos ? std::string_view() : text.substr(comma + 1);
  }
  return out;
}

Result<connector::ConsumeRequest> ReadConsume(const Call& call) {
  connector::ConsumeRequest request{.topic = std::string(call.Text("topic"))};
  NSTARX_TRY(request.partitions, ReadPartitions(call.Text("partitions")));
  NSTARX_RETURN_IF_ERROR(ReadStart(call.Text("from"), request));
  request.group = call.Text("group");
  if (request.from == connector::StreamStart::kCommitted && request.group.empty()) {
    return InvalidArgument("request.missing_parameter",
                           "query parameter 'group' is missing: from=committed needs it")
        .WithDetail("parameter", "group")
        .WithHint("Add &group=<consumer group>.");
  }
  if (call.Has("limit")) request.limit = call.Integer("limit", 0);
  request.wait = milliseconds(call.Integer("wait_ms", 0));
  request.follow = call.Boolean("follow");
  const std::string_view format = call.Text("format");
  request.format = format == "text"    ? connector::MessageFormat::kText
                   : format == "bytes" ? connector::MessageFormat::kBytes
                   : format == "json"  ? connector::MessageFormat::kJson
                   : format == "avro"  ? connector::MessageFormat::kAvro
                                       : connector::MessageFormat::kAuto;
  return request;
}

Result<Response> Consume(Call& call) {
  const std::string_view accept = call.request.Header("Accept");
  const bool events = accept.find(kEvents) != accept.npos;
  result::Negotiated format;
  if (!events) {
    NSTARX_TRY(format, result::Negotiate(accept));
  }
  NSTARX_TRY(const connector::ConsumeRequest request, ReadConsume(call));
  const Context context =
      request.follow ? call.context
                     : call.context.WithTimeout(milliseconds(call.Integer("timeout_ms", 300'000)));
  NSTARX_TRY(auto batches, call.services.gateway.Consume(context, call.capture(0), request));
  Response response;
  response.content_type = events ? kEvents : std::string(result::MediaType(format.format));
  if (events) response.With("Cache-Control", "no-store");
  response.stream =
      events ? EncodeEvents(std::move(batches)) : result::EncodeBatches(std::move(batches), format);
  response.stream_context = context;
  response.live = request.follow;
  return response;
}

/// The request's body as a stream with an owner of its own.
class MessageBody final : public connector::ByteStream {
 public:
  explicit MessageBody(connector::ByteStream& body) : body_(body) {}
  Result<size_t> Read(const Context& context, std::span<std::byte> into) override {
    return body_.Read(context, into);
  }

 private:
  connector::ByteStream& body_;
};

Result<std::string> ReadWhole(const Context& context, connector::ByteStream& body) {
  std::string text;
  while (true) {
    const size_t before = text.size();
    text.resize(before + (64 << 10));
    auto got = body.Read(context, std::as_writable_bytes(std::span(text)).subspan(before));
    text.resize(before + (got ? *got : 0));
    if (!got) return std::move(got).error();
    if (*got == 0) return text;
    if (text.size() > kJsonBodyMax) {
      return Error(ErrorKind::kResourceExhausted, "request.too_large",
                   "a JSON body of messages may have 16 MiB")
          .WithAction(Action::kFixInput)
          .WithHint("Send NDJSON or an Arrow stream: they have no such bound.");
    }
  }
}

Result<std::unique_ptr<connector::BatchStream>> ReadMessages(Call& call, std::string& topic) {
  const std::string_view type = call.request.Header("Content-Type");
  std::string_view essence = type.substr(0, type.find(';'));
  while (essence.ends_with(' ')) essence.remove_suffix(1);
  if (essence.empty() || SameToken(essence, "application/json")) {
    NSTARX_TRY(const std::string text, ReadWhole(call.context, *call.request.stream));
    return MessagesOfJson(text, topic);
  }
  auto body = std::make_unique<MessageBody>(*call.request.stream);
  if (SameToken(essence, "application/x-ndjson") || SameToken(essence, "application/jsonl")) {
    return MessagesOfNdjson(std::move(body));
  }
  NSTARX_TRY(auto rows, result::DecodeBatches(call.context, std::move(body), type));
  return MessagesOfRows(std::move(rows));
}

json::value PositionJson(const connector::StreamPosition& position) {
  if (position.counted()) return position.number;
  return json::string(position.text);
}

json::value NumberJson(const std::optional<int64_t>& number) {
  return number ? json::value(*number) : json::value(nullptr);
}

Result<Response> Produce(Call& call) {
  std::string topic(call.Text("topic"));
  NSTARX_TRY(const auto messages, ReadMessages(call, topic));
  if (topic.empty()) {
    return InvalidArgument("request.missing_parameter", "query parameter 'topic' is missing")
        .WithDetail("parameter", "topic")
        .WithHint("Add ?topic=<topic>, or \"topic\" to a JSON body.");
  }
  NSTARX_TRY(const connector::ProduceReport report,
             call.services.gateway.Produce(call.context, call.capture(0), topic, *messages));
  json::array offsets;
  for (const auto& row : report.partitions) {
    offsets.push_back(
        {{"partition", row.partition}, {"last", PositionJson(row.offset)}, {"count", row.count}});
  }
  return JsonResponse(200,
                      {{"topic", topic}, {"count", report.count}, {"offsets", std::move(offsets)}});
}

Result<Response> Commit(Call& call) {
  std::vector<connector::PartitionOffset> next;
  const auto number = [](const json::object& row, std::string_view name) {
    const json::value& value = row.at(name);
    return value.is_double() ? static_cast<int64_t>(value.get_double())
                             : value.to_number<int64_t>();
  };
  for (const json::value& item : call.body.at("offsets").get_array()) {
    const json::object& row = item.get_object();
    const json::value& offset = row.at("offset");
    next.push_back({.partition = static_cast<int32_t>(number(row, "partition")),
                    .offset = offset.is_string()
                                  ? connector::StreamPosition::Parse(offset.get_string())
                                  : connector::StreamPosition(number(row, "offset"))});
  }
  NSTARX_RETURN_IF_ERROR(call.services.gateway.Commit(call.context, call.capture(0),
                                                      GetString(call.body, "group"),
                                                      GetString(call.body, "topic"), next));
  return NoContent();
}

Result<Response> GetLag(Call& call) {
  NSTARX_TRY(const auto rows, call.services.gateway.GetLag(call.context, call.capture(0),
                                                           call.Text("topic"), call.Text("group")));
  json::array partitions;
  std::optional<int64_t> lag = 0;
  std::optional<int64_t> lag_ms;
  for (const connector::Lag& row : rows) {
    lag = lag && row.lag ? std::optional(*lag + *row.lag) : std::nullopt;
    if (row.lag_ms) lag_ms = std::max(lag_ms.value_or(0), *row.lag_ms);
    json::object shown{
        {"partition", row.partition},
        {"first", PositionJson(row.first)},
        {"end", PositionJson(row.end)},
        {"committed", row.committed ? PositionJson(*row.committed) : json::value(nullptr)},
        {"lag", NumberJson(row.lag)}};
    if (row.lag_ms) shown["lag_ms"] = *row.lag_ms;
    partitions.push_back(std::move(shown));
  }
  json::object report{{"topic", call.Text("topic")},
                      {"group", call.Text("group")},
                      {"lag", NumberJson(lag)},
                      {"partitions", std::move(partitions)}};
  if (lag_ms) report["lag_ms"] = *lag_ms;
  return JsonResponse(200, std::move(report));
}

std::vector<Parameter> ConsumeParameters() {
  return {
      {.name = "topic", .description = "what to read", .required = true},
      {.name = "partitions", .description = "numbers, separated by commas; all when left out"},
      {.name = "from",
       .description =
           "earliest, latest, committed, offset:N (or the system's own position) or timestamp:T "
           "(milliseconds or RFC 3339)",
       .default_value = "earliest"},
      {.name = "group", .description = "consumer group, for from=committed"},
      {.name = "limit",
       .type = ParameterType::kInteger,
       .description = "at most so many messages",
       .minimum = 0,
       .maximum = int64_t{1} << 53},
      {.name = "wait_ms",
       .type = ParameterType::kInteger,
       .description = "at the end, wait so long for more",
       .default_value = "0",
       .minimum = 0,
       .maximum = 3'600'000},
      {.name = "follow",
       .type = ParameterType::kBoolean,
       .description = "go on until the client hangs up",
       .default_value = "false"},
      {.name = "format",
       .description =
           "what values are: auto tells text from bytes by the first messages, and knows Avro "
           "where the connection has a schema registry",
       .default_value = "auto",
       .values = {"auto", "text", "bytes", "json", "avro"}},
      {.name = "timeout_ms",
       .type = ParameterType::kInteger,
       .description = "of the whole answer, unless it follows",
       .default_value = "300000",
       .minimum = 1,
       .maximum = 3'600'000}};
}

}  // namespace

void AddStreamRoutes(std::vector<Route>& table) {
  table.push_back(
      {.method = Method::kPost,
       .path = "/connections/{ref}/produce",
       .operation = "produce",
       .tag = "streams",
       .summary = "Write messages to a topic",
       .description =
           "Answered when the system has taken all of them. NDJSON has a message a line, with the "
           "members of the JSON body's messages. Of Arrow, Parquet or CSV the columns key, value, "
           "headers, partition and timestamp are taken; rows with neither key nor value become "
           "JSON objects, a message each. When it fails, details.delivered says how many messages "
           "were taken.",
       .permission = "use",
       .parameters = {{.name = "topic", .description = "where to"}},
       .body = BodyKind::kBytes,
       .request_schema = "ProduceRequest",
       .request_media = {kArrow, "application/x-ndjson", "text/csv"},
       .response_schema = "ProduceResult",
       .timeout = kProduceMax,
       .handler = Produce});
  table.push_back({.method = Method::kGet,
                   .path = "/connections/{ref}/consume",
                   .operation = "consume",
                   .tag = "streams",
                   .summary = "Read messages of a topic",
                   .description = "The rows come as Accept asks, like those of a query, or as "
                                  "server-sent events. Nothing is committed by reading.",
                   .permission = "use",
                   .parameters = ConsumeParameters(),
                   .response_schema = "QueryResult",
                   .response_media = {kArrow, "application/x-ndjson", "text/csv",
                                      "application/vnd.apache.parquet", kEvents},
                   .rows = true,
                   .timeout = kFollowMax,
                   .handler = Consume});
  table.push_back({.method = Method::kPost,
                   .path = "/connections/{ref}/commit",
                   .operation = "commitOffsets",
                   .tag = "streams",
                   .summary = "Commit where a consumer group goes on",
                   .permission = "use",
                   .body = BodyKind::kJson,
                   .request_schema = "CommitRequest",
                   .success = 204,
                   .handler = Commit});
  table.push_back(
      {.method = Method::kGet,
       .path = "/connections/{ref}/lag",
       .operation = "getLag",
       .tag = "streams",
       .summary = "How far a consumer group is behind",
       .permission = "use",
       .parameters = {{.name = "topic", .description = "of which topic", .required = true},
                      {.name = "group",
                       .description = "of which consumer group",
                       .required = true}},
       .response_schema = "LagReport",
       .handler = GetLag});
}

}  // namespace nstarx::http
