#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "access/access.h"
#include "audit/journal.h"
#include "base/clock.h"
#include "base/context.h"
#include "connector/connector.h"
#include "model/connection.h"
#include "store/store.h"
#include "vault/vault.h"

namespace nstarx::registry {

/// A connection made ready for use: variables resolved, secrets revealed. Short-lived.
struct ResolvedConnection {
  model::Connection connection;
  connector::Connector* connector = nullptr;
  json::object configuration;   ///< defaults filled in, ${ENV} resolved
  json::object authentication;  ///< "type" + public fields, ${ENV} resolved
  SecretMap secrets;            ///< ${ENV} resolved
  model::Ssl ssl;
  std::vector<model::Endpoint> endpoints;
};

/// Named connections. Every call checks the caller's permission first (access::Require) and is safe
/// to call from many threads. Names: 1-128 characters, letters, digits, space and . _ -; unique
/// among all that are not deleted.
class Registry {
 public:
  static std::unique_ptr<Registry> Make(store::Store& store, vault::Vault& vault,
                                        const connector::ConnectorTable& connectors,
                                        audit::Journal& journal, const Clock& clock);
  virtual ~Registry() = default;

  virtual Result<model::Connection> Create(const Context& context,
                                           const model::ConnectionDraft& draft) = 0;
  /// Like Create, but nothing is stored: what POST /connections/test uses.
  virtual Result<ResolvedConnection> ResolveDraft(const Context& context,
                                                  const model::ConnectionDraft& draft) = 0;
  virtual Result<model::Connection> Get(const Context& context, std::string_view ref) = 0;
  virtual Result<store::ConnectionPage> List(const Context& context,
                                             store::ConnectionFilter filter) = 0;
  /// RFC 7396 patch of the JSON that Get shows plus secrets in `authentication`; secrets that are
  /// not named stay. `expected_version` 0: no check.
  virtual Result<model::Connection> Update(const Context& context, std::string_view ref,
                                           const json::object& patch, int64_t expected_version) = 0;
  virtual Result<std::vector<store::ConnectionVersion>> Versions(const Context& context,
                                                                 std::string_view ref) = 0;
  /// Makes a new version with the content of an old one; secrets stay as they are now.
  virtual Result<model::Connection> Rollback(const Context& context, std::string_view ref,
                                             int64_t version) = 0;
  virtual Result<model::Connection> Archive(const Context& context, std::string_view ref) = 0;
  virtual Result<model::Connection> Restore(const Context& context, std::string_view ref) = 0;
  virtual Status Delete(const Context& context, std::string_view ref) = 0;
  virtual Status RecordTest(const Context& context, std::string_view id, bool passed,
                            const json::object& summary) = 0;

  /// For the gateway only: the connection ready for use, after requiring `permission`. Archived
  /// ones are refused with connection.archived.
  virtual Result<ResolvedConnection> Resolve(const Context& context, std::string_view ref,
                                             access::Permission permission) = 0;
  /// The permission check and the stored row alone (cached; invalidated by every write through this
  /// object), so that a query on a pooled session needs no vault and no disk.
  virtual Result<std::shared_ptr<const model::Connection>> Admit(const Context& context,
                                                                 std::string_view ref,
                                                                 access::Permission permission) = 0;

  /// The connector of a stored row's type.
  virtual Result<connector::Connector*> ConnectorOf(const model::Connection& connection) const = 0;
};

}  // namespace nstarx::registry
