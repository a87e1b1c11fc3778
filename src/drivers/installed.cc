#include "drivers/installed.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "base/id.h"
#include "drivers/durable_file.h"

namespace nstarx::drivers {
namespace {

namespace fs = std::filesystem;

constexpr size_t kManifestBytesMax = 4 << 20;

/// Where a link in a driver's folder leads, if it is a version that is there.
std::string LinkedVersion(const fs::path& folder, const char* name) {
  std::error_code code;
  std::string target = fs::read_symlink(folder / name, code).string();
  if (code || !IsVersion(target) || !fs::exists(folder / target / "manifest.json", code)) return {};
  return target;
}

Status MakeFolder(const fs::path& path) {
  std::error_code code;
  fs::create_directories(path, code);
  if (!code) return {};
  errno = code.value();
  return DiskError("make", path.string());
}

Status SyncTree(const std::string& folder) {
  std::error_code code;
  for (const auto& entry : fs::recursive_directory_iterator(folder, code)) {
    if (entry.is_directory(code)) NSTARX_RETURN_IF_ERROR(SyncFolder(entry.path().string()));
  }
  return SyncFolder(folder);
}

}  // namespace

InstalledDrivers::Incoming::~Incoming() {
  std::error_code code;
  if (!folder_.empty()) fs::remove_all(folder_, code);
}

Result<InstalledDrivers> InstalledDrivers::Open(std::string folder) {
  NSTARX_RETURN_IF_ERROR(MakeFolder(folder));
  std::error_code code;
  std::vector<fs::path> left;
  for (const auto& entry : fs::directory_iterator(folder, code)) {
    if (entry.path().filename().string().starts_with('.')) left.push_back(entry.path());
    if (!entry.is_directory(code)) continue;
    for (const auto& inner : fs::directory_iterator(entry.path(), code)) {
      const std::string name = inner.path().filename().string();
      if (name.starts_with(".link-") || name.ends_with(".new")) left.push_back(inner.path());
    }
  }
  for (const fs::path& path : left) fs::remove_all(path, code);
  return InstalledDrivers(std::move(folder));
}

std::string InstalledDrivers::VersionFolder(std::string_view id, std::string_view version) const {
  return fmt::format("{}/{}/{}", folder_, id, version);
}

std::optional<InstalledDriver> InstalledDrivers::Find(std::string_view id) const {
  if (!IsDriverId(id)) return std::nullopt;
  const fs::path folder = fs::path(folder_) / std::string(id);
  InstalledDriver out{.id = std::string(id), .current = LinkedVersion(folder, "current")};
  if (out.current.empty()) return std::nullopt;
  out.previous = LinkedVersion(folder, "previous");
  if (out.previous == out.current) out.previous.clear();
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code)) {
    const std::string name = entry.path().filename().string();
    if (IsVersion(name) && !entry.is_symlink(code) &&
        fs::exists(entry.path() / "manifest.json", code)) {
      out.versions.push_back(name);
    }
  }
  std::ranges::sort(out.versions, [](const std::string& a, const std::string& b) {
    const int order = CompareVersions(a, b);
    return order != 0 ? order < 0 : a < b;
  });
  if (const auto text = ReadWhole((folder / "policy.json").string(), 4096)) {
    const auto parsed = ParseJson(*text);
    if (parsed && parsed->is_object()) {
      const auto policy = ParsePolicy(GetString(parsed->get_object(), "auto_update"));
      if (policy) out.policy = *policy;
    }
  }
  return out;
}

std::vector<InstalledDriver> InstalledDrivers::List() const {
  std::vector<InstalledDriver> out;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder_, code)) {
    if (auto found = Find(entry.path().filename().string())) out.push_back(std::move(*found));
  }
  std::ranges::sort(out, {}, &InstalledDriver::id);
  return out;
}

Result<Manifest> InstalledDrivers::ManifestOf(std::string_view id, std::string_view version) const {
  const auto found = Find(id);
  if (!found) {
    return NotFound("driver.not_installed",
                    fmt::format("the driver '{}' is not installed", Shortened(id)))
        .WithHint("nstarx drivers install installs it.");
  }
  if (std::ranges::find(found->versions, version) == found->versions.end()) {
    return NotFound("driver.unknown_version",
                    fmt::format("version {} of '{}' is not installed", Shortened(version), id))
        .WithHint(fmt::format("Installed: {}.", fmt::join(found->versions, ", ")));
  }
  NSTARX_TRY(const std::string text,
             ReadWhole(VersionFolder(id, version) + "/manifest.json", kManifestBytesMax));
  NSTARX_TRY(Manifest manifest, Manifest::Parse(text));
  if (manifest.id != id || manifest.version != version) {
    return Error(ErrorKind::kDataLoss, "driver.damaged",
                 fmt::format("the manifest of '{}' {} is another's", id, version));
  }
  return manifest;
}

Result<InstalledDrivers::Incoming> InstalledDrivers::Prepare() const {
  Incoming out(fmt::format("{}/.incoming-{}", folder_, RandomToken(10)));
  NSTARX_RETURN_IF_ERROR(MakeFolder(out.folder() + "/files"));
  return out;
}

Status InstalledDrivers::Keep(Incoming incoming, const Manifest& manifest) const {
  NSTARX_RETURN_IF_ERROR(
      WriteWhole(incoming.folder() + "/manifest.json", json::serialize(manifest.ToJson())));
  NSTARX_RETURN_IF_ERROR(SyncTree(incoming.folder()));
  const std::string home = fmt::format("{}/{}", folder_, manifest.id);
  NSTARX_RETURN_IF_ERROR(MakeFolder(home));
  const std::string place = VersionFolder(manifest.id, manifest.version);
  std::error_code code;
  if (fs::exists(place, code)) NSTARX_RETURN_IF_ERROR(Discard(place));
  if (std::rename(incoming.folder().c_str(), place.c_str()) != 0) {
    return DiskError("rename", incoming.folder());
  }
  incoming.Forget();
  NSTARX_RETURN_IF_ERROR(SyncFolder(home));
  return SyncFolder(folder_);
}

Status InstalledDrivers::Switch(std::string_view id, const std::string& version) const {
  const std::string home = fmt::format("{}/{}", folder_, id);
  const std::string used = LinkedVersion(home, "current");
  if (used == version) return {};
  // Killed between the two: current and previous are the same, which reads as no previous.
  if (!used.empty()) NSTARX_RETURN_IF_ERROR(SwitchLink(home, "previous", used));
  return SwitchLink(home, "current", version);
}

Status InstalledDrivers::SetPolicy(std::string_view id, UpdatePolicy policy) const {
  const json::object text{{"auto_update", ToString(policy)}};
  return WriteWhole(fmt::format("{}/{}/policy.json", folder_, id), json::serialize(text));
}

Status InstalledDrivers::Discard(const std::string& path) const {
  const std::string aside = fmt::format("{}/.removing-{}", folder_, RandomToken(10));
  if (std::rename(path.c_str(), aside.c_str()) != 0) return DiskError("remove", path);
  NSTARX_RETURN_IF_ERROR(SyncFolder(folder_));
  std::error_code code;
  fs::remove_all(aside, code);
  return {};
}

Status InstalledDrivers::RemoveVersion(std::string_view id, std::string_view version) const {
  return Discard(VersionFolder(id, version));
}

Status InstalledDrivers::RemoveDriver(std::string_view id) const {
  return Discard(fmt::format("{}/{}", folder_, id));
}

Result<std::optional<InstalledDrivers::Difference>> InstalledDrivers::Verify(
    const Manifest& manifest) const {
  const std::string home = VersionFolder(manifest.id, manifest.version);
  for (const auto* list : {&manifest.files, &manifest.extracted}) {
    for (const InstalledFile& file : *list) {
      const std::string path = home + "/" + file.path;
      std::error_code code;
      if (!fs::is_regular_file(fs::symlink_status(path, code))) {
        return Difference{file.path, "missing"};
      }
      const auto size = fs::file_size(path, code);
      if (static_cast<int64_t>(size) != file.size) return Difference{file.path, "size"};
      NSTARX_TRY(const std::string digest, Sha256OfFile(path));
      if (digest != file.sha256) return Difference{file.path, "sha256"};
    }
  }
  return std::optional<Difference>();
}

}  // namespace nstarx::drivers
