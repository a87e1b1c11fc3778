#pragma once

#include <arrow/api.h>

#include <map>
#include <mutex>

#include "access/access.h"
#include "audit/journal.h"
#include "connector/connector.h"
#include "discover/templates.h"
#include "drivers/drivers.h"
#include "federation/federation.h"
#include "gateway/gateway.h"
#include "http/services.h"
#include "monitor/metrics.h"
#include "registry/registry.h"
#include "store/store.h"
#include "vault/vault.h"

namespace nstarx::http {

// Small rooms in memory behind the routes; for tests.

inline Error Unused() { return Internal("the fake has not got this"); }

class FakeConnector final : public connector::Connector {
 public:
  const connector::Spec& spec() const override { return spec_; }
  Result<std::unique_ptr<connector::Session>> Open(const Context&,
                                                   const connector::OpenRequest&) override {
    return Unused();
  }

 private:
  connector::Spec spec_ = *connector::Spec::Parse(R"({
    "type": "toy", "title": "Toy", "family": "relational", "default_port": 1, "schemes": ["toy"],
    "capabilities": ["query"], "tls": {"default_mode": ""},
    "configuration": {"required": ["host"], "properties": {"host": {"type": "string", "x-uri": "host"}}},
    "authentication": {"oneOf": [{"title": "None", "properties": {"type": {"const": "none"}}}]}})");
};

class FakeRegistry final : public registry::Registry {
 public:
  Result<model::Connection> Create(const Context& context,
                                   const model::ConnectionDraft& draft) override {
    std::lock_guard guard(lock);
    if (items.contains(draft.name)) {
      return Error(ErrorKind::kAlreadyExists, "connection.name_taken", "the name is taken");
    }
    model::Connection made;
    made.id = "con_" + std::to_string(items.size() + 1);
    made.name = draft.name;
    made.type = draft.type;
    made.metadata.owner_id = context.principal().id;
    made.metadata.owner = context.principal().name;
    return items[draft.name] = made;
  }
  Result<registry::ResolvedConnection> ResolveDraft(const Context&,
                                                    const model::ConnectionDraft&) override {
    return Unused();
  }
  Result<model::Connection> Get(const Context&, std::string_view ref) override {
    std::lock_guard guard(lock);
    for (const auto& [name, connection] : items) {
      if (name == ref || connection.id == ref) return connection;
    }
    return NotFound("connection.not_found", "there is no such connection");
  }
  Result<store::ConnectionPage> List(const Context&, store::ConnectionFilter filter) override {
    std::lock_guard guard(lock);
    last_filter = filter;
    store::ConnectionPage page;
    for (const auto& [name, connection] : items) page.items.push_back(connection);
    return page;
  }
  Result<model::Connection> Update(const Context& context, std::string_view ref,
                                   const json::object& patch, int64_t expected) override {
    NSTARX_TRY(model::Connection found, Get(context, ref));
    if (expected != 0 && expected != found.version) {
      return Error(ErrorKind::kConflict, "connection.version_conflict", "changed meanwhile");
    }
    ++found.version;
    found.metadata.description = GetString(patch, "description");
    std::lock_guard guard(lock);
    return items[found.name] = found;
  }
  Result<std::vector<store::ConnectionVersion>> Versions(const Context& context,
                                                         std::string_view ref) override {
    NSTARX_TRY(const model::Connection found, Get(context, ref));
    return std::vector<store::ConnectionVersion>{
        {.version = 1, .by = "ada", .change = "created", .connection = found}};
  }
  Result<model::Connection> Rollback(const Context& context, std::string_view ref,
                                     int64_t) override {
    return Update(context, ref, {}, 0);
  }
  Result<model::Connection> Archive(const Context& context, std::string_view ref) override {
    return Update(context, ref, {}, 0);
  }
  Result<model::Connection> Restore(const Context& context, std::string_view ref) override {
    return Update(context, ref, {}, 0);
  }
  Status Delete(const Context& context, std::string_view ref) override {
    NSTARX_TRY(const model::Connection found, Get(context, ref));
    std::lock_guard guard(lock);
    items.erase(found.name);
    return {};
  }
  Status RecordTest(const Context&, std::string_view, bool, const json::object&) override {
    return {};
  }
  Result<registry::ResolvedConnection> Resolve(const Context&, std::string_view,
                                               access::Permission) override {
    return Unused();
  }
  Result<connector::Connector*> ConnectorOf(const model::Connection&) const override {
    return Unused();
  }
  Result<std::shared_ptr<const model::Connection>> Admit(const Context&, std::string_view,
                                                         access::Permission) override {
    return Unused();
  }

  std::mutex lock;
  std::map<std::string, model::Connection, std::less<>> items;
  store::ConnectionFilter last_filter;
};

/// So many rows of one column `n`, then perhaps a failure.
class FakeRows final : public connector::BatchStream {
 public:
  FakeRows(int64_t batches, std::optional<Error> failure)
      : batches_(batches), failure_(std::move(failure)) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    NSTARX_RETURN_IF_ERROR(context.Check());
    if (sent_ == batches_) {
      if (failure_) return *failure_;
      return std::shared_ptr<arrow::RecordBatch>();
    }
    ++sent_;
    arrow::Int64Builder builder;
    for (int64_t i = 0; i < 2; ++i) (void)builder.Append(sent_ * 10 + i);
    return arrow::RecordBatch::Make(schema_, 2, {*builder.Finish()});
  }

 private:
  std::shared_ptr<arrow::Schema> schema_ = arrow::schema({arrow::field("n", arrow::int64())});
  int64_t batches_;
  int64_t sent_ = 0;
  std::optional<Error> failure_;
};

class TextBytes final : public connector::ByteStream {
 public:
  explicit TextBytes(std::string text) : text_(std::move(text)) {}
  Result<size_t> Read(const Context&, std::span<std::byte> into) override {
    const size_t bytes = std::min(into.size(), text_.size() - position_);
    std::memcpy(into.data(), text_.data() + position_, bytes);
    position_ += bytes;
    return bytes;
  }

 private:
  std::string text_;
  size_t position_ = 0;
};

class FakeGateway final : public gateway::Gateway {
 public:
  Result<std::unique_ptr<connector::BatchStream>> Query(
      const Context& context, std::string_view, const gateway::QueryRequest& request) override {
    last_query = request;
    last_remaining = context.remaining();
    if (request.query == "bad") {
      return InvalidArgument("query.syntax", "syntax error").WithDetail("position", 3);
    }
    if (request.query == "explode") throw std::runtime_error("a bug");
    std::optional<Error> failure;
    if (request.query == "breaks") failure = InvalidArgument("query.failed", "broke");
    return std::make_unique<FakeRows>(1, std::move(failure));
  }
  Result<json::object> Explain(const Context&, std::string_view,
                               const gateway::QueryRequest&) override {
    return json::object{{"plan", {{"node", "Scan"}}}};
  }
  Result<std::vector<connector::Node>> Browse(const Context&, std::string_view,
                                              std::string_view path, int64_t) override {
    return std::vector<connector::Node>{
        {.name = "t", .path = std::string(path) + ".t", .kind = "table"}};
  }
  Result<connector::Description> Describe(const Context&, std::string_view,
                                          std::string_view path) override {
    return connector::Description{.path = std::string(path), .kind = "table"};
  }
  Result<std::unique_ptr<connector::BatchStream>> Sample(const Context&, std::string_view,
                                                         std::string_view, int64_t) override {
    return std::make_unique<FakeRows>(2, std::nullopt);
  }
  Result<gateway::OpenTable> OpenForScan(const Context&, std::string_view, std::string_view,
                                         std::string_view) override {
    return NotFound("query.undefined_table", "there is no such table");
  }
  Result<std::unique_ptr<connector::BatchStream>> Scan(const Context&, std::string_view,
                                                       const connector::ScanRequest&,
                                                       std::string_view) override {
    return NotFound("query.undefined_table", "there is no such table");
  }
  Result<int64_t> Ingest(const Context& context, std::string_view, std::string_view path,
                         connector::IngestMode, connector::BatchStream& source) override {
    last_path = path;
    int64_t rows = 0;
    while (true) {
      NSTARX_TRY(auto batch, source.Next(context));
      if (!batch) return rows;
      rows += batch->num_rows();
    }
  }
  Result<connector::ProduceReport> Produce(const Context& context, std::string_view,
                                           std::string_view topic,
                                           connector::BatchStream& messages) override {
    last_path = std::string(topic);
    connector::ProduceReport report;
    while (true) {
      NSTARX_TRY(const auto batch, messages.Next(context));
      if (batch == nullptr) break;
      produced.push_back(batch);
      report.count += batch->num_rows();
    }
    report.partitions.push_back({.partition = 0, .offset = 41, .count = report.count});
    return report;
  }
  Result<std::unique_ptr<connector::BatchStream>> Consume(
      const Context& context, std::string_view ref,
      const connector::ConsumeRequest& request) override {
    last_consume = request;
    return Query(context, ref, {.query = "SELECT 1"});
  }
  Status Commit(const Context&, std::string_view, std::string_view, std::string_view,
                const std::vector<connector::PartitionOffset>& next) override {
    committed = next;
    return {};
  }
  Result<std::vector<connector::Lag>> GetLag(const Context&, std::string_view, std::string_view,
                                             std::string_view) override {
    return std::vector<connector::Lag>{{.partition = 1, .first = 2, .end = 9, .lag = 7}};
  }
  Result<connector::DatasetPage> FindDatasets(const Context&, std::string_view,
                                              const connector::DatasetFilter& filter) override {
    last_filter = filter;
    return connector::DatasetPage{.items = {{.path = "d.t", .name = "t", .kind = "table"}},
                                  .next = filter.continuation.empty() ? "more" : ""};
  }
  Result<connector::Dataset> GetDataset(const Context&, std::string_view,
                                        std::string_view path) override {
    return connector::Dataset{.path = std::string(path),
                              .name = "t",
                              .kind = "view",
                              .owners = {{.name = "ada", .kind = "user"}},
                              .properties = {{"k", "v"}},
                              .created = TimePoint{std::chrono::milliseconds(0)}};
  }
  Result<connector::PartitionPage> ListPartitions(const Context&, std::string_view,
                                                  std::string_view, int64_t,
                                                  std::string_view) override {
    return connector::PartitionPage{.items = {{.values = {"2026", "1"}, .location = "s3://b/x"}}};
  }
  Result<connector::Dataset> PutDataset(const Context& context, std::string_view ref,
                                        std::string_view path,
                                        const connector::DatasetChange& change) override {
    last_change = change;
    return GetDataset(context, ref, path);
  }
  Status DeleteDataset(const Context&, std::string_view, std::string_view path) override {
    last_path = path;
    return {};
  }
  Result<std::vector<connector::LineageEdge>> GetLineage(
      const Context&, std::string_view, std::string_view path,
      connector::LineageDirection direction) override {
    const bool up = direction == connector::LineageDirection::kUpstream;
    return std::vector<connector::LineageEdge>{{.from = up ? "raw" : std::string(path),
                                                .to = up ? std::string(path) : "report",
                                                .process = "job"}};
  }
  Status PutLineage(const Context&, std::string_view, std::string_view,
                    const std::vector<connector::LineageEdge>& upstream) override {
    last_edges = upstream;
    return {};
  }
  Result<connector::ObjectPage> ListObjects(const Context&, std::string_view, std::string_view,
                                            std::string_view, int64_t, std::string_view) override {
    return connector::ObjectPage{.items = {{.key = "a/b.txt", .size = 3}}, .prefixes = {"c/"}};
  }
  Result<connector::ObjectInfo> StatObject(const Context&, std::string_view,
                                           std::string_view key) override {
    if (!objects.contains(key)) return NotFound("object.not_found", "there is no such object");
    return connector::ObjectInfo{.key = std::string(key),
                                 .size = static_cast<int64_t>(objects.find(key)->second.size()),
                                 .etag = "e1",
                                 .content_type = "text/odd\r\nX-Evil: 1"};
  }
  Result<std::unique_ptr<connector::ByteStream>> GetObject(const Context&, std::string_view,
                                                           std::string_view key,
                                                           connector::ObjectRange range) override {
    const std::string& text = objects.find(key)->second;
    return std::make_unique<TextBytes>(text.substr(
        static_cast<size_t>(range.offset), static_cast<size_t>(range.length.value_or(1 << 30))));
  }
  Result<connector::ObjectInfo> PutObject(const Context& context, std::string_view,
                                          std::string_view key, connector::ByteStream& content,
                                          std::optional<int64_t>, std::string_view) override {
    std::string text;
    std::byte piece[7];
    while (true) {
      NSTARX_TRY(const size_t read, content.Read(context, piece));
      if (read == 0) break;
      text.append(reinterpret_cast<const char*>(piece), read);
    }
    objects[std::string(key)] = text;
    return connector::ObjectInfo{
        .key = std::string(key), .size = static_cast<int64_t>(text.size()), .etag = "\"e2\""};
  }
  Status DeleteObject(const Context&, std::string_view, std::string_view key) override {
    objects.erase(std::string(key));
    return {};
  }
  Result<std::string> PresignObject(const Context&, std::string_view, std::string_view method,
                                    std::string_view key, std::chrono::seconds expires) override {
    return fmt::format("https://s3/{}?{}&{}", key, method, expires.count());
  }
  Result<model::TestReport> Test(const Context&, std::string_view) override {
    return model::TestReport{.stages = {{.stage = "resolve", .status = "ok"}}};
  }
  Result<model::TestReport> TestDraft(const Context&, const model::ConnectionDraft&) override {
    return model::TestReport{.status = "failed"};
  }
  Result<json::object> PoolState(const Context&, std::string_view) override {
    return json::object{{"open", 1}};
  }

  gateway::QueryRequest last_query;
  connector::ConsumeRequest last_consume;
  std::vector<connector::PartitionOffset> committed;
  connector::DatasetFilter last_filter;
  connector::DatasetChange last_change;
  std::vector<connector::LineageEdge> last_edges;
  std::vector<std::shared_ptr<arrow::RecordBatch>> produced;
  std::chrono::milliseconds last_remaining{};
  std::string last_path;
  std::map<std::string, std::string, std::less<>> objects;
};

/// "Bearer admin", "Bearer editor" … are the keys.
class FakeCallers final : public access::Callers {
 public:
  Result<Principal> Authenticate(std::string_view authorization, std::string_view remote) override {
    if (authorization.empty()) {
      return Error(ErrorKind::kUnauthenticated, "auth.missing_key", "no key was sent");
    }
    for (const Role role : {Role::kAdmin, Role::kEditor, Role::kUser, Role::kViewer}) {
      if (authorization == "Bearer " + std::string(ToString(role))) {
        return Principal{.id = "usr_" + std::string(ToString(role)),
                         .name = std::string(ToString(role)),
                         .role = role,
                         .key_id = "key_1",
                         .scopes = {"*"},
                         .remote_address = std::string(remote)};
      }
    }
    return Error(ErrorKind::kUnauthenticated, "auth.invalid_key", "that is no valid key");
  }
  Result<store::User> CreateUser(std::string name, Role role,
                                 std::vector<std::string> teams) override {
    return store::User{.id = "usr_9", .name = std::move(name), .role = role, .teams = teams};
  }
  Result<store::User> UpdateUser(std::string_view ref, std::optional<Role> role,
                                 std::optional<std::vector<std::string>>) override {
    return store::User{.id = std::string(ref), .role = role.value_or(Role::kViewer)};
  }
  Result<std::vector<store::User>> ListUsers() override {
    return std::vector<store::User>{{.id = "usr_1", .name = "ada"}};
  }
  Result<access::IssuedApiKey> IssueKey(const Principal& by,
                                        const access::NewApiKey& request) override {
    return access::IssuedApiKey{
        .record = {.id = "key_" + std::to_string(++issued), .name = request.name, .user_id = by.id},
        .key = "nsx_shown_once"};
  }
  Status RevokeKey(std::string_view) override { return {}; }
  Result<std::vector<store::ApiKey>> ListKeys(const Principal& by) override {
    return std::vector<store::ApiKey>{{.id = "key_1", .name = "k", .user_id = by.id}};
  }

  int issued = 0;
};

class FakeJournal final : public audit::Journal {
 public:
  void Append(const Context&, audit::Entry entry) override { entries.push_back(std::move(entry)); }
  Status Flush() override { return {}; }
  Result<std::vector<json::object>> List(const audit::EntryFilter& filter) override {
    last_filter = filter;
    std::vector<json::object> out;
    for (int64_t i = 0; i < filter.limit && i < 3; ++i) out.push_back({{"seq", 30 - i}});
    return out;
  }
  Result<audit::Verdict> Verify() override { return audit::Verdict{.entries = 3}; }

  std::vector<audit::Entry> entries;
  audit::EntryFilter last_filter;
};

class FakeVault final : public vault::Vault {
 public:
  Result<store::SealedSecret> Seal(std::string_view, std::string_view, int64_t,
                                   const Secret&) override {
    return Unused();
  }
  Result<SecretMap> Reveal(const Context&, std::string_view) override { return Unused(); }
  Result<vault::RewrapProgress> RotateKey(const Context&) override {
    return vault::RewrapProgress{.key_id = "kek_2", .done = 5, .total = 5, .finished = true};
  }
  Result<vault::RewrapProgress> ResumeRewrap(const Context&) override { return Unused(); }
  Result<vault::RewrapProgress> Progress() override { return vault::RewrapProgress{}; }
  Result<json::array> DescribeKeys() override { return json::array{{{"id", "kek_1"}}}; }
};

class FakeStore final : public store::Store {
 public:
  Status CreateConnection(const model::Connection&, const std::vector<store::SealedSecret>&,
                          std::string_view) override {
    return Unused();
  }
  Status UpdateConnection(const model::Connection&, const std::vector<store::SealedSecret>&,
                          const std::vector<std::string>&, std::string_view,
                          std::string_view) override {
    return Unused();
  }
  Status RecordTest(std::string_view, model::ConnectionStatus, const json::object&) override {
    return Unused();
  }
  Status DeleteConnection(std::string_view) override { return Unused(); }
  Result<model::Connection> GetConnection(std::string_view) override { return Unused(); }
  Result<store::ConnectionPage> ListConnections(const store::ConnectionFilter&) override {
    return Unused();
  }
  Result<int64_t> CountConnections() override {
    if (broken) return Unavailable("store.broken", "no disk");
    return int64_t{7};
  }
  Result<std::vector<store::ConnectionVersion>> ListVersions(std::string_view) override {
    return Unused();
  }
  Result<store::ConnectionVersion> GetVersion(std::string_view, int64_t) override {
    return Unused();
  }
  Result<std::vector<store::SealedSecret>> GetSecrets(std::string_view) override {
    return Unused();
  }
  Result<std::vector<store::SealedSecret>> SecretsNotWrappedBy(std::string_view, int64_t) override {
    return Unused();
  }
  Result<int64_t> CountSecretsNotWrappedBy(std::string_view) override { return Unused(); }
  Status RewrapSecrets(const std::vector<store::SealedSecret>&) override { return Unused(); }
  Result<std::vector<store::KeyRecord>> ListKeys() override { return Unused(); }
  Status PutKey(const store::KeyRecord&) override { return Unused(); }
  Status PutUser(const store::User&) override { return Unused(); }
  Result<store::User> GetUser(std::string_view) override { return Unused(); }
  Result<std::vector<store::User>> ListUsers() override { return Unused(); }
  Status PutApiKey(const store::ApiKey&) override { return Unused(); }
  Result<store::ApiKey> GetApiKey(std::string_view) override { return Unused(); }
  Result<std::vector<store::ApiKey>> ListApiKeys() override { return Unused(); }
  Status TouchApiKey(std::string_view, TimePoint) override { return Unused(); }
  Status PutTemplate(const store::Template& row) override {
    std::lock_guard guard(lock);
    templates[row.name] = row;
    return {};
  }
  Result<store::Template> GetTemplate(std::string_view ref) override {
    std::lock_guard guard(lock);
    const auto found = templates.find(ref);
    if (found == templates.end())
      return NotFound("template.not_found", "there is no such template");
    return found->second;
  }
  Result<std::vector<store::Template>> ListTemplates(std::string_view) override {
    std::lock_guard guard(lock);
    std::vector<store::Template> out;
    for (const auto& [name, row] : templates) out.push_back(row);
    return out;
  }
  Status DeleteTemplate(std::string_view id) override {
    std::lock_guard guard(lock);
    std::erase_if(templates, [&](const auto& entry) { return entry.second.id == id; });
    return {};
  }
  Result<std::optional<store::StoredAnswer>> FindAnswer(std::string_view caller,
                                                        std::string_view key) override {
    std::lock_guard guard(lock);
    const auto found = answers.find(std::string(caller) + "|" + std::string(key));
    if (found == answers.end()) return std::optional<store::StoredAnswer>();
    return std::optional(found->second);
  }
  Status KeepAnswer(std::string_view caller, std::string_view key,
                    const store::StoredAnswer& answer) override {
    std::lock_guard guard(lock);
    answers[std::string(caller) + "|" + std::string(key)] = answer;
    return {};
  }

  std::mutex lock;
  std::map<std::string, store::StoredAnswer> answers;
  std::map<std::string, store::Template, std::less<>> templates;
  bool broken = false;
};

/// One driver under the id "known".
class FakeDrivers final : public drivers::Drivers {
 public:
  Result<json::object> List(const Context&, bool refresh) override {
    json::array items;
    for (const char* id : {"a", "b", "c"}) items.push_back({{"id", id}, {"installed", refresh}});
    return json::object{{"items", std::move(items)}, {"problems", json::array()}};
  }
  Result<json::object> Get(const Context&, std::string_view id, bool) override { return Of(id); }
  Result<json::object> Install(const Context&, std::string_view id, std::string_view version,
                               bool dry_run) override {
    NSTARX_TRY(json::object out, Of(id));
    out["version"] = version;
    out["dry_run"] = dry_run;
    return out;
  }
  Result<json::object> Update(const Context&, std::string_view id, bool) override { return Of(id); }
  Result<json::object> Rollback(const Context&, std::string_view id) override { return Of(id); }
  Result<json::object> Verify(const Context&, std::string_view id, std::string_view) override {
    return Of(id);
  }
  Status Remove(const Context&, std::string_view id, std::string_view, bool) override {
    const auto known = Of(id);
    if (!known) return known.error();
    return {};
  }
  Result<json::object> SetPolicy(const Context&, std::string_view id,
                                 std::string_view policy) override {
    NSTARX_TRY(json::object out, Of(id));
    out["auto_update"] = policy;
    return out;
  }
  Result<json::object> Import(const Context& context, connector::ByteStream& bundle) override {
    std::byte piece[64];
    int64_t total = 0;
    while (true) {
      NSTARX_TRY(const size_t read, bundle.Read(context, piece));
      if (read == 0) return json::object{{"id", "known"}, {"bytes", total}};
      total += static_cast<int64_t>(read);
    }
  }
  Result<Bundle> Export(const Context&, std::string_view id, std::string_view) override {
    NSTARX_TRY(const json::object known, Of(id));
    return Bundle{.file = "known-1.tar", .bytes = 3, .content = std::make_unique<TextBytes>("tar")};
  }
  void UpdateByPolicy(const Context&) override {}

 private:
  static Result<json::object> Of(std::string_view id) {
    if (id == "known") return json::object{{"id", id}, {"installed", true}};
    return NotFound("driver.unknown", "there is no such driver");
  }
};

class FakeFederation final : public federation::Federation {
 public:
  Result<std::unique_ptr<connector::BatchStream>> Query(
      const Context&, const federation::SqlRequest& request) override {
    last = request;
    return std::make_unique<FakeRows>(3, std::nullopt);
  }
  federation::SqlRequest last;
};

inline std::vector<std::unique_ptr<connector::Connector>> FakeConnectors() {
  std::vector<std::unique_ptr<connector::Connector>> out;
  out.push_back(std::make_unique<FakeConnector>());
  return out;
}

/// All of them, wired.
struct FakeRooms {
  FakeRegistry registry;
  FakeGateway gateway;
  FakeCallers callers;
  FakeJournal journal;
  FakeVault vault;
  FakeStore store;
  connector::ConnectorTable connectors{FakeConnectors()};
  monitor::Metrics metrics;
  ManualClock clock{TimePoint{std::chrono::milliseconds(1'800'000'000'000)}};
  std::unique_ptr<discover::Templates> templates =
      discover::Templates::Make(store, registry, connectors, journal, clock);
  FakeDrivers drivers;
  FakeFederation federation;
  Services services{.registry = registry,
                    .gateway = gateway,
                    .federation = federation,
                    .callers = callers,
                    .journal = journal,
                    .vault = vault,
                    .templates = *templates,
                    .drivers = drivers,
                    .store = store,
                    .connectors = connectors,
                    .metrics = metrics,
                    .clock = clock};
};

}  // namespace nstarx::http
