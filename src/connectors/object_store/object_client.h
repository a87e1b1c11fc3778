#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "connector/facets.h"

namespace nstarx::connectors::object_store {

/// One piece of an object that is uploaded in parts; the last one is never empty.
struct UploadPart {
  int number = 1;      ///< counts from 1
  int64_t offset = 0;  ///< where it lies in the object
  bool last = false;
  std::string_view content;
};

/// The operations of one bucket or container; keys are whole, without the connection's prefix taken
/// off. Signs by itself and tries what is safe to repeat up to three times. Used by one thread at a
/// time. Errors: bucket.not_found or container.not_found, object.not_found, object.no_privilege,
/// object.invalid_range, object.changed, login.*, clock.skewed, service.busy, service.unavailable
/// and the transport's.
class ObjectClient {
 public:
  virtual ~ObjectClient() = default;

  virtual Result<connector::ObjectPage> List(const Context& context, std::string_view prefix,
                                             std::string_view delimiter, int64_t limit,
                                             std::string_view continuation) = 0;
  virtual Result<connector::ObjectInfo> Head(const Context& context, std::string_view key) = 0;
  /// A few of the objects under the prefix, which shows that it can be listed.
  virtual Result<connector::ObjectPage> Peek(const Context& context, std::string_view prefix,
                                             int64_t limit) {
    return List(context, prefix, "", limit, "");
  }
  /// OK when the login may read the object.
  virtual Status CheckRead(const Context& context, std::string_view key) {
    NSTARX_RETURN_IF_ERROR(Head(context, key));
    return {};
  }
  /// The bytes of a range, resumed where they broke off as long as the object stays the same.
  virtual Result<std::unique_ptr<connector::ByteStream>> Get(const Context& context,
                                                             std::string_view key,
                                                             connector::ObjectRange range) = 0;
  /// Returns the ETag.
  virtual Result<std::string> Put(const Context& context, std::string_view key,
                                  std::string_view content, std::string_view content_type) = 0;
  virtual Status Delete(const Context& context, std::string_view key) = 0;
  virtual Result<std::string> Presign(const Context& context, std::string_view method,
                                      std::string_view key, std::chrono::seconds expires) = 0;

  /// Returns the upload's id. Parts follow each other in order.
  virtual Result<std::string> CreateUpload(const Context& context, std::string_view key,
                                           std::string_view content_type) = 0;
  /// Returns the part's tag.
  virtual Result<std::string> SendPart(const Context& context, std::string_view key,
                                       std::string_view upload_id, const UploadPart& part) = 0;
  /// Makes the object appear. Returns its ETag.
  virtual Result<std::string> CompleteUpload(const Context& context, std::string_view key,
                                             std::string_view upload_id,
                                             const std::vector<std::string>& part_tags,
                                             std::string_view content_type) = 0;
  virtual Status AbortUpload(const Context& context, std::string_view key,
                             std::string_view upload_id) = 0;
};

/// OK for GET and PUT good for one second to seven days; object.invalid_method,
/// object.invalid_expiry.
Status CheckPresign(std::string_view method, std::chrono::seconds expires);

}  // namespace nstarx::connectors::object_store
