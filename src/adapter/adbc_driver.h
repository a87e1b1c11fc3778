#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

struct AdbcConnection;
struct AdbcDatabase;
struct AdbcStatement;
struct ArrowArrayStream;

namespace arrow {
class RecordBatchReader;
}

namespace nstarx::adapter {

/// A driver's failure, as it goes over the socket.
struct DriverError {
  int status = 0;  ///< ADBC_STATUS_…
  int vendor_code = 0;
  std::string sqlstate;
  std::string message;
};

template <class T>
using DriverResult = std::expected<T, DriverError>;
using DriverStatus = std::expected<void, DriverError>;

/// Rows to the server, or from it.
using Rows = std::shared_ptr<arrow::RecordBatchReader>;

/// One database and connection of an ADBC driver, through ADBC's driver manager. Used by one
/// thread, except Cancel().
class AdbcDriver {
 public:
  AdbcDriver();
  ~AdbcDriver();
  AdbcDriver(const AdbcDriver&) = delete;
  AdbcDriver& operator=(const AdbcDriver&) = delete;

  DriverStatus Open(const std::string& library, const std::string& entrypoint,
                    const json::object& database, const json::object& connection);
  /// What the driver says of itself and of the system.
  json::object Facts();
  /// Runs a statement whose rows nobody wants.
  DriverStatus Run(const std::string& text);
  /// `take` pulls the rows; the statement lives as long as it runs. Gives the rows that the
  /// statement changed, or -1.
  DriverResult<int64_t> Query(const std::string& text, const json::array& parameters,
                              const std::function<DriverStatus(const Rows&)>& take);
  /// {"items": [{name, path, kind, has_children}]}
  DriverResult<json::object> List(std::string_view path, int64_t limit);
  /// {"path", "kind", "columns": […], "keys": […]}
  DriverResult<json::object> Describe(std::string_view path);
  /// `path` as the system's SQL has it.
  DriverResult<std::string> Quoted(std::string_view path);
  DriverResult<int64_t> Ingest(std::string_view path, std::string_view mode, const Rows& rows);
  /// Stops what runs; any thread.
  void Cancel();

 private:
  class RunningStatement;
  /// catalog.schema.table, of which the first two may be missing.
  struct Name {
    std::optional<std::string> catalog;
    std::optional<std::string> schema;
    std::optional<std::string> table;
  };
  DriverResult<json::object> Objects(int depth, const Name& name);
  DriverStatus LearnLevels();
  DriverResult<Name> NameOf(std::string_view path);
  std::string PathOf(std::string_view catalog, std::string_view schema, std::string_view table);

  std::unique_ptr<AdbcDatabase> database_;
  std::unique_ptr<AdbcConnection> connection_;
  bool levels_known_ = false;
  bool has_catalogs_ = false;  ///< several: they are the first level
  bool has_schemas_ = false;
  std::string catalog_;  ///< of a system that shows one
  std::mutex lock_;
  AdbcStatement* running_ = nullptr;  ///< guarded by lock_
};

}  // namespace nstarx::adapter
