#include "connectors/s3/s3_files.h"

#include <arrow/filesystem/s3fs.h>

#include "connectors/s3/s3_errors.h"

namespace nstarx::connectors::s3 {

Status S3Files::MakeFiles(const aws::CredentialsPtr& credentials) {
  arrow::fs::S3Options options;
  if (credentials == nullptr) {
    options = arrow::fs::S3Options::Anonymous();
  } else {
    options = arrow::fs::S3Options::FromAccessKey(
        credentials->access_key_id, std::string(credentials->secret_access_key.Reveal()),
        std::string(credentials->session_token.Reveal()));
  }
  options.region = settings_.region;
  options.scheme = settings_.endpoint.https ? "https" : "http";
  options.endpoint_override = settings_.endpoint.Authority();
  options.force_virtual_addressing = !settings_.path_style;
  options.connect_timeout = static_cast<double>(settings_.connect_timeout.count()) / 1000;
  options.request_timeout = static_cast<double>(settings_.request_timeout.count()) / 1000;
  options.background_writes = false;
  options.retry_strategy = arrow::fs::S3RetryStrategy::GetAwsStandardRetryStrategy(3);
  if (!settings_.ca_pem.empty()) {
    if (!ca_file_) {
      NSTARX_TRY(auto file, net::PemFile::Write(settings_.ca_pem));
      ca_file_ = std::move(file);
    }
    options.tls_ca_file_path = ca_file_->path();
  }
  auto made = arrow::fs::S3FileSystem::Make(options);
  if (!made.ok()) return FromArrowMessage(made.status().message());
  files_ = std::make_shared<arrow::fs::SubTreeFileSystem>(settings_.bucket + "/" + settings_.prefix,
                                                          *made);
  credentials_ = credentials;
  return {};
}

Result<std::shared_ptr<arrow::fs::FileSystem>> S3Files::Files(const Context& context) {
  NSTARX_TRY(const aws::CredentialsPtr credentials, source_->Get(context));
  if (files_ == nullptr || credentials != credentials_) {
    NSTARX_RETURN_IF_ERROR(MakeFiles(credentials));
  }
  return files_;
}

Error S3Files::ReadFailure(std::string_view message) { return FromArrowMessage(message); }

}  // namespace nstarx::connectors::s3
