#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "drivers/catalogue.h"

namespace nstarx::drivers {

/// The versions in a maven-metadata.xml, in its order; odd ones are left out.
std::vector<std::string> MavenVersions(std::string_view metadata);

/// A wheel on a project's page of the simple API.
struct ListedWheel {
  std::string file;
  std::string url;
  std::string sha256;
  int64_t size = -1;
};
/// Of HTML (PEP 503) or JSON (PEP 691): wheels with a SHA-256 that were not withdrawn.
std::vector<ListedWheel> WheelsOf(std::string_view page);

/// The releases of a coordinate, without their files unless `wanted` names the version (or is
/// "newest"). driver.source_missing when no repository has it, driver.checksum_missing.
Result<std::vector<Release>> MavenReleases(const Context& context, const Source& source,
                                           const std::vector<Location>& repositories,
                                           const MavenCoordinates& coordinates,
                                           std::string_view wanted);
/// The releases of a project that have a wheel for this machine.
Result<std::vector<Release>> PypiReleases(const Context& context, const Source& source,
                                          const std::vector<Location>& indexes,
                                          const std::string& project);

inline constexpr std::string_view kNewest = "newest";
inline constexpr size_t kDocumentBytesMax = 16 << 20;
/// Oldest first.
void SortReleases(std::vector<Release>& releases);

}  // namespace nstarx::drivers
