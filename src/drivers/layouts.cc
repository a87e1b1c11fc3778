#include "drivers/layouts.h"

#include <fmt/format.h>

#include <algorithm>

#include "drivers/version.h"
#include "drivers/wheel.h"

namespace nstarx::drivers {
namespace {

constexpr size_t kListMax = 20'000;

Error NoRepository(std::string_view kind, std::string_view flag) {
  return InvalidArgument("driver.no_repository",
                         fmt::format("the server knows no repository in {}'s layout", kind))
      .WithAction(Action::kAskOperator)
      .WithHint(fmt::format("Start the server with {} FOLDER-OR-URL.", flag))
      .WithHint("Without a network: import a bundle (nstarx drivers import).");
}

std::string WithSlash(std::string text) {
  if (!text.ends_with('/')) text += '/';
  return text;
}

/// The first word of a checksum file, as lower-case hex.
Result<std::string> ReadChecksum(const Context& context, const Source& source, const Location& from,
                                 size_t digits) {
  NSTARX_TRY(const std::string text, source.Text(context, from, 4096));
  const size_t start = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  const size_t end = std::min(text.find_first_of(" \t\r\n", start), text.size());
  const auto hex = HexDigest(std::string_view(text).substr(start, end - start), digits);
  if (hex) return *hex;
  return Unavailable("driver.checksum_missing", fmt::format("{} holds no checksum", from.text));
}

Result<IndexedFile> MavenFile(const Context& context, const Source& source,
                              const std::string& folder, const std::string& name) {
  IndexedFile file{.name = name, .url = folder + name};
  auto digest = ReadChecksum(context, source, {file.url + ".sha256"}, 64);
  if (digest) {
    file.sha256 = *digest;
    return file;
  }
  if (digest.error().code() != "driver.source_missing") return digest.error();
  digest = ReadChecksum(context, source, {file.url + ".sha1"}, 40);
  if (!digest && digest.error().code() == "driver.source_missing") {
    return Unavailable("driver.checksum_missing",
                       fmt::format("the repository has no checksum of {}", name))
        .WithAction(Action::kAskOperator);
  }
  if (!digest) return digest.error();
  file.sha1 = *digest;
  return file;
}

/// The value of an attribute in a tag, with &amp; undone; empty when it is not there.
std::string AttributeOf(std::string_view tag, std::string_view name) {
  const std::string mark = fmt::format("{}=", name);
  size_t at = tag.find(mark);
  if (at == std::string_view::npos || at + mark.size() >= tag.size()) return {};
  at += mark.size();
  const char quote = tag[at];
  if (quote != '"' && quote != '\'') return {};
  const size_t end = tag.find(quote, at + 1);
  if (end == std::string_view::npos) return {};
  std::string out(tag.substr(at + 1, end - at - 1));
  for (size_t found = out.find("&amp;"); found != std::string::npos; found = out.find("&amp;")) {
    out.replace(found, 5, "&");
  }
  return out;
}

std::vector<ListedWheel> WheelsOfHtml(std::string_view page) {
  std::vector<ListedWheel> out;
  constexpr std::string_view kHash = "#sha256=";
  for (size_t at = page.find("<a "); at != std::string_view::npos; at = page.find("<a ", at + 1)) {
    const size_t end = page.find('>', at);
    if (end == std::string_view::npos || out.size() == kListMax) break;
    const std::string_view tag = page.substr(at, end - at);
    const std::string href = AttributeOf(tag, "href");
    const size_t mark = href.find(kHash);
    if (mark == std::string::npos || tag.find("data-yanked") != std::string_view::npos) continue;
    const auto digest = HexDigest(std::string_view(href).substr(mark + kHash.size()));
    std::string url = href.substr(0, mark);
    std::string file = url.substr(url.rfind('/') + 1);
    if (digest && ParseWheelName(file)) {
      out.push_back({.file = std::move(file), .url = std::move(url), .sha256 = *digest});
    }
  }
  return out;
}

std::vector<ListedWheel> WheelsOfJson(const json::object& page) {
  std::vector<ListedWheel> out;
  const json::value* files = page.if_contains("files");
  if (files == nullptr || !files->is_array()) return out;
  for (const json::value& item : files->get_array()) {
    if (!item.is_object() || out.size() == kListMax) continue;
    const json::object& row = item.get_object();
    const json::value* yanked = row.if_contains("yanked");
    if (yanked != nullptr && !(yanked->is_bool() && !yanked->get_bool())) continue;
    const json::value* hashes = row.if_contains("hashes");
    if (hashes == nullptr || !hashes->is_object()) continue;
    const auto digest = HexDigest(GetString(hashes->get_object(), "sha256"));
    std::string file(GetString(row, "filename"));
    if (!digest || !ParseWheelName(file)) continue;
    out.push_back({.file = std::move(file),
                   .url = std::string(GetString(row, "url")),
                   .sha256 = *digest,
                   .size = GetInt(row, "size", -1)});
  }
  return out;
}

Result<std::string> ProjectPage(const Context& context, const Source& source, Location& at) {
  if (at.remote()) {
    return source.Text(context, at, kDocumentBytesMax,
                       "application/vnd.pypi.simple.v1+json, text/html;q=0.5");
  }
  auto page = source.Text(context, {at.text + "index.json"}, kDocumentBytesMax);
  if (!page && page.error().code() == "driver.source_missing") {
    return source.Text(context, {at.text + "index.html"}, kDocumentBytesMax);
  }
  return page;
}

}  // namespace

std::vector<std::string> MavenVersions(std::string_view metadata) {
  constexpr std::string_view kOpen = "<version>";
  std::vector<std::string> out;
  const size_t from = metadata.find("<versions>");
  if (from == std::string_view::npos) return out;
  metadata = metadata.substr(from, metadata.find("</versions>", from) - from);
  for (size_t at = metadata.find(kOpen); at != std::string_view::npos && out.size() < kListMax;
       at = metadata.find(kOpen, at)) {
    at += kOpen.size();
    const size_t end = metadata.find('<', at);
    if (end == std::string_view::npos) break;
    std::string version(metadata.substr(at, end - at));
    if (IsVersion(version)) out.push_back(std::move(version));
  }
  return out;
}

std::vector<ListedWheel> WheelsOf(std::string_view page) {
  const size_t start = page.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || page[start] != '{') return WheelsOfHtml(page);
  const auto parsed = ParseJson(page);
  if (!parsed || !parsed->is_object()) return {};
  return WheelsOfJson(parsed->get_object());
}

void SortReleases(std::vector<Release>& releases) {
  std::ranges::sort(releases, [](const Release& a, const Release& b) {
    return CompareVersions(a.version, b.version) < 0;
  });
}

Result<std::vector<Release>> MavenReleases(const Context& context, const Source& source,
                                           const std::vector<Location>& repositories,
                                           const MavenCoordinates& coordinates,
                                           std::string_view wanted) {
  if (repositories.empty()) return NoRepository("Maven", "--maven-repository");
  std::string path = coordinates.group;
  std::ranges::replace(path, '.', '/');
  path += "/" + coordinates.artifact + "/";
  std::optional<Error> last;
  for (const Location& repository : repositories) {
    const std::string base = WithSlash(repository.text) + path;
    const auto metadata = source.Text(context, {base + "maven-metadata.xml"}, kDocumentBytesMax);
    if (!metadata) {
      if (metadata.error().code() != "driver.source_missing") return metadata.error();
      last = metadata.error();
      continue;
    }
    std::vector<Release> out;
    for (std::string& version : MavenVersions(*metadata)) {
      const bool release = IsRelease(version, coordinates.version_suffix);
      if (release || version == wanted) {
        out.push_back({.version = std::move(version), .source = repository.text});
      }
    }
    SortReleases(out);
    for (Release& release : out) {
      const bool is_wanted =
          wanted == kNewest ? &release == &out.back() : release.version == wanted;
      if (!is_wanted) continue;
      NSTARX_TRY(IndexedFile file,
                 MavenFile(context, source, base + release.version + "/",
                           fmt::format("{}-{}.jar", coordinates.artifact, release.version)));
      release.files.push_back(std::move(file));
    }
    return out;
  }
  return *last;
}

Result<std::vector<Release>> PypiReleases(const Context& context, const Source& source,
                                          const std::vector<Location>& indexes,
                                          const std::string& project) {
  if (indexes.empty()) return NoRepository("PyPI", "--pypi-index");
  std::optional<Error> last;
  for (const Location& index : indexes) {
    Location at{WithSlash(index.text) + project + "/"};
    const auto page = ProjectPage(context, source, at);
    if (!page) {
      if (page.error().code() != "driver.source_missing") return page.error();
      last = page.error();
      continue;
    }
    std::map<std::string, std::pair<int, Release>> best;
    for (const ListedWheel& wheel : WheelsOf(*page)) {
      const auto name = ParseWheelName(wheel.file);
      const int fit = FitHere(name->platform);
      if (fit == 0 || fit <= best[name->version].first) continue;
      NSTARX_TRY(const Location url, at.Resolve(wheel.url, index));
      best[name->version] = {
          fit,
          {.version = name->version,
           .files =
               {{.name = wheel.file, .url = url.text, .sha256 = wheel.sha256, .size = wheel.size}},
           .source = index.text}};
    }
    std::vector<Release> out;
    for (auto& [version, found] : best) {
      if (found.first > 0) out.push_back(std::move(found.second));
    }
    SortReleases(out);
    return out;
  }
  return *last;
}

}  // namespace nstarx::drivers
