#pragma once

#include <chrono>
#include <string>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "connectors/pulsar/protocol.h"
#include "model/connection.h"
#include "net/http_request.h"

namespace nstarx::connectors::pulsar {

/// How to reach and log in to a cluster.
struct Login {
  model::Endpoint endpoint;
  model::Ssl ssl;
  Secret token;  ///< empty: no login
  net::ServiceUrl admin;
  std::string tenant;
  std::string name_space;  ///< without the tenant
  std::string client_name;
  std::chrono::milliseconds connect_timeout{10'000};
};

/// Connects to the broker, logs in and hangs up: the client library tells none of the reasons why
/// that may fail.
Result<Greeting> Greet(const Context& context, const Login& login);

}  // namespace nstarx::connectors::pulsar
