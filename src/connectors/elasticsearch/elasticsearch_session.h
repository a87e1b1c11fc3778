#pragma once

#include <memory>
#include <string>

#include "connector/facets.h"
#include "connector/session.h"
#include "connectors/elasticsearch/elasticsearch_pages.h"

namespace nstarx::connectors::elasticsearch {

struct SessionOptions {
  bool read_only = false;
  Paging paging = Paging::kAuto;
};

/// One client of one cluster.
class ElasticsearchSession final : public connector::Session,
                                   public connector::QueryFacet,
                                   public connector::BrowseFacet,
                                   public connector::ExplainFacet,
                                   public connector::IngestFacet {
 public:
  ElasticsearchSession(std::unique_ptr<Client> client, SessionOptions options)
      : client_(std::move(client)), options_(options) {}

  /// Asks who is there, once before anything else.
  Status LogIn(const Context& context);

  Status Ping(const Context& context) override;
  bool healthy() const override { return client_->healthy(); }
  connector::SessionFacts facts() const override { return facts_; }

  Result<std::unique_ptr<connector::BatchStream>> Execute(
      const Context& context, const connector::Statement& statement,
      const connector::ExecuteOptions& options) override;
  Result<std::vector<connector::Node>> List(const Context& context, std::string_view path,
                                            int64_t limit) override;
  Result<connector::Description> Describe(const Context& context, std::string_view path) override;
  Result<std::unique_ptr<connector::BatchStream>> Sample(const Context& context,
                                                         std::string_view path,
                                                         int64_t limit) override;
  Result<std::unique_ptr<connector::BatchStream>> Scan(
      const Context& context, const connector::ScanRequest& request,
      const connector::ExecuteOptions& options) override;
  Result<int64_t> Ingest(const Context& context, std::string_view path, connector::IngestMode mode,
                         connector::BatchStream& source) override;
  /// What the query becomes in each index, as the server's _validate says.
  Result<json::object> Explain(const Context& context,
                               const connector::Statement& statement) override;

 private:
  const std::unique_ptr<Client> client_;
  SessionOptions options_;
  Product product_ = Product::kElasticsearch;
  connector::SessionFacts facts_;
};

}  // namespace nstarx::connectors::elasticsearch
