#include "connectors/bigquery/bigquery_client.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <condition_variable>

#include "base/percent.h"
#include "connectors/bigquery/bigquery_errors.h"

namespace nstarx::connectors::bigquery {
namespace {

/// A page has 10 to 20 MB, more where one row is larger: at most 100 MB.
constexpr size_t kAnswerMax = size_t{128} << 20;
constexpr int kRepetitionsMax = 4;
constexpr std::chrono::seconds kGrace{1};

}  // namespace

Status Pause(const Context& context, std::chrono::milliseconds time) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  const auto until = std::min(Context::SteadyClock::now() + time, context.deadline());
  never.wait_until(lock, context.stop_token(), until, [] { return false; });
  return context.Check();
}

std::string NewRequestId() {
  std::array<unsigned char, 16> bytes{};
  NSTARX_CHECK(RAND_bytes(bytes.data(), bytes.size()) == 1);
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0FU) | 0x40U);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3FU) | 0x80U);
  std::string out;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += fmt::format("{:02x}", bytes[i]);
  }
  return out;
}

std::string ResourcePath(std::string_view project, std::string_view dataset,
                         std::string_view table) {
  std::string out = PercentEncode(project, ":");
  if (!dataset.empty()) out += "/datasets/" + PercentEncode(dataset);
  if (!table.empty()) out += "/tables/" + PercentEncode(table);
  return out;
}

Result<std::unique_ptr<BigqueryClient>> BigqueryClient::Open(ServicePtr service) {
  NSTARX_TRY(auto http, net::HttpClient::Open(service->http));
  return std::unique_ptr<BigqueryClient>(new BigqueryClient(std::move(service), std::move(http)));
}

Result<net::HttpReply> BigqueryClient::SendOnce(const Context& context, const Call& call,
                                                bool renew) {
  net::HttpRequest request;
  request.method = call.method;
  request.service = service_->url;
  request.path = service_->url.base_path + "/bigquery/v2/projects/" + call.path;
  request.query = call.query;
  request.headers = {{"Accept", "application/json"}};
  if (!call.body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  if (!service_->quota_project.empty()) {
    request.headers.emplace_back("X-Goog-User-Project", service_->quota_project);
  }
  if (service_->token != nullptr) {
    NSTARX_TRY(const auto token,
               renew ? service_->token->GetFresh(context, std::chrono::milliseconds(0))
                     : service_->token->Get(context));
    request.headers.emplace_back("Authorization", fmt::format("Bearer {}", token->value.Reveal()));
  }
  request.body = call.body;
  auto reply = http_->Send(context, request, kAnswerMax);
  if (service_->token != nullptr) WipeString(request.headers.back().second);
  if (reply) {
    reached_ = true;
  } else if (reached_ && reply.error().code() == "tls.handshake_failed") {
    // The service spoke TLS before: libcurl has dialled anew while it went away.
    return Unavailable("connection.lost", reply.error().message())
        .WithStage("query")
        .WithConnector("bigquery")
        .WithVendorCode(reply.error().vendor_code());
  }
  return reply;
}

Result<json::object> BigqueryClient::Send(const Context& context, const Call& call) {
  bool renewed = false;
  for (int repetition = 0;; ++repetition) {
    NSTARX_TRY(const net::HttpReply reply, SendOnce(context, call, renewed));
    if (reply.status >= 200 && reply.status < 300) {
      auto document = ParseJson(reply.body.empty() ? "{}" : reply.body);
      if (!document || !document->is_object()) return Malformed("it is no JSON object");
      return std::move(document->get_object());
    }
    if (reply.status == 401 && service_->token != nullptr && !renewed) {
      renewed = true;
      continue;
    }
    const Failure failure = ReadFailure(reply.status, reply.body);
    const std::chrono::milliseconds wait{200 << std::min(repetition, 6)};
    if (!IsPassing(failure) || repetition == kRepetitionsMax || wait >= context.remaining()) {
      return FromFailure(failure, call.text);
    }
    NSTARX_RETURN_IF_ERROR(Pause(context, wait));
  }
}

void BigqueryClient::CancelJob(const ServicePtr& service, const Job& job) {
  auto client = Open(service);
  if (!client) return;
  Call call{
      .method = "POST",
      .path = fmt::format("{}/jobs/{}/cancel", ResourcePath(job.project), PercentEncode(job.id)),
      .query = {},
      .body = "{}",
      .text = {}};
  if (!job.location.empty()) call.query.emplace_back("location", job.location);
  // Best effort: the answer says nothing that could be acted upon.
  (void)(*client)->Send(Context().WithTimeout(kGrace), call);
}

}  // namespace nstarx::connectors::bigquery
