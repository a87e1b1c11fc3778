#include "connectors/gcs/gcs_client.h"

#include "base/json.h"
#include "connectors/gcs/gcs_errors.h"
#include "connectors/gcs/signed_url.h"

namespace nstarx::connectors::gcs {
namespace {

using connector::ObjectInfo;
using connector::ObjectPage;
using object_store::ToInt;
using object_store::Unquoted;

constexpr std::string_view kObjectFields = "name,size,updated,etag,contentType";

Error MalformedAnswer() {
  return Unavailable("response.malformed", "The server's answer is not that of Cloud Storage");
}

Result<json::object> ReadObject(const net::HttpReply& reply) {
  Result<json::value> document = ParseJson(reply.body);
  if (!document || !document->is_object()) return MalformedAnswer();
  return std::move(document->get_object());
}

ObjectInfo InfoOfResource(const json::object& resource) {
  ObjectInfo info;
  info.key = GetString(resource, "name");
  info.size = ToInt(GetString(resource, "size"), 0);  // 64 bits as a string
  info.etag = Unquoted(GetString(resource, "etag"));
  info.content_type = GetString(resource, "contentType");
  if (const auto time = ParseTime(GetString(resource, "updated"))) info.modified = *time;
  return info;
}

Result<std::string> EtagOf(const net::HttpReply& reply) {
  NSTARX_TRY(const json::object resource, ReadObject(reply));
  return Unquoted(GetString(resource, "etag"));
}

/// How many bytes of an upload the service has, from "bytes=0-N".
int64_t PersistedOf(std::string_view range) {
  const size_t dash = range.rfind('-');
  return dash == std::string_view::npos ? 0 : ToInt(range.substr(dash + 1), -1) + 1;
}

}  // namespace

std::string UploadSessionOf(std::string_view location) {
  const size_t scheme = location.find("://");
  if (scheme != std::string_view::npos) {
    const size_t path = location.find('/', scheme + 3);
    location = path == std::string_view::npos ? std::string_view() : location.substr(path);
  }
  return std::string(location.starts_with('/') ? location : std::string_view());
}

GcsClient::GcsClient(const GcsSettings& settings, GcsLogin login,
                     std::unique_ptr<net::HttpClient> http, const Clock& clock)
    : HttpObjectClient(std::move(http)),
      settings_(settings),
      login_(std::move(login)),
      clock_(clock) {}

net::HttpRequest GcsClient::Request(std::string method, std::string path) const {
  net::HttpRequest request;
  request.method = std::move(method);
  request.service = settings_.service;
  request.path = std::move(path);
  return request;
}

net::HttpRequest GcsClient::SessionRequest(std::string method, std::string_view session) const {
  const size_t mark = std::min(session.find('?'), session.size());
  net::HttpRequest request = Request(std::move(method), std::string(session.substr(0, mark)));
  std::string_view query = session.substr(std::min(mark + 1, session.size()));
  while (!query.empty()) {
    const size_t next = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, next);
    const size_t sign = std::min(pair.find('='), pair.size());
    request.query.emplace_back(
        object_store::PercentDecode(pair.substr(0, sign), true),
        object_store::PercentDecode(pair.substr(std::min(sign + 1, pair.size())), true));
    query.remove_prefix(std::min(next + 1, query.size()));
  }
  return request;
}

net::HttpRequest GcsClient::GetRequest(std::string_view key) const {
  net::HttpRequest request = Request("GET", settings_.PathOf(key));
  request.query = {{"alt", "media"}};
  // The bytes as they are stored: without this, gzip objects are unpacked on the way.
  request.headers = {{"Accept-Encoding", "gzip"}};
  return request;
}

std::string GcsClient::VersionOf(const net::HttpReply& reply) const {
  return std::string(reply.Header("x-goog-generation"));
}

void GcsClient::Pin(net::HttpRequest& request, const std::string& version) const {
  request.query.emplace_back("ifGenerationMatch", version);
}

Status GcsClient::Authorize(const Context& context, net::HttpRequest& request) {
  if (!settings_.user_project.empty()) {
    request.query.emplace_back("userProject", settings_.user_project);
  }
  if (login_.token == nullptr) return {};
  NSTARX_TRY(const auto token, login_.token->Get(context));
  request.headers.emplace_back("Authorization", fmt::format("Bearer {}", token->value.Reveal()));
  return {};
}

Error GcsClient::FailureOf(const net::HttpReply& reply, std::string_view subject) const {
  return FromGcsFailure(ReadFailure(reply.status, reply.body), subject, login_.token == nullptr);
}

Result<ObjectPage> GcsClient::List(const Context& context, std::string_view prefix,
                                   std::string_view delimiter, int64_t limit,
                                   std::string_view continuation) {
  net::HttpRequest request = Request("GET", settings_.PathOf(""));
  request.query = {{"fields", fmt::format("nextPageToken,prefixes,items({})", kObjectFields)},
                   {"maxResults", fmt::format("{}", std::clamp<int64_t>(limit, 1, 1000))}};
  if (!prefix.empty()) request.query.emplace_back("prefix", prefix);
  if (!delimiter.empty()) request.query.emplace_back("delimiter", delimiter);
  if (!continuation.empty()) request.query.emplace_back("pageToken", continuation);
  const auto reply = Exchange(context, request, settings_.bucket);
  if (!reply) {
    if (reply.error().code() != "object.not_found") return reply.error();
    return NotFound("bucket.not_found",
                    fmt::format("The bucket does not exist: {}", settings_.bucket))
        .WithStage("login")
        .WithVendorCode(reply.error().vendor_code());
  }
  NSTARX_TRY(const json::object root, ReadObject(*reply));
  ObjectPage page;
  page.next = GetString(root, "nextPageToken");
  if (const json::value* items = root.if_contains("items"); items != nullptr && items->is_array()) {
    for (const json::value& item : items->get_array()) {
      if (!item.is_object()) return MalformedAnswer();
      page.items.push_back(InfoOfResource(item.get_object()));
    }
  }
  const json::value* prefixes = root.if_contains("prefixes");
  if (prefixes != nullptr && prefixes->is_array()) {
    for (const json::value& inner : prefixes->get_array()) {
      if (!inner.is_string()) return MalformedAnswer();
      page.prefixes.emplace_back(inner.get_string());
    }
  }
  return page;
}

Result<ObjectInfo> GcsClient::Head(const Context& context, std::string_view key) {
  net::HttpRequest request = Request("GET", settings_.PathOf(key));
  request.query = {{"fields", std::string(kObjectFields)}};
  NSTARX_TRY(const net::HttpReply reply, Exchange(context, request, key));
  NSTARX_TRY(const json::object resource, ReadObject(reply));
  return InfoOfResource(resource);
}

Result<std::string> GcsClient::Put(const Context& context, std::string_view key,
                                   std::string_view content, std::string_view content_type) {
  net::HttpRequest request = Request("POST", settings_.UploadPath());
  request.query = {{"uploadType", "media"}, {"name", std::string(key)}};
  if (!content_type.empty()) request.headers.emplace_back("Content-Type", content_type);
  request.body = content;
  NSTARX_TRY(const net::HttpReply reply, Exchange(context, request, key));
  return EtagOf(reply);
}

Status GcsClient::Delete(const Context& context, std::string_view key) {
  const auto reply = Exchange(context, Request("DELETE", settings_.PathOf(key)), key);
  if (!reply && reply.error().code() != "object.not_found") return reply.error();
  return {};
}

Result<std::string> GcsClient::Presign(const Context& context, std::string_view method,
                                       std::string_view key, std::chrono::seconds expires) {
  NSTARX_RETURN_IF_ERROR(object_store::CheckPresign(method, expires));
  const net::HttpRequest request = Request(std::string(method), settings_.PublicPathOf(key));
  if (login_.token == nullptr) return request.Url();
  if (login_.account == nullptr) {
    return InvalidArgument("object.presign_unavailable",
                           "Only a connection with a service account's key can sign URLs")
        .WithStage("query");
  }
  return SignUrl(*login_.account, request, clock_.Now(), expires);
}

Result<std::string> GcsClient::CreateUpload(const Context& context, std::string_view key,
                                            std::string_view content_type) {
  json::object resource;
  if (!content_type.empty()) resource["contentType"] = content_type;
  const std::string body = json::serialize(resource);
  net::HttpRequest request = Request("POST", settings_.UploadPath());
  request.query = {{"uploadType", "resumable"}, {"name", std::string(key)}};
  request.headers = {{"Content-Type", "application/json; charset=UTF-8"}};
  if (!content_type.empty()) request.headers.emplace_back("X-Upload-Content-Type", content_type);
  request.body = body;
  NSTARX_TRY(const net::HttpReply reply, Exchange(context, request, key));
  std::string session = UploadSessionOf(reply.Header("location"));
  if (session.empty()) return MalformedAnswer();
  return session;
}

Result<std::string> GcsClient::SendPart(const Context& context, std::string_view key,
                                        std::string_view upload_id,
                                        const object_store::UploadPart& part) {
  const int64_t end = part.offset + static_cast<int64_t>(part.content.size());
  int64_t sent = part.offset;
  while (true) {
    net::HttpRequest request = SessionRequest("PUT", upload_id);
    request.headers = {
        {"Content-Range", fmt::format("bytes {}-{}/{}", sent, end - 1,
                                      part.last ? fmt::format("{}", end) : std::string("*"))}};
    request.body = part.content.substr(static_cast<size_t>(sent - part.offset));
    NSTARX_TRY(const net::HttpReply reply, Exchange(context, request, key, 308));
    if (reply.status != 308) {
      if (!part.last) return MalformedAnswer();
      return EtagOf(reply);
    }
    const int64_t persisted = PersistedOf(reply.Header("range"));
    if (persisted == end && !part.last) return std::string();
    if (persisted <= sent || persisted >= end) {
      return Unavailable("connection.lost", "The service does not take the upload's bytes")
          .WithStage("query")
          .WithAction(Action::kRetry);
    }
    sent = persisted;
  }
}

Result<std::string> GcsClient::CompleteUpload(const Context& context, std::string_view key,
                                              std::string_view upload_id,
                                              const std::vector<std::string>& part_tags,
                                              std::string_view content_type) {
  return part_tags.back();  // the last part completed it
}

Status GcsClient::AbortUpload(const Context& context, std::string_view key,
                              std::string_view upload_id) {
  // 499 is the service's word for 'ended by the client'.
  NSTARX_RETURN_IF_ERROR(Exchange(context, SessionRequest("DELETE", upload_id), key, 499));
  return {};
}

}  // namespace nstarx::connectors::gcs
