#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "connector/facets.h"
#include "connector/session.h"
#include "connectors/object_store/object_client.h"
#include "connectors/object_store/object_tables.h"

namespace nstarx::connectors::object_store {

/// What a session is told about its connection.
struct SessionSettings {
  std::string prefix;  ///< empty, or ends in '/' and does not begin with one
  bool read_only = false;
  std::string list_privilege;  ///< what the system calls it, e.g. "s3:ListBucket"
  std::string read_privilege;
  file_tables::EngineSettings engine;
};

/// "a/b" and "/a/b/" as "a/b/"; empty stays empty.
std::string NormalPrefix(std::string_view text);

/// One login to one bucket: objects by the REST API, files as tables by an embedded engine. Keys
/// and paths are relative to the connection's prefix.
class ObjectSession final : public connector::Session,
                            public connector::ObjectsFacet,
                            public connector::PrivilegesFacet,
                            public connector::QueryFacet,
                            public connector::BrowseFacet,
                            public connector::IngestFacet {
 public:
  ObjectSession(std::unique_ptr<ObjectClient> client, std::unique_ptr<FileSource> files,
                SessionSettings settings, connector::SessionFacts facts);
  ~ObjectSession() override;

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
  bool narrows_scans() const override { return true; }
  Result<std::unique_ptr<connector::BatchStream>> Scan(
      const Context& context, const connector::ScanRequest& request,
      const connector::ExecuteOptions& options) override;

  Result<int64_t> Ingest(const Context& context, std::string_view path, connector::IngestMode mode,
                         connector::BatchStream& source) override;

 private:
  /// The whole key of one that a caller names; object.invalid_key.
  Result<std::string> FullKey(std::string_view key) const;
  std::string Inner(std::string_view full_key) const;
  /// query.read_only on a read-only connection.
  Status CheckWritable() const;
  /// Passes a result on; a refused login or a broken engine makes the session unhealthy.
  template <class T>
  T Noted(T result);

  const SessionSettings settings_;
  const std::unique_ptr<ObjectClient> client_;
  ObjectTables tables_;
  const connector::SessionFacts facts_;
  std::atomic<bool> healthy_ = true;
};

}  // namespace nstarx::connectors::object_store
