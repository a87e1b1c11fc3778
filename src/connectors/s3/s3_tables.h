#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "connector/facets.h"
#include "connectors/aws/credentials.h"
#include "connectors/file_tables/file_engine.h"
#include "connectors/s3/s3_client.h"
#include "net/reach.h"

namespace nstarx::connectors::s3 {

/// The files of one connection as tables. The engine starts with the first use; the file system is
/// made anew when temporary credentials were renewed. Used by one thread at a time, except Cancel.
class S3Tables {
 public:
  explicit S3Tables(S3Client& client) : client_(client) {}

  Result<std::unique_ptr<connector::BatchStream>> Execute(const Context& context,
                                                          const connector::Statement& statement);
  Result<connector::Description> Describe(const Context& context, std::string_view path);
  Result<std::unique_ptr<connector::BatchStream>> Sample(const Context& context,
                                                         std::string_view path, int64_t limit);
  void Cancel();

 private:
  Status Prepare(const Context& context);
  Status MakeFiles(const aws::CredentialsPtr& credentials);

  S3Client& client_;
  std::mutex mutex_;  // Cancel() against the engine's birth
  std::unique_ptr<file_tables::FileEngine> engine_ NSTARX_GUARDED_BY(mutex_);
  std::shared_ptr<arrow::fs::FileSystem> files_;  // shared with the running statement
  aws::CredentialsPtr credentials_;               // those that files_ was made with
  std::optional<net::PemFile> ca_file_;
};

}  // namespace nstarx::connectors::s3
