#include "gateway/opening.h"

#include <algorithm>

namespace nstarx::gateway {
namespace {

constexpr std::chrono::milliseconds kConnectLimit{15'000};

bool AnotherEndpointMayHelp(const Error& error) {
  return error.code().starts_with("tcp.") || error.code().starts_with("dns.") ||
         error.code() == "login.too_many_connections" || error.code() == "connection.lost";
}

}  // namespace

Result<std::unique_ptr<connector::Session>> OpenSession(
    const Context& context, const registry::ResolvedConnection& resolved) {
  const connector::Spec& spec = resolved.connector->spec();
  connector::OpenRequest request{
      .connection_name = resolved.connection.name,
      .configuration = resolved.configuration,
      .authentication = resolved.authentication,
      .secrets = resolved.secrets,
      .ssl = resolved.ssl,
      .endpoint = {},
      .read_only = GetBool(resolved.configuration, "read_only", false),
  };
  const Context limited = context.WithTimeout(kConnectLimit);
  std::vector<model::Endpoint> endpoints = resolved.endpoints;
  if (endpoints.empty()) endpoints.emplace_back();
  std::optional<Error> first;
  for (size_t i = 0; i < endpoints.size(); ++i) {
    request.endpoint = endpoints[i];
    const auto share = limited.remaining() / static_cast<int64_t>(endpoints.size() - i);
    auto opened = resolved.connector->Open(limited.WithTimeout(share), request);
    if (opened) return opened;
    const bool go_on = AnotherEndpointMayHelp(opened.error()) && !context.stop_requested();
    if (!first) first = spec.Advise(std::move(opened).error());
    if (!go_on) break;
  }
  return *std::move(first);
}

}  // namespace nstarx::gateway
