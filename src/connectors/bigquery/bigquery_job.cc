#include "connectors/bigquery/bigquery_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <stop_token>
#include <thread>

#include "base/percent.h"
#include "connectors/bigquery/bigquery_errors.h"
#include "connectors/bigquery/statement_text.h"

namespace nstarx::connectors::bigquery {
namespace {

/// The first answer comes at once when the statement is quick, else after so long with the job's
/// id, without which nothing could be cancelled.
constexpr std::chrono::milliseconds kFirstAnswer{800};
/// So long a caller's end waits for the job's id.
constexpr std::chrono::milliseconds kLearnId{1500};
/// The service holds later answers back for so long at most.
constexpr std::chrono::milliseconds kLaterAnswer{10'000};

const json::object* ObjectAt(const json::object& object, std::string_view key) {
  const auto* found = object.if_contains(key);
  return found ? found->if_object() : nullptr;
}

Result<json::object> Parameter(size_t index, const json::value& value, Markers markers) {
  std::string_view type = "STRING";
  json::value text;
  switch (value.kind()) {
    case json::kind::null:
      break;
    case json::kind::bool_:
      type = "BOOL";
      text = value.get_bool() ? "true" : "false";
      break;
    case json::kind::int64:
      type = "INT64";
      text = fmt::format("{}", value.get_int64());
      break;
    case json::kind::double_:
      type = "FLOAT64";
      text = fmt::format("{}", value.get_double());
      break;
    case json::kind::string:
      text = value.get_string();
      break;
    default:
      return InvalidArgument("query.unsupported_parameter",
                             fmt::format("Parameter {} is no single value", index + 1))
          .WithStage("query")
          .WithConnector("bigquery");
  }
  json::object out = {{"parameterType", json::object{{"type", type}}},
                      {"parameterValue", json::object{{"value", std::move(text)}}}};
  if (markers == Markers::kNamed) out["name"] = fmt::format("p{}", index + 1);
  return out;
}

/// A job that failed inside of an answer of success, which has no columns then.
Status CheckErrors(const json::object& answer, std::string_view text) {
  const auto* errors = answer.if_contains("errors");
  const auto* schema = ObjectAt(answer, "schema");
  const auto* fields = schema ? schema->if_contains("fields") : nullptr;
  const bool columns = fields && fields->is_array() && !fields->get_array().empty();
  if (columns || errors == nullptr || !errors->is_array() || errors->get_array().empty() ||
      answer.contains("numDmlAffectedRows")) {
    return {};
  }
  const auto* first = errors->get_array().front().if_object();
  if (first == nullptr) return {};
  return FromFailure(ReadErrorProto(*first), text);
}

}  // namespace

Result<json::object> QueryFields(const Service& service, const connector::Statement& statement) {
  NSTARX_TRY(const Markers markers, CheckMarkers(statement.text, statement.parameters.size()));
  json::object out = {
      {"query", statement.text}, {"useLegacySql", false}, {"useQueryCache", service.use_cache}};
  if (!service.default_dataset.empty()) {
    out["defaultDataset"] = json::object{{"projectId", service.default_project},
                                         {"datasetId", service.default_dataset}};
  }
  if (service.maximum_bytes_billed > 0) {
    out["maximumBytesBilled"] = fmt::format("{}", service.maximum_bytes_billed);
  }
  json::array parameters;
  for (size_t i = 0; i < statement.parameters.size(); ++i) {
    NSTARX_TRY(json::object each, Parameter(i, statement.parameters[i], markers));
    parameters.push_back(std::move(each));
  }
  if (!parameters.empty()) {
    out["parameterMode"] = markers == Markers::kNamed ? "NAMED" : "POSITIONAL";
    out["queryParameters"] = std::move(parameters);
  }
  return out;
}

Job JobOf(const json::object& answer, const Service& service) {
  Job out{.project = service.project, .id = {}, .location = service.location};
  if (const auto* reference = ObjectAt(answer, "jobReference")) {
    out.project = GetString(*reference, "projectId", out.project);
    out.id = GetString(*reference, "jobId");
    out.location = GetString(*reference, "location", out.location);
  }
  return out;
}

Result<json::object> JobRunner::Begin(const Context& context, std::string_view body,
                                      std::string_view text) {
  std::stop_source late;
  std::jthread timer;
  const std::stop_callback ended(context.stop_token(), [&] {
    timer = std::jthread([&](const std::stop_token& done) {
      (void)Pause(Context().WithStop(done), kLearnId);
      late.request_stop();
    });
  });
  const Context patient =
      Context().WithTimeout(context.remaining() + kLearnId).WithStop(late.get_token());
  return client_.Send(patient, {.method = "POST",
                                .path = ResourcePath(client_.service().project) + "/queries",
                                .query = {},
                                .body = body,
                                .text = text});
}

Result<json::object> JobRunner::Await(const Context& context, const Job& job, int64_t first_rows,
                                      std::string_view text) {
  while (true) {
    const auto hold = std::min(kLaterAnswer, context.remaining());
    BigqueryClient::Call call{
        .method = "GET",
        .path = fmt::format("{}/queries/{}", ResourcePath(job.project), PercentEncode(job.id)),
        .query = {{"maxResults", fmt::format("{}", first_rows)},
                  {"timeoutMs", fmt::format("{}", hold.count())},
                  {"formatOptions.useInt64Timestamp", "true"}},
        .body = {},
        .text = text};
    if (!job.location.empty()) call.query.emplace_back("location", job.location);
    NSTARX_TRY(json::object answer, client_.Send(context, call));
    if (GetBool(answer, "jobComplete", false)) return answer;
    // The service itself holds an answer back: this only keeps a hasty one in bounds.
    NSTARX_RETURN_IF_ERROR(Pause(context, std::chrono::milliseconds(20)));
  }
}

Result<json::object> JobRunner::Run(const Context& context, json::object fields,
                                    int64_t first_rows) {
  NSTARX_RETURN_IF_ERROR(context.Check());
  const std::string text(GetString(fields, "query"));
  const Service& service = client_.service();
  const auto left = context.remaining();
  json::object body = std::move(fields);
  body["requestId"] = NewRequestId();
  body["maxResults"] = first_rows;
  body["timeoutMs"] = std::min(kFirstAnswer, left).count();
  body["formatOptions"] = json::object{{"useInt64Timestamp", true}};
  if (left < std::chrono::hours(6)) body["jobTimeoutMs"] = fmt::format("{}", left.count());
  if (!service.location.empty()) body["location"] = service.location;
  if (!service.labels.empty()) body["labels"] = service.labels;
  auto begun = Begin(context, json::serialize(body), text);
  const Status live = context.Check();
  if (!begun) return live ? std::move(begun).error() : live.error();
  const Job job = JobOf(*begun, service);
  const bool complete = GetBool(*begun, "jobComplete", false);
  if (!complete && job.id.empty()) return Malformed("a running job without id");
  if (!live) {
    if (!complete) BigqueryClient::CancelJob(client_.shared_service(), job);
    return live.error();
  }
  if (!complete) {
    {
      const std::lock_guard lock(mutex_);
      running_ = job;
    }
    begun = Await(context, job, first_rows, text);
    {
      const std::lock_guard lock(mutex_);
      running_ = {};
    }
    if (!begun) {
      if (!context.Check()) BigqueryClient::CancelJob(client_.shared_service(), job);
      return begun;
    }
  }
  NSTARX_RETURN_IF_ERROR(CheckErrors(*begun, text));
  return begun;
}

Result<json::object> JobRunner::DryRun(const Context& context, json::object fields) {
  const Service& service = client_.service();
  const std::string text(GetString(fields, "query"));
  json::object reference = {{"projectId", service.project}};
  if (!service.location.empty()) reference["location"] = service.location;
  json::object configuration = {{"dryRun", true}, {"query", std::move(fields)}};
  if (!service.labels.empty()) configuration["labels"] = service.labels;
  const std::string body = json::serialize(json::object{
      {"jobReference", std::move(reference)}, {"configuration", std::move(configuration)}});
  NSTARX_TRY(const json::object job,
             client_.Send(context, {.method = "POST",
                                    .path = ResourcePath(service.project) + "/jobs",
                                    .query = {},
                                    .body = body,
                                    .text = text}));
  if (const auto* status = ObjectAt(job, "status")) {
    if (const auto* error = ObjectAt(*status, "errorResult")) {
      return FromFailure(ReadErrorProto(*error), text);
    }
  }
  const auto* statistics = ObjectAt(job, "statistics");
  if (statistics == nullptr) return Malformed("a dry run without statistics");
  return *statistics;
}

void JobRunner::Cancel() {
  Job job;
  {
    const std::lock_guard lock(mutex_);
    job = running_;
  }
  if (!job.id.empty()) BigqueryClient::CancelJob(client_.shared_service(), job);
}

}  // namespace nstarx::connectors::bigquery
