#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"

namespace nstarx::drivers {

/// A file of an installed version. `path` is below the version's folder.
struct InstalledFile {
  std::string path;
  std::string sha256;
  int64_t size = 0;
  std::string signature;  ///< as the index gave it; may be empty
};

/// manifest.json of an installed version: what it is, where it came from, what must be on the disk.
struct Manifest {
  std::string id;
  std::string version;
  std::string kind;
  std::string title;
  std::string licence;
  std::string homepage;
  std::string source;     ///< folder, URL or bundle, without user info
  std::string checksum;   ///< which one the source stated: sha256 or sha1
  std::string signed_by;  ///< hex of the public key that was checked, or empty
  std::string installed;  ///< RFC 3339
  /// What a session loads, below the version's folder: the shared library of adbc and odbc; empty
  /// for jdbc, whose class path is all of its jars.
  std::string library;
  std::vector<InstalledFile> files;      ///< as downloaded: files/<name>
  std::vector<InstalledFile> extracted;  ///< what was taken out of them: extracted/<path>

  json::object ToJson() const;
  /// driver.damaged when a member is missing, odd or leads out of the folder.
  static Result<Manifest> Parse(std::string_view text);
};

}  // namespace nstarx::drivers
