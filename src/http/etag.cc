#include "http/etag.h"

#include <fmt/format.h>

#include <charconv>

namespace nstarx::http {

std::string TagOf(int64_t version) { return fmt::format("\"{}\"", version); }

bool NamesTag(std::string_view list, std::string_view tag) {
  if (list == "*") return true;
  while (!list.empty()) {
    const size_t comma = list.find(',');
    std::string_view item = list.substr(0, comma);
    list = comma == list.npos ? std::string_view() : list.substr(comma + 1);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (item.starts_with("W/")) item.remove_prefix(2);
    if (item == tag) return true;
  }
  return false;
}

Result<int64_t> ExpectedVersion(const Request& request) {
  const std::string_view given = request.Header("If-Match");
  if (given.empty() || given == "*") return int64_t{0};
  int64_t version = 0;
  if (given.size() > 2 && given.front() == '"' && given.back() == '"') {
    const char* end = given.data() + given.size() - 1;
    const auto [at, error] = std::from_chars(given.data() + 1, end, version);
    if (error == std::errc() && at == end && version > 0) return version;
  }
  return Error(ErrorKind::kConflict, "connection.version_conflict",
               "If-Match names no version of this connection")
      .WithAction(Action::kFixInput)
      .WithHint("Read the connection again and send the ETag that it comes with.");
}

}  // namespace nstarx::http
