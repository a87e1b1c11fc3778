#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "connectors/aws/credentials.h"
#include "connectors/object_store/object_tables.h"
#include "connectors/s3/s3_settings.h"
#include "net/reach.h"

namespace nstarx::connectors::s3 {

/// The bucket as one of Arrow's file systems; made anew when temporary credentials were renewed.
class S3Files final : public object_store::FileSource {
 public:
  S3Files(const S3Settings& settings, std::shared_ptr<aws::CredentialSource> source)
      : settings_(settings), source_(std::move(source)) {}

  Result<std::shared_ptr<arrow::fs::FileSystem>> Files(const Context& context) override;
  Error ReadFailure(std::string_view message) override;

 private:
  Status MakeFiles(const aws::CredentialsPtr& credentials);

  const S3Settings settings_;
  const std::shared_ptr<aws::CredentialSource> source_;  // shared with the pool's sessions
  std::shared_ptr<arrow::fs::FileSystem> files_;         // shared with the running statement
  aws::CredentialsPtr credentials_;                      // those that files_ was made with
  std::optional<net::PemFile> ca_file_;
};

}  // namespace nstarx::connectors::s3
