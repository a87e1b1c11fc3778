// How WebHdfsClient makes pages of objects of a tree of folders.
#include <algorithm>

#include "connectors/hdfs/hdfs_errors.h"
#include "connectors/hdfs/webhdfs_client.h"

namespace nstarx::connectors::hdfs {

using connector::ObjectInfo;
using connector::ObjectPage;

namespace {

constexpr size_t kDepthMax = 1000;  // what HDFS itself allows

bool IsOrdinaryName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos;
}

/// The order in which name nodes list: bytes are signed there, so that names beyond ASCII come
/// first.
bool ComesBefore(std::string_view a, std::string_view b) {
  return std::ranges::lexicographical_compare(
      a, b, {}, [](char c) { return static_cast<signed char>(c); },
      [](char c) { return static_cast<signed char>(c); });
}

}  // namespace

/// One folder of a walk: what is left of its last batch, and where the next one begins.
struct WebHdfsClient::Level {
  std::string folder;  // empty, or ends in '/'
  std::string after;   // the last name that is done
  std::string wanted;  // what names begin with
  std::vector<FileStatus> batch = {};
  size_t next = 0;
  bool more = true;
};

Result<std::vector<FileStatus>> WebHdfsClient::ListFolder(const Context& context,
                                                          std::string_view folder,
                                                          std::string_view after, bool& more) {
  std::string_view path = folder;
  while (path.ends_with('/')) path.remove_suffix(1);
  Call call{.op = "LISTSTATUS_BATCH", .key = std::string(path)};
  if (!after.empty()) call.query.emplace_back("startAfter", after);
  NSTARX_TRY(const json::object root, AskJson(context, call));
  const json::value* listing = root.if_contains("DirectoryListing");
  const json::object* object = listing ? listing->if_object() : nullptr;
  for (const std::string_view name : {"partialListing", "FileStatuses"}) {
    const json::value* inner = object ? object->if_contains(name) : nullptr;
    if (inner == nullptr || !inner->is_object()) return MalformedAnswer();
    if (name == "partialListing") more = GetInt(*listing->if_object(), "remainingEntries", 0) > 0;
    object = &inner->get_object();
  }
  const json::value* rows = object->if_contains("FileStatus");
  if (rows == nullptr || !rows->is_array()) return MalformedAnswer();
  std::vector<FileStatus> found;
  std::string last(after);
  for (const json::value& row : rows->get_array()) {
    NSTARX_TRY(FileStatus status, FileStatus::Read(row));
    if (status.name.empty()) {  // the path is a file: it has no children
      more = false;
      return std::vector<FileStatus>();
    }
    // Names that don't rise would make a walk endless.
    if (!IsOrdinaryName(status.name) || (!last.empty() && !ComesBefore(last, status.name))) {
      return MalformedAnswer();
    }
    last = status.name;
    found.push_back(std::move(status));
  }
  if (found.empty()) more = false;
  return found;
}

Result<bool> WebHdfsClient::FillLevel(const Context& context, Level& level) {
  if (level.next < level.batch.size()) return true;
  if (!level.more) return false;
  NSTARX_RETURN_IF_ERROR(context.Check());
  auto batch = ListFolder(context, level.folder, level.after, level.more);
  if (!batch) {
    // A folder that is not there has nothing in it; another may have gone since it was listed.
    if (batch.error().code() == "object.not_found") return false;
    return batch.error();
  }
  level.batch = std::move(*batch);
  level.next = 0;
  return !level.batch.empty();
}

Result<ObjectPage> WebHdfsClient::Walk(const Context& context, std::string_view prefix, bool deep,
                                       int64_t limit, std::string_view continuation) {
  ObjectPage page;
  const size_t slash = prefix.rfind('/');
  std::string folder(slash == std::string_view::npos ? std::string_view()
                                                     : prefix.substr(0, slash + 1));
  if (folder.starts_with('/') || folder.find("//") != std::string::npos) return page;
  std::vector<Level> levels;
  levels.push_back(
      {.folder = folder, .after = {}, .wanted = std::string(prefix.substr(folder.size()))});
  // The continuation is the last key of the page before: each of its folders goes on after it.
  std::string_view rest = continuation.substr(std::min(folder.size(), continuation.size()));
  while (!rest.empty() && levels.size() < kDepthMax) {
    const size_t end = std::min(rest.find('/'), rest.size());
    levels.back().after = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (rest.empty()) break;
    levels.push_back(
        {.folder = levels.back().folder + levels.back().after + "/", .after = {}, .wanted = {}});
  }
  std::string last(continuation);
  while (!levels.empty()) {
    Level& level = levels.back();
    NSTARX_TRY(const bool filled, FillLevel(context, level));
    if (!filled) {
      levels.pop_back();
      continue;
    }
    FileStatus status = std::move(level.batch[level.next++]);
    level.after = status.name;
    if (!status.name.starts_with(level.wanted)) {
      if (ComesBefore(level.wanted, status.name)) levels.pop_back();
      continue;
    }
    if (status.name.starts_with(kUploadName)) continue;
    const std::string key = level.folder + status.name;
    if (status.is_folder && deep) {
      if (levels.size() == kDepthMax) return MalformedAnswer();
      levels.push_back({.folder = key + "/", .after = {}, .wanted = {}});
      continue;
    }
    if (static_cast<int64_t>(page.items.size() + page.prefixes.size()) >= limit) {
      page.next = last;
      return page;
    }
    last = key;
    if (status.is_folder) {
      page.prefixes.push_back(key + "/");
      continue;
    }
    ObjectInfo info;
    info.key = key;
    info.size = status.size;
    info.etag = status.Etag();
    info.modified = TimePoint(std::chrono::milliseconds(status.modified_ms));
    page.items.push_back(std::move(info));
  }
  return page;
}

Result<ObjectPage> WebHdfsClient::List(const Context& context, std::string_view prefix,
                                       std::string_view delimiter, int64_t limit,
                                       std::string_view continuation) {
  if (!delimiter.empty() && delimiter != "/") {
    return InvalidArgument("object.invalid_delimiter", "HDFS divides paths by '/' only")
        .WithStage("query")
        .WithDetail("field", "delimiter");
  }
  if (!continuation.empty() && !continuation.starts_with(prefix)) {
    return InvalidArgument("object.invalid_continuation", "The cursor is of another listing")
        .WithStage("query")
        .WithDetail("field", "cursor");
  }
  return Walk(context, prefix, delimiter.empty(), std::clamp<int64_t>(limit, 1, 1000),
              continuation);
}

Result<ObjectPage> WebHdfsClient::Peek(const Context& context, std::string_view prefix,
                                       int64_t limit) {
  return Walk(context, prefix, false, limit, "");
}

}  // namespace nstarx::connectors::hdfs
