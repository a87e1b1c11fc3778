#include "connectors/s3/s3_upload.h"

#include "base/log.h"

namespace nstarx::connectors::s3 {
namespace {

constexpr size_t kPartSize = 8 << 20;
constexpr size_t kLargePartSize = 32 << 20;
constexpr size_t kSmallParts = 2500;
constexpr size_t kPartsMax = 10'000;

}  // namespace

S3Upload::S3Upload(S3Client& client, std::string key, std::string content_type)
    : client_(client), key_(std::move(key)), content_type_(std::move(content_type)) {}

S3Upload::~S3Upload() {
  if (upload_id_.empty()) return;
  // The caller may have been stopped: the clean-up has a deadline of its own.
  const Context context = Context().WithTimeout(std::chrono::seconds(5));
  if (const Status aborted = client_.AbortUpload(context, key_, upload_id_); !aborted) {
    NSTARX_LOG(
        kWarning, "s3_upload_left_behind",
        {{"bucket", client_.settings().bucket}, {"key", key_}, {"code", aborted.error().code()}});
  }
}

size_t S3Upload::PartSize() const {
  return parts_.size() < kSmallParts ? kPartSize : kLargePartSize;
}

Status S3Upload::Write(const Context& context, std::string_view bytes) {
  size_ += static_cast<int64_t>(bytes.size());
  while (!bytes.empty()) {
    if (part_.size() == PartSize()) NSTARX_RETURN_IF_ERROR(SendPart(context));
    const size_t count = std::min(bytes.size(), PartSize() - part_.size());
    part_.append(bytes.substr(0, count));
    bytes.remove_prefix(count);
  }
  return {};
}

Status S3Upload::SendPart(const Context& context) {
  if (upload_id_.empty()) {
    NSTARX_TRY(upload_id_, client_.CreateUpload(context, key_, content_type_));
  }
  if (parts_.size() == kPartsMax) {
    return InvalidArgument("object.too_large",
                           fmt::format("The object is larger than 10,000 parts: {}", key_))
        .WithStage("query");
  }
  NSTARX_TRY(auto part, client_.UploadPart(context, key_, upload_id_,
                                           static_cast<int>(parts_.size()) + 1, part_));
  parts_.push_back(std::move(part));
  part_.clear();
  return {};
}

Result<std::string> S3Upload::Finish(const Context& context) {
  if (upload_id_.empty()) return client_.Put(context, key_, part_, content_type_);
  if (!part_.empty()) NSTARX_RETURN_IF_ERROR(SendPart(context));
  auto etag = client_.CompleteUpload(context, key_, upload_id_, parts_);
  if (etag) upload_id_.clear();
  return etag;
}

}  // namespace nstarx::connectors::s3
