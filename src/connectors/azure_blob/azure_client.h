#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "connectors/azure_blob/azure_login.h"
#include "connectors/azure_blob/azure_settings.h"
#include "connectors/object_store/http_object_client.h"

namespace nstarx::connectors::azure_blob {

/// The operations of Blob Storage's REST API on one container.
class AzureClient final : public object_store::HttpObjectClient {
 public:
  AzureClient(const AzureSettings& settings, AzureLoginPtr login,
              std::unique_ptr<net::HttpClient> http, const Clock& clock);

  /// List Blobs.
  Result<connector::ObjectPage> List(const Context& context, std::string_view prefix,
                                     std::string_view delimiter, int64_t limit,
                                     std::string_view continuation) override;
  Result<connector::ObjectInfo> Head(const Context& context, std::string_view key) override;
  Result<std::string> Put(const Context& context, std::string_view key, std::string_view content,
                          std::string_view content_type) override;
  /// Of what is not there it is a success, as in S3.
  Status Delete(const Context& context, std::string_view key) override;
  /// A service SAS; object.presign_unavailable without an account key.
  Result<std::string> Presign(const Context& context, std::string_view method, std::string_view key,
                              std::chrono::seconds expires) override;

  /// Blocks: nothing is sent before the first one, and what is never committed goes by itself.
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

  const AzureSettings settings_;
  const AzureLoginPtr login_;
  const Clock& clock_;
};

}  // namespace nstarx::connectors::azure_blob
