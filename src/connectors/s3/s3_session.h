#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "connector/facets.h"
#include "connector/session.h"
#include "connectors/s3/s3_client.h"
#include "connectors/s3/s3_tables.h"

namespace nstarx::connectors::s3 {

/// One login to one bucket: objects by the REST API, files as tables by an embedded engine. Keys
/// and paths are relative to the connection's prefix.
class S3Session final : public connector::Session,
                        public connector::ObjectsFacet,
                        public connector::PrivilegesFacet,
                        public connector::QueryFacet,
                        public connector::BrowseFacet,
                        public connector::IngestFacet {
 public:
  S3Session(std::unique_ptr<S3Client> client, connector::SessionFacts facts);
  ~S3Session() override;

  Status Ping(const Context& context) override;
  void Cancel() override { tables_.Cancel(); }
  bool healthy() const override { return healthy_; }
  connector::SessionFacts facts() const override { return facts_; }

  Result<connector::ObjectPage> ListObjects(const Context& context, std::string_view prefix,
                                            std::string_view delimiter, int64_t limit,
                                            std::string_view continuation) override;
  Result<connector::ObjectInfo> Stat(const Context& context, std::string_view key) override;
  Result<std::unique_ptr<connector::ByteStream>> Get(const Context& context, std::string_view key,
                                                     connector::ObjectRange range) override;
  Result<connector::ObjectInfo> Put(const Context& context, std::string_view key,
                                    connector::ByteStream& content, std::optional<int64_t> size,
                                    std::string_view content_type) override;
  Status Delete(const Context& context, std::string_view key) override;
  Result<std::string> Presign(const Context& context, std::string_view method, std::string_view key,
                              std::chrono::seconds expires) override;

  Result<connector::PrivilegeReport> CheckPrivileges(const Context& context) override;

  Result<std::unique_ptr<connector::BatchStream>> Execute(
      const Context& context, const connector::Statement& statement,
      const connector::ExecuteOptions& options) override;

  Result<std::vector<connector::Node>> List(const Context& context, std::string_view path,
                                            int64_t limit) override;
  Result<connector::Description> Describe(const Context& context, std::string_view path) override;
  Result<std::unique_ptr<connector::BatchStream>> Sample(const Context& context,
                                                         std::string_view path,
                                                         int64_t limit) override;

  Result<int64_t> Ingest(const Context& context, std::string_view path, connector::IngestMode mode,
                         connector::BatchStream& source) override;

 private:
  /// The whole key of one that a caller names; object.invalid_key.
  Result<std::string> FullKey(std::string_view key) const;
  std::string Inner(std::string_view full_key) const;
  /// Passes a result on; a refused login or a broken engine makes the session unhealthy.
  template <class T>
  T Noted(T result);

  const std::unique_ptr<S3Client> client_;
  S3Tables tables_;
  const connector::SessionFacts facts_;
  std::atomic<bool> healthy_ = true;
};

}  // namespace nstarx::connectors::s3
