#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "connector/facets.h"
#include "connector/metadata.h"
#include "connectors/hive_metastore/metastore_client.h"

namespace nstarx::connectors::hive_metastore {

/// One logged-in connection to a metastore.
class HiveMetastoreSession final : public connector::Session,
                                   public connector::BrowseFacet,
                                   public connector::MetadataFacet {
 public:
  static Result<std::unique_ptr<HiveMetastoreSession>> Open(const Context& context,
                                                            const Login& login, bool read_only);

  Status Ping(const Context& context) override;
  bool healthy() const override { return client_->healthy(); }
  connector::SessionFacts facts() const override { return facts_; }

  Result<std::vector<connector::Node>> List(const Context& context, std::string_view path,
                                            int64_t limit) override;
  Result<connector::Description> Describe(const Context& context, std::string_view path) override;
  Result<std::unique_ptr<connector::BatchStream>> Sample(const Context& context,
                                                         std::string_view path,
                                                         int64_t limit) override;

  Result<connector::DatasetPage> FindDatasets(const Context& context,
                                              const connector::DatasetFilter& filter) override;
  Result<connector::Dataset> GetDataset(const Context& context, std::string_view path) override;
  Result<connector::PartitionPage> ListPartitions(const Context& context, std::string_view path,
                                                  int64_t limit,
                                                  std::string_view continuation) override;
  Result<connector::Dataset> PutDataset(const Context& context, std::string_view path,
                                        const connector::DatasetChange& change) override;
  Status DeleteDataset(const Context& context, std::string_view path) override;
  Result<std::vector<connector::LineageEdge>> GetLineage(
      const Context& context, std::string_view path,
      connector::LineageDirection direction) override;
  Status PutLineage(const Context& context, std::string_view path,
                    const std::vector<connector::LineageEdge>& upstream) override;

 private:
  struct Name {
    std::string database;
    std::string table;
  };

  HiveMetastoreSession(std::unique_ptr<MetastoreClient> client, bool read_only)
      : client_(std::move(client)), read_only_(read_only) {}
  static Result<Name> ReadName(std::string_view path);
  Result<std::vector<std::string>> Databases(const Context& context);
  Result<std::vector<connector::Dataset>> TablesOf(const Context& context,
                                                   const std::string& database);
  /// The Table struct; query.undefined_table.
  Result<ThriftValue> GetTable(const Context& context, const Name& name);
  Status AlterTable(const Context& context, const Name& name, ThriftValue table);
  Result<std::vector<connector::LineageEdge>> Downstream(const Context& context,
                                                         const std::string& path);

  std::unique_ptr<MetastoreClient> client_;
  const bool read_only_;
  connector::SessionFacts facts_;
};

}  // namespace nstarx::connectors::hive_metastore
