#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "adapter/driver_spec.h"
#include "adapter/host_process.h"
#include "connector/facets.h"

namespace nstarx::adapter {

/// A login through a driver in a process of its own. A driver that crashes costs this session.
class ExternalSession final : public connector::Session,
                              public connector::QueryFacet,
                              public connector::BrowseFacet,
                              public connector::IngestFacet {
 public:
  static Result<std::unique_ptr<ExternalSession>> Open(const Context& context,
                                                       const DriverSpec& driver,
                                                       const connector::OpenRequest& request);
  ~ExternalSession() override;

  Status Ping(const Context& context) override;
  bool healthy() const override { return !host_->gone(); }
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
  Result<int64_t> Ingest(const Context& context, std::string_view path, connector::IngestMode mode,
                         connector::BatchStream& source) override;

 private:
  class Rows;
  ExternalSession(const DriverSpec& driver, std::unique_ptr<HostProcess> host, bool read_only)
      : driver_(driver), host_(std::move(host)), read_only_(read_only) {}
  /// One request and its reply. When the context ends, what runs is stopped first.
  Result<json::object> Ask(const Context& context, const json::object& request,
                           std::string_view stage);
  Status Send(const Context& context, const json::object& request);
  /// Stops what the host does for us and takes what it still says; a host that does not stop in
  /// time is killed.
  void Stop();
  Result<std::unique_ptr<connector::BatchStream>> Query(const Context& context,
                                                        const std::string& text,
                                                        const json::array& parameters);
  Error Map(std::string_view failure, std::string_view stage);

  const DriverSpec& driver_;  ///< the connector's, which outlives its sessions
  const std::unique_ptr<HostProcess> host_;
  const bool read_only_;
  connector::SessionFacts facts_;
};

}  // namespace nstarx::adapter
