#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/secret.h"
#include "connector/facets.h"
#include "connector/metadata.h"
#include "connectors/custom_catalog/mapping.h"
#include "net/http_client.h"

namespace nstarx::connectors::custom_catalog {

/// A catalog behind HTTP and JSON, as its mapping describes it. It is read, never changed.
class CustomCatalogSession final : public connector::Session,
                                   public connector::BrowseFacet,
                                   public connector::MetadataFacet {
 public:
  /// `authorization` is the value of that header, or empty.
  CustomCatalogSession(net::ServiceUrl service, Mapping mapping, Secret authorization,
                       std::unique_ptr<net::HttpClient> http)
      : service_(std::move(service)),
        mapping_(std::move(mapping)),
        authorization_(std::move(authorization)),
        http_(std::move(http)) {}

  Status Ping(const Context& context) override;
  /// HTTP: the next request opens a connection of its own.
  bool healthy() const override { return true; }
  connector::SessionFacts facts() const override { return {{"endpoint", service_.Origin()}}; }

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
  Result<json::value> Ask(const Context& context, const Request& request, std::string_view database,
                          std::string_view name, std::string_view page);
  Status EachItem(const Context& context, const Request& request, std::string_view database,
                  const std::function<Status(const json::value&)>& take);
  Result<std::vector<std::string>> Databases(const Context& context);
  Result<std::vector<connector::Dataset>> TablesOf(const Context& context,
                                                   const std::string& database);

  const net::ServiceUrl service_;
  const Mapping mapping_;
  const Secret authorization_;
  std::unique_ptr<net::HttpClient> http_;
};

}  // namespace nstarx::connectors::custom_catalog
