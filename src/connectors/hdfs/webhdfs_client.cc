#include "connectors/hdfs/webhdfs_client.h"

#include "base/id.h"
#include "base/log.h"
#include "base/percent.h"
#include "connectors/hdfs/hdfs_errors.h"
#include "connectors/object_store/http_object_client.h"

namespace nstarx::connectors::hdfs {
namespace {

using connector::ByteStream;
using connector::ObjectInfo;

constexpr size_t kAnswerMax = 16 << 20;
constexpr int kAttempts = 3;
constexpr std::string_view kApi = "/webhdfs/v1/";

/// Whether another name node may do what this one could not.
bool MayHelpElsewhere(const Error& error) {
  return error.code() == "connection.lost" || error.code() == "request.timeout" ||
         error.code().starts_with("tcp.") || error.code().starts_with("dns.") ||
         error.code().starts_with("tls.");
}

/// Whether the request has not reached the server.
bool NeverArrived(const Error& error) {
  return error.code().starts_with("tcp.") || error.code().starts_with("dns.") ||
         error.code().starts_with("tls.");
}

Error DataNodeUnreachable(const net::HttpRequest& request, const Error& cause) {
  return Unavailable("data_node.unreachable",
                     fmt::format("The name node answers, but its data node {} can't be reached: {}",
                                 request.service.Authority(), cause.message()))
      .WithStage("query")
      .WithVendorCode(cause.code())
      .WithDetail("data_node", request.service.Authority());
}

Error NotFoundAt(std::string_view key) {
  return NotFound("object.not_found", fmt::format("No file has this path: {}", key))
      .WithStage("query");
}

Error InvalidPath(std::string_view key) {
  return InvalidArgument("object.invalid_key", fmt::format("HDFS allows no such path: {}", key))
      .WithStage("query")
      .WithDetail("field", "key");
}

/// OK for what can be the path of a file: no empty name in it, none that HDFS can't hold.
Status CheckFilePath(std::string_view key) {
  const bool odd = key.empty() || key.starts_with('/') || key.ends_with('/') ||
                   key.find("//") != std::string_view::npos ||
                   key.find(':') != std::string_view::npos;
  if (odd) return InvalidPath(key);
  return {};
}

std::string UploadPathFor(std::string_view key) {
  const size_t slash = key.rfind('/');
  const std::string_view folder =
      slash == std::string_view::npos ? std::string_view() : key.substr(0, slash + 1);
  return fmt::format("{}{}{}", folder, kUploadName, NewId("f"));
}

}  // namespace

WebHdfsClient::WebHdfsClient(const HdfsSettings& settings, HdfsLogin login, ActiveNode active,
                             std::unique_ptr<net::HttpClient> http)
    : settings_(settings),
      login_(std::move(login)),
      active_(std::move(active)),
      http_(std::move(http)) {}

std::string FileStatus::Etag() const {
  return fmt::format("{:x}-{:x}-{:x}", file_id, modified_ms, size);
}

Result<FileStatus> FileStatus::Read(const json::value& value) {
  const json::object* object = value.if_object();
  if (object == nullptr) return MalformedAnswer();
  const std::string_view type = GetString(*object, "type");
  FileStatus status;
  status.name = GetString(*object, "pathSuffix");
  status.is_folder = type == "DIRECTORY";
  status.size = std::max<int64_t>(0, GetInt(*object, "length", 0));
  status.modified_ms = GetInt(*object, "modificationTime", 0);
  status.file_id = GetInt(*object, "fileId", 0);
  if (type.empty()) return MalformedAnswer();
  return status;
}

Result<net::HttpRequest> ReadRedirect(std::string_view location, std::string_view method,
                                      bool https) {
  const size_t mark = std::min(location.find('?'), location.size());
  const size_t scheme = location.find("://");
  if (scheme == std::string_view::npos || scheme > mark) return MalformedAnswer();
  const size_t path = location.substr(0, mark).find('/', scheme + 3);
  if (path == std::string_view::npos) return MalformedAnswer();
  const auto service = net::ServiceUrl::Parse(location.substr(0, path));
  net::HttpRequest request;
  request.method = method;
  request.path = location.substr(path, mark - path);
  if (!service || service->https != https || !request.path.starts_with(kApi)) {
    return MalformedAnswer();
  }
  request.service = *service;
  std::string_view query = location.substr(std::min(mark + 1, location.size()));
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    const size_t sign = std::min(pair.find('='), pair.size());
    request.query.emplace_back(
        object_store::PercentDecode(pair.substr(0, sign), true),
        object_store::PercentDecode(pair.substr(std::min(sign + 1, pair.size())), true));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
  }
  return request;
}

Result<net::HttpReply> WebHdfsClient::AskNode(const Context& context, const Call& call, size_t node,
                                              bool& standby) {
  standby = false;
  net::HttpRequest request;
  request.method = call.method;
  request.service = settings_.name_nodes[node];
  request.path = std::string(kApi) + PercentEncode(call.key, "/");
  request.query = {{"op", call.op}};
  if (login_.token != nullptr) {
    NSTARX_TRY(const auto token, login_.token->Get(context));
    request.query.emplace_back("delegation", token->value.Reveal());
  } else if (!login_.user.empty()) {
    request.query.emplace_back("user.name", login_.user);
  }
  request.query.insert(request.query.end(), call.query.begin(), call.query.end());
  for (int attempt = 1;; ++attempt) {
    Result<net::HttpReply> reply = http_->Send(context, request, kAnswerMax);
    if (!reply) return reply;
    if (reply->status == 200 || reply->status == 201 || reply->status == call.also_good) {
      return reply;
    }
    const HdfsFailure failure = ReadFailure(reply->status, reply->body);
    Error error = FromHdfsFailure(failure, call.key.empty() ? "/" : std::string_view(call.key));
    standby = error.code() == "name_node.standby";
    const bool again = error.code() == "service.busy" ||
                       (error.code() == "service.unavailable" && call.repeatable);
    if (!again || attempt == kAttempts) return error;
    NSTARX_RETURN_IF_ERROR(object_store::Pause(context, attempt));
  }
}

Result<net::HttpReply> WebHdfsClient::Ask(const Context& context, const Call& call) {
  const size_t count = settings_.name_nodes.size();
  std::optional<Error> unreachable;
  for (int round = 1;; ++round) {
    const size_t first = active_->load() % count;
    std::optional<Error> last;
    for (size_t i = 0; i < count; ++i) {
      const size_t node = (first + i) % count;
      bool standby = false;
      Result<net::HttpReply> reply = AskNode(context, call, node, standby);
      if (reply) {
        active_->store(node);
        return reply;
      }
      Error error = std::move(reply).error();
      if (!standby && !MayHelpElsewhere(error)) {
        active_->store(node);
        return error;
      }
      if (!standby && !call.repeatable && !NeverArrived(error)) return error;
      error.WithDetail("name_node", settings_.name_nodes[node].Authority());
      // Why one can't be reached tells more than that another is in standby.
      if (!standby && !unreachable) unreachable = error;
      last = std::move(error);
    }
    const bool lost = unreachable && unreachable->code() == "connection.lost";
    if (round == kAttempts || (unreachable && !lost)) return unreachable ? *unreachable : *last;
    unreachable.reset();
    NSTARX_RETURN_IF_ERROR(object_store::Pause(context, round));
  }
}

Result<json::object> WebHdfsClient::AskJson(const Context& context, const Call& call) {
  NSTARX_TRY(const net::HttpReply reply, Ask(context, call));
  Result<json::value> document = ParseJson(reply.body);
  if (!document || !document->is_object()) return MalformedAnswer();
  return std::move(document->get_object());
}

Result<FileStatus> WebHdfsClient::Stat(const Context& context, std::string_view key) {
  NSTARX_TRY(const json::object root,
             AskJson(context, {.op = "GETFILESTATUS", .key = std::string(key)}));
  const json::value* status = root.if_contains("FileStatus");
  if (status == nullptr) return MalformedAnswer();
  return FileStatus::Read(*status);
}

Result<ObjectInfo> WebHdfsClient::Head(const Context& context, std::string_view key) {
  if (!CheckFilePath(key)) return NotFoundAt(key);
  NSTARX_TRY(const FileStatus status, Stat(context, key));
  if (status.is_folder) return NotFoundAt(key);
  ObjectInfo info;
  info.key = key;
  info.size = status.size;
  info.etag = status.Etag();
  info.modified = TimePoint(std::chrono::milliseconds(status.modified_ms));
  return info;
}

Status WebHdfsClient::CheckRead(const Context& context, std::string_view key) {
  NSTARX_RETURN_IF_ERROR(
      Ask(context, {.op = "CHECKACCESS", .key = std::string(key), .query = {{"fsaction", "r--"}}}));
  return {};
}

Result<net::HttpRequest> WebHdfsClient::FindDataNode(const Context& context, Call call,
                                                     const std::vector<std::string>& excluded) {
  call.also_good = 307;
  if (!excluded.empty()) {
    call.query.emplace_back("excludedatanodes", fmt::format("{}", fmt::join(excluded, ",")));
  }
  NSTARX_TRY(const net::HttpReply reply, Ask(context, call));
  if (reply.status != 307) return MalformedAnswer();
  return ReadRedirect(reply.Header("location"), call.method, settings_.tls);
}

Result<std::unique_ptr<ByteStream>> WebHdfsClient::Get(const Context& context, std::string_view key,
                                                       connector::ObjectRange range) {
  if (range.offset < 0 || (range.length && *range.length < 1)) {
    return InvalidArgument("object.invalid_range", "The range is empty or begins below zero");
  }
  if (!CheckFilePath(key)) return NotFoundAt(key);
  Call call{.op = "OPEN", .key = std::string(key)};
  if (range.offset > 0) call.query.emplace_back("offset", fmt::format("{}", range.offset));
  if (range.length) call.query.emplace_back("length", fmt::format("{}", *range.length));
  std::vector<std::string> excluded;
  std::optional<Error> unreachable;
  while (true) {
    auto request = FindDataNode(context, call, excluded);
    if (!request) {
      // A folder can't be opened; to those who ask for objects it is none.
      if (request.error().code() == "object.path_conflict") return NotFoundAt(key);
      return unreachable && request.error().code() == "data_node.none" ? *unreachable
                                                                       : request.error();
    }
    net::HttpReply reply;
    auto stream = http_->Start(context, *request, reply);
    if (stream && reply.status == 200) return stream;
    if (stream) return FromHdfsFailure(ReadFailure(reply.status, reply.body), key);
    if (!MayHelpElsewhere(stream.error())) return stream;
    unreachable = NeverArrived(stream.error()) ? DataNodeUnreachable(*request, stream.error())
                                               : std::move(stream).error();
    excluded.push_back(fmt::format("{}:{}", request->service.host, request->service.port));
    if (excluded.size() == kAttempts) return *unreachable;
    NSTARX_RETURN_IF_ERROR(context.Check());
  }
}

Status WebHdfsClient::Write(const Context& context, const Call& call, std::string_view content) {
  NSTARX_TRY(net::HttpRequest request, FindDataNode(context, call, {}));
  request.headers.emplace_back("Content-Type", "application/octet-stream");
  request.body = content;
  const Result<net::HttpReply> reply = http_->Send(context, request, kAnswerMax);
  if (!reply) {
    return NeverArrived(reply.error()) ? DataNodeUnreachable(request, reply.error())
                                       : reply.error();
  }
  if (reply->status != 200 && reply->status != 201) {
    return FromHdfsFailure(ReadFailure(reply->status, reply->body), call.key);
  }
  return {};
}

Status WebHdfsClient::Rename(const Context& context, std::string_view from, std::string_view to) {
  const auto reply = Ask(
      context, {.method = "PUT",
                .op = "RENAME",
                .key = std::string(from),
                .query = {{"destination", fmt::format("/{}", to)}, {"renameoptions", "OVERWRITE"}},
                .repeatable = false});
  if (!reply) return reply.error();
  return {};
}

Result<std::string> WebHdfsClient::Put(const Context& context, std::string_view key,
                                       std::string_view content, std::string_view content_type) {
  NSTARX_RETURN_IF_ERROR(CheckFilePath(key));
  const std::string upload = UploadPathFor(key);
  Status written = Write(
      context, {.method = "PUT", .op = "CREATE", .key = upload, .query = {{"overwrite", "true"}}},
      content);
  if (written) {
    const auto etag = CompleteUpload(context, key, upload, {}, content_type);
    if (etag) return etag;
    written = etag.error();
  }
  // The caller may have been stopped: the clean-up has a deadline of its own.
  const Context own = Context().WithTimeout(std::chrono::seconds(5));
  if (const Status removed = AbortUpload(own, key, upload); !removed) {
    NSTARX_LOG(kWarning, "upload_left_behind", {{"key", key}, {"code", removed.error().code()}});
  }
  return written.error();
}

Status WebHdfsClient::Delete(const Context& context, std::string_view key) {
  const bool wants_folder = key.ends_with('/');
  std::string path(key);
  while (path.ends_with('/')) path.pop_back();
  if (!CheckFilePath(path)) return {};
  const auto status = Stat(context, path);
  if (!status) {
    return status.error().code() == "object.not_found" ? Status() : Status(status.error());
  }
  if (status->is_folder != wants_folder) {
    return Error(ErrorKind::kConflict, "object.path_conflict",
                 wants_folder
                     ? "This is a file: name it without '/' at its end"
                     : "This is a folder: name it with '/' at its end, and empty it before")
        .WithStage("query");
  }
  const auto reply = Ask(context, {.method = "DELETE", .op = "DELETE", .key = path});
  if (!reply && reply.error().code() != "object.not_found") return reply.error();
  return {};
}

Result<std::string> WebHdfsClient::Presign(const Context& context, std::string_view method,
                                           std::string_view key, std::chrono::seconds expires) {
  return InvalidArgument("object.presign_unavailable", "HDFS has no signed URLs")
      .WithStage("query");
}

Result<std::string> WebHdfsClient::CreateUpload(const Context& context, std::string_view key,
                                                std::string_view content_type) {
  NSTARX_RETURN_IF_ERROR(CheckFilePath(key));
  std::string upload = UploadPathFor(key);
  NSTARX_RETURN_IF_ERROR(Write(
      context, {.method = "PUT", .op = "CREATE", .key = upload, .query = {{"overwrite", "true"}}},
      ""));
  return upload;
}

Result<std::string> WebHdfsClient::SendPart(const Context& context, std::string_view key,
                                            std::string_view upload_id,
                                            const object_store::UploadPart& part) {
  NSTARX_RETURN_IF_ERROR(Write(
      context, {.method = "POST", .op = "APPEND", .key = std::string(upload_id)}, part.content));
  return std::string();
}

Result<std::string> WebHdfsClient::CompleteUpload(const Context& context, std::string_view key,
                                                  std::string_view upload_id,
                                                  const std::vector<std::string>& part_tags,
                                                  std::string_view content_type) {
  // A name node may be old enough to take a folder's place without a word: it is asked before.
  const auto old = Stat(context, key);
  if (old && old->is_folder) {
    return Error(ErrorKind::kConflict, "object.path_conflict",
                 fmt::format("A folder is at this path: {}", key))
        .WithStage("query");
  }
  if (!old && old.error().code() != "object.not_found") return old.error();
  NSTARX_RETURN_IF_ERROR(Rename(context, upload_id, key));
  NSTARX_TRY(const FileStatus status, Stat(context, key));
  return status.Etag();
}

Status WebHdfsClient::AbortUpload(const Context& context, std::string_view key,
                                  std::string_view upload_id) {
  const auto reply =
      Ask(context, {.method = "DELETE", .op = "DELETE", .key = std::string(upload_id)});
  if (!reply && reply.error().code() != "object.not_found") return reply.error();
  return {};
}

}  // namespace nstarx::connectors::hdfs
