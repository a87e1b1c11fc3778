#include "drivers/index.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "drivers/version.h"

namespace nstarx::drivers {
namespace {

constexpr size_t kEntriesMax = 2000;
constexpr size_t kVersionsMax = 1000;
constexpr size_t kFilesMax = 64;
constexpr size_t kTextMax = 512;
constexpr int64_t kFileBytesMax = int64_t{512} << 20;

Error Malformed(std::string message) {
  return Unavailable("driver.malformed_index", std::move(message))
      .WithAction(Action::kAskOperator)
      .WithHint("docs/drivers.md shows the format of an index.");
}

Result<std::string> TextAt(const json::object& from, std::string_view key, std::string_view where) {
  const json::value* value = from.if_contains(key);
  if (value == nullptr) return std::string();
  if (!value->is_string() || value->get_string().size() > kTextMax) {
    return Malformed(fmt::format("'{}' of {} is not a short text", key, where));
  }
  return std::string(value->get_string());
}

/// The members of a list of objects, few enough.
Result<std::vector<const json::object*>> ObjectsAt(const json::object& from, std::string_view key,
                                                   size_t most, std::string_view where) {
  std::vector<const json::object*> out;
  const json::value* value = from.if_contains(key);
  if (value == nullptr) return out;
  if (!value->is_array() || value->get_array().size() > most) {
    return Malformed(fmt::format("'{}' of {} is not a list of at most {}", key, where, most));
  }
  for (const json::value& item : value->get_array()) {
    if (!item.is_object())
      return Malformed(fmt::format("'{}' of {} holds what is no object", key, where));
    out.push_back(&item.get_object());
  }
  return out;
}

Result<IndexedFile> ReadFile(const json::object& from, const std::string& where) {
  IndexedFile out;
  NSTARX_TRY(out.name, TextAt(from, "name", where));
  if (!IsFileName(out.name)) return Malformed(fmt::format("a file of {} has no name", where));
  NSTARX_TRY(out.url, TextAt(from, "url", where));
  if (out.url.empty()) out.url = out.name;
  if (out.url.find("://") == std::string::npos && !IsSafePath(out.url)) {
    return Malformed(fmt::format("the URL of '{}' of {} leads out of the index", out.name, where));
  }
  NSTARX_TRY(const std::string digest, TextAt(from, "sha256", where));
  const auto hex = HexDigest(digest);
  if (!hex) return Malformed(fmt::format("'{}' of {} has no SHA-256", out.name, where));
  out.sha256 = *hex;
  out.size = GetInt(from, "size", -1);
  if (out.size < -1 || out.size > kFileBytesMax || (from.contains("size") && out.size < 0)) {
    return Malformed(fmt::format("'{}' of {} has an impossible size", out.name, where));
  }
  NSTARX_TRY(out.signature, TextAt(from, "signature", where));
  return out;
}

Result<IndexedVersion> ReadVersion(const json::object& from, const std::string& id) {
  IndexedVersion out;
  NSTARX_TRY(out.version, TextAt(from, "version", id));
  if (!IsVersion(out.version)) return Malformed(fmt::format("'{}' has an odd version", id));
  const std::string where = id + " " + out.version;
  NSTARX_TRY(const auto files, ObjectsAt(from, "files", kFilesMax, where));
  std::set<std::string> names;
  for (const json::object* file : files) {
    NSTARX_TRY(IndexedFile read, ReadFile(*file, where));
    if (!names.insert(read.name).second) {
      return Malformed(fmt::format("{} has '{}' twice", where, read.name));
    }
    out.files.push_back(std::move(read));
  }
  if (out.files.empty()) return Malformed(fmt::format("{} has no files", where));
  return out;
}

Status ReadLayout(const json::object& from, IndexEntry& out) {
  if (const json::value* maven = from.if_contains("maven"); maven != nullptr) {
    if (!maven->is_object()) return Malformed(fmt::format("'maven' of {} is no object", out.id));
    MavenCoordinates read;
    NSTARX_TRY(read.group, TextAt(maven->get_object(), "group", out.id));
    NSTARX_TRY(read.artifact, TextAt(maven->get_object(), "artifact", out.id));
    NSTARX_TRY(read.version_suffix, TextAt(maven->get_object(), "version_suffix", out.id));
    const bool good = IsFileName(read.group) && read.group.find("..") == std::string::npos &&
                      IsFileName(read.artifact);
    if (!good) return Malformed(fmt::format("'maven' of {} needs group and artifact", out.id));
    out.maven = std::move(read);
  }
  if (const json::value* pypi = from.if_contains("pypi"); pypi != nullptr) {
    if (!pypi->is_object()) return Malformed(fmt::format("'pypi' of {} is no object", out.id));
    NSTARX_TRY(out.pypi_project, TextAt(pypi->get_object(), "project", out.id));
    if (!IsDriverId(out.pypi_project)) {
      return Malformed(fmt::format("'pypi' of {} needs the normalised name of a project", out.id));
    }
  }
  const int ways =
      (out.maven ? 1 : 0) + (out.pypi_project.empty() ? 0 : 1) + (out.versions.empty() ? 0 : 1);
  if (ways != 1) {
    return Malformed(fmt::format("{} needs one of 'versions', 'maven' and 'pypi'", out.id));
  }
  return {};
}

Result<IndexEntry> ReadEntry(const json::object& from) {
  IndexEntry out;
  NSTARX_TRY(out.id, TextAt(from, "id", "a driver"));
  if (!IsDriverId(out.id)) return Malformed("a driver's 'id' is not one");
  NSTARX_TRY(out.kind, TextAt(from, "kind", out.id));
  if (out.kind != "jdbc" && out.kind != "adbc" && out.kind != "odbc") {
    return Malformed(fmt::format("'kind' of {} is not jdbc, adbc or odbc", out.id));
  }
  NSTARX_TRY(out.title, TextAt(from, "title", out.id));
  NSTARX_TRY(out.licence, TextAt(from, "licence", out.id));
  NSTARX_TRY(out.homepage, TextAt(from, "homepage", out.id));
  NSTARX_TRY(out.library, TextAt(from, "library", out.id));
  if (!out.library.empty() && !IsSafePath(out.library)) {
    return Malformed(fmt::format("'library' of {} is not a path inside of it", out.id));
  }
  NSTARX_TRY(const auto versions, ObjectsAt(from, "versions", kVersionsMax, out.id));
  for (const json::object* version : versions) {
    NSTARX_TRY(IndexedVersion read, ReadVersion(*version, out.id));
    const bool twice = std::ranges::any_of(
        out.versions, [&](const auto& known) { return known.version == read.version; });
    if (twice) return Malformed(fmt::format("{} has {} twice", out.id, read.version));
    out.versions.push_back(std::move(read));
  }
  NSTARX_RETURN_IF_ERROR(ReadLayout(from, out));
  return out;
}

}  // namespace

bool IsSafePath(std::string_view path) {
  if (path.empty() || path.size() > kTextMax || path.front() == '/') return false;
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    const bool good =
        !part.empty() && part != "." && part != ".." && std::ranges::all_of(part, [](char c) {
          return c > ' ' && c < '\x7f' && c != '\\' && c != ':' && c != '?' && c != '#' && c != '%';
        });
    if (!good) return false;
    if (slash + 1 == path.size()) return false;
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return true;
}

std::optional<std::string> HexDigest(std::string_view text, size_t digits) {
  if (text.size() != digits) return std::nullopt;
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) return std::nullopt;
  }
  return out;
}

const IndexEntry* Index::Find(std::string_view id) const {
  const auto found = std::ranges::find(entries, id, &IndexEntry::id);
  return found == entries.end() ? nullptr : &*found;
}

Result<Index> Index::Parse(std::string_view text) {
  const auto parsed = ParseJson(text);
  if (!parsed) return Malformed(fmt::format("the index is no JSON: {}", parsed.error().message()));
  if (!parsed->is_object() || GetString(parsed->get_object(), "format") != "nstarx-drivers/1") {
    return Malformed("the index does not say \"format\": \"nstarx-drivers/1\"");
  }
  NSTARX_TRY(const auto drivers,
             ObjectsAt(parsed->get_object(), "drivers", kEntriesMax, "the index"));
  Index out;
  std::set<std::string> ids;
  for (const json::object* driver : drivers) {
    NSTARX_TRY(IndexEntry entry, ReadEntry(*driver));
    if (!ids.insert(entry.id).second) {
      return Malformed(fmt::format("the index has '{}' twice", entry.id));
    }
    out.entries.push_back(std::move(entry));
  }
  return out;
}

}  // namespace nstarx::drivers
