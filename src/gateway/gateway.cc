#include "gateway/gateway.h"

#include <fmt/format.h>

#include <algorithm>

#include "gateway/metered_use.h"
#include "gateway/opening.h"
#include "gateway/test_stages.h"
#include "pool/pool.h"

namespace nstarx::gateway {
namespace {

using access::Permission;

std::string_view CapabilityName(const connector::QueryFacet*) { return "query"; }
std::string_view CapabilityName(const connector::BrowseFacet*) { return "browse"; }
std::string_view CapabilityName(const connector::ExplainFacet*) { return "explain"; }
std::string_view CapabilityName(const connector::IngestFacet*) { return "ingest"; }
std::string_view CapabilityName(const connector::ObjectsFacet*) { return "objects"; }
std::string_view CapabilityName(const connector::StreamFacet*) { return "stream"; }
std::string_view CapabilityName(const connector::MetadataFacet*) { return "metadata"; }

class PooledGateway final : public Gateway {
 public:
  PooledGateway(registry::Registry& registry, audit::Journal& journal, monitor::Metrics& metrics,
                Limits limits)
      : registry_(registry),
        journal_(journal),
        metrics_(metrics),
        limits_(limits),
        pools_(metrics) {}

  Result<std::unique_ptr<connector::BatchStream>> Query(const Context& context,
                                                        std::string_view ref,
                                                        const QueryRequest& request) override {
    if (request.query.find_first_not_of(" \t\r\n;") == std::string::npos) {
      return InvalidArgument("query.empty", "the query is empty").WithDetail("field", "query");
    }
    const auto lane =
        request.lane == "background" ? pool::Lane::kBackground : pool::Lane::kInteractive;
    NSTARX_TRY(auto use, Begin(context, ref, "query.run", lane));
    use->set_fingerprint(audit::Fingerprint(request.query));
    NSTARX_TRY(auto* facet, Need<connector::QueryFacet>(*use));
    const connector::Statement statement{
        .text = request.query, .parameters = request.parameters, .limit = request.limit};
    const int asked = request.parallelism > 0 ? request.parallelism : limits_.scan_parallelism;
    const connector::ExecuteOptions options{.parallelism = std::clamp(asked, 1, 16),
                                            .siblings = &use->pool()};
    auto batches = facet->Execute(context, statement, options);
    if (!batches) return use->Failed(std::move(batches).error());
    return MeterBatches(std::move(use), *std::move(batches), request.limit);
  }

  Result<json::object> Explain(const Context& context, std::string_view ref,
                               const QueryRequest& request) override {
    return With<connector::ExplainFacet>(
        context, ref, "query.explain", [&](connector::ExplainFacet& facet, MeteredUse& use) {
          use.set_fingerprint(audit::Fingerprint(request.query));
          return facet.Explain(context, {.text = request.query, .parameters = request.parameters});
        });
  }

  Result<std::vector<connector::Node>> Browse(const Context& context, std::string_view ref,
                                              std::string_view path, int64_t limit) override {
    return With<connector::BrowseFacet>(context, ref, "catalog.browse",
                                        [&](connector::BrowseFacet& facet, MeteredUse& use) {
                                          use.set_detail("path", json::string(path.substr(0, 512)));
                                          return facet.List(context, path, limit);
                                        });
  }

  Result<connector::Description> Describe(const Context& context, std::string_view ref,
                                          std::string_view path) override {
    return With<connector::BrowseFacet>(context, ref, "catalog.describe",
                                        [&](connector::BrowseFacet& facet, MeteredUse& use) {
                                          use.set_detail("path", json::string(path.substr(0, 512)));
                                          return facet.Describe(context, path);
                                        });
  }

  Result<std::unique_ptr<connector::BatchStream>> Sample(const Context& context,
                                                         std::string_view ref,
                                                         std::string_view path,
                                                         int64_t limit) override {
    NSTARX_TRY(auto use, Begin(context, ref, "catalog.sample", pool::Lane::kInteractive));
    use->set_detail("path", json::string(path.substr(0, 512)));
    NSTARX_TRY(auto* facet, Need<connector::BrowseFacet>(*use));
    auto batches = facet->Sample(context, path, limit);
    if (!batches) return use->Failed(std::move(batches).error());
    return MeterBatches(std::move(use), *std::move(batches), limit);
  }

  Result<OpenTable> OpenForScan(const Context& context, std::string_view ref, std::string_view path,
                                std::string_view fingerprint) override {
    NSTARX_TRY(auto use, BeginScan(context, ref, path, fingerprint));
    NSTARX_TRY(auto* facet, Need<connector::BrowseFacet>(*use));
    if (!facet->narrows_scans()) {
      auto rows = facet->Scan(context, {.path = std::string(path)}, ScanOptions(*use));
      if (!rows) return use->Failed(std::move(rows).error());
      OpenTable table{.schema = (*rows)->schema()};
      table.rows = MeterBatches(std::move(use), *std::move(rows), std::nullopt);
      return table;
    }
    OpenTable table;
    {
      auto rows = facet->Sample(context, path, 1);
      if (!rows) return use->Failed(std::move(rows).error());
      // To its end: the session is used again at once.
      for (auto batch = (*rows)->Next(context);; batch = (*rows)->Next(context)) {
        if (!batch) return use->Failed(std::move(batch).error());
        if (*batch == nullptr) break;
      }
      table.schema = (*rows)->schema();
    }
    auto described = facet->Describe(context, path);
    if (described) table.row_estimate = described->row_estimate;
    use->set_detail("columns_only", true);
    use->Finished();
    return table;
  }

  Result<std::unique_ptr<connector::BatchStream>> Scan(const Context& context, std::string_view ref,
                                                       const connector::ScanRequest& request,
                                                       std::string_view fingerprint) override {
    NSTARX_TRY(auto use, BeginScan(context, ref, request.path, fingerprint));
    NSTARX_TRY(auto* facet, Need<connector::BrowseFacet>(*use));
    auto rows = facet->Scan(context, request, ScanOptions(*use));
    if (!rows) return use->Failed(std::move(rows).error());
    return MeterBatches(std::move(use), *std::move(rows), std::nullopt);
  }

  Result<int64_t> Ingest(const Context& context, std::string_view ref, std::string_view path,
                         connector::IngestMode mode, connector::BatchStream& source) override {
    return With<connector::IngestFacet>(context, ref, "data.ingest",
                                        [&](connector::IngestFacet& facet, MeteredUse& use) {
                                          use.set_detail("path", json::string(path.substr(0, 512)));
                                          auto rows = facet.Ingest(context, path, mode, source);
                                          if (rows) use.Count(*rows, 0);
                                          return rows;
                                        });
  }

  Result<connector::ProduceReport> Produce(const Context& context, std::string_view ref,
                                           std::string_view topic,
                                           connector::BatchStream& messages) override {
    return With<connector::StreamFacet>(context, ref, "stream.produce",
                                        [&](connector::StreamFacet& facet, MeteredUse& use) {
                                          use.set_detail("topic", json::string(topic));
                                          auto report = facet.Produce(context, topic, messages);
                                          if (report) use.Count(report->count, 0);
                                          return report;
                                        });
  }

  Result<std::unique_ptr<connector::BatchStream>> Consume(
      const Context& context, std::string_view ref,
      const connector::ConsumeRequest& request) override {
    NSTARX_TRY(auto use, Begin(context, ref, "stream.consume", pool::Lane::kInteractive));
    use->set_detail("topic", json::string(request.topic));
    NSTARX_TRY(auto* facet, Need<connector::StreamFacet>(*use));
    if (request.format == connector::MessageFormat::kAvro &&
        GetString(use->connection().configuration, "schema_registry").empty()) {
      return use->Failed(
          InvalidArgument("stream.no_registry", "the connection has no schema registry")
              .WithStage("query")
              .WithHint("Types that can have one have the setting schema_registry: its URL."));
    }
    auto batches = facet->Consume(context, request);
    if (!batches) return use->Failed(std::move(batches).error());
    return MeterBatches(std::move(use), *std::move(batches), request.limit);
  }

  Status Commit(const Context& context, std::string_view ref, std::string_view group,
                std::string_view topic,
                const std::vector<connector::PartitionOffset>& next) override {
    const auto done = With<connector::StreamFacet>(
        context, ref, "stream.commit",
        [&](connector::StreamFacet& facet, MeteredUse& use) -> Result<bool> {
          use.set_detail("topic", json::string(topic));
          use.set_detail("group", json::string(group));
          NSTARX_RETURN_IF_ERROR(facet.Commit(context, group, topic, next));
          return true;
        });
    return done ? Status() : Status(done.error());
  }

  Result<std::vector<connector::Lag>> GetLag(const Context& context, std::string_view ref,
                                             std::string_view topic,
                                             std::string_view group) override {
    return With<connector::StreamFacet>(context, ref, "stream.lag",
                                        [&](connector::StreamFacet& facet, MeteredUse& use) {
                                          use.set_detail("topic", json::string(topic));
                                          return facet.GetLag(context, topic, group);
                                        });
  }

  Result<connector::DatasetPage> FindDatasets(const Context& context, std::string_view ref,
                                              const connector::DatasetFilter& filter) override {
    return WithMetadata(context, ref, "metadata.find", filter.path,
                        [&](connector::MetadataFacet& facet, MeteredUse& use) {
                          auto page = facet.FindDatasets(context, filter);
                          if (page) use.Count(static_cast<int64_t>(page->items.size()), 0);
                          return page;
                        });
  }

  Result<connector::Dataset> GetDataset(const Context& context, std::string_view ref,
                                        std::string_view path) override {
    return WithMetadata(context, ref, "metadata.get", path,
                        [&](connector::MetadataFacet& facet, MeteredUse&) {
                          return facet.GetDataset(context, path);
                        });
  }

  Result<connector::PartitionPage> ListPartitions(const Context& context, std::string_view ref,
                                                  std::string_view path, int64_t limit,
                                                  std::string_view continuation) override {
    return WithMetadata(context, ref, "metadata.partitions", path,
                        [&](connector::MetadataFacet& facet, MeteredUse& use) {
                          auto page = facet.ListPartitions(context, path, limit, continuation);
                          if (page) use.Count(static_cast<int64_t>(page->items.size()), 0);
                          return page;
                        });
  }

  Result<connector::Dataset> PutDataset(const Context& context, std::string_view ref,
                                        std::string_view path,
                                        const connector::DatasetChange& change) override {
    return WithMetadata(context, ref, "metadata.put", path,
                        [&](connector::MetadataFacet& facet, MeteredUse&) {
                          return facet.PutDataset(context, path, change);
                        });
  }

  Status DeleteDataset(const Context& context, std::string_view ref,
                       std::string_view path) override {
    const auto done =
        WithMetadata(context, ref, "metadata.delete", path,
                     [&](connector::MetadataFacet& facet, MeteredUse&) -> Result<bool> {
                       NSTARX_RETURN_IF_ERROR(facet.DeleteDataset(context, path));
                       return true;
                     });
    return done ? Status() : Status(done.error());
  }

  Result<std::vector<connector::LineageEdge>> GetLineage(
      const Context& context, std::string_view ref, std::string_view path,
      connector::LineageDirection direction) override {
    return WithMetadata(context, ref, "metadata.lineage", path,
                        [&](connector::MetadataFacet& facet, MeteredUse&) {
                          return facet.GetLineage(context, path, direction);
                        });
  }

  Status PutLineage(const Context& context, std::string_view ref, std::string_view path,
                    const std::vector<connector::LineageEdge>& upstream) override {
    const auto done =
        WithMetadata(context, ref, "metadata.put_lineage", path,
                     [&](connector::MetadataFacet& facet, MeteredUse&) -> Result<bool> {
                       NSTARX_RETURN_IF_ERROR(facet.PutLineage(context, path, upstream));
                       return true;
                     });
    return done ? Status() : Status(done.error());
  }

  Result<connector::ObjectPage> ListObjects(const Context& context, std::string_view ref,
                                            std::string_view prefix, std::string_view delimiter,
                                            int64_t limit, std::string_view continuation) override {
    return WithObjects(context, ref, "object.list", prefix, [&](connector::ObjectsFacet& facet) {
      return facet.ListObjects(context, prefix, delimiter, limit, continuation);
    });
  }

  Result<connector::ObjectInfo> StatObject(const Context& context, std::string_view ref,
                                           std::string_view key) override {
    return WithObjects(context, ref, "object.stat", key,
                       [&](connector::ObjectsFacet& facet) { return facet.Stat(context, key); });
  }

  Result<std::unique_ptr<connector::ByteStream>> GetObject(const Context& context,
                                                           std::string_view ref,
                                                           std::string_view key,
                                                           connector::ObjectRange range) override {
    NSTARX_TRY(auto use, Begin(context, ref, "object.get", pool::Lane::kInteractive));
    use->set_detail("key", json::string(key.substr(0, 1024)));
    NSTARX_TRY(auto* facet, Need<connector::ObjectsFacet>(*use));
    auto bytes = facet->Get(context, key, range);
    if (!bytes) return use->Failed(std::move(bytes).error());
    return MeterBytes(std::move(use), *std::move(bytes));
  }

  Result<connector::ObjectInfo> PutObject(const Context& context, std::string_view ref,
                                          std::string_view key, connector::ByteStream& content,
                                          std::optional<int64_t> size,
                                          std::string_view content_type) override {
    return WithObjects(context, ref, "object.put", key, [&](connector::ObjectsFacet& facet) {
      return facet.Put(context, key, content, size, content_type);
    });
  }

  Status DeleteObject(const Context& context, std::string_view ref, std::string_view key) override {
    const auto done = WithObjects(context, ref, "object.delete", key,
                                  [&](connector::ObjectsFacet& facet) -> Result<bool> {
                                    NSTARX_RETURN_IF_ERROR(facet.Delete(context, key));
                                    return true;
                                  });
    return done ? Status() : Status(done.error());
  }

  Result<std::string> PresignObject(const Context& context, std::string_view ref,
                                    std::string_view method, std::string_view key,
                                    std::chrono::seconds expires) override {
    return WithObjects(context, ref, "object.presign", key, [&](connector::ObjectsFacet& facet) {
      return facet.Presign(context, method, key, expires);
    });
  }

  Result<model::TestReport> Test(const Context& context, std::string_view ref) override {
    NSTARX_TRY(const registry::ResolvedConnection resolved,
               registry_.Resolve(context, ref, Permission::kTest));
    model::TestReport report = RunTest(context, resolved);
    json::object summary;
    summary["status"] = report.status;
    summary["at"] = FormatTime(SystemClock().Now());
    for (const auto& stage : report.stages) {
      if (stage.status != "failed" || summary.contains("code")) continue;
      summary["stage"] = stage.stage;
      summary["code"] = stage.code;
    }
    NSTARX_RETURN_IF_ERROR(
        registry_.RecordTest(context, resolved.connection.id, report.status == "ok", summary));
    return report;
  }

  Result<model::TestReport> TestDraft(const Context& context,
                                      const model::ConnectionDraft& draft) override {
    NSTARX_TRY(const registry::ResolvedConnection resolved, registry_.ResolveDraft(context, draft));
    return RunTest(context, resolved);
  }

  Result<json::object> PoolState(const Context& context, std::string_view ref) override {
    NSTARX_TRY(const auto connection, registry_.Admit(context, ref, Permission::kView));
    if (const auto pool = pools_.Find(connection->id)) return pool->State();
    json::object out;
    for (const char* key : {"open", "idle", "in_use", "waiting"}) out[key] = 0;
    out["max"] = connection->pooling.max_size;
    out["holders"] = json::array();
    return out;
  }

 private:
  /// Admission and a session: the start of every use.
  Result<std::unique_ptr<MeteredUse>> Begin(const Context& context, std::string_view ref,
                                            std::string action, pool::Lane lane) {
    NSTARX_TRY(auto connection, registry_.Admit(context, ref, Permission::kUse));
    NSTARX_TRY(const connector::Connector* connector, registry_.ConnectorOf(*connection));
    auto pool = pools_.For(*connection, [&]() -> pool::Opener {
      return [this, id = connection->id](
                 const Context& opening) -> Result<std::unique_ptr<connector::Session>> {
        NSTARX_TRY(const auto resolved, registry_.Resolve(opening, id, Permission::kUse));
        return OpenSession(opening, resolved);
      };
    });
    auto use = std::make_unique<MeteredUse>(context, std::move(action), connection,
                                            connector->spec(), journal_, metrics_);
    auto lease = pool->Acquire(context, lane);
    if (!lease && lease.error().code() == "pool.closed") {
      // The connection changed between admission and here: once more, with the new row.
      NSTARX_TRY(connection, registry_.Admit(context, ref, Permission::kUse));
      pool = pools_.Find(connection->id);
      if (pool != nullptr) lease = pool->Acquire(context, lane);
    }
    if (!lease) return use->Failed(std::move(lease).error());
    use->Hold(std::move(pool), *std::move(lease));
    return use;
  }

  Result<std::unique_ptr<MeteredUse>> BeginScan(const Context& context, std::string_view ref,
                                                std::string_view path,
                                                std::string_view fingerprint) {
    NSTARX_TRY(auto use, Begin(context, ref, "table.scan", pool::Lane::kInteractive));
    use->set_detail("path", json::string(path.substr(0, 512)));
    use->set_fingerprint(std::string(fingerprint));
    return use;
  }

  connector::ExecuteOptions ScanOptions(MeteredUse& use) const {
    return {.parallelism = std::clamp(limits_.scan_parallelism, 1, 16), .siblings = &use.pool()};
  }

  template <class Facet>
  Result<Facet*> Need(MeteredUse& use) {
    Facet* facet = use.session().As<Facet>();
    if (facet != nullptr) return facet;
    const auto capability = CapabilityName(facet);
    return use.Failed(
        Unimplemented("capability.missing", fmt::format("connections of type {} have no '{}'",
                                                        use.connection().type, capability))
            .WithDetail("capability", capability)
            .WithHint(fmt::format("GET /connection-types/{} lists what the type can do.",
                                  use.connection().type)));
  }

  template <class Facet, class Call>
  auto With(const Context& context, std::string_view ref, std::string action, const Call& call)
      -> decltype(call(std::declval<Facet&>(), std::declval<MeteredUse&>())) {
    NSTARX_TRY(auto use, Begin(context, ref, std::move(action), pool::Lane::kInteractive));
    NSTARX_TRY(auto* facet, Need<Facet>(*use));
    auto result = call(*facet, *use);
    if (!result) return use->Failed(std::move(result).error());
    use->Finished();
    return result;
  }

  template <class Call>
  auto WithObjects(const Context& context, std::string_view ref, std::string action,
                   std::string_view key, const Call& call)
      -> decltype(call(std::declval<connector::ObjectsFacet&>())) {
    return With<connector::ObjectsFacet>(context, ref, std::move(action),
                                         [&](connector::ObjectsFacet& facet, MeteredUse& use) {
                                           use.set_detail("key", json::string(key.substr(0, 1024)));
                                           return call(facet);
                                         });
  }

  template <class Call>
  auto WithMetadata(const Context& context, std::string_view ref, std::string action,
                    std::string_view path, const Call& call)
      -> decltype(call(std::declval<connector::MetadataFacet&>(), std::declval<MeteredUse&>())) {
    return With<connector::MetadataFacet>(
        context, ref, std::move(action), [&](connector::MetadataFacet& facet, MeteredUse& use) {
          use.set_detail("path", json::string(path.substr(0, 512)));
          return call(facet, use);
        });
  }

  model::TestReport RunTest(const Context& context, const registry::ResolvedConnection& resolved) {
    const auto start = std::chrono::steady_clock::now();
    model::TestReport report = RunStagedTest(context.WithTimeout(limits_.test_deadline), resolved);
    metrics_.ConnectionTest(resolved.connection.type, report.status);
    audit::Entry entry;
    entry.action = "connection.test";
    entry.outcome = report.status;
    entry.connection_id = resolved.connection.id;
    entry.connection = resolved.connection.name;
    entry.ms =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    for (const auto& stage : report.stages) {
      if (stage.status == "failed" && entry.code.empty()) entry.code = stage.code;
    }
    journal_.Append(context, std::move(entry));
    return report;
  }

  registry::Registry& registry_;
  audit::Journal& journal_;
  monitor::Metrics& metrics_;
  const Limits limits_;
  pool::PoolSet pools_;
};

}  // namespace

std::unique_ptr<Gateway> Gateway::Make(registry::Registry& registry, audit::Journal& journal,
                                       monitor::Metrics& metrics, Limits limits) {
  return std::make_unique<PooledGateway>(registry, journal, metrics, limits);
}

}  // namespace nstarx::gateway
