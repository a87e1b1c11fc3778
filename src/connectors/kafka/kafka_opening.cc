#include "connectors/kafka/kafka_opening.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <unistd.h>

#include <algorithm>

#include "connectors/kafka/kafka_errors.h"
#include "net/reach.h"

namespace nstarx::connectors::kafka {
namespace {

constexpr auto kReachWait = std::chrono::seconds(2);
constexpr size_t kReachTries = 3;

/// Why a server that accepts the connection hangs up on us.
Error SecurityMismatch(const Context& context, const Login& login, Error otherwise) {
  const model::Endpoint& endpoint = login.endpoints.front();
  if (!login.ssl.enabled) {
    model::Ssl probe;
    probe.enabled = true;
    probe.mode = "require";
    if (net::ProbeTls(context.WithTimeout(kReachWait), endpoint, probe, {})) {
      return Error(ErrorKind::kInvalidArgument, "tls.required_by_server",
                   "the port speaks TLS, and TLS is off for this connection")
          .WithStage("tls")
          .WithAction(Action::kFixInput);
    }
  }
  if (login.mechanism.empty()) {
    return Error(ErrorKind::kUnauthenticated, "login.sasl_required",
                 login.ssl.enabled && login.client_certificate.empty()
                     ? "the broker ends connections that do not log in, with SASL or a certificate"
                     : "the broker ends connections that do not log in")
        .WithStage("login");
  }
  return otherwise;
}

Error CauseOf(const Context& context, const Login& login, const Trouble& trouble) {
  Error error = MapCode(trouble.code, trouble.message);
  if (error.stage() == "login") return error;
  const std::string reported = error.code();
  const bool hung_up = reported == "connection.lost";
  error = net::Diagnose(context, login.endpoints.front(), login.ssl, login.ssl.enabled, {},
                        std::move(error));
  if (error.code() != reported || !hung_up) {
    return error;
  }
  return SecurityMismatch(context, login, std::move(error));
}

/// Clients are sent to the addresses that brokers advertise, whatever address was dialled first.
Status CheckAdvertised(const Context& context, const Login& login, const ClusterFacts& cluster) {
  std::string unreachable;
  size_t tried = 0;
  for (const auto& broker : cluster.brokers) {
    const bool dialled = std::ranges::any_of(login.endpoints, [&](const auto& endpoint) {
      return endpoint.host == broker.host && endpoint.port == broker.port;
    });
    if (dialled) return {};
    if (tried++ == kReachTries) break;
    const Context limited = context.WithTimeout(kReachWait);
    const auto addresses = net::Resolve(limited, broker.host);
    const auto socket = addresses ? net::ConnectTcp(limited, *addresses, broker.port)
                                  : Result<int>(addresses.error());
    if (socket) {
      ::close(*socket);
      return {};
    }
    unreachable = fmt::format("{}:{}", broker.host, broker.port);
  }
  if (unreachable.empty()) return {};
  return Unavailable("stream.advertised_unreachable",
                     fmt::format("the broker answers, but sends its clients to {}, which can't be "
                                 "reached from here",
                                 unreachable))
      .WithStage("tcp")
      .WithDetail("address", unreachable);
}

}  // namespace

Result<ClusterFacts> LogIn(const Context& context, const Login& login, Client& client) {
  const Context limited = context.WithTimeout(login.connect_timeout);
  std::optional<Trouble> last;
  while (true) {
    const rd_kafka_metadata_t* unused = nullptr;
    const auto code = rd_kafka_metadata(client.get(), 0, nullptr, &unused, 100);
    if (unused != nullptr) rd_kafka_metadata_destroy(unused);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) break;
    client.Serve(std::chrono::milliseconds(10));
    if (auto trouble = client.TakeTrouble()) {
      last = std::move(trouble);
      const bool several = login.endpoints.size() > 1;
      const bool final =
          EndsSession(last->code) || (!several && (last->code == RD_KAFKA_RESP_ERR__TRANSPORT ||
                                                   last->code == RD_KAFKA_RESP_ERR__RESOLVE ||
                                                   last->code == RD_KAFKA_RESP_ERR__SSL));
      if (final) return CauseOf(limited, login, *last);
    }
    if (const Status go_on = limited.Check(); !go_on) {
      if (context.stop_requested()) return go_on.error();
      if (last) return CauseOf(context, login, *last);
      return net::Diagnose(context, login.endpoints.front(), login.ssl, login.ssl.enabled, {},
                           DeadlineExceeded("login.timeout", "the broker did not answer in time")
                               .WithStage("login"));
    }
  }
  NSTARX_TRY(ClusterFacts cluster, client.Ask(limited, false, ""));
  NSTARX_RETURN_IF_ERROR(CheckAdvertised(limited, login, cluster));
  return cluster;
}

}  // namespace nstarx::connectors::kafka
