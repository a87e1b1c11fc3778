#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "connectors/gcs/gcs_settings.h"
#include "connectors/google/logins.h"
#include "connectors/object_store/bearer_token.h"
#include "connectors/object_store/http_object_client.h"

namespace nstarx::connectors::gcs {

/// What a connection proves itself with; all null is anonymous.
struct GcsLogin {
  google::ServiceAccountPtr account;  ///< signs URLs
  google::TokenSourcePtr token;
};

/// The operations of Cloud Storage's JSON API on one bucket.
class GcsClient final : public object_store::HttpObjectClient {
 public:
  GcsClient(const GcsSettings& settings, GcsLogin login, std::unique_ptr<net::HttpClient> http,
            const Clock& clock);

  Result<connector::ObjectPage> List(const Context& context, std::string_view prefix,
                                     std::string_view delimiter, int64_t limit,
                                     std::string_view continuation) override;
  Result<connector::ObjectInfo> Head(const Context& context, std::string_view key) override;
  Result<std::string> Put(const Context& context, std::string_view key, std::string_view content,
                          std::string_view content_type) override;
  /// Of what is not there it is a success, as in S3.
  Status Delete(const Context& context, std::string_view key) override;
  /// A V4 signed URL; object.presign_unavailable without a service account's key.
  Result<std::string> Presign(const Context& context, std::string_view method, std::string_view key,
                              std::chrono::seconds expires) override;

  /// A resumable upload; its id is path and query of the session's URL.
  Result<std::string> CreateUpload(const Context& context, std::string_view key,
                                   std::string_view content_type) override;
  Result<std::string> SendPart(const Context& context, std::string_view key,
                               std::string_view upload_id,
                               const object_store::UploadPart& part) override;
  Result<std::string> CompleteUpload(const Context& context, std::string_view key,
                                     std::string_view upload_id,
                                     const std::vector<std::string>& part_tags,
                                     std::string_view content_type) override;
  Status AbortUpload(const Context& context, std::string_view key,
                     std::string_view upload_id) override;

 protected:
  Status Authorize(const Context& context, net::HttpRequest& request) override;
  Error FailureOf(const net::HttpReply& reply, std::string_view subject) const override;
  net::HttpRequest GetRequest(std::string_view key) const override;
  std::string VersionOf(const net::HttpReply& reply) const override;
  void Pin(net::HttpRequest& request, const std::string& version) const override;

 private:
  net::HttpRequest Request(std::string method, std::string path) const;
  net::HttpRequest SessionRequest(std::string method, std::string_view session) const;

  const GcsSettings settings_;
  const GcsLogin login_;
  const Clock& clock_;
};

/// Path and query of an upload session's URL; the host is not looked at, as requests go to the
/// connection's own endpoint. Empty when there is none.
std::string UploadSessionOf(std::string_view location);

}  // namespace nstarx::connectors::gcs
