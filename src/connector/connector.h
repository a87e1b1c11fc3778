#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/json.h"
#include "base/secret.h"
#include "connector/session.h"
#include "connector/spec.h"
#include "model/connection.h"

namespace nstarx::connector {

/// What a connector needs to open one session. Valid only during the call: copy what the session
/// keeps, and never a secret.
struct OpenRequest {
  std::string connection_name;  ///< for the system's own session lists (application_name)
  const json::object&
      configuration;  ///< validated against the spec, defaults filled in, ${ENV} resolved
  const json::object& authentication;  ///< "type" and the method's public fields
  const SecretMap& secrets;            ///< by field name of the spec
  const model::Ssl& ssl;
  model::Endpoint endpoint;  ///< the one to dial; empty host for systems without one (sqlite)
  bool read_only = false;    ///< the system itself must refuse writes, where it can
};

/// Brings a freshly connected plain socket to the point where the TLS handshake starts
/// (PostgreSQL's SSLRequest, MySQL's greeting). Empty for systems that speak TLS from the first
/// byte.
using TlsPreface = std::function<Status(int socket, const Context& context)>;

/// One kind of system. Stateless and thread-safe; lives as long as the program.
class Connector {
 public:
  virtual ~Connector() = default;
  virtual const Spec& spec() const = 0;

  /// Opens and logs in one session within the context's deadline. Errors carry a stage (tcp, tls,
  /// login) and a code of the spec's error table.
  virtual Result<std::unique_ptr<Session>> Open(const Context& context,
                                                const OpenRequest& request) = 0;

  /// Where the system is, for the resolve and tcp stages: from host/port (comma lists) by default;
  /// object stores derive it from their endpoint; empty when nothing is dialled.
  virtual Result<std::vector<model::Endpoint>> Endpoints(const json::object& configuration) const;

  virtual TlsPreface tls_preface() const { return {}; }
  /// False for systems whose TLS has nothing to do with `ssl` (S3: the endpoint's scheme decides).
  virtual bool UsesTls(const json::object& configuration, const model::Ssl& ssl) const {
    return ssl.enabled;
  }
};

/// The table of all types, built once by daemon/; thread-safe to read.
class ConnectorTable {
 public:
  explicit ConnectorTable(std::vector<std::unique_ptr<Connector>> connectors);
  /// config.unknown_type with a suggestion when there is none.
  Result<Connector*> Find(std::string_view type) const;
  /// The type that a URI's scheme belongs to; config.malformed_uri / config.unknown_type otherwise.
  Result<Connector*> FindByUri(std::string_view uri) const;
  const std::vector<std::unique_ptr<Connector>>& all() const { return connectors_; }

 private:
  std::vector<std::unique_ptr<Connector>> connectors_;
};

}  // namespace nstarx::connector
