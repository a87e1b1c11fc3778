#include "connectors/file_tables/file_listing.h"

#include <arrow/filesystem/filesystem.h>
#include <arrow/util/async_generator_fwd.h>
#include <arrow/util/future.h>

#include "connectors/file_tables/glob.h"

namespace nstarx::connectors::file_tables {
namespace {

using arrow::fs::FileInfo;
using arrow::fs::FileType;

bool IsHidden(std::string_view inner) {
  size_t begin = 0;
  while (begin < inner.size()) {
    if (inner[begin] == '_' || inner[begin] == '.') return true;
    const size_t slash = inner.find('/', begin);
    if (slash == std::string_view::npos) break;
    begin = slash + 1;
  }
  return false;
}

arrow::Result<std::vector<FileInfo>> Listed(arrow::fs::FileSystem& files, std::string_view folder,
                                            bool deep) {
  arrow::fs::FileSelector selector;
  selector.base_dir = folder;
  selector.recursive = deep;
  selector.allow_not_found = true;
  std::vector<FileInfo> found;
  auto pages = files.GetFileInfoGenerator(selector);
  while (true) {
    auto next = pages();
    ARROW_ASSIGN_OR_RAISE(auto page, next.MoveResult());
    if (page.empty()) break;
    for (FileInfo& info : page) {
      if (info.type() == FileType::File) found.push_back(std::move(info));
    }
    if (found.size() > kFilesMax) {
      return arrow::Status::CapacityError("More than ", kFilesMax, " files under the path");
    }
  }
  std::ranges::sort(found, {}, &FileInfo::path);
  return found;
}

}  // namespace

arrow::Result<std::vector<FileInfo>> ExpandPath(arrow::fs::FileSystem& files,
                                                std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  if (HasWildcard(path)) {
    ARROW_ASSIGN_OR_RAISE(auto found, Listed(files, GlobRoot(path), GlobIsDeep(path)));
    std::erase_if(found, [&](const FileInfo& info) { return !GlobMatch(path, info.path()); });
    return found;
  }
  ARROW_ASSIGN_OR_RAISE(const FileInfo info, files.GetFileInfo(std::string(path)));
  if (info.type() == FileType::File) return std::vector<FileInfo>{info};
  if (info.type() == FileType::NotFound) return std::vector<FileInfo>{};
  ARROW_ASSIGN_OR_RAISE(auto found, Listed(files, path, true));
  std::erase_if(found, [&](const FileInfo& file) {
    const std::string_view inner = std::string_view(file.path()).substr(path.size());
    return IsHidden(inner.starts_with('/') ? inner.substr(1) : inner) || file.size() == 0;
  });
  return found;
}

std::vector<std::string> HivePartitions(const std::vector<FileInfo>& files, size_t limit) {
  std::vector<std::string> partitions;
  for (const FileInfo& file : files) {
    const std::string_view path = file.path();
    const std::string_view folder = path.substr(0, std::min(path.rfind('/'), path.size()));
    std::string partition;
    size_t begin = 0;
    while (begin < folder.size()) {
      const size_t slash = std::min(folder.find('/', begin), folder.size());
      const std::string_view segment = folder.substr(begin, slash - begin);
      if (const size_t sign = segment.find('='); sign != 0 && sign != std::string_view::npos) {
        partition += partition.empty() ? "" : "/";
        partition += segment;
      }
      begin = slash + 1;
    }
    if (partition.empty() || (!partitions.empty() && partitions.back() == partition)) continue;
    if (std::ranges::find(partitions, partition) != partitions.end()) continue;
    if (partitions.size() == limit) break;
    partitions.push_back(std::move(partition));
  }
  return partitions;
}

std::string_view FormatOf(std::string_view path) {
  std::string lower;
  for (const char c : path.substr(path.size() - std::min<size_t>(path.size(), 24))) {
    lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  std::string_view name = lower;
  if (name.ends_with(".parquet")) return "parquet";
  if (name.ends_with(".orc")) return "orc";
  if (name.ends_with(".gz")) name.remove_suffix(3);
  if (name.ends_with(".zst")) name.remove_suffix(4);
  if (name.ends_with(".csv") || name.ends_with(".tsv")) return "csv";
  if (name.ends_with(".json") || name.ends_with(".ndjson") || name.ends_with(".jsonl")) {
    return "json";
  }
  return {};
}

}  // namespace nstarx::connectors::file_tables
