#include "daemon/driver_sources.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "drivers/durable_file.h"

namespace nstarx::daemon {
namespace {

constexpr size_t kPemBytesMax = 4 << 20;

/// What the flags say, else the variable's parts between commas.
std::vector<std::string> Given(const std::vector<std::string>& flags, const char* variable) {
  if (!flags.empty()) return flags;
  std::vector<std::string> out;
  const char* value = std::getenv(variable);
  std::string_view rest = value != nullptr ? value : "";
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    if (comma > 0) out.emplace_back(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return out;
}

Result<std::vector<drivers::Location>> Locations(const std::vector<std::string>& texts) {
  std::vector<drivers::Location> out;
  for (const std::string& text : texts) {
    NSTARX_TRY(drivers::Location parsed, drivers::Location::Parse(text));
    out.push_back(std::move(parsed));
  }
  return out;
}

}  // namespace

Result<drivers::Sources> DriverSourcesOf(const cli::ServeOptions& options) {
  drivers::Sources out;
  NSTARX_TRY(out.indexes, Locations(Given(options.driver_indexes, "NSTARX_DRIVER_INDEX")));
  NSTARX_TRY(out.maven, Locations(Given(options.maven_repositories, "NSTARX_MAVEN_REPOSITORY")));
  NSTARX_TRY(out.pypi, Locations(Given(options.pypi_indexes, "NSTARX_PYPI_INDEX")));
  if (out.pypi.empty()) {
    // Not ours: one that can't be used (with a password in it) is no reason not to start.
    auto pip = Locations(Given({}, "PIP_INDEX_URL"));
    if (pip) out.pypi = std::move(*pip);
  }
  std::vector<std::string> keys = Given(options.driver_keys, "NSTARX_DRIVER_KEY");
  for (std::string& key : keys) {
    std::error_code code;
    if (!std::filesystem::is_regular_file(key, code)) continue;
    NSTARX_TRY(key, drivers::ReadWhole(key, 4096));
  }
  NSTARX_TRY(out.keys, drivers::TrustedKeys::Parse(keys));
  if (!options.driver_ca_file.empty()) {
    NSTARX_TRY(out.ca_pem, drivers::ReadWhole(options.driver_ca_file, kPemBytesMax));
  }
  return out;
}

}  // namespace nstarx::daemon
