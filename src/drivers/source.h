#pragma once

#include <string>
#include <string_view>

#include "base/context.h"
#include "base/status.h"
#include "drivers/durable_file.h"

namespace nstarx::drivers {

/// A place to read from: "http[s]://…", or an absolute path (also as "file:///…").
struct Location {
  std::string text;

  bool remote() const { return text.starts_with("http://") || text.starts_with("https://"); }
  /// Reads what an operator configured; driver.malformed_location for anything else.
  static Result<Location> Parse(std::string_view text);
  /// The folder that holds it.
  Location Parent() const;
  /// What `reference`, found in a document here (a folder's, with a slash at its end), means.
  /// driver.unsafe_path for a path that leaves `root`, a change from https to http, or another
  /// scheme. A folder's document may name a URL, never the other way round.
  Result<Location> Resolve(std::string_view reference, const Location& root) const;
};

/// Reads files of folders and of HTTP servers (at most three redirects, environment's proxy).
/// Errors: driver.source_missing for what is not there, driver.source_failed for another HTTP
/// status, driver.too_large, and those of net::HttpClient.
class Source {
 public:
  explicit Source(std::string ca_pem) : ca_pem_(std::move(ca_pem)) {}

  Result<std::string> Text(const Context& context, const Location& from, size_t bytes_max,
                           std::string_view accept = {}) const;
  Status Download(const Context& context, const Location& from, DurableFile& into) const;

 private:
  const std::string ca_pem_;
};

}  // namespace nstarx::drivers
