#include "connectors/object_store/object_file_system.h"

#include <arrow/buffer.h>
#include <arrow/filesystem/filesystem.h>
#include <arrow/io/interfaces.h>

#include <atomic>

namespace nstarx::connectors::object_store {
namespace {

using arrow::fs::FileInfo;
using arrow::fs::FileType;

constexpr size_t kListedMax = 200'000;

/// What the file system and its open files share.
struct Reach {
  Context context;
  std::shared_ptr<ClientPool> pool;
  std::shared_ptr<FirstFailure> failure;
  std::string prefix;

  arrow::Status Failed(const Error& error) const {
    failure->Note(error);
    return arrow::Status::IOError(error.code());
  }

  /// Calls `work` with a client of its own; its sockets are kept only after a success.
  template <class Work>
  auto With(const Work& work) const -> decltype(work(std::declval<ObjectClient&>())) {
    NSTARX_TRY(auto client, pool->Borrow());
    auto result = work(*client);
    if (result || result.error().kind() == ErrorKind::kNotFound) pool->GiveBack(std::move(client));
    return result;
  }
};

arrow::Status ReadOnly() { return arrow::Status::IOError("The files are read-only"); }

FileInfo InfoOfObject(const connector::ObjectInfo& object, std::string_view prefix) {
  FileInfo info(object.key.substr(prefix.size()), FileType::File);
  info.set_size(object.size);
  info.set_mtime(std::chrono::time_point_cast<std::chrono::nanoseconds>(object.modified));
  return info;
}

class ObjectFile final : public arrow::io::RandomAccessFile {
 public:
  ObjectFile(Reach reach, std::string key, int64_t size)
      : reach_(std::move(reach)), key_(std::move(key)), size_(size) {}

  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }
  arrow::Result<int64_t> Tell() const override { return position_; }
  arrow::Result<int64_t> GetSize() override { return size_; }
  arrow::Status Seek(int64_t position) override {
    position_ = position;
    return arrow::Status::OK();
  }

  arrow::Result<int64_t> ReadAt(int64_t position, int64_t count, void* into) override {
    count = std::min(count, size_ - position);
    if (position < 0 || count <= 0) return 0;
    auto done = reach_.With([&](ObjectClient& client) -> Result<int64_t> {
      NSTARX_TRY(const auto stream,
                 client.Get(reach_.context, key_, {.offset = position, .length = count}));
      int64_t got = 0;
      while (got < count) {
        NSTARX_TRY(const size_t piece,
                   stream->Read(reach_.context, {static_cast<std::byte*>(into) + got,
                                                 static_cast<size_t>(count - got)}));
        if (piece == 0) break;
        got += static_cast<int64_t>(piece);
      }
      return got;
    });
    if (!done) return reach_.Failed(done.error());
    return *done;
  }

  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t count) override {
    count = std::max<int64_t>(0, std::min(count, size_ - position));
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(count));
    ARROW_ASSIGN_OR_RAISE(const int64_t got, ReadAt(position, count, buffer->mutable_data()));
    if (got < count) ARROW_RETURN_NOT_OK(buffer->Resize(got));
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
  }

  arrow::Result<int64_t> Read(int64_t count, void* into) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t got, ReadAt(position_, count, into));
    position_ += got;
    return got;
  }

  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t count) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, ReadAt(position_, count));
    position_ += buffer->size();
    return buffer;
  }

 private:
  const Reach reach_;
  const std::string key_;
  const int64_t size_;
  std::atomic<int64_t> position_ = 0;
  std::atomic<bool> closed_ = false;
};

class ObjectFileSystem final : public arrow::fs::FileSystem {
 public:
  explicit ObjectFileSystem(Reach reach) : reach_(std::move(reach)) {}

  std::string type_name() const override { return "nstarx-objects"; }
  bool Equals(const FileSystem& other) const override { return this == &other; }

  arrow::Result<FileInfo> GetFileInfo(const std::string& path) override {
    if (path.empty()) return FileInfo("", FileType::Directory);
    const std::string key = reach_.prefix + path;
    auto head = reach_.With([&](ObjectClient& client) { return client.Head(reach_.context, key); });
    if (head) {
      head->key = key;
      return InfoOfObject(*head, reach_.prefix);
    }
    if (head.error().kind() != ErrorKind::kNotFound) return reach_.Failed(head.error());
    auto page = reach_.With(
        [&](ObjectClient& client) { return client.List(reach_.context, key + "/", "", 1, ""); });
    if (!page) return reach_.Failed(page.error());
    return FileInfo(path, page->items.empty() ? FileType::NotFound : FileType::Directory);
  }

  arrow::Result<std::vector<FileInfo>> GetFileInfo(const arrow::fs::FileSelector& select) override {
    std::string folder = reach_.prefix + select.base_dir;
    if (!select.base_dir.empty()) folder += '/';
    std::vector<FileInfo> found;
    std::string continuation;
    do {
      auto page = reach_.With([&](ObjectClient& client) {
        return client.List(reach_.context, folder, select.recursive ? "" : "/", 1000, continuation);
      });
      if (!page) return reach_.Failed(page.error());
      for (const auto& object : page->items) {
        // Marks that some tools leave for folders are no files.
        if (object.key.size() == folder.size() || object.key.ends_with('/')) continue;
        found.push_back(InfoOfObject(object, reach_.prefix));
      }
      for (const std::string& inner : page->prefixes) {
        const std::string_view path = std::string_view(inner).substr(reach_.prefix.size());
        found.emplace_back(std::string(path.substr(0, path.size() - 1)), FileType::Directory);
      }
      if (found.size() > kListedMax) {
        return arrow::Status::CapacityError("More than ", kListedMax, " files under the path");
      }
      continuation = page->next;
    } while (!continuation.empty());
    return found;
  }

  arrow::Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenInputFile(
      const std::string& path) override {
    ARROW_ASSIGN_OR_RAISE(const FileInfo info, GetFileInfo(path));
    return OpenInputFile(info);
  }

  arrow::Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenInputFile(
      const FileInfo& info) override {
    if (info.type() != FileType::File) return arrow::Status::IOError("No file: ", info.path());
    return std::make_shared<ObjectFile>(reach_, reach_.prefix + info.path(), info.size());
  }

  arrow::Result<std::shared_ptr<arrow::io::InputStream>> OpenInputStream(
      const std::string& path) override {
    return OpenInputFile(path);
  }

  arrow::Status CreateDir(const std::string&, bool) override { return ReadOnly(); }
  arrow::Status DeleteDir(const std::string&) override { return ReadOnly(); }
  arrow::Status DeleteDirContents(const std::string&, bool) override { return ReadOnly(); }
  arrow::Status DeleteRootDirContents() override { return ReadOnly(); }
  arrow::Status DeleteFile(const std::string&) override { return ReadOnly(); }
  arrow::Status Move(const std::string&, const std::string&) override { return ReadOnly(); }
  arrow::Status CopyFile(const std::string&, const std::string&) override { return ReadOnly(); }
  arrow::Result<std::shared_ptr<arrow::io::OutputStream>> OpenOutputStream(
      const std::string&, const std::shared_ptr<const arrow::KeyValueMetadata>&) override {
    return ReadOnly();
  }
  arrow::Result<std::shared_ptr<arrow::io::OutputStream>> OpenAppendStream(
      const std::string&, const std::shared_ptr<const arrow::KeyValueMetadata>&) override {
    return ReadOnly();
  }

 private:
  using FileSystem::GetFileInfo;
  using FileSystem::OpenInputFile;
  using FileSystem::OpenInputStream;

  const Reach reach_;
};

}  // namespace

std::shared_ptr<arrow::fs::FileSystem> MakeObjectFileSystem(const Context& context,
                                                            std::shared_ptr<ClientPool> pool,
                                                            std::shared_ptr<FirstFailure> failure,
                                                            std::string prefix) {
  return std::make_shared<ObjectFileSystem>(Reach{
      .context = context,
      .pool = std::move(pool),
      .failure = std::move(failure),
      .prefix = std::move(prefix),
  });
}

}  // namespace nstarx::connectors::object_store
