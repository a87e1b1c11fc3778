#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace arrow {
class Status;
}

namespace nstarx::result {

/// The error of a failed Arrow call while writing an answer.
Error EncodeError(const arrow::Status& status);

/// The error of a failed Arrow call on a client's bytes: request.malformed_data, or
/// request.too_large when the memory bound was hit.
Error DecodeError(const arrow::Status& status, std::string_view format);

}  // namespace nstarx::result
