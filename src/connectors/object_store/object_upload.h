#pragma once

#include <string>
#include <vector>

#include "connectors/file_tables/parquet_sink.h"
#include "connectors/object_store/object_client.h"

namespace nstarx::connectors::object_store {

/// One object being written: small ones by one PUT, larger ones in parts of 8 MiB (32 MiB past
/// 20 GB). Holds one part in memory. Nothing is visible until Finish; without it the destructor
/// takes the parts away again. Not thread-safe.
class ObjectUpload final : public file_tables::ByteSink {
 public:
  ObjectUpload(ObjectClient& client, std::string key, std::string content_type);
  ~ObjectUpload() override;
  ObjectUpload(const ObjectUpload&) = delete;
  ObjectUpload& operator=(const ObjectUpload&) = delete;

  Status Write(const Context& context, std::string_view bytes) override;
  /// Makes the object appear. Returns its ETag.
  Result<std::string> Finish(const Context& context);
  int64_t size() const { return size_; }

 private:
  Status SendPart(const Context& context, bool last);
  size_t PartSize() const;

  ObjectClient& client_;
  const std::string key_;
  const std::string content_type_;
  std::string part_;
  int64_t size_ = 0;
  int64_t sent_ = 0;
  std::string upload_id_;
  std::vector<std::string> part_tags_;
};

}  // namespace nstarx::connectors::object_store
