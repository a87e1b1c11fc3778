#include "connectors/pulsar/pulsar_login.h"

#include <array>

#include "connectors/pulsar/pulsar_errors.h"
#include "net/channel.h"

namespace nstarx::connectors::pulsar {
namespace {

constexpr uint32_t kFrameMax = 64U << 10U;
constexpr auto kProbeWait = std::chrono::seconds(2);

/// Why a server that accepts the connection hangs up on us.
Error HungUp(const Context& context, const Login& login) {
  if (!login.ssl.enabled) {
    model::Ssl probe;
    probe.enabled = true;
    probe.mode = "require";
    if (net::ProbeTls(context.WithTimeout(kProbeWait), login.endpoint, probe, {})) {
      return Failed(ErrorKind::kInvalidArgument, "tls.required_by_server",
                    "the port speaks TLS, and TLS is off for this connection", "tls")
          .WithAction(Action::kFixInput);
    }
  }
  // A broker that goes down hangs up, too: then nobody accepts a second time.
  return net::Diagnose(
             context.WithTimeout(kProbeWait), login.endpoint, login.ssl, login.ssl.enabled, {},
             Failed(ErrorKind::kUnavailable, "login.not_pulsar",
                    "the port accepts the connection, but does not speak Pulsar's protocol",
                    "login"))
      .WithConnector("pulsar");
}

Result<Greeting> Converse(const Context& context, const Login& login, net::Channel& channel) {
  std::string frame = ConnectFrame("nstarx", login.token.Reveal());
  const Status sent = channel.Write(context, frame);
  WipeString(frame);
  NSTARX_RETURN_IF_ERROR(sent);
  std::array<char, 4> head{};
  NSTARX_RETURN_IF_ERROR(channel.ReadExactly(context, head));
  uint32_t size = 0;
  for (const char byte : head) size = (size << 8U) | static_cast<unsigned char>(byte);
  if (size < 4 || size > kFrameMax) return HungUp(context, login);
  std::string body(size, '\0');
  NSTARX_RETURN_IF_ERROR(channel.ReadExactly(context, body));
  auto greeting = ReadGreeting(body);
  if (!greeting) return HungUp(context, login);
  return std::move(*greeting);
}

}  // namespace

Result<Greeting> Greet(const Context& context, const Login& login) {
  const Context limited = context.WithTimeout(login.connect_timeout);
  auto channel = net::Channel::Open(limited, login.endpoint, login.ssl);
  if (!channel) return channel.error().WithConnector("pulsar");
  auto greeting = Converse(limited, login, **channel);
  if (!greeting) {
    const Error& error = greeting.error();
    if (error.code() == "connection.lost") return HungUp(context, login);
    if (error.code() == "query.timeout" && context.Check()) {
      return Failed(ErrorKind::kDeadlineExceeded, "login.timeout",
                    "the broker accepts the connection and does not answer", "login");
    }
    return error;
  }
  if (!greeting->connected) return MapRefusal(greeting->error, greeting->message);
  return greeting;
}

}  // namespace nstarx::connectors::pulsar
