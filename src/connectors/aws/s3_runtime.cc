#include "connectors/aws/s3_runtime.h"

#include <arrow/filesystem/s3fs.h>
#include <curl/curl.h>

#include "base/log.h"

namespace nstarx::connectors::aws {

Result<std::unique_ptr<S3Runtime>> S3Runtime::Open() {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return Internal("libcurl could not be initialised");
  }
  arrow::fs::S3GlobalOptions options = arrow::fs::S3GlobalOptions::Defaults();
  options.log_level = arrow::fs::S3LogLevel::Off;
  if (const arrow::Status status = arrow::fs::InitializeS3(options); !status.ok()) {
    curl_global_cleanup();
    return Internal("Arrow's S3 library could not be initialised: " + status.message());
  }
  return std::unique_ptr<S3Runtime>(new S3Runtime());
}

S3Runtime::~S3Runtime() {
  if (const arrow::Status status = arrow::fs::FinalizeS3(); !status.ok()) {
    NSTARX_LOG(kWarning, "s3_runtime_not_finalised", {{"cause", status.message()}});
  }
  curl_global_cleanup();
}

}  // namespace nstarx::connectors::aws
