#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/manifest.h"
#include "drivers/version.h"

namespace nstarx::drivers {

/// A driver on the disk.
struct InstalledDriver {
  std::string id;
  std::string current;                ///< version
  std::string previous;               ///< version that a roll-back goes to; empty: none
  std::vector<std::string> versions;  ///< oldest first
  UpdatePolicy policy = UpdatePolicy::kOff;
};

/// The folder <data>/drivers: <id>/<version>/ with manifest.json, files/ and extracted/; the links
/// <id>/current and <id>/previous; <id>/policy.json. What is half done has a name that begins with
/// a dot and goes at the next Open. Used under one lock by its owner.
class InstalledDrivers {
 public:
  static Result<InstalledDrivers> Open(std::string folder);

  const std::string& folder() const { return folder_; }
  std::string VersionFolder(std::string_view id, std::string_view version) const;
  /// Sorted by id; a folder without a current version is none.
  std::vector<InstalledDriver> List() const;
  std::optional<InstalledDriver> Find(std::string_view id) const;
  /// driver.not_installed, driver.unknown_version.
  Result<Manifest> ManifestOf(std::string_view id, std::string_view version) const;

  /// A fresh folder for what is coming; goes with the object unless it was kept.
  class Incoming {
   public:
    explicit Incoming(std::string folder) : folder_(std::move(folder)) {}
    Incoming(Incoming&& other) noexcept : folder_(std::exchange(other.folder_, {})) {}
    Incoming& operator=(Incoming&&) = delete;
    ~Incoming();
    const std::string& folder() const { return folder_; }
    void Forget() { folder_.clear(); }

   private:
    std::string folder_;
  };
  Result<Incoming> Prepare() const;
  /// Writes the manifest, makes all of it durable and puts it at its place. Nothing is switched.
  Status Keep(Incoming incoming, const Manifest& manifest) const;
  /// Sessions opened from now on use `version`; the one used so far is then the previous.
  Status Switch(std::string_view id, const std::string& version) const;
  Status SetPolicy(std::string_view id, UpdatePolicy policy) const;
  Status RemoveVersion(std::string_view id, std::string_view version) const;
  Status RemoveDriver(std::string_view id) const;
  /// Path of the first file that is not as the manifest says and what is wrong with it, or nothing.
  struct Difference {
    std::string path;
    std::string reason;  ///< missing, size, sha256
  };
  Result<std::optional<Difference>> Verify(const Manifest& manifest) const;

 private:
  explicit InstalledDrivers(std::string folder) : folder_(std::move(folder)) {}
  Status Discard(const std::string& path) const;
  std::string folder_;
};

}  // namespace nstarx::drivers
