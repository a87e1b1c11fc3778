#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connector/facets.h"
#include "connector/metadata.h"
#include "connectors/datahub/dataset_aspects.h"
#include "connectors/datahub/gms_client.h"

namespace nstarx::connectors::datahub {

/// One login to DataHub's metadata service.
class DatahubSession final : public connector::Session,
                             public connector::BrowseFacet,
                             public connector::MetadataFacet {
 public:
  DatahubSession(std::unique_ptr<GmsClient> client, bool read_only, connector::SessionFacts facts)
      : client_(std::move(client)), read_only_(read_only), facts_(std::move(facts)) {}

  Status Ping(const Context& context) override;
  /// Asks for the server's version; without it when DataHub does not tell.
  void LearnFacts(const Context& context);
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
  struct Scrolled {
    std::vector<connector::Dataset> items;
    std::string next;
  };

  /// One page of datasets in short; of all platforms when `platform` is empty.
  Result<Scrolled> Scroll(const Context& context, std::string_view platform,
                          std::string_view scroll_id, int64_t count);
  Result<std::vector<std::string>> Platforms(const Context& context);
  Result<bool> HasPlatform(const Context& context, std::string_view platform);
  /// What there is of it, also when that is nothing or removed.
  Result<Aspects> Fetch(const Context& context, std::string_view urn);
  /// query.undefined_table
  Result<Aspects> FetchDataset(const Context& context, const DatasetName& name);
  Result<std::vector<connector::LineageEdge>> Downstream(const Context& context,
                                                         const DatasetName& name);

  std::unique_ptr<GmsClient> client_;
  const bool read_only_;
  connector::SessionFacts facts_;
  const SystemClock clock_;
};

}  // namespace nstarx::connectors::datahub
