#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/status.h"
#include "connector/facets.h"

namespace arrow::fs {
class FileSystem;
}

namespace nstarx::connectors::file_tables {

struct EngineSettings {
  int64_t memory_limit_bytes = int64_t{128} << 20;
  int64_t spill_limit_bytes = int64_t{8} << 30;
  int threads = 2;
  /// Keeps what was read from files within memory_limit_bytes, as long as size and time of the file
  /// stay the same.
  bool cache_files = false;
  /// Makes one of our errors of what the file system said when it failed.
  std::function<Error(std::string_view message)> read_failure;
};

/// SQL over the files of one Arrow file system: an embedded DuckDB that can reach nothing else. It
/// has no access to the machine's files, network, environment and extensions; only reading
/// statements run. One statement at a time; Interrupt() may be called by any thread. Streams must
/// die before the engine.
class FileEngine {
 public:
  static Result<std::unique_ptr<FileEngine>> Open(EngineSettings settings);
  ~FileEngine();

  /// Runs one SELECT, WITH, DESCRIBE, SUMMARIZE, SHOW or EXPLAIN over `files` with positional
  /// parameters (? or $1). Errors: query.syntax_error, query.undefined_table,
  /// query.undefined_column, query.undefined_function, query.invalid_value, query.not_allowed,
  /// query.out_of_memory, query.invalid_parameters, query.failed, query.timeout, query.cancelled,
  /// with details.position (1-based) where the text is to blame, and those of read_failure. Rows
  /// without ORDER BY come in no particular order: files are read side by side.
  Result<std::unique_ptr<connector::BatchStream>> Execute(
      const Context& context, std::shared_ptr<arrow::fs::FileSystem> files,
      const connector::Statement& statement);

  /// Columns, rows (of Parquet, from the footers), size and hive partitions of a file, a folder or
  /// a pattern. A file that no reader understands has no columns.
  Result<connector::Description> Describe(const Context& context,
                                          std::shared_ptr<arrow::fs::FileSystem> files,
                                          std::string_view path);

  /// What `path` stands for as a table of a statement that Execute takes.
  static std::string TableOf(std::string_view path);
  /// The statement that reads all of it.
  static std::string SelectAll(std::string_view path) { return "SELECT * FROM " + TableOf(path); }

  /// Makes the running statement end with query.cancelled.
  void Interrupt();

  class Impl;

 private:
  explicit FileEngine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace nstarx::connectors::file_tables
