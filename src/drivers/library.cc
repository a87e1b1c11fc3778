#include "drivers/library.h"

#include <fmt/format.h>

#include <filesystem>

#include "drivers/durable_file.h"
#include "drivers/manifest.h"
#include "drivers/version.h"

namespace nstarx::drivers {

Result<std::string> ResolveLibrary(const std::string& library) {
  namespace fs = std::filesystem;
  if (!library.starts_with(kDriverPrefix)) return library;
  const fs::path home(library.substr(kDriverPrefix.size()));
  const std::string id = home.filename().string();
  std::error_code code;
  // The link is followed once: all paths are then of one version, whatever is switched meanwhile.
  const std::string version = fs::read_symlink(home / "current", code).string();
  if (!IsDriverId(id) || code || !IsVersion(version)) {
    return NotFound("driver.not_installed", fmt::format("the driver '{}' is not installed", id))
        .WithAction(Action::kAskOperator)
        .WithHint(fmt::format("An admin installs it: nstarx drivers install {}", id));
  }
  NSTARX_TRY(const std::string text,
             ReadWhole((home / version / "manifest.json").string(), 4 << 20));
  NSTARX_TRY(const Manifest manifest, Manifest::Parse(text));
  if (!manifest.library.empty()) return (home / version / manifest.library).string();
  std::string path;
  for (const InstalledFile& file : manifest.files) {
    if (!path.empty()) path += ':';
    path += (home / version / file.path).string();
  }
  return path;
}

}  // namespace nstarx::drivers
