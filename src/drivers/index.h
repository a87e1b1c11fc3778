#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"

namespace nstarx::drivers {

/// A file of a driver's version, as an index states it.
struct IndexedFile {
  std::string name;
  std::string url;        ///< absolute, or relative to where the index lies
  std::string sha256;     ///< lower-case hex; empty when the layout states another checksum
  std::string sha1;       ///< only where a layout has nothing better
  int64_t size = -1;      ///< -1: not stated
  std::string signature;  ///< Ed25519 over the file's bytes, Base64; may be empty
};

struct IndexedVersion {
  std::string version;
  std::vector<IndexedFile> files;
};

/// Where a repository in Maven's layout has it.
struct MavenCoordinates {
  std::string group;
  std::string artifact;
  std::string version_suffix;  ///< ".jre11": of the versions only those
};

struct IndexEntry {
  std::string id;
  std::string title;
  std::string kind;  ///< jdbc | adbc | odbc
  std::string licence;
  std::string homepage;
  std::string library;  ///< which of the files is loaded; empty: the only one
  std::vector<IndexedVersion> versions;
  std::optional<MavenCoordinates> maven;
  std::string pypi_project;  ///< empty: none
  bool by_layout() const { return maven.has_value() || !pypi_project.empty(); }
};

/// An index document: docs/drivers.md.
struct Index {
  std::vector<IndexEntry> entries;

  const IndexEntry* Find(std::string_view id) const;
  /// Hostile text: driver.malformed_index names what is wrong and where.
  static Result<Index> Parse(std::string_view text);
};

/// A path below a folder: relative, no "..", no empty or odd part.
bool IsSafePath(std::string_view path);
/// 64 (or 40) hex digits, in lower case; nullopt for anything else.
std::optional<std::string> HexDigest(std::string_view text, size_t digits = 64);

/// The index that comes with the program: coordinates only.
std::string_view BuiltInIndex();

}  // namespace nstarx::drivers
