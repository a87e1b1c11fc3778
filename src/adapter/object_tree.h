#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "adapter/driver.h"

namespace nstarx::adapter {

/// catalog.schema.table, of which any may be missing.
struct ObjectName {
  std::optional<std::string> catalog;
  std::optional<std::string> schema;
  std::optional<std::string> table;
};

enum class ObjectDepth { kCatalogs, kSchemas, kTables, kColumns };

/// Browsing of drivers that know catalogs, schemas and tables: levels that a system has not got, or
/// has one of, are left out of paths.
class ObjectTree : public Driver {
 public:
  DriverResult<json::object> List(std::string_view path, int64_t limit) override;
  DriverResult<json::object> Describe(std::string_view path) override;
  DriverResult<std::string> Quoted(std::string_view path) override;

 protected:
  /// {"catalogs": […]} in the shape of ADBC's GetObjects; names filter, some drivers take them for
  /// patterns.
  virtual DriverResult<json::object> Objects(ObjectDepth depth, const ObjectName& name) = 0;
  /// Where the session is; empty when the driver does not say.
  virtual std::string CurrentCatalog() { return {}; }
  /// {column: Arrow type}; empty when the driver does not say.
  virtual json::object ArrowTypes(const ObjectName& name) { return {}; }
  virtual char quote() const { return '"'; }

  DriverResult<ObjectName> NameOf(std::string_view path);
  /// Of a table that may not be there yet: a path too short for all levels names one in the current
  /// schema.
  DriverResult<ObjectName> TargetOf(std::string_view path);
  std::string Quoted(const ObjectName& name) const;
  std::string QuotedName(std::string_view name) const;
  bool has_catalogs() const { return has_catalogs_; }

 private:
  DriverStatus LearnLevels();
  std::string PathOf(std::string_view catalog, std::string_view schema,
                     std::string_view table) const;

  bool levels_known_ = false;
  bool has_catalogs_ = false;  ///< several: they are the first level
  bool has_schemas_ = false;
  std::string catalog_;  ///< of a system that shows one
};

}  // namespace nstarx::adapter
