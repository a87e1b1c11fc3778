#pragma once

#include <memory>

namespace nstarx {
class Clock;
namespace registry {
class Registry;
}
namespace gateway {
class Gateway;
}
namespace federation {
class Federation;
}
namespace access {
class Callers;
}
namespace audit {
class Journal;
}
namespace vault {
class Vault;
}
namespace discover {
class Templates;
}
namespace drivers {
class Drivers;
}
namespace store {
class Store;
}
namespace connector {
class ConnectorTable;
}
namespace monitor {
class Metrics;
}
}  // namespace nstarx

namespace nstarx::http {

class Application;

/// The rooms that the routes call, and the edge's few choices. All must outlive the server.
struct Services {
  registry::Registry& registry;
  gateway::Gateway& gateway;
  federation::Federation& federation;
  access::Callers& callers;
  audit::Journal& journal;
  vault::Vault& vault;
  discover::Templates& templates;
  drivers::Drivers& drivers;
  store::Store& store;
  const connector::ConnectorTable& connectors;
  monitor::Metrics& metrics;
  const Clock& clock;
  bool metrics_open_on_loopback = true;  ///< GET /metrics without a key from this machine
  bool log_requests = false;             ///< a line at info for every request
};

/// The REST interface of design §4 over these rooms.
std::unique_ptr<Application> MakeApi(const Services& services);

}  // namespace nstarx::http
