#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "connector/facets.h"
#include "connector/metadata.h"
#include "connectors/atlas/atlas_client.h"
#include "connectors/atlas/entity_value.h"
#include "connectors/atlas/type_model.h"

namespace nstarx::connectors::atlas {

/// One login to an Apache Atlas.
class AtlasSession final : public connector::Session,
                           public connector::BrowseFacet,
                           public connector::MetadataFacet {
 public:
  AtlasSession(std::unique_ptr<AtlasClient> client, bool read_only, connector::SessionFacts facts)
      : client_(std::move(client)), read_only_(read_only), facts_(std::move(facts)) {}

  Status Ping(const Context& context) override;
  /// Asks for the server's version; without it when Atlas does not tell.
  void LearnVersion(const Context& context);
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
  /// A process next to a dataset, with the datasets at its far side.
  struct Neighbour {
    std::string guid;
    std::string name;
    std::vector<std::string> paths;
  };

  Status ReadModel(const Context& context);
  /// Reads the model when `type` is not in what was read before.
  Status Learn(const Context& context, std::string_view type);
  /// Names of all classifications, or of all groups of business metadata.
  Result<std::set<std::string, std::less<>>> NamesOf(const Context& context, std::string_view kind);
  /// One page of a type's datasets in short, in order; how many Atlas gave is added to `seen`.
  Result<std::vector<connector::Dataset>> Search(const Context& context, const std::string& type,
                                                 int64_t offset, int64_t limit, int64_t& seen);
  /// query.undefined_table; a path may also be a guid.
  Result<json::object> GetEntity(const Context& context, std::string_view path);
  Result<json::object> GetEntity(const Context& context, const EntityName& name);
  /// Changes what `body` has and leaves the rest as it is.
  Status Update(const Context& context, const EntityName& name, const json::object& body);
  /// Gives all those entities; the short form is without relationships.
  Status EachEntity(const Context& context, const std::vector<std::string>& guids, bool short_form,
                    const std::function<Status(const json::object&)>& take);
  /// Adds columns that the answer only refers to.
  Status Complete(const Context& context, json::object& answer);
  Status PutTags(const Context& context, const std::string& guid, const json::object& entity,
                 const std::vector<std::string>& tags);
  Result<std::vector<Neighbour>> Neighbours(const Context& context, const std::string& guid,
                                            std::string_view path,
                                            connector::LineageDirection direction);
  /// Takes the dataset out of the outputs of a process; one without others is removed.
  Status Detach(const Context& context, const std::string& process, std::string_view dataset);
  Status PutProcess(const Context& context, std::string_view path, std::string_view dataset,
                    std::string_view process, const std::vector<std::string>& sources);

  std::unique_ptr<AtlasClient> client_;
  const bool read_only_;
  connector::SessionFacts facts_;
  TypeModel model_;
};

}  // namespace nstarx::connectors::atlas
