#pragma once

#include <filesystem>
#include <memory>

#include "connector/facets.h"
#include "connector/session.h"
#include "connectors/file_tables/file_engine.h"

namespace nstarx::connectors::files {

/// A folder of the server's disk; as Session says about threads.
class FilesSession final : public connector::Session,
                           public connector::QueryFacet,
                           public connector::BrowseFacet {
 public:
  static Result<std::unique_ptr<FilesSession>> Open(const std::filesystem::path& canonical_root);

  Status Ping(const Context& context) override;
  void Cancel() override { engine_->Interrupt(); }
  bool healthy() const override { return true; }
  connector::SessionFacts facts() const override;

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

 private:
  FilesSession(std::filesystem::path root, std::unique_ptr<file_tables::FileEngine> engine,
               std::shared_ptr<arrow::fs::FileSystem> files);

  std::filesystem::path root_;
  std::unique_ptr<file_tables::FileEngine> engine_;
  std::shared_ptr<arrow::fs::FileSystem> files_;  // shared with the running statement
};

}  // namespace nstarx::connectors::files
