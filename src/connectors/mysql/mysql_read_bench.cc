#include <arrow/api.h>
#include <benchmark/benchmark.h>

#include <cstdlib>

#include "connector/connector.h"
#include "connector/facets.h"
#include "connectors/mysql/mysql_connector.h"

namespace nstarx::connectors::mysql {
namespace {

/// Drains a statement on the server of NSTARX_TEST_MYSQL_URI; needs the table lineitem there.
void Drain(benchmark::State& state, const char* sql) {
  const char* uri = std::getenv("NSTARX_TEST_MYSQL_URI");
  if (uri == nullptr) return state.SkipWithError("NSTARX_TEST_MYSQL_URI is not set");
  const auto connector = MakeMysqlConnector();
  const auto parts = connector->spec().FromUri(uri);
  if (!parts) return state.SkipWithError(parts.error().ToString().c_str());
  const json::object configuration = parts->at("configuration").as_object();
  const json::object authentication = parts->at("authentication").as_object();
  SecretMap secrets;
  secrets.emplace("password", Secret(GetString(authentication, "password")));
  const model::Ssl ssl;
  const Context context = Context().WithTimeout(std::chrono::seconds(120));
  const connector::OpenRequest request{
      .connection_name = "bench",
      .configuration = configuration,
      .authentication = authentication,
      .secrets = secrets,
      .ssl = ssl,
      .endpoint = {.host = std::string(GetString(configuration, "host")),
                   .port = static_cast<int>(GetInt(configuration, "port", 3306))}};
  auto session = connector->Open(context, request);
  if (!session) return state.SkipWithError(session.error().ToString().c_str());
  int64_t rows = 0;
  for (auto _ : state) {
    auto stream = (*session)->As<connector::QueryFacet>()->Execute(context, {.text = sql}, {});
    if (!stream) return state.SkipWithError(stream.error().ToString().c_str());
    for (;;) {
      auto batch = (*stream)->Next(context);
      if (!batch) return state.SkipWithError(batch.error().ToString().c_str());
      if (*batch == nullptr) break;
      rows += (*batch)->num_rows();
    }
  }
  state.SetItemsProcessed(rows);
}

void Binary(benchmark::State& state) { Drain(state, "SELECT * FROM lineitem"); }
// Behind another statement the server answers in text.
void Text(benchmark::State& state) { Drain(state, "DO 0; SELECT * FROM lineitem"); }
void Point(benchmark::State& state) { Drain(state, "SELECT 1 AS one, 'x' AS two"); }

BENCHMARK(Binary)->Unit(benchmark::kMillisecond)->Iterations(1)->UseRealTime();
BENCHMARK(Text)->Unit(benchmark::kMillisecond)->Iterations(1)->UseRealTime();
BENCHMARK(Point)->Unit(benchmark::kMicrosecond)->UseRealTime();

}  // namespace
}  // namespace nstarx::connectors::mysql
