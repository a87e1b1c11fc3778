#include "connectors/object_store/object_upload.h"

#include "base/log.h"

namespace nstarx::connectors::object_store {
namespace {

constexpr size_t kPartSize = 8 << 20;
constexpr size_t kLargePartSize = 32 << 20;
constexpr size_t kSmallParts = 2500;
constexpr size_t kPartsMax = 10'000;

}  // namespace

ObjectUpload::ObjectUpload(ObjectClient& client, std::string key, std::string content_type)
    : client_(client), key_(std::move(key)), content_type_(std::move(content_type)) {}

ObjectUpload::~ObjectUpload() {
  if (upload_id_.empty()) return;
  // The caller may have been stopped: the clean-up has a deadline of its own.
  const Context context = Context().WithTimeout(std::chrono::seconds(5));
  if (const Status aborted = client_.AbortUpload(context, key_, upload_id_); !aborted) {
    NSTARX_LOG(kWarning, "upload_left_behind", {{"key", key_}, {"code", aborted.error().code()}});
  }
}

size_t ObjectUpload::PartSize() const {
  return part_tags_.size() < kSmallParts ? kPartSize : kLargePartSize;
}

Status ObjectUpload::Write(const Context& context, std::string_view bytes) {
  size_ += static_cast<int64_t>(bytes.size());
  while (!bytes.empty()) {
    if (part_.size() == PartSize()) NSTARX_RETURN_IF_ERROR(SendPart(context, false));
    const size_t count = std::min(bytes.size(), PartSize() - part_.size());
    part_.append(bytes.substr(0, count));
    bytes.remove_prefix(count);
  }
  return {};
}

Status ObjectUpload::SendPart(const Context& context, bool last) {
  if (upload_id_.empty()) {
    NSTARX_TRY(upload_id_, client_.CreateUpload(context, key_, content_type_));
  }
  if (part_tags_.size() == kPartsMax) {
    return InvalidArgument("object.too_large",
                           fmt::format("The object is larger than 10,000 parts: {}", key_))
        .WithStage("query");
  }
  const UploadPart part{.number = static_cast<int>(part_tags_.size()) + 1,
                        .offset = sent_,
                        .last = last,
                        .content = part_};
  NSTARX_TRY(auto tag, client_.SendPart(context, key_, upload_id_, part));
  part_tags_.push_back(std::move(tag));
  sent_ += static_cast<int64_t>(part_.size());
  part_.clear();
  return {};
}

Result<std::string> ObjectUpload::Finish(const Context& context) {
  if (upload_id_.empty()) return client_.Put(context, key_, part_, content_type_);
  // Never empty: a full part is sent only when more bytes follow.
  NSTARX_RETURN_IF_ERROR(SendPart(context, true));
  auto etag = client_.CompleteUpload(context, key_, upload_id_, part_tags_, content_type_);
  if (etag) upload_id_.clear();
  return etag;
}

}  // namespace nstarx::connectors::object_store
