#include "connectors/object_store/object_session.h"

#include "connectors/object_store/object_ingest.h"
#include "connectors/object_store/object_upload.h"

namespace nstarx::connectors::object_store {
namespace {

using connector::Node;
using connector::ObjectInfo;
using connector::ObjectPage;

constexpr size_t kPiece = 256 << 10;

bool HasDotSegment(std::string_view key) {
  while (true) {
    const size_t slash = key.find('/');
    const std::string_view segment = key.substr(0, slash);
    if (segment == "." || segment == "..") return true;
    if (slash == std::string_view::npos) return false;
    key.remove_prefix(slash + 1);
  }
}

Error UndefinedTable(std::string_view path) {
  return NotFound("query.undefined_table", fmt::format("Nothing is at the path {}", path))
      .WithStage("query");
}

}  // namespace

std::string NormalPrefix(std::string_view text) {
  while (text.starts_with('/')) text.remove_prefix(1);
  std::string prefix(text);
  if (!prefix.empty() && !prefix.ends_with('/')) prefix += '/';
  return prefix;
}

ObjectSession::ObjectSession(std::unique_ptr<ObjectClient> client,
                             std::unique_ptr<FileSource> files, SessionSettings settings,
                             connector::SessionFacts facts)
    : settings_(std::move(settings)),
      client_(std::move(client)),
      tables_(std::move(files), settings_.engine),
      facts_(std::move(facts)) {}

Status ObjectSession::CheckWritable() const {
  if (!settings_.read_only) return {};
  return Error(ErrorKind::kPermissionDenied, "query.read_only", "The connection is read-only")
      .WithStage("query");
}

ObjectSession::~ObjectSession() = default;

template <class T>
T ObjectSession::Noted(T result) {
  if (!result && (result.error().code().starts_with("login.") ||
                  result.error().code() == "query.engine_failed")) {
    healthy_ = false;
  }
  return result;
}

Result<std::string> ObjectSession::FullKey(std::string_view key) const {
  if (key.empty() || settings_.prefix.size() + key.size() > 1024 || HasDotSegment(key) ||
      key.find('\0') != std::string_view::npos || !IsUtf8(key)) {
    return InvalidArgument("object.invalid_key",
                           "A key has 1 to 1024 bytes of UTF-8 and no '.' or '..' between slashes")
        .WithStage("query")
        .WithDetail("field", "key");
  }
  return settings_.prefix + std::string(key);
}

std::string ObjectSession::Inner(std::string_view full_key) const {
  const std::string& prefix = settings_.prefix;
  return std::string(full_key.starts_with(prefix) ? full_key.substr(prefix.size()) : full_key);
}

Status ObjectSession::Ping(const Context& context) {
  NSTARX_RETURN_IF_ERROR(Noted(client_->Peek(context, settings_.prefix, 1)));
  return {};
}

Result<ObjectPage> ObjectSession::ListObjects(const Context& context, std::string_view prefix,
                                              std::string_view delimiter, int64_t limit,
                                              std::string_view continuation) {
  const std::string full = settings_.prefix + std::string(prefix);
  NSTARX_TRY(ObjectPage page, Noted(client_->List(context, full, delimiter, limit, continuation)));
  for (ObjectInfo& info : page.items) info.key = Inner(info.key);
  for (std::string& inner : page.prefixes) inner = Inner(inner);
  return page;
}

Result<ObjectInfo> ObjectSession::Stat(const Context& context, std::string_view key) {
  NSTARX_TRY(const std::string full, FullKey(key));
  NSTARX_TRY(ObjectInfo info, Noted(client_->Head(context, full)));
  info.key = key;
  return info;
}

Result<std::unique_ptr<connector::ByteStream>> ObjectSession::Get(const Context& context,
                                                                  std::string_view key,
                                                                  connector::ObjectRange range) {
  NSTARX_TRY(const std::string full, FullKey(key));
  return Noted(client_->Get(context, full, range));
}

Result<ObjectInfo> ObjectSession::Put(const Context& context, std::string_view key,
                                      connector::ByteStream& content, std::optional<int64_t> size,
                                      std::string_view content_type) {
  NSTARX_RETURN_IF_ERROR(CheckWritable());
  NSTARX_TRY(const std::string full, FullKey(key));
  ObjectUpload upload(*client_, full, std::string(content_type));
  std::vector<std::byte> piece(kPiece);
  while (true) {
    NSTARX_TRY(const size_t count, content.Read(context, piece));
    if (count == 0) break;
    NSTARX_RETURN_IF_ERROR(
        Noted(upload.Write(context, {reinterpret_cast<const char*>(piece.data()), count})));
  }
  if (size && *size != upload.size()) {
    return InvalidArgument(
               "object.truncated",
               fmt::format("The sender announced {} bytes and sent {}", *size, upload.size()))
        .WithStage("query");
  }
  NSTARX_TRY(std::string etag, Noted(upload.Finish(context)));
  ObjectInfo info;
  info.key = key;
  info.size = upload.size();
  info.etag = std::move(etag);
  info.content_type = content_type;
  info.modified = SystemClock().Now();
  return info;
}

Status ObjectSession::Delete(const Context& context, std::string_view key) {
  NSTARX_RETURN_IF_ERROR(CheckWritable());
  NSTARX_TRY(const std::string full, FullKey(key));
  return Noted(client_->Delete(context, full));
}

Result<std::string> ObjectSession::Presign(const Context& context, std::string_view method,
                                           std::string_view key, std::chrono::seconds expires) {
  if (method == "PUT") NSTARX_RETURN_IF_ERROR(CheckWritable());
  NSTARX_TRY(const std::string full, FullKey(key));
  return Noted(client_->Presign(context, method, full, expires));
}

Result<connector::PrivilegeReport> ObjectSession::CheckPrivileges(const Context& context) {
  connector::PrivilegeReport report;
  report.user = GetString(facts_, "user");
  const auto sort = [&](std::string privilege, bool granted) {
    (granted ? report.granted : report.missing).push_back(std::move(privilege));
  };
  auto page = Noted(client_->Peek(context, settings_.prefix, 10));
  if (!page && page.error().kind() != ErrorKind::kPermissionDenied) return page.error();
  sort(settings_.list_privilege, page.has_value());
  if (!page || page->items.empty()) {
    report.facts[settings_.read_privilege] = "not checked: no object to try it on";
    return report;
  }
  const auto head = Noted(client_->CheckRead(context, page->items.front().key));
  if (!head && head.error().kind() != ErrorKind::kPermissionDenied &&
      head.error().kind() != ErrorKind::kNotFound) {
    return head.error();
  }
  sort(settings_.read_privilege, head || head.error().kind() == ErrorKind::kNotFound);
  return report;
}

Result<std::unique_ptr<connector::BatchStream>> ObjectSession::Execute(
    const Context& context, const connector::Statement& statement,
    const connector::ExecuteOptions& options) {
  return Noted(tables_.Execute(context, statement));
}

Result<std::vector<Node>> ObjectSession::List(const Context& context, std::string_view path,
                                              int64_t limit) {
  std::string folder(path);
  if (!folder.empty() && !folder.ends_with('/')) folder += '/';
  std::vector<Node> nodes;
  bool found = false;
  std::string continuation;
  do {
    NSTARX_TRY(const ObjectPage page, ListObjects(context, folder, "/", 1000, continuation));
    found = found || !page.items.empty() || !page.prefixes.empty();
    for (const std::string& prefix : page.prefixes) {
      std::string_view name = std::string_view(prefix).substr(folder.size());
      name.remove_suffix(1);
      nodes.push_back(
          {.name = std::string(name), .path = prefix, .kind = "prefix", .has_children = true});
    }
    for (const ObjectInfo& info : page.items) {
      if (info.key == folder) continue;  // the mark that some tools leave for a folder
      nodes.push_back({.name = info.key.substr(folder.size()),
                       .path = info.key,
                       .kind = "object",
                       .size_bytes = info.size});
    }
    continuation = page.next;
  } while (!continuation.empty() && static_cast<int64_t>(nodes.size()) < limit);
  if (!found && !folder.empty()) {
    // An object has no children; nothing at all is an error.
    const auto stat = Stat(context, path);
    if (!stat) {
      return stat.error().kind() == ErrorKind::kNotFound ? UndefinedTable(path) : stat.error();
    }
  }
  std::ranges::sort(nodes, {}, &Node::name);
  if (static_cast<int64_t>(nodes.size()) > limit) nodes.resize(static_cast<size_t>(limit));
  return nodes;
}

Result<connector::Description> ObjectSession::Describe(const Context& context,
                                                       std::string_view path) {
  return Noted(tables_.Describe(context, path));
}

Result<std::unique_ptr<connector::BatchStream>> ObjectSession::Sample(const Context& context,
                                                                      std::string_view path,
                                                                      int64_t limit) {
  return Noted(tables_.Sample(context, path, limit));
}

Result<std::unique_ptr<connector::BatchStream>> ObjectSession::Scan(
    const Context& context, const connector::ScanRequest& request,
    const connector::ExecuteOptions& options) {
  const std::string table = file_tables::FileEngine::TableOf(request.path);
  return Noted(tables_.Execute(context, {.text = connector::ScanText(table, request, '"')}));
}

Result<int64_t> ObjectSession::Ingest(const Context& context, std::string_view path,
                                      connector::IngestMode mode, connector::BatchStream& source) {
  NSTARX_RETURN_IF_ERROR(CheckWritable());
  NSTARX_TRY(const std::string full, FullKey(path));
  return Noted(IngestFiles(context, *client_, tables_, {std::string(path), full}, mode, source));
}

}  // namespace nstarx::connectors::object_store
