#include <arrow-adbc/adbc.h>
#include <arrow-adbc/adbc_driver_manager.h>
#include <arrow/api.h>
#include <arrow/c/bridge.h>
#include <fmt/format.h>

#include <mutex>

#include "adapter/object_tree.h"

namespace nstarx::adapter {
namespace {

/// An AdbcError that frees itself.
class Failure {
 public:
  Failure() : error_(ADBC_ERROR_INIT) {}
  ~Failure() {
    if (error_.release != nullptr) error_.release(&error_);
  }
  Failure(const Failure&) = delete;
  Failure& operator=(const Failure&) = delete;
  AdbcError* get() { return &error_; }
  DriverError Of(AdbcStatusCode status) const {
    DriverError out{.status = status};
    if (error_.message != nullptr) out.message = error_.message;
    if (error_.vendor_code != ADBC_ERROR_VENDOR_CODE_PRIVATE_DATA) {
      out.vendor_code = error_.vendor_code;
    }
    for (const char byte : error_.sqlstate) {
      if (byte == '\0') break;
      out.sqlstate += byte;
    }
    return out;
  }

 private:
  AdbcError error_;
};

/// Calls an ADBC function with an error of its own.
template <class Call>
DriverStatus Try(Call&& call) {
  Failure failure;
  if (const AdbcStatusCode status = call(failure.get()); status != ADBC_STATUS_OK) {
    return std::unexpected(failure.Of(status));
  }
  return {};
}

/// One row of parameters, each of its JSON kind's type.
std::expected<std::shared_ptr<arrow::RecordBatch>, DriverError> ParameterRow(
    const json::array& parameters) {
  arrow::FieldVector fields;
  arrow::ArrayVector columns;
  for (const auto& value : parameters) {
    std::shared_ptr<arrow::Scalar> scalar;
    switch (value.kind()) {
      case json::kind::null:
        scalar = arrow::MakeNullScalar(arrow::utf8());
        break;
      case json::kind::bool_:
        scalar = arrow::MakeScalar(value.get_bool());
        break;
      case json::kind::int64:
        scalar = arrow::MakeScalar(static_cast<int64_t>(value.get_int64()));
        break;
      case json::kind::double_:
        scalar = arrow::MakeScalar(value.get_double());
        break;
      case json::kind::string:
        scalar = arrow::MakeScalar(std::string(value.get_string()));
        break;
      default:
        return std::unexpected(DriverError{
            .status = ADBC_STATUS_INVALID_ARGUMENT,
            .message = fmt::format("parameter {} is no single value", columns.size() + 1)});
    }
    auto column = arrow::MakeArrayFromScalar(*scalar, 1);
    if (!column.ok()) return std::unexpected(OfArrow(column.status()));
    fields.push_back(arrow::field(std::to_string(columns.size() + 1), scalar->type));
    columns.push_back(*column);
  }
  return arrow::RecordBatch::Make(arrow::schema(fields), 1, columns);
}

/// A value of any Arrow array as JSON: what GetObjects and GetInfo answer with.
json::value ToJson(const arrow::Array& array, int64_t row) {
  if (array.IsNull(row)) return nullptr;
  switch (array.type_id()) {
    case arrow::Type::STRING:
      return json::value(static_cast<const arrow::StringArray&>(array).GetView(row));
    case arrow::Type::LARGE_STRING:
      return json::value(static_cast<const arrow::LargeStringArray&>(array).GetView(row));
    case arrow::Type::BOOL:
      return static_cast<const arrow::BooleanArray&>(array).Value(row);
    case arrow::Type::INT16:
      return static_cast<const arrow::Int16Array&>(array).Value(row);
    case arrow::Type::INT32:
      return static_cast<const arrow::Int32Array&>(array).Value(row);
    case arrow::Type::INT64:
      return static_cast<const arrow::Int64Array&>(array).Value(row);
    case arrow::Type::UINT32:
      return static_cast<int64_t>(static_cast<const arrow::UInt32Array&>(array).Value(row));
    case arrow::Type::DENSE_UNION: {
      const auto& choices = static_cast<const arrow::DenseUnionArray&>(array);
      return ToJson(*choices.field(choices.child_id(row)), choices.value_offset(row));
    }
    case arrow::Type::LIST: {
      const auto& list = static_cast<const arrow::ListArray&>(array);
      json::array out;
      for (int64_t i = list.value_offset(row); i < list.value_offset(row + 1); ++i) {
        out.push_back(ToJson(*list.values(), i));
      }
      return out;
    }
    case arrow::Type::STRUCT: {
      const auto& fields = static_cast<const arrow::StructArray&>(array);
      json::object out;
      for (int i = 0; i < fields.num_fields(); ++i) {
        out[fields.type()->field(i)->name()] = ToJson(*fields.field(i), row);
      }
      return out;
    }
    default:
      return nullptr;
  }
}

/// All rows of a small answer, each an object by column name.
std::expected<json::array, DriverError> ReadSmall(ArrowArrayStream* stream) {
  auto reader = arrow::ImportRecordBatchReader(stream);
  if (!reader.ok()) return std::unexpected(OfArrow(reader.status()));
  json::array out;
  while (true) {
    auto batch = (*reader)->Next();
    if (!batch.ok()) return std::unexpected(OfArrow(batch.status()));
    if (*batch == nullptr) return out;
    for (int64_t row = 0; row < (*batch)->num_rows(); ++row) {
      json::object& object = out.emplace_back(json::object()).get_object();
      for (int i = 0; i < (*batch)->num_columns(); ++i) {
        object[(*batch)->column_name(i)] = ToJson(*(*batch)->column(i), row);
      }
    }
  }
}

const char* Filter(const std::optional<std::string>& name) {
  return name ? name->c_str() : nullptr;
}

/// One database and connection of an ADBC driver, through ADBC's driver manager.
class AdbcDriver final : public ObjectTree {
 public:
  AdbcDriver() = default;
  ~AdbcDriver() override;
  AdbcDriver(const AdbcDriver&) = delete;
  AdbcDriver& operator=(const AdbcDriver&) = delete;

  DriverStatus Open(const std::string& library, const std::string& entrypoint,
                    const json::object& database, const json::object& connection) override;
  json::object Facts() override;
  DriverResult<int64_t> Query(const std::string& text, const json::array& parameters,
                              const std::function<DriverStatus(const Rows&)>& take) override;
  DriverResult<int64_t> Ingest(std::string_view path, std::string_view mode,
                               const Rows& rows) override;
  void Cancel() override;

 protected:
  DriverResult<json::object> Objects(ObjectDepth depth, const ObjectName& name) override;
  std::string CurrentCatalog() override;
  json::object ArrowTypes(const ObjectName& name) override;

 private:
  class RunningStatement;

  std::unique_ptr<AdbcDatabase> database_;
  std::unique_ptr<AdbcConnection> connection_;
  std::mutex lock_;
  AdbcStatement* running_ NSTARX_GUARDED_BY(lock_) = nullptr;
};

/// A statement that Cancel() can reach while it lives.
class AdbcDriver::RunningStatement {
 public:
  explicit RunningStatement(AdbcDriver& driver) : driver_(driver) {}
  ~RunningStatement() {
    {
      const std::lock_guard guard(driver_.lock_);
      driver_.running_ = nullptr;
    }
    if (made_) {
      Failure failure;
      AdbcStatementRelease(&statement_, failure.get());
    }
  }
  RunningStatement(const RunningStatement&) = delete;
  RunningStatement& operator=(const RunningStatement&) = delete;
  DriverStatus Make() {
    DriverStatus made = Try([&](AdbcError* error) {
      return AdbcStatementNew(driver_.connection_.get(), &statement_, error);
    });
    if (!made) return made;
    made_ = true;
    const std::lock_guard guard(driver_.lock_);
    driver_.running_ = &statement_;
    return {};
  }
  AdbcStatement* get() { return &statement_; }

 private:
  AdbcDriver& driver_;
  AdbcStatement statement_{};
  bool made_ = false;
};

AdbcDriver::~AdbcDriver() {
  Failure failure;
  if (connection_) AdbcConnectionRelease(connection_.get(), failure.get());
  if (database_) AdbcDatabaseRelease(database_.get(), failure.get());
}

DriverStatus AdbcDriver::Open(const std::string& library, const std::string& entrypoint,
                              const json::object& database, const json::object& connection) {
  database_ = std::make_unique<AdbcDatabase>();
  AdbcDatabase* base = database_.get();
  const auto set = [&](const std::string& key, const std::string& value) {
    return Try([&](AdbcError* error) {
      return AdbcDatabaseSetOption(base, key.c_str(), value.c_str(), error);
    });
  };
  if (auto made = Try([&](AdbcError* error) { return AdbcDatabaseNew(base, error); }); !made) {
    database_.reset();
    return made;
  }
  if (auto done = set("driver", library); !done) return done;
  if (!entrypoint.empty()) {
    if (auto done = set("entrypoint", entrypoint); !done) return done;
  }
  for (const auto& [key, value] : database) {
    if (auto done = set(key, std::string(value.as_string())); !done) return done;
  }
  if (auto done = Try([&](AdbcError* error) { return AdbcDatabaseInit(base, error); }); !done) {
    return done;
  }
  connection_ = std::make_unique<AdbcConnection>();
  AdbcConnection* line = connection_.get();
  if (auto made = Try([&](AdbcError* error) { return AdbcConnectionNew(line, error); }); !made) {
    connection_.reset();
    return made;
  }
  // Options of before and of after the login: drivers differ in which they take when.
  std::vector<std::pair<std::string, std::string>> later;
  for (const auto& [key, value] : connection) {
    const std::string name(key);
    const std::string text(value.as_string());
    if (!Try([&](AdbcError* error) {
          return AdbcConnectionSetOption(line, name.c_str(), text.c_str(), error);
        })) {
      later.emplace_back(name, text);
    }
  }
  if (auto done = Try([&](AdbcError* error) { return AdbcConnectionInit(line, base, error); });
      !done) {
    return done;
  }
  for (const auto& [name, text] : later) {
    if (auto done = Try([&](AdbcError* error) {
          return AdbcConnectionSetOption(line, name.c_str(), text.c_str(), error);
        });
        !done) {
      return done;
    }
  }
  return {};
}

json::object AdbcDriver::Facts() {
  json::object out;
  const uint32_t wanted[] = {ADBC_INFO_VENDOR_NAME, ADBC_INFO_VENDOR_VERSION, ADBC_INFO_DRIVER_NAME,
                             ADBC_INFO_DRIVER_VERSION};
  ArrowArrayStream stream{};
  const auto asked = Try([&](AdbcError* error) {
    return AdbcConnectionGetInfo(connection_.get(), wanted, std::size(wanted), &stream, error);
  });
  if (!asked) return out;
  const auto rows = ReadSmall(&stream);
  if (!rows) return out;
  for (const auto& row : *rows) {
    const json::object& fields = row.get_object();
    const json::value* value = fields.if_contains("info_value");
    if (value == nullptr || !value->is_string()) continue;
    switch (GetInt(fields, "info_name", -1)) {
      case ADBC_INFO_VENDOR_NAME:
        out["server"] = *value;
        break;
      case ADBC_INFO_VENDOR_VERSION:
        out["server_version"] = *value;
        break;
      case ADBC_INFO_DRIVER_NAME:
        out["driver"] = *value;
        break;
      case ADBC_INFO_DRIVER_VERSION:
        out["driver_version"] = *value;
        break;
      default:
        break;
    }
  }
  return out;
}

DriverResult<int64_t> AdbcDriver::Query(const std::string& text, const json::array& parameters,
                                        const std::function<DriverStatus(const Rows&)>& take) {
  RunningStatement statement(*this);
  if (auto made = statement.Make(); !made) return std::unexpected(made.error());
  if (auto set = Try([&](AdbcError* error) {
        return AdbcStatementSetSqlQuery(statement.get(), text.c_str(), error);
      });
      !set) {
    return std::unexpected(set.error());
  }
  if (!parameters.empty()) {
    auto row = ParameterRow(parameters);
    if (!row) return std::unexpected(row.error());
    ArrowArray array{};
    ArrowSchema schema{};
    if (auto exported = arrow::ExportRecordBatch(**row, &array, &schema); !exported.ok()) {
      return std::unexpected(OfArrow(exported));
    }
    // Drivers take parameters of prepared statements only.
    auto prepared =
        Try([&](AdbcError* error) { return AdbcStatementPrepare(statement.get(), error); });
    auto bound = prepared ? Try([&](AdbcError* error) {
      return AdbcStatementBind(statement.get(), &array, &schema, error);
    })
                          : prepared;
    if (!bound) {
      if (array.release != nullptr) array.release(&array);
      if (schema.release != nullptr) schema.release(&schema);
      return std::unexpected(bound.error());
    }
  }
  ArrowArrayStream stream{};
  int64_t affected = -1;
  if (auto run = Try([&](AdbcError* error) {
        return AdbcStatementExecuteQuery(statement.get(), &stream, &affected, error);
      });
      !run) {
    return std::unexpected(run.error());
  }
  // Read through the stream itself, so that its errors keep the driver's details.
  auto reader = arrow::ImportRecordBatchReader(&stream);
  if (!reader.ok()) return std::unexpected(OfArrow(reader.status()));
  if (auto taken = take(*reader); !taken) return std::unexpected(taken.error());
  return affected;
}

DriverResult<json::object> AdbcDriver::Objects(ObjectDepth depth, const ObjectName& name) {
  constexpr int kDepths[] = {ADBC_OBJECT_DEPTH_CATALOGS, ADBC_OBJECT_DEPTH_DB_SCHEMAS,
                             ADBC_OBJECT_DEPTH_TABLES, ADBC_OBJECT_DEPTH_ALL};
  ArrowArrayStream stream{};
  if (auto asked = Try([&](AdbcError* error) {
        return AdbcConnectionGetObjects(connection_.get(), kDepths[static_cast<int>(depth)],
                                        Filter(name.catalog), Filter(name.schema),
                                        Filter(name.table), nullptr, nullptr, &stream, error);
      });
      !asked) {
    return std::unexpected(asked.error());
  }
  auto rows = ReadSmall(&stream);
  if (!rows) return std::unexpected(rows.error());
  return json::object{{"catalogs", std::move(*rows)}};
}

std::string AdbcDriver::CurrentCatalog() {
  std::string current(256, '\0');
  size_t size = current.size();
  const auto told = Try([&](AdbcError* error) {
    return AdbcConnectionGetOption(connection_.get(), ADBC_CONNECTION_OPTION_CURRENT_CATALOG,
                                   current.data(), &size, error);
  });
  return told && size > 1 && size <= current.size() ? current.substr(0, size - 1) : std::string();
}

json::object AdbcDriver::ArrowTypes(const ObjectName& name) {
  json::object out;
  ArrowSchema native{};
  const auto told = Try([&](AdbcError* error) {
    return AdbcConnectionGetTableSchema(connection_.get(), Filter(name.catalog),
                                        Filter(name.schema), Filter(name.table), &native, error);
  });
  if (!told) return out;
  if (auto read = arrow::ImportSchema(&native); read.ok()) {
    for (const auto& field : (*read)->fields()) out[field->name()] = field->type()->ToString();
  }
  return out;
}

DriverResult<int64_t> AdbcDriver::Ingest(std::string_view path, std::string_view mode,
                                         const Rows& rows) {
  auto name = TargetOf(path);
  if (!name) return std::unexpected(name.error());
  RunningStatement statement(*this);
  if (auto made = statement.Make(); !made) return std::unexpected(made.error());
  std::vector<std::pair<std::string, std::string>> options = {
      {ADBC_INGEST_OPTION_TARGET_TABLE, *name->table},
      {ADBC_INGEST_OPTION_MODE, fmt::format("adbc.ingest.mode.{}", mode)}};
  if (name->schema) options.emplace_back(ADBC_INGEST_OPTION_TARGET_DB_SCHEMA, *name->schema);
  if (has_catalogs() && name->catalog)
    options.emplace_back(ADBC_INGEST_OPTION_TARGET_CATALOG, *name->catalog);
  for (const auto& [key, value] : options) {
    if (auto set = Try([&](AdbcError* error) {
          return AdbcStatementSetOption(statement.get(), key.c_str(), value.c_str(), error);
        });
        !set) {
      return std::unexpected(set.error());
    }
  }
  ArrowArrayStream stream{};
  if (auto exported = arrow::ExportRecordBatchReader(rows, &stream); !exported.ok()) {
    return std::unexpected(OfArrow(exported));
  }
  int64_t affected = -1;
  auto bound = Try(
      [&](AdbcError* error) { return AdbcStatementBindStream(statement.get(), &stream, error); });
  auto run = bound ? Try([&](AdbcError* error) {
    return AdbcStatementExecuteQuery(statement.get(), nullptr, &affected, error);
  })
                   : bound;
  if (!bound && stream.release != nullptr) stream.release(&stream);
  if (!run) return std::unexpected(run.error());
  return affected;
}

void AdbcDriver::Cancel() {
  const std::lock_guard guard(lock_);
  if (running_ == nullptr) return;
  Failure failure;
  AdbcStatementCancel(running_, failure.get());
}

}  // namespace

std::unique_ptr<Driver> MakeAdbcDriver() { return std::make_unique<AdbcDriver>(); }

}  // namespace nstarx::adapter
