// Reads one statement's whole result and throws the batches away: what the connector alone costs.
// NSTARX_TEST_POSTGRES_URI names the server, NSTARX_BENCH_SQL the statement.
#include <arrow/api.h>
#include <benchmark/benchmark.h>

#include <cstdlib>

#include "connector/facets.h"
#include "connectors/postgresql/postgres_connector.h"

namespace nstarx::connectors::postgresql {
namespace {

class OwnSession final : public connector::SessionHandle {
 public:
  explicit OwnSession(std::unique_ptr<connector::Session> session) : session_(std::move(session)) {}
  connector::Session& session() override { return *session_; }
  void Discard() override {}

 private:
  std::unique_ptr<connector::Session> session_;
};

class Sessions final : public connector::SessionSource {
 public:
  Sessions() : connector_(MakePostgresqlConnector()) {}

  Result<std::unique_ptr<connector::Session>> Open() {
    const char* uri = std::getenv("NSTARX_TEST_POSTGRES_URI");
    NSTARX_TRY(json::object draft, connector_->spec().FromUri(uri == nullptr ? "" : uri));
    const json::object& configuration = draft.at("configuration").get_object();
    const json::object& authentication = draft.at("authentication").get_object();
    SecretMap secrets;
    secrets.emplace("password", Secret(GetString(authentication, "password")));
    model::Ssl ssl;
    connector::OpenRequest request{
        .connection_name = "bench",
        .configuration = configuration,
        .authentication = authentication,
        .secrets = secrets,
        .ssl = ssl,
        .endpoint = {.host = std::string(GetString(configuration, "host")),
                     .port = static_cast<int>(GetInt(configuration, "port", 5432))}};
    return connector_->Open(Context(), request);
  }

  Result<std::unique_ptr<connector::SessionHandle>> TryBorrow(const Context&) override {
    NSTARX_TRY(auto session, Open());
    return std::make_unique<OwnSession>(std::move(session));
  }

 private:
  std::unique_ptr<connector::Connector> connector_;
};

std::string Sql() {
  const char* sql = std::getenv("NSTARX_BENCH_SQL");
  return sql == nullptr ? "SELECT * FROM lineitem" : sql;
}

/// Runs the statement once; the rows it gave, or -1.
int64_t Drain(connector::Session& session, const std::string& sql,
              const connector::ExecuteOptions& options) {
  auto stream = session.As<connector::QueryFacet>()->Execute(Context(), {.text = sql}, options);
  if (!stream) return -1;
  int64_t rows = 0;
  for (;;) {
    auto batch = (*stream)->Next(Context());
    if (!batch) return -1;
    if (!*batch) return rows;
    rows += (*batch)->num_rows();
  }
}

void Read(benchmark::State& state, const std::string& sql) {
  Sessions sessions;
  auto session = sessions.Open();
  if (!session) return state.SkipWithError(session.error().ToString().c_str());
  connector::ExecuteOptions options{.parallelism = static_cast<int>(state.range(0)),
                                    .siblings = &sessions};
  int64_t rows = 0;
  for (auto _ : state) {
    int64_t read = Drain(**session, sql, options);
    if (read < 0) return state.SkipWithError("the statement failed");
    rows += read;
  }
  state.SetItemsProcessed(rows);
}

void ReadTable(benchmark::State& state) { Read(state, Sql()); }
void PointQuery(benchmark::State& state) { Read(state, "SELECT 1 AS one, 'two'::text AS two"); }

BENCHMARK(ReadTable)
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();
BENCHMARK(PointQuery)->Arg(1)->UseRealTime()->MeasureProcessCPUTime();

}  // namespace
}  // namespace nstarx::connectors::postgresql
