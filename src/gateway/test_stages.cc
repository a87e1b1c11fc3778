#include "gateway/test_stages.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "connector/facets.h"
#include "gateway/opening.h"
#include "net/reach.h"

namespace nstarx::gateway {
namespace {

using std::chrono::steady_clock;
using Stage = model::TestStage;

constexpr int kLatencyRounds = 10;
constexpr int64_t kDiscoveryLimit = 100;

double MillisecondsSince(steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(steady_clock::now() - start).count();
}

/// The stages in their order; each Run is told whether an earlier one failed.
class StagedTest {
 public:
  StagedTest(const Context& context, const registry::ResolvedConnection& resolved)
      : context_(context), resolved_(resolved), spec_(resolved.connector->spec()) {}

  model::TestReport Run() {
    Do("resolve", 4000,
       [this](const Context& context, Stage& stage) { return ResolveStage(context, stage); });
    Do("tunnel", 0,
       [](const Context&, Stage& stage) { return Skip(stage, "no tunnel is configured"); });
    Do("tcp", 5000,
       [this](const Context& context, Stage& stage) { return TcpStage(context, stage); });
    Do("tls", 5000,
       [this](const Context& context, Stage& stage) { return TlsStage(context, stage); });
    Do("login", 10'000,
       [this](const Context& context, Stage& stage) { return LoginStage(context, stage); });
    Do("privileges", 4000,
       [this](const Context& context, Stage& stage) { return PrivilegeStage(context, stage); });
    Do("query", 5000,
       [this](const Context& context, Stage& stage) { return QueryStage(context, stage); });
    Do("latency", 3000,
       [this](const Context& context, Stage& stage) { return LatencyStage(context, stage); });
    Do("discovery", 5000,
       [this](const Context& context, Stage& stage) { return DiscoveryStage(context, stage); });
    return std::move(report_);
  }

 private:
  static Status Skip(Stage& stage, std::string why) {
    stage.status = "skipped";
    stage.detail = std::move(why);
    return {};
  }

  void Do(std::string name, int limit_ms,
          const std::function<Status(const Context&, Stage&)>& run) {
    Stage stage;
    stage.stage = name;
    if (blocked_) {
      stage.detail = "an earlier stage failed";
      report_.stages.push_back(std::move(stage));
      return;
    }
    stage.status = "ok";
    const auto start = steady_clock::now();
    const Context limited =
        limit_ms > 0 ? context_.WithTimeout(std::chrono::milliseconds(limit_ms)) : context_;
    const Status done = run(limited, stage);
    const double ms = MillisecondsSince(start);
    if (done) {
      stage.ms = stage.status == "skipped" ? 0 : ms;
      report_.stages.push_back(std::move(stage));
      return;
    }
    Stage failed = model::FailedStage(name, spec_.Advise(done.error()), ms);
    failed.facts = std::move(stage.facts);
    report_.status = "failed";
    blocked_ = name != "privileges";
    report_.stages.push_back(std::move(failed));
  }

  Status ResolveStage(const Context& context, Stage& stage) {
    if (resolved_.endpoints.empty())
      return Skip(stage, "nothing is dialled: the data is local to the server");
    const model::Endpoint& endpoint = resolved_.endpoints.front();
    stage.facts["host"] = endpoint.host;
    NSTARX_TRY(addresses_, net::Resolve(context, endpoint.host));
    json::array shown;
    for (const auto& address : addresses_) shown.emplace_back(address.ip);
    stage.facts["addresses"] = std::move(shown);
    if (resolved_.endpoints.size() > 1)
      stage.facts["endpoints"] = static_cast<int64_t>(resolved_.endpoints.size());
    return {};
  }

  Status TcpStage(const Context& context, Stage& stage) {
    if (resolved_.endpoints.empty())
      return Skip(stage, "nothing is dialled: the data is local to the server");
    const int port = resolved_.endpoints.front().port;
    stage.facts["port"] = port;
    NSTARX_TRY(const int socket, net::ConnectTcp(context, addresses_, port));
    ::close(socket);
    return {};
  }

  Status TlsStage(const Context& context, Stage& stage) {
    if (resolved_.endpoints.empty() ||
        !resolved_.connector->UsesTls(resolved_.configuration, resolved_.ssl)) {
      return Skip(stage, "TLS is off for this connection");
    }
    model::Ssl ssl = resolved_.ssl;
    if (!ssl.enabled)
      ssl.mode = "verify-full";  // The endpoint's https decides, and https always verifies.
    if (const auto own = GetString(resolved_.configuration, "tls_ca"); !own.empty())
      ssl.certificate = own;
    NSTARX_TRY(const net::TlsFacts facts, net::ProbeTls(context, resolved_.endpoints.front(), ssl,
                                                        resolved_.connector->tls_preface()));
    stage.facts = net::ToJson(facts);
    stage.facts["mode"] = ssl.mode;
    return {};
  }

  Status LoginStage(const Context& context, Stage& stage) {
    NSTARX_TRY(session_, OpenSession(context, resolved_));
    stage.facts = session_->facts();
    return {};
  }

  Status PrivilegeStage(const Context& context, Stage& stage) {
    NSTARX_RETURN_IF_ERROR(session_->CheckCompanions(context));
    auto* privileges = session_->As<connector::PrivilegesFacet>();
    if (privileges == nullptr)
      return Skip(stage, "the system has no way to ask for one's privileges");
    NSTARX_TRY(const connector::PrivilegeReport report, privileges->CheckPrivileges(context));
    stage.facts = report.facts;
    stage.facts["user"] = report.user;
    stage.facts["granted"] = json::array(report.granted.begin(), report.granted.end());
    stage.facts["missing"] = json::array(report.missing.begin(), report.missing.end());
    if (report.missing.empty()) return {};
    return Error(ErrorKind::kPermissionDenied, "privileges.missing",
                 fmt::format("the login lacks: {}", fmt::join(report.missing, ", ")))
        .WithStage("privileges")
        .WithHint(fmt::format("Let an administrator of the system grant them to {}.",
                              report.user.empty() ? "this login" : report.user));
  }

  Status QueryStage(const Context& context, Stage& stage) {
    auto* query = session_->As<connector::QueryFacet>();
    const bool sql = spec_.family() == "relational" || spec_.family() == "warehouse";
    if (query == nullptr || !sql) {
      stage.facts["probe"] = "ping";
      return session_->Ping(context);
    }
    const connector::Statement statement{.text = "SELECT 1 AS probe"};
    stage.facts["statement"] = statement.text;
    NSTARX_TRY(const auto stream, query->Execute(context, statement, {}));
    while (true) {
      NSTARX_TRY(const auto batch, stream->Next(context));
      if (batch == nullptr) return {};
    }
  }

  Status LatencyStage(const Context& context, Stage& stage) {
    std::vector<double> rounds;
    while (rounds.size() < kLatencyRounds && !context.expired()) {
      const auto start = steady_clock::now();
      NSTARX_RETURN_IF_ERROR(session_->Ping(context));
      rounds.push_back(MillisecondsSince(start));
    }
    if (rounds.empty()) return Skip(stage, "no time was left to measure");
    std::ranges::sort(rounds);
    stage.facts["rounds"] = static_cast<int64_t>(rounds.size());
    stage.facts["p50_ms"] = rounds[rounds.size() / 2];
    stage.facts["p95_ms"] = rounds[std::min(rounds.size() - 1, rounds.size() * 95 / 100)];
    return {};
  }

  Status DiscoveryStage(const Context& context, Stage& stage) {
    auto* browse = session_->As<connector::BrowseFacet>();
    if (browse == nullptr) return Skip(stage, "the system has nothing to list");
    NSTARX_TRY(const auto nodes, browse->List(context, "", kDiscoveryLimit));
    json::array names;
    for (size_t i = 0; i < nodes.size() && i < 10; ++i) names.emplace_back(nodes[i].path);
    stage.facts["count"] = static_cast<int64_t>(nodes.size());
    stage.facts["more"] = static_cast<int64_t>(nodes.size()) >= kDiscoveryLimit;
    stage.facts["first"] = std::move(names);
    return {};
  }

  const Context& context_;
  const registry::ResolvedConnection& resolved_;
  const connector::Spec& spec_;
  model::TestReport report_;
  bool blocked_ = false;
  std::vector<net::Address> addresses_;
  std::unique_ptr<connector::Session> session_;
};

}  // namespace

model::TestReport RunStagedTest(const Context& context,
                                const registry::ResolvedConnection& resolved) {
  return StagedTest(context, resolved).Run();
}

}  // namespace nstarx::gateway
