#include "drivers/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "drivers/layouts.h"
#include "drivers/version.h"

namespace nstarx::drivers {
namespace {

/// The document of an index that is named by its folder.
Location DocumentOf(const Location& index) {
  if (index.text.ends_with(".json")) return index;
  return Location{index.text + (index.text.ends_with('/') ? "" : "/") + "drivers.json"};
}

}  // namespace

Result<Catalogue::Document> Catalogue::ReadIndex(const Context& context, const Location& at) const {
  const Location from = DocumentOf(at);
  Document out;
  NSTARX_TRY(std::string text, source_.Text(context, from, kDocumentBytesMax));
  if (sources_.keys.any()) {
    auto signature = source_.Text(context, {from.text + ".sig"}, 4096);
    if (!signature && signature.error().code() != "driver.source_missing") return signature.error();
    out.signature = signature ? *signature : "";
    NSTARX_TRY(out.signed_by,
               sources_.keys.Check(text, out.signature, fmt::format("the index {}", from.text)));
    out.text = text;
  }
  NSTARX_TRY(out.index, Index::Parse(text));
  return out;
}

Catalogue::Offers Catalogue::List(const Context& context, bool refresh) {
  Offers out;
  std::set<std::string> ids;
  const auto add = [&](const Document& document, const Location& at) {
    for (const IndexEntry& entry : document.index.entries) {
      if (!ids.insert(entry.id).second) continue;
      out.offers.push_back({.entry = entry,
                            .index = at,
                            .text = document.text,
                            .signature = document.signature,
                            .signed_by = document.signed_by});
    }
  };
  for (const Location& at : sources_.indexes) {
    if (at.remote() && !refresh) {
      const std::lock_guard guard(lock_);
      if (const auto known = read_.find(at.text); known != read_.end()) add(known->second, at);
      continue;
    }
    auto read = ReadIndex(context, at);
    if (!read) {
      out.problems.push_back({at.text, read.error()});
      continue;
    }
    add(*read, at);
    if (at.remote()) {
      const std::lock_guard guard(lock_);
      read_.insert_or_assign(at.text, std::move(*read));
    }
  }
  auto built_in = Index::Parse(BuiltInIndex());
  NSTARX_CHECK(built_in.has_value());
  add(Document{.index = std::move(*built_in)}, Location{});
  std::ranges::sort(out.offers, {}, [](const Offer& offer) { return offer.entry.id; });
  return out;
}

Result<Offer> Catalogue::Find(const Context& context, std::string_view id) {
  Offers all = List(context, true);
  std::vector<std::string> ids;
  for (Offer& offer : all.offers) {
    if (offer.entry.id != id) {
      ids.push_back(offer.entry.id);
      continue;
    }
    // An index before this one may have another of that name: which of them is meant is not known.
    if (!all.problems.empty() && offer.index.text.empty()) return all.problems.front().error;
    return std::move(offer);
  }
  if (!all.problems.empty()) return all.problems.front().error;
  Error error =
      NotFound("driver.unknown", fmt::format("no index has a driver '{}'", Shortened(id)));
  const std::string_view close = ClosestWord(id, ids);
  if (!close.empty()) error.WithHint(fmt::format("Did you mean {}?", close));
  return error.WithHint("nstarx drivers list --refresh shows what the indexes have.");
}

Result<std::vector<Release>> Catalogue::Releases(const Context& context, const Offer& offer,
                                                 std::string_view wanted) const {
  const IndexEntry& entry = offer.entry;
  if (entry.maven) {
    return MavenReleases(context, source_, sources_.maven, *entry.maven, wanted);
  }
  if (!entry.pypi_project.empty()) {
    return PypiReleases(context, source_, sources_.pypi, entry.pypi_project);
  }
  const Location document = DocumentOf(offer.index);
  std::vector<Release> out;
  for (const IndexedVersion& listed : entry.versions) {
    Release release{.version = listed.version, .files = listed.files, .source = offer.index.text};
    for (IndexedFile& file : release.files) {
      NSTARX_TRY(const Location url, document.Resolve(file.url, document.Parent()));
      file.url = url.text;
    }
    out.push_back(std::move(release));
  }
  SortReleases(out);
  return out;
}

Result<std::vector<std::string>> Catalogue::Versions(const Context& context, const Offer& offer) {
  NSTARX_TRY(const auto releases, Releases(context, offer, {}));
  const std::string suffix = offer.entry.maven ? offer.entry.maven->version_suffix : "";
  std::vector<std::string> out;
  for (const Release& release : releases) {
    if (IsRelease(release.version, suffix)) out.push_back(release.version);
  }
  return out;
}

Result<Release> Catalogue::Read(const Context& context, const Offer& offer,
                                std::string_view version) {
  const std::string suffix = offer.entry.maven ? offer.entry.maven->version_suffix : "";
  NSTARX_TRY(std::vector<Release> releases,
             Releases(context, offer, version.empty() ? kNewest : version));
  const auto found = std::ranges::find_if(releases.rbegin(), releases.rend(), [&](const auto& row) {
    return version.empty() ? IsRelease(row.version, suffix) : row.version == version;
  });
  if (found != releases.rend()) return std::move(*found);
  Error error = NotFound(
      "driver.unknown_version",
      version.empty()
          ? fmt::format("there is no release of '{}' for this machine", offer.entry.id)
          : fmt::format("there is no version {} of '{}'", Shortened(version), offer.entry.id));
  if (!releases.empty()) error.WithHint(fmt::format("The newest is {}.", releases.back().version));
  return error;
}

}  // namespace nstarx::drivers
