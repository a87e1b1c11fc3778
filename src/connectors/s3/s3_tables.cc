#include "connectors/s3/s3_tables.h"

#include <arrow/filesystem/s3fs.h>

#include "connectors/s3/s3_errors.h"

namespace nstarx::connectors::s3 {

Status S3Tables::MakeFiles(const aws::CredentialsPtr& credentials) {
  const S3Settings& settings = client_.settings();
  arrow::fs::S3Options options;
  if (credentials == nullptr) {
    options = arrow::fs::S3Options::Anonymous();
  } else {
    options = arrow::fs::S3Options::FromAccessKey(
        credentials->access_key_id, std::string(credentials->secret_access_key.Reveal()),
        std::string(credentials->session_token.Reveal()));
  }
  options.region = settings.region;
  options.scheme = settings.endpoint.https ? "https" : "http";
  options.endpoint_override = settings.endpoint.Authority();
  options.force_virtual_addressing = !settings.path_style;
  options.connect_timeout = static_cast<double>(settings.connect_timeout.count()) / 1000;
  options.request_timeout = static_cast<double>(settings.request_timeout.count()) / 1000;
  options.background_writes = false;
  options.retry_strategy = arrow::fs::S3RetryStrategy::GetAwsStandardRetryStrategy(3);
  if (!settings.ca_pem.empty()) {
    if (!ca_file_) {
      NSTARX_TRY(auto file, net::PemFile::Write(settings.ca_pem));
      ca_file_ = std::move(file);
    }
    options.tls_ca_file_path = ca_file_->path();
  }
  auto made = arrow::fs::S3FileSystem::Make(options);
  if (!made.ok()) return FromArrowMessage(made.status().message());
  files_ = std::make_shared<arrow::fs::SubTreeFileSystem>(settings.bucket + "/" + settings.prefix,
                                                          *made);
  credentials_ = credentials;
  return {};
}

Status S3Tables::Prepare(const Context& context) {
  NSTARX_TRY(const aws::CredentialsPtr credentials, client_.credentials().Get(context));
  if (files_ == nullptr || credentials != credentials_) {
    NSTARX_RETURN_IF_ERROR(MakeFiles(credentials));
  }
  if (engine_ != nullptr) return {};
  NSTARX_TRY(auto engine, file_tables::FileEngine::Open(
                              {.memory_limit_bytes = client_.settings().memory_limit_bytes,
                               .threads = client_.settings().query_threads,
                               .cache_files = client_.settings().cache_files,
                               .read_failure = FromArrowMessage}));
  const std::lock_guard lock(mutex_);
  engine_ = std::move(engine);
  return {};
}

Result<std::unique_ptr<connector::BatchStream>> S3Tables::Execute(
    const Context& context, const connector::Statement& statement) {
  NSTARX_RETURN_IF_ERROR(Prepare(context));
  return engine_->Execute(context, files_, statement);
}

Result<connector::Description> S3Tables::Describe(const Context& context, std::string_view path) {
  NSTARX_RETURN_IF_ERROR(Prepare(context));
  return engine_->Describe(context, files_, path);
}

Result<std::unique_ptr<connector::BatchStream>> S3Tables::Sample(const Context& context,
                                                                 std::string_view path,
                                                                 int64_t limit) {
  const connector::Statement statement{
      .text = fmt::format("{} LIMIT {}", file_tables::FileEngine::SelectAll(path),
                          std::max<int64_t>(limit, 0)),
      .parameters = {},
      .limit = limit};
  return Execute(context, statement);
}

void S3Tables::Cancel() {
  const std::lock_guard lock(mutex_);
  if (engine_ != nullptr) engine_->Interrupt();
}

}  // namespace nstarx::connectors::s3
