#pragma once

#include <arrow/filesystem/type_fwd.h>
#include <arrow/result.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nstarx::connectors::file_tables {

/// The most files that one pattern may stand for.
inline constexpr size_t kFilesMax = 100'000;

/// The files that a path stands for, sorted: the file itself, all data files under a folder (names
/// beginning with '_' or '.' are left out, as writers use them for marks), or the matches of a
/// pattern, found by listing the pattern's root. Empty when there are none; CapacityError above
/// kFilesMax.
arrow::Result<std::vector<arrow::fs::FileInfo>> ExpandPath(arrow::fs::FileSystem& files,
                                                           std::string_view path);

/// "year=2026" of a path's folders, in order of appearance and without repeats, at most `limit`.
std::vector<std::string> HivePartitions(const std::vector<arrow::fs::FileInfo>& files,
                                        size_t limit);

/// parquet, orc, csv, json, or empty for what no reader of ours understands; a trailing .gz or .zst
/// of text formats is looked through.
std::string_view FormatOf(std::string_view path);

}  // namespace nstarx::connectors::file_tables
