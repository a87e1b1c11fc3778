#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "connectors/s3/s3_client.h"

namespace nstarx::connectors::s3 {

/// One object being written: small ones by one PUT, larger ones in parts of 8 MiB (32 MiB past
/// 20 GB). Holds one part in memory. Nothing is visible until Finish; without it the destructor
/// takes the parts away again. Not thread-safe.
class S3Upload {
 public:
  S3Upload(S3Client& client, std::string key, std::string content_type);
  ~S3Upload();
  S3Upload(const S3Upload&) = delete;
  S3Upload& operator=(const S3Upload&) = delete;

  Status Write(const Context& context, std::string_view bytes);
  /// Makes the object appear. Returns its ETag.
  Result<std::string> Finish(const Context& context);
  int64_t size() const { return size_; }

 private:
  Status SendPart(const Context& context);
  size_t PartSize() const;

  S3Client& client_;
  const std::string key_;
  const std::string content_type_;
  std::string part_;
  int64_t size_ = 0;
  std::string upload_id_;
  std::vector<UploadedPart> parts_;
};

}  // namespace nstarx::connectors::s3
