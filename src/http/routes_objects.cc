#include <charconv>

#include "audit/journal.h"
#include "base/clock.h"
#include "gateway/gateway.h"
#include "http/byte_chunks.h"
#include "http/etag.h"
#include "http/response_head.h"
#include "http/route.h"

namespace nstarx::http {
namespace {

json::object ToJson(const connector::ObjectInfo& info) {
  json::object out;
  out["key"] = info.key;
  out["size"] = info.size;
  out["modified"] =
      info.modified == TimePoint{} ? json::value(nullptr) : json::value(FormatTime(info.modified));
  out["etag"] = info.etag;
  if (!info.content_type.empty()) out["content_type"] = info.content_type;
  return out;
}

std::string QuotedTag(const std::string& etag) {
  return etag.starts_with('"') ? etag : "\"" + etag + "\"";
}

struct WantedRange {
  connector::ObjectRange range;
  bool partial = false;
};

std::optional<int64_t> Digits(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || value < 0) {
    return std::nullopt;
  }
  return value;
}

/// One range of bytes as RFC 9110 §14; what is no such thing counts as no Range at all.
Result<WantedRange> ReadRange(std::string_view header, int64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  const WantedRange whole{{0, size}, false};
  if (!header.starts_with(kUnit) || header.find(',') != header.npos) return whole;
  header.remove_prefix(kUnit.size());
  const size_t dash = header.find('-');
  if (dash == header.npos) return whole;
  const auto first = Digits(header.substr(0, dash));
  const auto last = Digits(header.substr(dash + 1));
  int64_t from = 0;
  int64_t to = size - 1;
  if (first) {
    if (!last && dash + 1 != header.size()) return whole;
    if (last && *last < *first) return whole;
    from = *first;
    if (last) to = std::min(*last, to);
  } else {
    if (dash != 0 || !last) return whole;
    from = std::max<int64_t>(0, size - *last);
    if (*last == 0) from = size;
  }
  if (from >= size) {
    return InvalidArgument("request.range_not_satisfiable",
                           fmt::format("the object has {} bytes", size))
        .WithDetail("size", size)
        .WithHint("Ask for a range inside the object.");
  }
  return WantedRange{{from, to - from + 1}, true};
}

void AddObjectHeaders(Response& response, const connector::ObjectInfo& info) {
  if (!info.etag.empty()) response.With("ETag", QuotedTag(info.etag));
  if (info.modified != TimePoint{}) {
    response.With(
        "Last-Modified",
        HttpDate(std::chrono::duration_cast<std::chrono::seconds>(info.modified.time_since_epoch())
                     .count()));
  }
  response.With("Accept-Ranges", "bytes");
  response.content_type =
      info.content_type.empty() ? "application/octet-stream" : info.content_type;
}

Result<Response> GetObject(Call& call) {
  auto& gateway = call.services.gateway;
  NSTARX_TRY(const connector::ObjectInfo info,
             gateway.StatObject(call.context, call.capture(0), call.capture(1)));
  Response response;
  AddObjectHeaders(response, info);
  const std::string_view known = call.request.Header("If-None-Match");
  if (!known.empty() && !info.etag.empty() && NamesTag(known, QuotedTag(info.etag))) {
    response.status = 304;
    response.content_type.clear();
    return response;
  }
  const std::string_view if_range = call.request.Header("If-Range");
  const bool ranged = if_range.empty() || if_range == QuotedTag(info.etag);
  auto wanted = ReadRange(ranged ? call.request.Header("Range") : "", info.size);
  if (!wanted) return std::move(wanted).error();
  response.length = *wanted->range.length;
  if (wanted->partial) {
    response.status = 206;
    response.With("Content-Range",
                  fmt::format("bytes {}-{}/{}", wanted->range.offset,
                              wanted->range.offset + *wanted->range.length - 1, info.size));
  }
  if (call.request.method == Method::kHead) return response;
  if (info.size == 0) return response;
  NSTARX_TRY(auto bytes,
             gateway.GetObject(call.context, call.capture(0), call.capture(1),
                               wanted->partial ? wanted->range : connector::ObjectRange{}));
  response.stream = std::make_unique<ByteChunks>(std::move(bytes));
  response.stream_context = call.context;
  return response;
}

Result<Response> PutObject(Call& call) {
  NSTARX_TRY(const connector::ObjectInfo info,
             call.services.gateway.PutObject(call.context, call.capture(0), call.capture(1),
                                             *call.request.stream, call.request.content_length,
                                             call.request.Header("Content-Type")));
  Response response = JsonResponse(200, ToJson(info));
  if (!info.etag.empty()) response.With("ETag", QuotedTag(info.etag));
  return response;
}

Result<Response> DeleteObject(Call& call) {
  NSTARX_RETURN_IF_ERROR(
      call.services.gateway.DeleteObject(call.context, call.capture(0), call.capture(1)));
  return NoContent();
}

Result<Response> ListObjects(Call& call) {
  NSTARX_TRY(const connector::ObjectPage page,
             call.services.gateway.ListObjects(call.context, call.capture(0), call.Text("prefix"),
                                               call.Text("delimiter"), call.Integer("limit", 1000),
                                               call.Text("cursor")));
  json::array items;
  for (const connector::ObjectInfo& info : page.items) items.push_back(ToJson(info));
  return JsonResponse(
      200, {{"items", std::move(items)},
            {"prefixes", json::array(page.prefixes.begin(), page.prefixes.end())},
            {"next", page.next.empty() ? json::value(nullptr) : json::value(page.next)}});
}

Result<Response> Presign(Call& call) {
  const std::string_view method = GetString(call.body, "method", "GET");
  const int64_t seconds = GetInt(call.body, "expires_s", GetInt(call.body, "expires_in", 900));
  const TimePoint expires = call.services.clock.Now() + std::chrono::seconds(seconds);
  NSTARX_TRY(std::string url, call.services.gateway.PresignObject(
                                  call.context, call.capture(0), method,
                                  GetString(call.body, "key"), std::chrono::seconds(seconds)));
  return JsonResponse(
      200, {{"url", std::move(url)}, {"method", method}, {"expires_at", FormatTime(expires)}});
}

}  // namespace

void AddObjectRoutes(std::vector<Route>& table) {
  constexpr const char* kPath = "/connections/{ref}/objects/{key...}";
  table.push_back(
      {.method = Method::kGet,
       .path = "/connections/{ref}/objects",
       .operation = "listObjects",
       .tag = "objects",
       .summary = "Objects of a store, a page at a time",
       .permission = "use",
       .parameters = {{.name = "prefix", .description = "keys that begin so", .default_value = ""},
                      {.name = "delimiter",
                       .description = "fold what comes after it into `prefixes`",
                       .default_value = "",
                       .length_max = 16},
                      {.name = "limit",
                       .type = ParameterType::kInteger,
                       .description = "page size",
                       .default_value = "1000",
                       .minimum = 1,
                       .maximum = 1000},
                      {.name = "cursor",
                       .description = "`next` of the page before",
                       .length_max = 4096}},
       .response_schema = "ObjectList",
       .handler = ListObjects});
  table.push_back({.method = Method::kGet,
                   .path = kPath,
                   .operation = "getObject",
                   .tag = "objects",
                   .summary = "The bytes of an object, or of the part that Range asks for",
                   .permission = "use",
                   .response_media = {"*/*"},
                   .preconditions = true,
                   .timeout = std::chrono::hours(1),
                   .handler = GetObject});
  table.push_back({.method = Method::kHead,
                   .path = kPath,
                   .operation = "statObject",
                   .tag = "objects",
                   .summary = "Size, type and ETag of an object",
                   .permission = "use",
                   .handler = GetObject});
  table.push_back({.method = Method::kPut,
                   .path = kPath,
                   .operation = "putObject",
                   .tag = "objects",
                   .summary = "Store the body as an object",
                   .description = "Streams; large bodies go up in parts.",
                   .permission = "use",
                   .body = BodyKind::kBytes,
                   .request_media = {"application/octet-stream"},
                   .response_schema = "ObjectInfo",
                   .timeout = std::chrono::hours(1),
                   .handler = PutObject});
  table.push_back({.method = Method::kDelete,
                   .path = kPath,
                   .operation = "deleteObject",
                   .tag = "objects",
                   .summary = "Delete an object",
                   .permission = "use",
                   .success = 204,
                   .handler = DeleteObject});
  table.push_back({.method = Method::kPost,
                   .path = "/connections/{ref}/presign",
                   .operation = "presignObject",
                   .tag = "objects",
                   .summary = "A URL that lets its bearer get or put one object for a while",
                   .permission = "use",
                   .body = BodyKind::kJson,
                   .request_schema = "PresignRequest",
                   .request_examples =
                       {R"({"key": "reports/2026.parquet", "method": "GET", "expires_s": 900})"},
                   .response_schema = "PresignedUrl",
                   .handler = Presign});
}

}  // namespace nstarx::http
