#include "drivers/manifest.h"

#include <fmt/format.h>

#include "drivers/index.h"
#include "drivers/version.h"

namespace nstarx::drivers {
namespace {

constexpr size_t kFilesMax = 5000;

Error Damaged(std::string message) {
  return Error(ErrorKind::kDataLoss, "driver.damaged", std::move(message))
      .WithHint("Remove the driver's version and install it again.");
}

json::array FilesToJson(const std::vector<InstalledFile>& files) {
  json::array out;
  for (const InstalledFile& file : files) {
    json::object row{{"path", file.path}, {"sha256", file.sha256}, {"size", file.size}};
    if (!file.signature.empty()) row["signature"] = file.signature;
    out.push_back(std::move(row));
  }
  return out;
}

Result<std::vector<InstalledFile>> FilesAt(const json::object& from, std::string_view key,
                                           std::string_view below) {
  std::vector<InstalledFile> out;
  const json::value* value = from.if_contains(key);
  if (value == nullptr) return out;
  if (!value->is_array() || value->get_array().size() > kFilesMax) {
    return Damaged(fmt::format("'{}' of a manifest is no short list", key));
  }
  for (const json::value& item : value->get_array()) {
    if (!item.is_object()) return Damaged("a manifest's file is no object");
    const json::object& row = item.get_object();
    InstalledFile file{.path = std::string(GetString(row, "path")),
                       .sha256 = HexDigest(GetString(row, "sha256")).value_or(""),
                       .size = GetInt(row, "size", -1),
                       .signature = std::string(GetString(row, "signature"))};
    if (!IsSafePath(file.path) || !file.path.starts_with(below) || file.sha256.empty() ||
        file.size < 0) {
      return Damaged("a manifest's file lacks path, sha256 or size");
    }
    out.push_back(std::move(file));
  }
  return out;
}

}  // namespace

json::object Manifest::ToJson() const {
  json::object out{{"format", "nstarx-driver/1"}, {"id", id}, {"version", version}, {"kind", kind}};
  const auto add = [&](const char* key, const std::string& text) {
    if (!text.empty()) out[key] = text;
  };
  add("title", title);
  add("licence", licence);
  add("homepage", homepage);
  add("source", source);
  add("checksum", checksum);
  add("signed_by", signed_by);
  add("installed_at", installed);
  add("library", library);
  out["files"] = FilesToJson(files);
  if (!extracted.empty()) out["extracted"] = FilesToJson(extracted);
  return out;
}

Result<Manifest> Manifest::Parse(std::string_view text) {
  const auto parsed = ParseJson(text);
  if (!parsed || !parsed->is_object() ||
      GetString(parsed->get_object(), "format") != "nstarx-driver/1") {
    return Damaged("a manifest.json is none");
  }
  const json::object& from = parsed->get_object();
  const auto at = [&](std::string_view key) { return std::string(GetString(from, key)); };
  Manifest out{.id = at("id"),
               .version = at("version"),
               .kind = at("kind"),
               .title = at("title"),
               .licence = at("licence"),
               .homepage = at("homepage"),
               .source = at("source"),
               .checksum = at("checksum"),
               .signed_by = at("signed_by"),
               .installed = at("installed_at"),
               .library = at("library")};
  if (!IsDriverId(out.id) || !IsVersion(out.version) ||
      (!out.library.empty() && !IsSafePath(out.library))) {
    return Damaged("a manifest lacks id or version, or its library is elsewhere");
  }
  if (out.kind != "jdbc" && out.kind != "adbc" && out.kind != "odbc") {
    return Damaged("a manifest's kind is not jdbc, adbc or odbc");
  }
  NSTARX_TRY(out.files, FilesAt(from, "files", "files/"));
  NSTARX_TRY(out.extracted, FilesAt(from, "extracted", "extracted/"));
  if (out.files.empty()) return Damaged("a manifest has no files");
  return out;
}

}  // namespace nstarx::drivers
