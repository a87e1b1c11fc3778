#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "drivers/manifest.h"

namespace nstarx::drivers {

/// A wheel's file name: its version and whether it runs on this machine.
struct WheelName {
  std::string version;
  std::string platform;  ///< "manylinux_2_28_x86_64", "any"
};
/// Nothing for what is no wheel's name.
std::optional<WheelName> ParseWheelName(std::string_view file);
/// Whether a wheel for `platform` (parts separated by dots) runs with this machine's processor and
/// a C library of version 2.`glibc_minor`. 0: no; more: better fits are greater.
int FitOf(std::string_view platform, std::string_view machine, int glibc_minor);
/// FitOf for the machine that this runs on.
int FitHere(std::string_view platform);

/// Takes the shared libraries out of a wheel (a ZIP) into `folder`, with their paths. Hostile
/// input: driver.malformed_archive, driver.unsafe_path, driver.too_large. The paths in the result
/// begin with "extracted/".
Result<std::vector<InstalledFile>> ExtractLibraries(const std::string& wheel,
                                                    const std::string& folder);

}  // namespace nstarx::drivers
