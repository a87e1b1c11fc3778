#include "drivers/changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "drivers/layouts.h"
#include "drivers/wheel.h"

namespace nstarx::drivers {
namespace {

namespace fs = std::filesystem;

constexpr size_t kManifestBytesMax = 4 << 20;
constexpr const char* kManifest = "manifest.json";
constexpr const char* kIndex = "index.json";
constexpr const char* kSignature = "index.json.sig";

Error Mismatch(std::string_view file, std::string_view what, std::string_view stated,
               std::string_view found) {
  return Error(ErrorKind::kDataLoss, "driver.checksum_mismatch",
               fmt::format("{} of '{}' is {}, but {} was stated", what, file, found, stated))
      .WithAction(Action::kAskOperator)
      .WithDetail("file", file)
      .WithHint("The file was changed on its way or at its source: do not use it.");
}

/// What a session loads of the manifest's files.
Result<std::string> ChooseLibrary(const Manifest& manifest, const std::string& named) {
  if (manifest.kind == "jdbc") return std::string();
  std::vector<std::string> found;
  for (const auto* list : {&manifest.files, &manifest.extracted}) {
    for (const InstalledFile& file : *list) {
      if (!named.empty() && file.path.ends_with("/" + named)) return file.path;
      const std::string name = fs::path(file.path).filename().string();
      const bool library = name.ends_with(".so") || name.find(".so.") != std::string::npos;
      if (library && file.path.find(".libs/") == std::string::npos) found.push_back(file.path);
    }
  }
  if (named.empty() && found.size() == 1) return found.front();
  return Unavailable(
             "driver.no_library",
             named.empty()
                 ? fmt::format("which of the {} libraries of '{}' is the driver is not said",
                               found.size(), manifest.id)
                 : fmt::format("'{}' has no library '{}'", manifest.id, named))
      .WithAction(Action::kAskOperator)
      .WithHint("The index says it as 'library'.");
}

Status ExtractWheels(const std::string& folder, Manifest& manifest) {
  manifest.extracted.clear();
  for (const InstalledFile& file : manifest.files) {
    if (!file.path.ends_with(".whl")) continue;
    NSTARX_TRY(auto libraries, ExtractLibraries(folder + "/" + file.path, folder));
    for (InstalledFile& library : libraries) manifest.extracted.push_back(std::move(library));
  }
  return {};
}

}  // namespace

Result<InstalledFile> Changes::Fetch(const Context& context, const Offer& offer,
                                     const IndexedFile& file, const std::string& folder,
                                     std::string& signed_by) const {
  const std::string path = folder + "/files/" + file.name;
  NSTARX_TRY(const auto out, DurableFile::Create(path));
  const Location from{file.url};
  NSTARX_RETURN_IF_ERROR(catalogue_.source().Download(context, from, *out));
  NSTARX_RETURN_IF_ERROR(out->Finish());
  if (file.size >= 0 && file.size != out->size()) {
    return Mismatch(file.name, "the size", std::to_string(file.size), std::to_string(out->size()));
  }
  if (!file.sha256.empty() && file.sha256 != out->sha256()) {
    return Mismatch(file.name, "SHA-256", file.sha256, out->sha256());
  }
  if (file.sha256.empty() && file.sha1 != out->sha1()) {
    return Mismatch(file.name, "SHA-1", file.sha1, out->sha1());
  }
  InstalledFile done{.path = "files/" + file.name,
                     .sha256 = out->sha256(),
                     .size = out->size(),
                     .signature = file.signature};
  if (!catalogue_.keys().any()) return done;
  // A signed index vouches for the checksums that it states itself.
  const bool vouched = !offer.signed_by.empty() && !offer.entry.by_layout();
  if (vouched && done.signature.empty()) {
    signed_by = offer.signed_by;
    return done;
  }
  if (done.signature.empty()) {
    auto beside = catalogue_.source().Text(context, {from.text + ".sig"}, 4096);
    if (!beside && beside.error().code() != "driver.source_missing") return beside.error();
    if (beside) done.signature = *beside;
  }
  NSTARX_TRY(signed_by, catalogue_.keys().CheckFile(path, done.signature,
                                                    fmt::format("the file '{}'", file.name)));
  return done;
}

Result<json::object> Changes::Install(const Context& context, const Offer& offer,
                                      const Release& release, bool dry_run) const {
  json::object answer{{"id", offer.entry.id},
                      {"version", release.version},
                      {"action", "install"},
                      {"dry_run", dry_run},
                      {"source", release.source}};
  json::array& files = answer["files"].emplace_array();
  for (const IndexedFile& file : release.files) {
    json::object row{{"name", file.name}, {"url", file.url}};
    if (!file.sha256.empty()) row["sha256"] = file.sha256;
    if (!file.sha1.empty()) row["sha1"] = file.sha1;
    if (file.size >= 0) row["size"] = file.size;
    files.push_back(std::move(row));
  }
  if (dry_run) return answer;

  const bool weak = std::ranges::any_of(
      release.files, [](const IndexedFile& file) { return file.sha256.empty(); });
  Manifest manifest{.id = offer.entry.id,
                    .version = release.version,
                    .kind = offer.entry.kind,
                    .title = offer.entry.title,
                    .licence = offer.entry.licence,
                    .homepage = offer.entry.homepage,
                    .source = release.source,
                    .checksum = weak ? "sha1" : "sha256",
                    .installed = FormatTime(clock_.Now())};
  NSTARX_TRY(InstalledDrivers::Incoming incoming, installed_.Prepare());
  for (const IndexedFile& file : release.files) {
    NSTARX_TRY(InstalledFile fetched,
               Fetch(context, offer, file, incoming.folder(), manifest.signed_by));
    manifest.files.push_back(std::move(fetched));
  }
  NSTARX_RETURN_IF_ERROR(ExtractWheels(incoming.folder(), manifest));
  NSTARX_TRY(manifest.library, ChooseLibrary(manifest, offer.entry.library));
  if (!offer.signed_by.empty()) {
    NSTARX_RETURN_IF_ERROR(WriteWhole(incoming.folder() + "/" + kIndex, offer.text));
    NSTARX_RETURN_IF_ERROR(WriteWhole(incoming.folder() + "/" + kSignature, offer.signature));
  }
  NSTARX_RETURN_IF_ERROR(Finish(std::move(incoming), manifest));
  return answer;
}

Status Changes::Finish(InstalledDrivers::Incoming incoming, Manifest& manifest) const {
  NSTARX_RETURN_IF_ERROR(installed_.Keep(std::move(incoming), manifest));
  return installed_.Switch(manifest.id, manifest.version);
}

Status Changes::CheckIntact(const Manifest& manifest) const {
  NSTARX_TRY(const auto difference, installed_.Verify(manifest));
  if (!difference) return {};
  return Error(ErrorKind::kDataLoss, "driver.damaged",
               fmt::format("'{}' of {} {} is not as it was installed ({})", difference->path,
                           manifest.id, manifest.version, difference->reason))
      .WithAction(Action::kAskOperator)
      .WithHint("Install that version again: nstarx drivers install ID --version VERSION.");
}

Result<std::vector<BundleMember>> Changes::MembersOf(const Manifest& manifest) const {
  const std::string home = installed_.VersionFolder(manifest.id, manifest.version);
  std::vector<BundleMember> out;
  const auto add = [&](std::string name, std::string text) {
    const auto size = static_cast<int64_t>(text.size());
    out.push_back({.name = std::move(name), .text = std::move(text), .size = size});
  };
  add(kManifest, json::serialize(manifest.ToJson()));
  std::error_code code;
  if (fs::exists(home + "/" + kIndex, code)) {
    NSTARX_TRY(std::string index, ReadWhole(home + "/" + kIndex, kDocumentBytesMax));
    NSTARX_TRY(std::string signature, ReadWhole(home + "/" + kSignature, 4096));
    add(kIndex, std::move(index));
    add(kSignature, std::move(signature));
  }
  for (const InstalledFile& file : manifest.files) {
    out.push_back({.name = file.path, .path = home + "/" + file.path, .size = file.size});
  }
  return out;
}

/// Every file must be signed itself, or be in the signed index that the bundle brings along.
Status Changes::CheckBundle(const std::string& folder, Manifest& manifest) const {
  manifest.signed_by.clear();
  if (!catalogue_.keys().any()) return {};
  Index index;
  std::error_code code;
  if (fs::exists(folder + "/" + kIndex, code)) {
    NSTARX_TRY(const std::string text, ReadWhole(folder + "/" + kIndex, kDocumentBytesMax));
    std::string signature;
    if (fs::exists(folder + "/" + kSignature, code)) {
      NSTARX_TRY(signature, ReadWhole(folder + "/" + kSignature, 4096));
    }
    NSTARX_TRY(manifest.signed_by,
               catalogue_.keys().Check(text, signature, "the index in the bundle"));
    NSTARX_TRY(index, Index::Parse(text));
  }
  const IndexEntry* entry = index.Find(manifest.id);
  for (const InstalledFile& file : manifest.files) {
    bool listed = false;
    for (const auto& version : entry != nullptr ? entry->versions : std::vector<IndexedVersion>()) {
      if (version.version != manifest.version) continue;
      listed = std::ranges::any_of(version.files, [&](const IndexedFile& row) {
        return "files/" + row.name == file.path && row.sha256 == file.sha256;
      });
    }
    if (listed) continue;
    NSTARX_TRY(manifest.signed_by,
               catalogue_.keys().CheckFile(folder + "/" + file.path, file.signature,
                                           fmt::format("'{}' in the bundle", file.path)));
  }
  return {};
}

Result<json::object> Changes::Import(const Context& context, connector::ByteStream& bundle) const {
  NSTARX_TRY(InstalledDrivers::Incoming incoming, installed_.Prepare());
  std::map<std::string, std::unique_ptr<DurableFile>> taken;
  const auto take = [&](const std::string& name, int64_t size) -> Result<TakeBytes> {
    const bool text = name == kManifest || name == kIndex || name == kSignature;
    const bool file = name.starts_with("files/") && IsFileName(std::string_view(name).substr(6));
    if ((!text && !file) || taken.contains(name)) {
      return InvalidArgument("driver.malformed_bundle",
                             fmt::format("the bundle holds '{}', which no bundle has", name));
    }
    if (text && size > static_cast<int64_t>(kDocumentBytesMax)) {
      return Error(ErrorKind::kResourceExhausted, "driver.too_large",
                   fmt::format("'{}' in the bundle is too large", name));
    }
    NSTARX_TRY(taken[name], DurableFile::Create(incoming.folder() + "/" + name));
    return
        [into = taken[name].get()](std::span<const std::byte> bytes) { return into->Write(bytes); };
  };
  NSTARX_RETURN_IF_ERROR(ReadBundle(context, bundle, take));
  for (auto& [name, file] : taken) NSTARX_RETURN_IF_ERROR(file->Finish());
  if (!taken.contains(kManifest)) {
    return InvalidArgument("driver.malformed_bundle", "the bundle has no manifest.json");
  }
  NSTARX_TRY(const std::string text,
             ReadWhole(incoming.folder() + "/" + kManifest, kManifestBytesMax));
  auto parsed = Manifest::Parse(text);
  if (!parsed) return InvalidArgument("driver.malformed_bundle", parsed.error().message());
  Manifest manifest = std::move(*parsed);
  for (const InstalledFile& file : manifest.files) {
    const auto found = taken.find(file.path);
    if (found == taken.end()) {
      return InvalidArgument("driver.malformed_bundle",
                             fmt::format("the bundle lacks '{}'", file.path));
    }
    if (found->second->sha256() != file.sha256) {
      return Mismatch(file.path, "SHA-256", file.sha256, found->second->sha256());
    }
  }
  const auto files = static_cast<size_t>(std::ranges::count_if(
      taken, [](const auto& row) { return row.first.starts_with("files/"); }));
  if (files != manifest.files.size()) {
    return InvalidArgument("driver.malformed_bundle", "the bundle has files that it does not name");
  }
  NSTARX_RETURN_IF_ERROR(CheckBundle(incoming.folder(), manifest));
  NSTARX_RETURN_IF_ERROR(ExtractWheels(incoming.folder(), manifest));
  const std::string named = manifest.library.substr(manifest.library.find('/') + 1);
  NSTARX_TRY(manifest.library, ChooseLibrary(manifest, named));
  manifest.installed = FormatTime(clock_.Now());
  json::object answer{{"id", manifest.id},
                      {"version", manifest.version},
                      {"action", "install"},
                      {"dry_run", false},
                      {"source", manifest.source}};
  NSTARX_RETURN_IF_ERROR(Finish(std::move(incoming), manifest));
  return answer;
}

}  // namespace nstarx::drivers
