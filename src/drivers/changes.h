#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/json.h"
#include "base/status.h"
#include "drivers/bundle.h"
#include "drivers/catalogue.h"
#include "drivers/installed.h"

namespace nstarx::drivers {

/// How a version comes onto the disk: from a release of the catalogue or from a bundle. All is
/// checked in a folder of its own before it gets its name. Used under one lock by its owner.
class Changes {
 public:
  Changes(const InstalledDrivers& installed, const Catalogue& catalogue, const Clock& clock)
      : installed_(installed), catalogue_(catalogue), clock_(clock) {}

  /// {"id", "version", "action", "dry_run", "source", "files"}. driver.checksum_mismatch,
  /// driver.signature_invalid, driver.no_library and what Source has.
  Result<json::object> Install(const Context& context, const Offer& offer, const Release& release,
                               bool dry_run) const;
  Result<json::object> Import(const Context& context, connector::ByteStream& bundle) const;
  /// What a bundle of that version holds.
  Result<std::vector<BundleMember>> MembersOf(const Manifest& manifest) const;
  /// driver.damaged when a file is not as the manifest says.
  Status CheckIntact(const Manifest& manifest) const;

 private:
  Result<InstalledFile> Fetch(const Context& context, const Offer& offer, const IndexedFile& file,
                              const std::string& folder, std::string& signed_by) const;
  Status CheckBundle(const std::string& folder, Manifest& manifest) const;
  Status Finish(InstalledDrivers::Incoming incoming, Manifest& manifest) const;

  const InstalledDrivers& installed_;
  const Catalogue& catalogue_;
  const Clock& clock_;
};

}  // namespace nstarx::drivers
