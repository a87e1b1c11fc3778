#include "connectors/s3/s3_client.h"

#include "connectors/aws/aws_errors.h"
#include "connectors/aws/sigv4.h"
#include "connectors/s3/s3_errors.h"
#include "net/xml.h"

namespace nstarx::connectors::s3 {
namespace {

using connector::ObjectInfo;
using connector::ObjectPage;
using object_store::ToInt;
using object_store::Unquoted;

}  // namespace

S3Client::S3Client(const S3Settings& settings, std::shared_ptr<aws::CredentialSource> credentials,
                   std::unique_ptr<net::HttpClient> http, const Clock& clock)
    : HttpObjectClient(std::move(http)),
      settings_(settings),
      credentials_(std::move(credentials)),
      clock_(clock) {}

net::HttpRequest S3Client::Request(std::string method, std::string_view key) const {
  net::HttpRequest request;
  request.method = std::move(method);
  request.service = settings_.service;
  request.path = settings_.PathOf(key);
  return request;
}

Status S3Client::Authorize(const Context& context, net::HttpRequest& request) {
  NSTARX_TRY(const aws::CredentialsPtr credentials, credentials_->Get(context));
  if (credentials != nullptr) {
    aws::SignRequest(request, *credentials, {settings_.region, "s3"}, clock_.Now());
  }
  return {};
}

Error S3Client::FailureOf(const net::HttpReply& reply, std::string_view subject) const {
  aws::ServiceFailure failure = aws::ReadFailure(reply.status, reply.body);
  if (failure.region.empty()) failure.region = reply.Header("x-amz-bucket-region");
  return FromS3Failure(failure, subject);
}

Result<ObjectPage> S3Client::List(const Context& context, std::string_view prefix,
                                  std::string_view delimiter, int64_t limit,
                                  std::string_view continuation) {
  net::HttpRequest request = Request("GET", "");
  request.query = {{"list-type", "2"},
                   {"encoding-type", "url"},
                   {"max-keys", fmt::format("{}", std::clamp<int64_t>(limit, 1, 1000))}};
  if (!prefix.empty()) request.query.emplace_back("prefix", prefix);
  if (!delimiter.empty()) request.query.emplace_back("delimiter", delimiter);
  if (!continuation.empty()) request.query.emplace_back("continuation-token", continuation);
  NSTARX_TRY(const net::HttpReply reply, Exchange(context, request, settings_.bucket));
  NSTARX_TRY(const net::XmlElement root, net::ParseXml(reply.body));
  ObjectPage page;
  for (const net::XmlElement& element : root.children) {
    if (element.name == "Contents") {
      ObjectInfo info;
      info.key = object_store::PercentDecode(element.TextOf("Key"), true);
      info.size = ToInt(element.TextOf("Size"), 0);
      info.etag = Unquoted(element.TextOf("ETag"));
      if (const auto time = ParseTime(element.TextOf("LastModified"))) info.modified = *time;
      page.items.push_back(std::move(info));
    } else if (element.name == "CommonPrefixes") {
      page.prefixes.push_back(object_store::PercentDecode(element.TextOf("Prefix"), true));
    } else if (element.name == "NextContinuationToken") {
      page.next = element.text;
    }
  }
  if (root.TextOf("IsTruncated") != "true") page.next.clear();
  return page;
}

Result<ObjectInfo> S3Client::Head(const Context& context, std::string_view key) {
  auto reply = Exchange(context, Request("HEAD", key), key);
  if (reply) return object_store::InfoOf(*reply, key);
  if (reply.error().code() == "object.not_found" ||
      reply.error().kind() == ErrorKind::kUnavailable) {
    return reply.error();
  }
  // A HEAD's refusal has no body; a GET's says why.
  net::HttpReply head;
  auto probe = StartGet(context, key, 0, 1, {}, head);
  return probe ? reply.error() : std::move(probe).error();
}

Result<std::string> S3Client::Put(const Context& context, std::string_view key,
                                  std::string_view content, std::string_view content_type) {
  net::HttpRequest request = Request("PUT", key);
  if (!content_type.empty()) request.headers.emplace_back("Content-Type", content_type);
  request.body = content;
  NSTARX_TRY(const net::HttpReply reply, Exchange(context, request, key));
  return Unquoted(reply.Header("etag"));
}

Status S3Client::Delete(const Context& context, std::string_view key) {
  NSTARX_RETURN_IF_ERROR(Exchange(context, Request("DELETE", key), key));
  return {};
}

Result<std::string> S3Client::Presign(const Context& context, std::string_view method,
                                      std::string_view key, std::chrono::seconds expires) {
  NSTARX_RETURN_IF_ERROR(object_store::CheckPresign(method, expires));
  NSTARX_TRY(const aws::CredentialsPtr credentials, credentials_->Get(context));
  if (credentials == nullptr) return Request("GET", key).Url();
  return aws::PresignUrl(Request(std::string(method), key), *credentials, {settings_.region, "s3"},
                         clock_.Now(), expires);
}

Result<std::string> S3Client::CreateUpload(const Context& context, std::string_view key,
                                           std::string_view content_type) {
  net::HttpRequest request = Request("POST", key);
  request.query = {{"uploads", ""}};
  if (!content_type.empty()) request.headers.emplace_back("Content-Type", content_type);
  NSTARX_TRY(const net::HttpReply reply, Exchange(context, request, key));
  NSTARX_TRY(const net::XmlElement root, net::ParseXml(reply.body));
  const std::string_view id = root.TextOf("UploadId");
  if (id.empty()) {
    return Unavailable("response.malformed", "The server began an upload without an id");
  }
  return std::string(id);
}

Result<std::string> S3Client::SendPart(const Context& context, std::string_view key,
                                       std::string_view upload_id,
                                       const object_store::UploadPart& part) {
  net::HttpRequest request = Request("PUT", key);
  request.query = {{"partNumber", fmt::format("{}", part.number)},
                   {"uploadId", std::string(upload_id)}};
  request.body = part.content;
  NSTARX_TRY(const net::HttpReply reply, Exchange(context, request, key));
  return std::string(reply.Header("etag"));
}

Result<std::string> S3Client::CompleteUpload(const Context& context, std::string_view key,
                                             std::string_view upload_id,
                                             const std::vector<std::string>& part_tags,
                                             std::string_view content_type) {
  std::string body = "<CompleteMultipartUpload>";
  for (size_t i = 0; i < part_tags.size(); ++i) {
    body += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", i + 1,
                        net::EscapeXml(part_tags[i]));
  }
  body += "</CompleteMultipartUpload>";
  net::HttpRequest request = Request("POST", key);
  request.query = {{"uploadId", std::string(upload_id)}};
  request.headers = {{"Content-Type", "application/xml"}};
  request.body = body;
  NSTARX_TRY(const net::HttpReply reply, Exchange(context, request, key));
  // The service may answer 200 and put the failure into the body.
  const aws::ServiceFailure failure = aws::ReadFailure(500, reply.body);
  if (!failure.code.empty()) return FromS3Failure(failure, key);
  NSTARX_TRY(const net::XmlElement root, net::ParseXml(reply.body));
  return Unquoted(root.TextOf("ETag"));
}

Status S3Client::AbortUpload(const Context& context, std::string_view key,
                             std::string_view upload_id) {
  net::HttpRequest request = Request("DELETE", key);
  request.query = {{"uploadId", std::string(upload_id)}};
  NSTARX_RETURN_IF_ERROR(Exchange(context, request, key));
  return {};
}

}  // namespace nstarx::connectors::s3
