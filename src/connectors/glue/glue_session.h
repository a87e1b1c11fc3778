#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "connector/facets.h"
#include "connector/metadata.h"
#include "connectors/glue/glue_client.h"

namespace nstarx::connectors::glue {

/// One login to a Glue Data Catalog.
class GlueSession final : public connector::Session,
                          public connector::BrowseFacet,
                          public connector::MetadataFacet {
 public:
  GlueSession(std::unique_ptr<GlueClient> client, bool read_only, connector::SessionFacts facts)
      : client_(std::move(client)), read_only_(read_only), facts_(std::move(facts)) {}

  Status Ping(const Context& context) override;
  /// HTTP: the next request opens a connection of its own.
  bool healthy() const override { return true; }
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

  static Result<Name> ReadName(std::string_view path);
  /// All members `list` of the pages of a call.
  Status EachItem(const Context& context, std::string_view action, json::object body,
                  std::string_view list, const std::function<Status(const json::object&)>& take);
  Result<std::vector<std::string>> Databases(const Context& context);
  /// metadata.undefined_database
  Status EachTable(const Context& context, const std::string& database,
                   const std::function<Status(const json::object&)>& take);
  Result<std::vector<connector::Dataset>> TablesOf(const Context& context,
                                                   const std::string& database);
  /// query.undefined_table
  Result<json::object> GetTable(const Context& context, const Name& name);
  Status Update(const Context& context, const Name& name, json::object input);
  Result<std::vector<connector::LineageEdge>> Downstream(const Context& context,
                                                         const std::string& path);

  std::unique_ptr<GlueClient> client_;
  const bool read_only_;
  const connector::SessionFacts facts_;
};

}  // namespace nstarx::connectors::glue
