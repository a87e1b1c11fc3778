#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"

namespace arrow {
class RecordBatchReader;
class Status;
}  // namespace arrow

namespace nstarx::adapter {

/// A driver's failure, as it goes over the socket. Kinds of drivers other than ADBC say in ADBC's
/// numbers what went wrong.
struct DriverError {
  int status = 0;  ///< ADBC_STATUS_…
  int vendor_code = 0;
  std::string sqlstate;
  std::string message;
};

template <class T>
using DriverResult = std::expected<T, DriverError>;
using DriverStatus = std::expected<void, DriverError>;

DriverError OfArrow(const arrow::Status& status);

/// Rows to the server, or from it.
using Rows = std::shared_ptr<arrow::RecordBatchReader>;

/// One session of a driver that is not ours; lives in an adapter host. Used by one thread, except
/// Cancel().
class Driver {
 public:
  virtual ~Driver() = default;
  virtual DriverStatus Open(const std::string& library, const std::string& entrypoint,
                            const json::object& database, const json::object& connection) = 0;
  /// What the driver says of itself and of the system: server, server_version, driver,
  /// driver_version.
  virtual json::object Facts() = 0;
  /// `take` pulls the rows; the statement lives as long as it runs. Gives the rows that the
  /// statement changed, or -1.
  virtual DriverResult<int64_t> Query(const std::string& text, const json::array& parameters,
                                      const std::function<DriverStatus(const Rows&)>& take) = 0;
  /// {"items": [{name, path, kind, has_children}]}
  virtual DriverResult<json::object> List(std::string_view path, int64_t limit) = 0;
  /// {"kind", "table_columns": […], "table_constraints": […], "arrow_types": {…}}, named as in
  /// ADBC's GetObjects.
  virtual DriverResult<json::object> Describe(std::string_view path) = 0;
  /// `path` as the system's SQL has it.
  virtual DriverResult<std::string> Quoted(std::string_view path) = 0;
  virtual DriverResult<int64_t> Ingest(std::string_view path, std::string_view mode,
                                       const Rows& rows) = 0;
  /// Stops what runs; any thread.
  virtual void Cancel() = 0;

  /// Runs a statement whose rows nobody wants.
  DriverStatus Run(const std::string& text);
};

std::unique_ptr<Driver> MakeAdbcDriver();
std::unique_ptr<Driver> MakeOdbcDriver();

}  // namespace nstarx::adapter
