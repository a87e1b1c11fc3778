#pragma once

#include <memory>

#include "base/status.h"

namespace nstarx::connectors::aws {

/// The process-wide state of libcurl and of Arrow's S3 library. Opened by the program's main before
/// it starts threads, destroyed after the last session; at most one at a time.
class S3Runtime {
 public:
  static Result<std::unique_ptr<S3Runtime>> Open();
  ~S3Runtime();
  S3Runtime(const S3Runtime&) = delete;
  S3Runtime& operator=(const S3Runtime&) = delete;

 private:
  S3Runtime() = default;
};

}  // namespace nstarx::connectors::aws
