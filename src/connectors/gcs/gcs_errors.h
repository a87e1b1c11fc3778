#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace nstarx::connectors::gcs {

/// What the service said went wrong.
struct GcsFailure {
  int http_status = 0;
  std::string reason;   ///< "notFound"; empty when the answer had none
  std::string message;  ///< the service's sentence
};

/// Reads {"error": {"message", "errors": [{"reason"}]}}; any other text is the message.
GcsFailure ReadFailure(int http_status, std::string_view body);

/// One of our errors of it; `subject` names the key or the bucket.
Error FromGcsFailure(const GcsFailure& failure, std::string_view subject, bool anonymous);

}  // namespace nstarx::connectors::gcs
