#include "connectors/files/files_session.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/files/rooted_file_system.h"

namespace nstarx::connectors::files {
namespace {

Error ReadFailure(std::string_view message) {
  if (message.find("Permission denied") != std::string_view::npos) {
    return Error(ErrorKind::kPermissionDenied, "file.no_privilege",
                 "the server may not read a file of the folder");
  }
  if (message.find("leads out") != std::string_view::npos) {
    return Error(ErrorKind::kPermissionDenied, "file.outside_roots", std::string(message));
  }
  return NotFound("file.not_found", "a file of the folder can't be read");
}

}  // namespace

FilesSession::FilesSession(std::filesystem::path root,
                           std::unique_ptr<file_tables::FileEngine> engine,
                           std::shared_ptr<arrow::fs::FileSystem> files)
    : root_(std::move(root)), engine_(std::move(engine)), files_(std::move(files)) {}

Result<std::unique_ptr<FilesSession>> FilesSession::Open(
    const std::filesystem::path& canonical_root) {
  NSTARX_TRY(auto engine, file_tables::FileEngine::Open({.read_failure = ReadFailure}));
  return std::unique_ptr<FilesSession>(new FilesSession(
      canonical_root, std::move(engine), std::make_shared<RootedFileSystem>(canonical_root)));
}

Status FilesSession::Ping(const Context&) {
  std::error_code error;
  if (std::filesystem::is_directory(root_, error)) return {};
  return NotFound("file.not_found", fmt::format("the folder {} is not there", root_.string()));
}

connector::SessionFacts FilesSession::facts() const { return {{"folder", root_.string()}}; }

Result<std::unique_ptr<connector::BatchStream>> FilesSession::Execute(
    const Context& context, const connector::Statement& statement,
    const connector::ExecuteOptions&) {
  return engine_->Execute(context, files_, statement);
}

Result<std::vector<connector::Node>> FilesSession::List(const Context&, std::string_view path,
                                                        int64_t limit) {
  while (path.ends_with('/')) path.remove_suffix(1);
  arrow::fs::FileSelector select;
  select.base_dir = path;
  const auto found = files_->GetFileInfo(select);
  if (!found.ok()) {
    return NotFound("query.undefined_table", fmt::format("no folder is at '{}'", path))
        .WithStage("query");
  }
  std::vector<connector::Node> nodes;
  for (const auto& info : *found) {
    const bool folder = info.IsDirectory();
    connector::Node node{.name = info.base_name(),
                         .path = folder ? info.path() + "/" : info.path(),
                         .kind = folder ? "folder" : "file",
                         .has_children = folder};
    if (!folder) node.size_bytes = info.size();
    nodes.push_back(std::move(node));
  }
  std::ranges::sort(nodes, {}, &connector::Node::name);
  if (static_cast<int64_t>(nodes.size()) > limit) nodes.resize(static_cast<size_t>(limit));
  return nodes;
}

Result<connector::Description> FilesSession::Describe(const Context& context,
                                                      std::string_view path) {
  return engine_->Describe(context, files_, path);
}

Result<std::unique_ptr<connector::BatchStream>> FilesSession::Sample(const Context& context,
                                                                     std::string_view path,
                                                                     int64_t limit) {
  const std::string text =
      fmt::format("{} LIMIT {}", file_tables::FileEngine::SelectAll(path), limit);
  return engine_->Execute(context, files_, {.text = text});
}

Result<std::unique_ptr<connector::BatchStream>> FilesSession::Scan(
    const Context& context, const connector::ScanRequest& request,
    const connector::ExecuteOptions& options) {
  const std::string table = file_tables::FileEngine::TableOf(request.path);
  return engine_->Execute(context, files_, {.text = connector::ScanText(table, request, '"')});
}

}  // namespace nstarx::connectors::files
