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

/// How a driver says a known error: in words, as an SQLSTATE, or by the system's own number.
struct ErrorRule {
  std::string contains;
  std::string sqlstate;
  int64_t vendor_code = 0;
  std::string code;
};

/// The "driver" object of an adapter's spec.json.
struct DriverSpec {
  std::string kind;        ///< adbc, odbc or jdbc
  std::string library;     ///< absolute path, path beside the spec.json, or an installed driver's
                           ///< name; of jdbc a class path
  std::string entrypoint;  ///< empty: by the library's name; of jdbc the driver's class
  OptionTemplates url;     ///< of jdbc: one row
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
