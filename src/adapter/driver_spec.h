#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "connector/connector.h"

namespace nstarx::adapter {

/// A row of a driver's options: a value may hold {name}, or {name|uri} (percent-encoded), of the
/// configuration, the authentication's fields or secrets, and {host} and {port}.
using OptionTemplates = std::vector<std::pair<std::string, std::string>>;

/// How a driver says a known error, in words or as an SQLSTATE.
struct ErrorRule {
  std::string contains;
  std::string sqlstate;
  std::string code;
};

/// The "driver" object of an adapter's spec.json.
struct DriverSpec {
  std::string kind;     ///< adbc or odbc
  std::string library;  ///< absolute path, path beside the spec.json, an installed driver's name,
                        ///< or "driver:<id>" of the driver management
  std::string entrypoint;  ///< empty: by the library's name
  OptionTemplates database;
  OptionTemplates connection;
  std::vector<std::string> session;  ///< statements of every new session
  OptionTemplates read_only_connection;
  std::vector<std::string> read_only_session;
  bool can_read_only = false;
  std::string ping;    ///< a statement that costs nothing
  std::string sample;  ///< with {path} and {limit}
  int64_t memory_mb = 1024;
  std::vector<ErrorRule> errors;
  std::set<std::string, std::less<>> advised;  ///< codes for which the spec.json has hints

  /// `folder`: where the spec.json lies. adapter.malformed_spec names what is wrong.
  static Result<DriverSpec> Parse(const connector::Spec& spec, const std::string& folder);
};

/// The options with their placeholders filled in; one whose placeholders are all empty is left out.
/// adapter.malformed_spec for a name that the request does not know. Holds secrets: send it to the
/// host, then wipe it.
Result<json::object> FillOptions(const OptionTemplates& templates,
                                 const connector::OpenRequest& request);

}  // namespace nstarx::adapter
