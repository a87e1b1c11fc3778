#include "connectors/azure_blob/azure_client.h"

#include <openssl/evp.h>

#include "base/id.h"
#include "connectors/azure_blob/azure_errors.h"
#include "net/xml.h"

namespace nstarx::connectors::azure_blob {
namespace {

using connector::ObjectInfo;
using connector::ObjectPage;
using object_store::ToInt;
using object_store::Unquoted;
using Method = AzureLogin::Method;

ObjectInfo InfoOfBlob(const net::XmlElement& blob) {
  ObjectInfo info;
  info.key = blob.TextOf("Name");
  if (const auto* properties = blob.Find("Properties"); properties != nullptr) {
    info.size = ToInt(properties->TextOf("Content-Length"), 0);
    info.etag = Unquoted(properties->TextOf("Etag"));
    info.content_type = properties->TextOf("Content-Type");
    info.modified = object_store::ParseHttpTime(properties->TextOf("Last-Modified"));
  }
  return info;
}

/// Folders of accounts with a hierarchical namespace are listed as blobs.
bool IsFolder(const net::XmlElement& blob) {
  const auto* properties = blob.Find("Properties");
  return properties != nullptr && properties->TextOf("ResourceType") == "directory";
}

}  // namespace

AzureClient::AzureClient(const AzureSettings& settings, AzureLoginPtr login,
                         std::unique_ptr<net::HttpClient> http, const Clock& clock)
    : HttpObjectClient(std::move(http)),
      settings_(settings),
      login_(std::move(login)),
      clock_(clock) {}

net::HttpRequest AzureClient::Request(std::string method, std::string_view key) const {
  net::HttpRequest request;
  request.method = std::move(method);
  request.service = settings_.service;
  request.path = settings_.PathOf(key);
  return request;
}

Status AzureClient::Authorize(const Context& context, net::HttpRequest& request) {
  request.headers.emplace_back("x-ms-version", kApiVersion);
  switch (login_->method) {
    case Method::kSharedKey:
      SignSharedKey(request, settings_.account, login_->account_key, clock_.Now());
      break;
    case Method::kSas:
      AddSas(request, login_->sas_token.Reveal());
      break;
    case Method::kOauth: {
      NSTARX_TRY(const auto token, login_->token->Get(context));
      request.headers.emplace_back("Authorization",
                                   fmt::format("Bearer {}", token->value.Reveal()));
      break;
    }
    case Method::kAnonymous:
      break;
  }
  return {};
}

Error AzureClient::FailureOf(const net::HttpReply& reply, std::string_view subject) const {
  LoginFacts facts{.sas = login_->method == Method::kSas,
                   .oauth = login_->method == Method::kOauth};
  if (facts.sas) {
    const auto end = SasExpiry(login_->sas_token.Reveal());
    facts.sas_expired = end && *end < clock_.Now();
  }
  return FromAzureFailure(ReadFailure(reply.status, reply.body, reply.Header("x-ms-error-code")),
                          subject, facts);
}

Result<ObjectPage> AzureClient::List(const Context& context, std::string_view prefix,
                                     std::string_view delimiter, int64_t limit,
                                     std::string_view continuation) {
  net::HttpRequest request = Request("GET", "");
  request.query = {{"restype", "container"},
                   {"comp", "list"},
                   {"maxresults", fmt::format("{}", std::clamp<int64_t>(limit, 1, 1000))}};
  if (!prefix.empty()) request.query.emplace_back("prefix", prefix);
  if (!delimiter.empty()) request.query.emplace_back("delimiter", delimiter);
  if (!continuation.empty()) request.query.emplace_back("marker", continuation);
  NSTARX_TRY(const net::HttpReply reply, Exchange(context, request, settings_.container));
  NSTARX_TRY(const net::XmlElement root, net::ParseXml(reply.body));
  ObjectPage page;
  page.next = root.TextOf("NextMarker");
  const net::XmlElement* blobs = root.Find("Blobs");
  if (blobs == nullptr) {
    return Unavailable("response.malformed", "The server's answer is no listing of blobs");
  }
  for (const net::XmlElement& element : blobs->children) {
    if (element.name == "Blob" && !IsFolder(element)) {
      page.items.push_back(InfoOfBlob(element));
    } else if (element.name == "BlobPrefix") {
      page.prefixes.emplace_back(element.TextOf("Name"));
    }
  }
  return page;
}

Result<ObjectInfo> AzureClient::Head(const Context& context, std::string_view key) {
  NSTARX_TRY(const net::HttpReply reply, Exchange(context, Request("HEAD", key), key));
  return object_store::InfoOf(reply, key);
}

Result<std::string> AzureClient::Put(const Context& context, std::string_view key,
                                     std::string_view content, std::string_view content_type) {
  net::HttpRequest request = Request("PUT", key);
  request.headers.emplace_back("x-ms-blob-type", "BlockBlob");
  if (!content_type.empty()) request.headers.emplace_back("Content-Type", content_type);
  request.body = content;
  NSTARX_TRY(const net::HttpReply reply, Exchange(context, request, key));
  return Unquoted(reply.Header("etag"));
}

Status AzureClient::Delete(const Context& context, std::string_view key) {
  const auto reply = Exchange(context, Request("DELETE", key), key);
  if (!reply && reply.error().code() != "object.not_found") return reply.error();
  return {};
}

Result<std::string> AzureClient::Presign(const Context& context, std::string_view method,
                                         std::string_view key, std::chrono::seconds expires) {
  NSTARX_RETURN_IF_ERROR(object_store::CheckPresign(method, expires));
  net::HttpRequest request = Request(std::string(method), key);
  if (login_->method == Method::kAnonymous) return request.Url();
  if (login_->method != Method::kSharedKey) {
    return InvalidArgument("object.presign_unavailable",
                           "Only a connection with the account key can sign URLs")
        .WithStage("query");
  }
  request.query =
      SignServiceSas(settings_.account, settings_.container, key, method, settings_.service.https,
                     login_->account_key, clock_.Now(), expires);
  return request.Url();
}

Result<std::string> AzureClient::CreateUpload(const Context& context, std::string_view key,
                                              std::string_view content_type) {
  return RandomToken(16);
}

Result<std::string> AzureClient::SendPart(const Context& context, std::string_view key,
                                          std::string_view upload_id,
                                          const object_store::UploadPart& part) {
  // All ids of a blob have the same length.
  const std::string plain = fmt::format("{:.16}-{:06}", upload_id, part.number);
  std::string id(4 * ((plain.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(id.data()),
                                     reinterpret_cast<const unsigned char*>(plain.data()),
                                     static_cast<int>(plain.size()));
  id.resize(static_cast<size_t>(length));
  net::HttpRequest request = Request("PUT", key);
  request.query = {{"comp", "block"}, {"blockid", id}};
  request.body = part.content;
  NSTARX_RETURN_IF_ERROR(Exchange(context, request, key));
  return id;
}

Result<std::string> AzureClient::CompleteUpload(const Context& context, std::string_view key,
                                                std::string_view upload_id,
                                                const std::vector<std::string>& part_tags,
                                                std::string_view content_type) {
  std::string body = "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>";
  for (const std::string& tag : part_tags) {
    body += fmt::format("<Uncommitted>{}</Uncommitted>", net::EscapeXml(tag));
  }
  body += "</BlockList>";
  net::HttpRequest request = Request("PUT", key);
  request.query = {{"comp", "blocklist"}};
  request.headers.emplace_back("Content-Type", "application/xml");
  if (!content_type.empty()) request.headers.emplace_back("x-ms-blob-content-type", content_type);
  request.body = body;
  NSTARX_TRY(const net::HttpReply reply, Exchange(context, request, key));
  return Unquoted(reply.Header("etag"));
}

Status AzureClient::AbortUpload(const Context& context, std::string_view key,
                                std::string_view upload_id) {
  return {};  // blocks that were never committed are taken away by the service
}

}  // namespace nstarx::connectors::azure_blob
