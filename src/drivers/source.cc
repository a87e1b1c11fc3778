#include "drivers/source.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "drivers/version.h"
#include "net/http_client.h"

namespace nstarx::drivers {
namespace {

namespace fs = std::filesystem;

constexpr int kRedirectsMax = 3;
constexpr size_t kUrlMax = 4096;
constexpr size_t kPieceBytes = 256 * 1024;

Error Unsafe(std::string_view reference, std::string_view why) {
  return Error(ErrorKind::kPermissionDenied, "driver.unsafe_path",
               fmt::format("'{}' is refused: {}", Shortened(reference), why))
      .WithAction(Action::kAskOperator);
}

Error Missing(const Location& from) {
  return NotFound("driver.source_missing", fmt::format("{} is not there", from.text));
}

/// "https://host:1" of a URL, and the rest.
std::pair<std::string, std::string> SplitUrl(const std::string& url) {
  const size_t slash = url.find('/', url.find("://") + 3);
  if (slash == std::string::npos) return {url, "/"};
  return {url.substr(0, slash), url.substr(slash)};
}

Status Cancelled(const Context& context) { return context.Check(); }

/// Hands the bytes of a local file to `take`.
template <class Take>
Status ReadLocal(const Context& context, const Location& from, Take take) {
  std::error_code code;
  if (!fs::is_regular_file(from.text, code)) return Missing(from);
  std::ifstream file(from.text, std::ios::binary);
  if (!file) {
    return Unavailable("driver.source_failed", fmt::format("{} can't be read", from.text));
  }
  std::string piece(kPieceBytes, '\0');
  while (file) {
    NSTARX_RETURN_IF_ERROR(Cancelled(context));
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    const auto got = static_cast<size_t>(file.gcount());
    if (got > 0) NSTARX_RETURN_IF_ERROR(take(std::as_bytes(std::span(piece).first(got))));
  }
  if (file.bad()) {
    return Unavailable("driver.source_failed", fmt::format("{} can't be read", from.text));
  }
  return {};
}

/// Hands the bytes of a URL's answer to `take`, after redirects.
template <class Take>
Status ReadRemote(const Context& context, Location from, const std::string& ca_pem,
                  std::string_view accept, Take take) {
  NSTARX_TRY(const auto client, net::HttpClient::Open({.ca_pem = ca_pem}));
  for (int redirects = 0;; ++redirects) {
    const auto [origin, path] = SplitUrl(from.text);
    net::HttpRequest request;
    NSTARX_TRY(request.service, net::ServiceUrl::Parse(origin));
    request.path = path;
    if (!accept.empty()) request.headers.emplace_back("Accept", accept);
    net::HttpReply reply;
    NSTARX_TRY(const auto stream, client->Start(context, request, reply));
    if (reply.status / 100 == 3 && !reply.Header("location").empty()) {
      if (redirects == kRedirectsMax) {
        return Unavailable("driver.source_failed",
                           fmt::format("{} redirects again and again", from.text));
      }
      NSTARX_TRY(from, from.Resolve(reply.Header("location"), Location{origin + "/"}));
      continue;
    }
    if (reply.status == 404 || reply.status == 410) return Missing(from);
    if (reply.status != 200) {
      return Unavailable("driver.source_failed",
                         fmt::format("{} answers with status {}", from.text, reply.status));
    }
    std::string piece(kPieceBytes, '\0');
    while (true) {
      const std::span<std::byte> room = std::as_writable_bytes(std::span(piece));
      NSTARX_TRY(const size_t got, stream->Read(context, room));
      if (got == 0) return {};
      NSTARX_RETURN_IF_ERROR(take(std::span<const std::byte>(room.first(got))));
    }
  }
}

Result<Location> ResolveRemote(const Location& base, std::string_view reference) {
  const auto [origin, path] = SplitUrl(base.text);
  if (reference.starts_with("//") || reference.find('\\') != std::string_view::npos) {
    return Unsafe(reference, "that is no URL");
  }
  std::string full(reference);
  if (!reference.starts_with('/')) {
    const std::string folder = path.substr(0, std::min(path.find('?'), path.size()));
    full = folder.substr(0, folder.rfind('/') + 1) + full;
  }
  const size_t mark = std::min(full.find('?'), full.size());
  const std::string tail = full.substr(mark);
  // What climbs above the server's root stays there, as in every URL.
  const std::string clean = fs::path(full.substr(0, mark)).lexically_normal().string();
  return Location{origin + clean + tail};
}

}  // namespace

Result<Location> Location::Parse(std::string_view text) {
  Location out{std::string(text)};
  if (out.remote()) {
    const auto good = net::ServiceUrl::Parse(text);
    if (!good) return good.error();
    return out;
  }
  if (out.text.starts_with("file://")) out.text.erase(0, 7);
  if (out.text.starts_with("file:")) out.text.erase(0, 5);
  if (out.text.empty() || out.text.find("://") != std::string::npos) {
    return InvalidArgument("driver.malformed_location",
                           fmt::format("'{}' is no folder and no http(s) URL", text));
  }
  std::error_code code;
  out.text = fs::absolute(out.text, code).lexically_normal().string();
  return out;
}

Location Location::Parent() const {
  return Location{text.substr(0, text.find_last_of('/', text.size()) + 1)};
}

Result<Location> Location::Resolve(std::string_view reference, const Location& root) const {
  reference = reference.substr(0, reference.find('#'));
  if (reference.empty() || reference.size() > kUrlMax) return Unsafe(reference, "that is no name");
  for (const char c : reference) {
    if (c <= ' ' || c == '\x7f') return Unsafe("a URL", "it holds a blank or a control character");
  }
  const size_t scheme = reference.find("://");
  if (scheme != std::string_view::npos && scheme < reference.find_first_of("/?")) {
    Location there{std::string(reference)};
    if (!there.remote()) return Unsafe(reference, "only http and https URLs are followed");
    if (text.starts_with("https://") && there.text.starts_with("http://")) {
      return Unsafe(reference, "it leads from https to http");
    }
    return there;
  }
  if (remote()) return ResolveRemote(*this, reference);
  if (reference.starts_with('/')) return Unsafe(reference, "it leaves the folder");
  std::error_code code;
  const fs::path here = text.ends_with('/') ? fs::path(text) : fs::path(text).parent_path();
  const std::string full =
      fs::weakly_canonical(here / std::string(reference), code).lexically_normal().string();
  std::string limit = fs::weakly_canonical(root.text, code).lexically_normal().string();
  if (!limit.ends_with('/')) limit += '/';
  if (code || !full.starts_with(limit)) return Unsafe(reference, "it leaves the folder");
  return Location{full};
}

Result<std::string> Source::Text(const Context& context, const Location& from, size_t bytes_max,
                                 std::string_view accept) const {
  std::string out;
  const auto take = [&](std::span<const std::byte> bytes) -> Status {
    if (out.size() + bytes.size() > bytes_max) {
      return Error(ErrorKind::kResourceExhausted, "driver.too_large",
                   fmt::format("{} has more than {} bytes", from.text, bytes_max));
    }
    out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  };
  NSTARX_RETURN_IF_ERROR(from.remote() ? ReadRemote(context, from, ca_pem_, accept, take)
                                       : ReadLocal(context, from, take));
  return out;
}

Status Source::Download(const Context& context, const Location& from, DurableFile& into) const {
  const auto take = [&](std::span<const std::byte> bytes) { return into.Write(bytes); };
  return from.remote() ? ReadRemote(context, from, ca_pem_, {}, take)
                       : ReadLocal(context, from, take);
}

}  // namespace nstarx::drivers
