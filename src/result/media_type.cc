#include <algorithm>
#include <charconv>
#include <cmath>

#include "result/encode.h"

namespace nstarx::result {
namespace {

constexpr std::string_view kArrowType = "application/vnd.apache.arrow.stream";
constexpr std::string_view kParquetType = "application/vnd.apache.parquet";

struct Offer {
  std::string_view type;
  Format format;
};

// In the order of preference among equal q-values of a wildcard.
constexpr Offer kOffers[] = {
    {"application/json", Format::kJson},
    {"application/x-ndjson", Format::kNdjson},
    {"application/ndjson", Format::kNdjson},
    {"application/jsonl", Format::kNdjson},
    {"text/csv", Format::kCsv},
    {kArrowType, Format::kArrowStream},
    {kParquetType, Format::kParquet},
    {"application/parquet", Format::kParquet},
    {"application/x-parquet", Format::kParquet},
};

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return lower;
}

// Cuts the part before `separator` off `text`, minding quoted strings.
std::string_view CutFirst(std::string_view& text, char separator) {
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (text[i] == separator && !quoted) {
      const std::string_view head = text.substr(0, i);
      text.remove_prefix(i + 1);
      return Trim(head);
    }
  }
  return Trim(std::exchange(text, {}));
}

struct MediaRange {
  std::string type;
  double quality = 1;
  Compression compression = Compression::kNone;
};

std::optional<Compression> ParseCompression(std::string_view value) {
  if (value == "zstd") return Compression::kZstd;
  if (value == "lz4" || value == "lz4_frame") return Compression::kLz4;
  if (value == "none" || value == "identity") return Compression::kNone;
  return std::nullopt;
}

// nullopt: a range that can't be met (bad q, unknown compression), so it is left out.
std::optional<MediaRange> ParseRange(std::string_view text) {
  MediaRange range{.type = Lower(CutFirst(text, ';'))};
  while (!text.empty()) {
    std::string_view value = CutFirst(text, ';');
    const std::string name = Lower(CutFirst(value, '='));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    if (name == "q") {
      const auto [end, error] =
          std::from_chars(value.data(), value.data() + value.size(), range.quality);
      if (error != std::errc() || end != value.data() + value.size() ||
          !std::isfinite(range.quality)) {
        return std::nullopt;
      }
    } else if (name == "compression" || name == "codec") {
      const auto compression = ParseCompression(Lower(value));
      if (!compression) return std::nullopt;
      range.compression = *compression;
    }
  }
  return range;
}

const Offer* FindOffer(std::string_view type) {
  if (type == "*/*" || type == "application/*") return &kOffers[0];
  if (type == "text/*") type = "text/csv";
  const auto* offer = std::ranges::find(kOffers, type, &Offer::type);
  return offer == std::end(kOffers) ? nullptr : offer;
}

}  // namespace

std::string_view MediaType(Format format) {
  switch (format) {
    case Format::kArrowStream:
      return kArrowType;
    case Format::kJson:
      return "application/json";
    case Format::kNdjson:
      return "application/x-ndjson";
    case Format::kCsv:
      return "text/csv; charset=utf-8; header=present";
    case Format::kParquet:
      return kParquetType;
  }
  return "application/json";
}

Result<Negotiated> Negotiate(std::string_view accept) {
  if (Trim(accept).empty()) return Negotiated{};
  std::string_view rest = accept;
  double best = 0;
  bool best_is_wildcard = false;
  Negotiated chosen;
  while (!rest.empty()) {
    const auto range = ParseRange(CutFirst(rest, ','));
    if (!range) continue;
    const Offer* offer = FindOffer(range->type);
    if (offer == nullptr || range->quality <= 0) continue;
    const bool wildcard = range->type.ends_with('*');
    // A named type beats a wildcard of the same quality; else the first one named wins.
    if (range->quality > best || (range->quality == best && best_is_wildcard && !wildcard)) {
      best = range->quality;
      best_is_wildcard = wildcard;
      chosen = {offer->format,
                offer->format == Format::kArrowStream ? range->compression : Compression::kNone};
    }
  }
  if (best > 0) return chosen;
  json::array offered;
  for (const Offer& offer : kOffers) offered.emplace_back(offer.type);
  return InvalidArgument("request.not_acceptable",
                         "none of the media types in Accept can be produced")
      .WithHint(
          "Accept one of application/vnd.apache.arrow.stream (optionally ;compression=zstd or "
          ";compression=lz4), application/json, application/x-ndjson, text/csv, "
          "application/vnd.apache.parquet.")
      .WithDetail("offered", std::move(offered));
}

size_t Chunk::size() const {
  size_t total = 0;
  for (const auto& part : parts) total += part.size();
  return total;
}

}  // namespace nstarx::result
