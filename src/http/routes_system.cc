#include "audit/journal.h"
#include "http/route.h"
#include "monitor/metrics.h"
#include "store/store.h"
#include "vault/vault.h"

namespace nstarx::http {
namespace {

// ---- Audit ----

Result<Response> ListAudit(Call& call) {
  audit::EntryFilter filter;
  filter.user = call.Text("user");
  filter.action = call.Text("action");
  filter.connection = call.Text("connection");
  filter.since = call.Time("since");
  filter.until = call.Time("until");
  filter.limit = call.Integer("limit", 100);
  filter.before = call.Integer("before", 0);
  NSTARX_RETURN_IF_ERROR(call.services.journal.Flush());
  NSTARX_TRY(auto entries, call.services.journal.List(filter));
  json::value next = nullptr;
  if (std::cmp_greater_equal(entries.size(), filter.limit) && !entries.empty()) {
    const int64_t sequence = GetInt(entries.back(), "seq", 0);
    if (sequence > 1) next = json::value(std::to_string(sequence));
  }
  json::array items;
  items.reserve(entries.size());
  for (json::object& entry : entries) items.push_back(std::move(entry));
  return JsonResponse(200, {{"items", std::move(items)}, {"next", std::move(next)}});
}

Result<Response> VerifyAudit(Call& call) {
  NSTARX_RETURN_IF_ERROR(call.services.journal.Flush());
  NSTARX_TRY(const audit::Verdict verdict, call.services.journal.Verify());
  json::object body;
  body["intact"] = verdict.intact;
  body["entries"] = verdict.entries;
  body["first_broken"] = verdict.intact ? json::value(nullptr) : json::value(verdict.first_broken);
  body["reason"] = verdict.reason;
  body["head_hash"] = verdict.head_hash;
  return JsonResponse(200, body);
}

// ---- Vault ----

json::object ToJson(const vault::RewrapProgress& progress) {
  return {{"key_id", progress.key_id},
          {"done", progress.done},
          {"total", progress.total},
          {"finished", progress.finished}};
}

Result<Response> ListVaultKeys(Call& call) {
  NSTARX_TRY(json::array keys, call.services.vault.DescribeKeys());
  return JsonResponse(200, {{"items", std::move(keys)}, {"next", nullptr}});
}

Result<Response> RotateVaultKey(Call& call) {
  auto progress = call.services.vault.RotateKey(call.context);
  audit::Entry entry{.action = "vault.rotate", .outcome = progress ? "ok" : "failed"};
  if (progress) {
    entry.details = ToJson(*progress);
  } else {
    entry.code = progress.error().code();
  }
  call.services.journal.Append(call.context, std::move(entry));
  if (!progress) return std::move(progress).error();
  return JsonResponse(200, ToJson(*progress));
}

Result<Response> VaultProgress(Call& call) {
  NSTARX_TRY(const vault::RewrapProgress progress, call.services.vault.Progress());
  return JsonResponse(200, ToJson(progress));
}

// ---- The server itself ----

Result<Response> Healthy(Call&) { return JsonResponse(200, {{"status", "ok"}}); }

Result<Response> Ready(Call& call) {
  if (const auto count = call.services.store.CountConnections(); !count) {
    return Error(ErrorKind::kUnavailable, "server.not_ready", "the store does not answer")
        .WithAction(Action::kAskOperator)
        .WithHint("See the server's log.");
  }
  return JsonResponse(200, {{"status", "ready"}});
}

Result<Response> Metrics(Call& call) {
  if (const auto count = call.services.store.CountConnections()) {
    call.services.metrics.SetConnections(*count);
  }
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = call.services.metrics.Render();
  return response;
}

Result<Response> OpenApi(Call& call) {
  Response response;
  response.content_type = "application/json";
  response.body = call.openapi;
  response.With("Cache-Control", "public, max-age=60");
  return response;
}

Result<Response> Index(Call&) {
  return JsonResponse(200, {{"name", "nstarx"},
                            {"version", NSTARX_VERSION},
                            {"links",
                             {{"connections", "/connections"},
                              {"connection_types", "/connection-types"},
                              {"openapi", "/openapi.json"},
                              {"health", "/healthz"},
                              {"metrics", "/metrics"}}}});
}

void AddAdministrationRoutes(std::vector<Route>& table) {
  table.push_back(
      {.method = Method::kGet,
       .path = "/audit",
       .operation = "listAudit",
       .tag = "audit",
       .summary = "Who did what, newest first",
       .permission = "role admin, scope audit:read",
       .access = Access::kAudit,
       .parameters = {{.name = "user", .description = "id or name", .length_max = 128},
                      {.name = "action", .description = "e.g. query.run", .length_max = 64},
                      {.name = "connection", .description = "id or name", .length_max = 128},
                      {.name = "since",
                       .type = ParameterType::kTime,
                       .description = "from then on"},
                      {.name = "until", .type = ParameterType::kTime, .description = "up to then"},
                      {.name = "limit",
                       .type = ParameterType::kInteger,
                       .description = "page size",
                       .default_value = "100",
                       .minimum = 1,
                       .maximum = 1000},
                      {.name = "before",
                       .type = ParameterType::kInteger,
                       .description = "`next` of the page before; 0: the newest",
                       .default_value = "0",
                       .minimum = 0,
                       .maximum = INT64_C(9007199254740991)}},
       .response_schema = "AuditList",
       .handler = ListAudit});
  table.push_back({.method = Method::kGet,
                   .path = "/audit/verify",
                   .operation = "verifyAudit",
                   .tag = "audit",
                   .summary = "Check the journal's hash chain and checkpoints",
                   .permission = "role admin, scope audit:read",
                   .access = Access::kAudit,
                   .response_schema = "Verdict",
                   .timeout = std::chrono::minutes(5),
                   .handler = VerifyAudit});
  table.push_back({.method = Method::kGet,
                   .path = "/vault/keys",
                   .operation = "listVaultKeys",
                   .tag = "vault",
                   .summary = "The key-encryption keys; never the keys themselves",
                   .permission = "role admin",
                   .access = Access::kAdmin,
                   .response_schema = "VaultKeyList",
                   .handler = ListVaultKeys});
  table.push_back({.method = Method::kPost,
                   .path = "/vault/rotate",
                   .operation = "rotateVaultKey",
                   .tag = "vault",
                   .summary = "Make a new key-encryption key and re-wrap every data key",
                   .description = "Online; secrets are not touched.",
                   .permission = "role admin",
                   .access = Access::kAdmin,
                   .response_schema = "RewrapProgress",
                   .idempotent_key = true,
                   .timeout = std::chrono::hours(1),
                   .handler = RotateVaultKey});
  table.push_back({.method = Method::kGet,
                   .path = "/vault/progress",
                   .operation = "getVaultProgress",
                   .tag = "vault",
                   .summary = "How far the re-wrapping is",
                   .permission = "role admin",
                   .access = Access::kAdmin,
                   .response_schema = "RewrapProgress",
                   .handler = VaultProgress});
}

}  // namespace

void AddSystemRoutes(std::vector<Route>& table) {
  AddAdministrationRoutes(table);
  table.push_back({.method = Method::kGet,
                   .path = "/",
                   .operation = "getIndex",
                   .tag = "server",
                   .summary = "What this is, and where to go on",
                   .access = Access::kAnybody,
                   .response_schema = "Index",
                   .handler = Index});
  table.push_back({.method = Method::kGet,
                   .path = "/healthz",
                   .operation = "getHealth",
                   .tag = "server",
                   .summary = "The process runs",
                   .access = Access::kAnybody,
                   .response_schema = "Health",
                   .handler = Healthy});
  table.push_back({.method = Method::kGet,
                   .path = "/readyz",
                   .operation = "getReadiness",
                   .tag = "server",
                   .summary = "The server can serve: its store answers",
                   .access = Access::kAnybody,
                   .response_schema = "Health",
                   .handler = Ready});
  table.push_back({.method = Method::kGet,
                   .path = "/metrics",
                   .operation = "getMetrics",
                   .tag = "server",
                   .summary = "Counters and gauges in Prometheus' text format",
                   .permission = "anybody on the same machine, else role admin",
                   .access = Access::kLoopback,
                   .response_media = {"text/plain"},
                   .handler = Metrics});
  table.push_back({.method = Method::kGet,
                   .path = "/openapi.json",
                   .operation = "getOpenApi",
                   .tag = "server",
                   .summary = "This document",
                   .access = Access::kAnybody,
                   .response_schema = "OpenApi",
                   .handler = OpenApi});
}

}  // namespace nstarx::http
