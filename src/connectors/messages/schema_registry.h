#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/status.h"
#include "connectors/messages/avro_schema.h"
#include "net/http_request.h"

namespace nstarx::net {
class HttpClient;
}

namespace nstarx::connectors::messages {

/// A schema registry with the REST interface that Confluent's has, of which Avro schemas are read.
/// Used by one thread at a time; dials at its first use. Redirects are errors: the login goes to
/// the one address that was given. Errors: registry.unreachable, registry.login_refused,
/// registry.forbidden, registry.unknown_schema, registry.unknown_reference, registry.failed,
/// stream.schema_not_avro and those of AvroSchemaReader.
class SchemaRegistry {
 public:
  /// From the fields schema_registry, schema_registry_ca, registry_username, registry_password and
  /// registry_token; null when no registry is configured.
  static Result<std::unique_ptr<SchemaRegistry>> Make(const json::object& configuration,
                                                      const json::object& authentication,
                                                      const SecretMap& secrets);
  ~SchemaRegistry();

  /// Asks for something, to see whether the registry answers and takes the login.
  Status Check(const Context& context);
  /// The schema of that id; kept, for as long as there are not too many.
  Result<AvroTypePtr> Find(const Context& context, uint32_t id);
  /// The newest schema of a subject; null when there is no such subject.
  Result<AvroTypePtr> FindLatest(const Context& context, std::string_view subject);

 private:
  SchemaRegistry() = default;
  /// The answer's object; null when there is no such thing.
  Result<json::value> Ask(const Context& context, std::string_view path);
  Result<AvroTypePtr> Read(const Context& context, const json::value& answer);
  Status ReadReferences(const Context& context, const json::object& answer, int depth,
                        AvroSchemaReader& reader, std::set<std::string>& read);
  Error Failed(std::string_view code, ErrorKind kind, std::string_view what) const;

  net::ServiceUrl service_;
  std::string ca_pem_;
  std::string user_;
  Secret password_;
  Secret token_;
  std::unique_ptr<net::HttpClient> client_;
  std::map<uint32_t, AvroTypePtr> known_;
};

}  // namespace nstarx::connectors::messages
