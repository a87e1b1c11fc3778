#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/secret.h"
#include "base/status.h"
#include "model/connection.h"

namespace nstarx::connector {

enum class FieldType { kString, kInteger, kNumber, kBoolean, kArray, kObject };

/// One property of the configuration or of an authentication method, as spec.json declares it.
struct Field {
  std::string name;
  FieldType type = FieldType::kString;
  std::string title;
  std::string description;
  bool required = false;
  bool secret = false;          ///< x-secret
  bool multiline = false;       ///< x-multiline
  int order = 1000;             ///< x-order
  std::string group = "basic";  ///< x-group: basic, advanced, tls, pool, tunnel
  std::string uri;  ///< x-uri: host, port, user, password, path, query:<key>; empty: not in the URI
  std::string env;  ///< x-env: the variable that the wizard offers
  std::optional<json::value> default_value;
  std::optional<int64_t> minimum;
  std::optional<int64_t> maximum;
  std::vector<std::string> values;  ///< enum
  std::string pattern;              ///< ECMAScript regular expression, whole value
  std::vector<std::string> examples;
};

struct AuthMethod {
  std::string type;  ///< the const of its "type" property
  std::string title;
  std::vector<Field> fields;  ///< without "type"
};

/// A known error of this system: cause and what to do.
struct KnownError {
  std::string code;
  std::string cause;
  std::vector<std::string> hints;
};

/// A draft taken apart: what may be stored in the open, and what goes to the vault.
struct CheckedDraft {
  json::object configuration;  ///< as given, ${ENV} still inside, defaults not filled in
  std::string auth_type;
  json::object auth_fields;  ///< public
  SecretMap secrets;         ///< authentication's secret fields; ${ENV} may be inside
  model::Ssl ssl;
  model::Pooling pooling;
  model::Sharing sharing;
};

/// spec.json of one type, parsed and checked once at start. Immutable, thread-safe.
class Spec {
 public:
  static Result<Spec> Parse(std::string_view document);

  const std::string& type() const { return type_; }
  const std::string& title() const { return title_; }
  const std::string& family() const { return family_; }
  int default_port() const { return default_port_; }
  const std::vector<std::string>& schemes() const { return schemes_; }
  const std::vector<Field>& configuration() const { return configuration_; }
  const std::vector<AuthMethod>& auth_methods() const { return auth_methods_; }
  bool Has(std::string_view capability) const { return capabilities_.contains(capability); }
  const std::set<std::string, std::less<>>& capabilities() const { return capabilities_; }
  const std::vector<KnownError>& errors() const { return errors_; }
  const KnownError* FindError(std::string_view code) const;
  /// The whole document, as GET /connection-types/{type} serves it.
  const json::object& document() const { return document_; }

  /// Checks a draft field by field: unknown (with 'did you mean'), missing, wrong type, out of
  /// range; takes `configuration.uri` apart; picks the authentication method by `type`, else by the
  /// fields that are there; unknown keys of `additionalParams` that look like secrets become
  /// secrets. All problems are reported at once in details.problems [{field, code, message}], the
  /// first one is the error's code.
  Result<CheckedDraft> Check(const model::ConnectionDraft& draft) const;

  /// Checks a template of the user's own, a part of a draft: unlike Check nothing need be there,
  /// and a value like "<account>.example.com" stands for what is asked later. A secret is
  /// config.secret_in_template.
  Status CheckTemplate(const model::ConnectionDraft& draft) const;

  /// What a URI says, as {"configuration", "authentication", "ssl"} of a draft.
  /// config.malformed_uri otherwise; the password is never in an error.
  Result<json::object> FromUri(std::string_view uri) const;
  /// The URI of a configuration, without secrets; empty for types without a scheme.
  std::string ToUri(const json::object& configuration, const json::object& auth_fields) const;

  /// `configuration` with defaults filled in and every ${NAME} replaced from the environment;
  /// config.unset_variable names a missing one.
  Result<json::object> Resolve(const json::object& configuration) const;

  /// Adds the spec's cause and hints to an error that has the same code and no hints of its own.
  Error Advise(Error error) const;

 private:
  friend class SpecReader;
  std::string type_;
  std::string title_;
  std::string family_;
  int default_port_ = 0;
  bool has_tls_ = false;
  std::string default_ssl_mode_;  ///< empty: TLS off by default
  std::vector<std::string> schemes_;
  std::vector<Field> configuration_;
  std::vector<AuthMethod> auth_methods_;
  std::set<std::string, std::less<>> capabilities_;
  std::vector<KnownError> errors_;
  json::object document_;
};

/// The fields ("configuration.host") of a draft whose values still are a template's "<…>".
std::vector<std::string> PlaceholdersIn(const json::object& draft);

/// `text` with every ${NAME} replaced from the environment; "$${" is a literal "${".
/// config.unset_variable.
Result<std::string> ResolveVariables(std::string_view text);

}  // namespace nstarx::connector
