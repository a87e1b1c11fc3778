#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "connector/facets.h"
#include "connectors/aws/credentials.h"
#include "connectors/s3/s3_settings.h"
#include "net/http_client.h"

namespace nstarx::connectors::s3 {

struct UploadedPart {
  int number = 0;
  std::string etag;
};

/// The operations of S3's REST API on one bucket; keys are whole, without the connection's prefix
/// taken off. Signs with the source's current key and tries what is safe to repeat up to three
/// times. Used by one thread at a time.
class S3Client {
 public:
  S3Client(const S3Settings& settings, std::shared_ptr<aws::CredentialSource> credentials,
           std::unique_ptr<net::HttpClient> http, const Clock& clock);

  /// ListObjectsV2.
  Result<connector::ObjectPage> List(const Context& context, std::string_view prefix,
                                     std::string_view delimiter, int64_t limit,
                                     std::string_view continuation);
  Result<connector::ObjectInfo> Head(const Context& context, std::string_view key);
  /// The bytes of a range, resumed where they broke off as long as the object stays the same.
  Result<std::unique_ptr<connector::ByteStream>> Get(const Context& context, std::string_view key,
                                                     connector::ObjectRange range);
  /// Returns the ETag.
  Result<std::string> Put(const Context& context, std::string_view key, std::string_view content,
                          std::string_view content_type);
  Status Delete(const Context& context, std::string_view key);
  Result<std::string> Presign(const Context& context, std::string_view method, std::string_view key,
                              std::chrono::seconds expires);

  Result<std::string> CreateUpload(const Context& context, std::string_view key,
                                   std::string_view content_type);
  Result<UploadedPart> UploadPart(const Context& context, std::string_view key,
                                  std::string_view upload_id, int number, std::string_view content);
  Result<std::string> CompleteUpload(const Context& context, std::string_view key,
                                     std::string_view upload_id,
                                     const std::vector<UploadedPart>& parts);
  Status AbortUpload(const Context& context, std::string_view key, std::string_view upload_id);

  const S3Settings& settings() const { return settings_; }
  aws::CredentialSource& credentials() { return *credentials_; }

 private:
  friend class ResumingGet;
  net::HttpRequest Request(std::string method, std::string_view key) const;
  Status Sign(const Context& context, net::HttpRequest& request);
  /// Sends, again when that is safe and may help; a status of 300 or more is an error.
  Result<net::HttpReply> Exchange(const Context& context, const net::HttpRequest& request,
                                  std::string_view subject);
  Result<std::unique_ptr<connector::ByteStream>> StartGet(const Context& context,
                                                          std::string_view key, int64_t offset,
                                                          std::optional<int64_t> length,
                                                          std::string_view etag,
                                                          net::HttpReply& reply);

  const S3Settings settings_;
  const std::shared_ptr<aws::CredentialSource> credentials_;  // shared with the pool's sessions
  const std::unique_ptr<net::HttpClient> http_;
  const Clock& clock_;
};

}  // namespace nstarx::connectors::s3
