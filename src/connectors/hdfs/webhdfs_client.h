#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "connectors/hdfs/hdfs_login.h"
#include "connectors/hdfs/hdfs_settings.h"
#include "connectors/object_store/object_client.h"
#include "net/http_client.h"

namespace nstarx::connectors::hdfs {

/// What the names of files that are being written begin with; listings leave them out.
inline constexpr std::string_view kUploadName = "._nstarx_upload_";

/// Which name node answered last as the active one; shared by the clients of one session.
using ActiveNode = std::shared_ptr<std::atomic<size_t>>;

/// One line of a directory listing.
struct FileStatus {
  std::string name;  ///< empty for the status of the path itself
  bool is_folder = false;
  int64_t size = 0;
  int64_t modified_ms = 0;
  int64_t file_id = 0;

  std::string Etag() const;
  /// response.malformed for what is no FileStatus of HDFS.
  static Result<FileStatus> Read(const json::value& value);
};

/// Files of HDFS as objects, by the WebHDFS REST API: a name node says where the bytes are, a data
/// node has them. Asks the other name nodes when one is in standby or can't be reached. What is
/// written becomes visible by a rename over the old file. Further errors: folder.not_found,
/// name_node.standby, name_node.safe_mode, data_node.unreachable, data_node.none,
/// object.path_conflict, object.quota_exceeded.
class WebHdfsClient final : public object_store::ObjectClient {
 public:
  WebHdfsClient(const HdfsSettings& settings, HdfsLogin login, ActiveNode active,
                std::unique_ptr<net::HttpClient> http);

  /// Without a delimiter all files below, folder after folder; with "/" one folder.
  Result<connector::ObjectPage> List(const Context& context, std::string_view prefix,
                                     std::string_view delimiter, int64_t limit,
                                     std::string_view continuation) override;
  Result<connector::ObjectPage> Peek(const Context& context, std::string_view prefix,
                                     int64_t limit) override;
  Result<connector::ObjectInfo> Head(const Context& context, std::string_view key) override;
  Status CheckRead(const Context& context, std::string_view key) override;
  Result<std::unique_ptr<connector::ByteStream>> Get(const Context& context, std::string_view key,
                                                     connector::ObjectRange range) override;
  Result<std::string> Put(const Context& context, std::string_view key, std::string_view content,
                          std::string_view content_type) override;
  /// Of what is not there it is a success, as in S3. A key that ends in '/' is an empty folder.
  Status Delete(const Context& context, std::string_view key) override;
  /// Always object.presign_unavailable.
  Result<std::string> Presign(const Context& context, std::string_view method, std::string_view key,
                              std::chrono::seconds expires) override;

  /// A hidden file beside the key, which parts are appended to; its id is the file's path.
  Result<std::string> CreateUpload(const Context& context, std::string_view key,
                                   std::string_view content_type) override;
  Result<std::string> SendPart(const Context& context, std::string_view key,
                               std::string_view upload_id,
                               const object_store::UploadPart& part) override;
  Result<std::string> CompleteUpload(const Context& context, std::string_view key,
                                     std::string_view upload_id,
                                     const std::vector<std::string>& part_tags,
                                     std::string_view content_type) override;
  Status AbortUpload(const Context& context, std::string_view key,
                     std::string_view upload_id) override;

  /// The status of a file or folder; object.not_found.
  Result<FileStatus> Stat(const Context& context, std::string_view key);

 private:
  struct Call {
    std::string method = "GET";
    std::string op;
    std::string key;  ///< whole, "" is the root
    net::HttpFields query = {};
    bool repeatable = true;  ///< false when a lost answer leaves open whether it was done
    int also_good = 0;
  };
  struct Level;  // of a walk through folders

  /// Asks the name nodes until one answers for good.
  Result<net::HttpReply> Ask(const Context& context, const Call& call);
  /// One attempt at one name node; `standby` tells to ask another.
  Result<net::HttpReply> AskNode(const Context& context, const Call& call, size_t node,
                                 bool& standby);
  Result<json::object> AskJson(const Context& context, const Call& call);
  /// The request at the data node that the name node names.
  Result<net::HttpRequest> FindDataNode(const Context& context, Call call,
                                        const std::vector<std::string>& excluded);
  /// Writes at a data node: CREATE or APPEND.
  Status Write(const Context& context, const Call& call, std::string_view content);
  Status Rename(const Context& context, std::string_view from, std::string_view to);
  Result<std::vector<FileStatus>> ListFolder(const Context& context, std::string_view folder,
                                             std::string_view after, bool& more);
  Result<bool> FillLevel(const Context& context, Level& level);
  Result<connector::ObjectPage> Walk(const Context& context, std::string_view prefix, bool deep,
                                     int64_t limit, std::string_view continuation);

  const HdfsSettings settings_;
  const HdfsLogin login_;
  const ActiveNode active_;
  const std::unique_ptr<net::HttpClient> http_;
};

/// The request that a redirect of a name node stands for. response.malformed unless it names a
/// WebHDFS path at a server of the same scheme.
Result<net::HttpRequest> ReadRedirect(std::string_view location, std::string_view method,
                                      bool https);

}  // namespace nstarx::connectors::hdfs
