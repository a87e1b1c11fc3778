#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "connector/facets.h"
#include "connectors/file_tables/file_engine.h"

namespace nstarx::connectors::object_store {

/// What the tables of a connection are read from. Used by one thread at a time, except ReadFailure.
class FileSource {
 public:
  virtual ~FileSource() = default;
  /// The file system for one statement; paths are relative to the connection's prefix.
  virtual Result<std::shared_ptr<arrow::fs::FileSystem>> Files(const Context& context) = 0;
  /// One of our errors of what the file system said when it failed.
  virtual Error ReadFailure(std::string_view message) = 0;
};

/// The files of one connection as tables. The engine starts with the first use. Used by one thread
/// at a time, except Cancel.
class ObjectTables {
 public:
  ObjectTables(std::unique_ptr<FileSource> source, file_tables::EngineSettings settings)
      : source_(std::move(source)), settings_(std::move(settings)) {}

  Result<std::unique_ptr<connector::BatchStream>> Execute(const Context& context,
                                                          const connector::Statement& statement);
  Result<connector::Description> Describe(const Context& context, std::string_view path);
  Result<std::unique_ptr<connector::BatchStream>> Sample(const Context& context,
                                                         std::string_view path, int64_t limit);
  void Cancel();

 private:
  Status Prepare();

  const std::unique_ptr<FileSource> source_;
  const file_tables::EngineSettings settings_;
  std::mutex mutex_;  // Cancel() against the engine's birth
  std::unique_ptr<file_tables::FileEngine> engine_ NSTARX_GUARDED_BY(mutex_);
};

}  // namespace nstarx::connectors::object_store
