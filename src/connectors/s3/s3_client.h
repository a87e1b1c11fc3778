#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "connectors/aws/credentials.h"
#include "connectors/object_store/http_object_client.h"
#include "connectors/s3/s3_settings.h"

namespace nstarx::connectors::s3 {

/// The operations of S3's REST API on one bucket, signed with the source's current key.
class S3Client final : public object_store::HttpObjectClient {
 public:
  S3Client(const S3Settings& settings, std::shared_ptr<aws::CredentialSource> credentials,
           std::unique_ptr<net::HttpClient> http, const Clock& clock);

  /// ListObjectsV2.
  Result<connector::ObjectPage> List(const Context& context, std::string_view prefix,
                                     std::string_view delimiter, int64_t limit,
                                     std::string_view continuation) override;
  Result<connector::ObjectInfo> Head(const Context& context, std::string_view key) override;
  Result<std::string> Put(const Context& context, std::string_view key, std::string_view content,
                          std::string_view content_type) override;
  Status Delete(const Context& context, std::string_view key) override;
  Result<std::string> Presign(const Context& context, std::string_view method, std::string_view key,
                              std::chrono::seconds expires) override;

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
  net::HttpRequest GetRequest(std::string_view key) const override { return Request("GET", key); }

 private:
  net::HttpRequest Request(std::string method, std::string_view key) const;

  const S3Settings settings_;
  const std::shared_ptr<aws::CredentialSource> credentials_;  // shared with the pool's sessions
  const Clock& clock_;
};

}  // namespace nstarx::connectors::s3
