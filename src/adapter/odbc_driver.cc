#include <arrow-adbc/adbc.h>
#include <arrow/api.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

#include "adapter/object_tree.h"
#include "adapter/odbc_handles.h"
#include "adapter/odbc_ingest.h"
#include "adapter/odbc_result.h"

namespace nstarx::adapter {
namespace {

constexpr std::string_view kDriverName = "nstarx";

/// A value of a connection string: in braces when it holds what has a meaning there.
std::string Attribute(std::string_view value) {
  if (value.find_first_of(";{}[](),?*=!@ ") == std::string_view::npos) return std::string(value);
  std::string out = "{";
  for (const char byte : value) {
    if (byte == '}') out += '}';
    out += byte;
  }
  return out + '}';
}

/// Tells unixODBC of the one driver that this process uses, by a file in memory: a driver that it
/// knows by a path alone is locked for a whole call, and then SQLCancel waits for what it should
/// stop.
bool Register(const std::string& library) {
  const std::string text =
      "[" + std::string(kDriverName) + "]\nDriver=" + library + "\nThreading=0\n";
  const int file = memfd_create("odbcinst", 0);
  if (file < 0 || write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return false;
  }
  return setenv("ODBCSYSINI", "/proc/self/fd", 1) == 0 &&
         setenv("ODBCINSTINI", std::to_string(file).c_str(), 1) == 0;
}

/// A cell of a catalog function's answer; NULL is empty.
std::string TextCell(const OdbcStatement& statement, SQLUSMALLINT place) {
  char16_t text[1024] = {};
  SQLLEN length = 0;
  std::string out;
  if (SQL_SUCCEEDED(SQLGetData(statement.get(), place, SQL_C_WCHAR, text, sizeof(text), &length)) &&
      length != SQL_NULL_DATA && length != SQL_NO_TOTAL) {
    AppendUtf8(text, std::min(static_cast<size_t>(length) / sizeof(SQLWCHAR), std::size(text) - 1),
               &out);
  }
  return out;
}

int64_t NumberCell(const OdbcStatement& statement, SQLUSMALLINT place) {
  int64_t value = 0;
  SQLLEN length = 0;
  if (!SQL_SUCCEEDED(
          SQLGetData(statement.get(), place, SQL_C_SBIGINT, &value, sizeof(value), &length)) ||
      length == SQL_NULL_DATA) {
    return 0;
  }
  return value;
}

/// A name as a catalog function takes it; nullptr says any.
struct WideName {
  explicit WideName(const std::optional<std::string>& name)
      : text(ToWide(name.value_or(""))), given(name.has_value()) {}
  SQLWCHAR* data() { return given ? WideData(text) : nullptr; }
  SQLSMALLINT size() const {
    return given ? static_cast<SQLSMALLINT>(text.size()) : SQLSMALLINT{0};
  }
  std::u16string text;
  bool given;
};

/// A session of any ODBC driver, through unixODBC.
class OdbcDriver final : public ObjectTree {
 public:
  ~OdbcDriver() override {
    if (connected_) SQLDisconnect(line_.get());
  }

  DriverStatus Open(const std::string& library, const std::string& /*entrypoint*/,
                    const json::object& database, const json::object& connection) override;
  json::object Facts() override;
  DriverResult<int64_t> Query(const std::string& text, const json::array& parameters,
                              const std::function<DriverStatus(const Rows&)>& take) override;
  DriverResult<int64_t> Ingest(std::string_view path, std::string_view mode,
                               const Rows& rows) override;
  void Cancel() override {
    const std::lock_guard guard(lock_);
    if (running_ != nullptr) SQLCancel(running_);
  }

 protected:
  DriverResult<json::object> Objects(ObjectDepth depth, const ObjectName& name) override;
  std::string CurrentCatalog() override;
  json::object ArrowTypes(const ObjectName& name) override;
  char quote() const override { return quote_; }

 private:
  /// What Cancel() stops while it lives.
  class Running {
   public:
    Running(OdbcDriver& driver, const OdbcStatement& statement) : driver_(driver) {
      const std::lock_guard guard(driver_.lock_);
      driver_.running_ = statement.get();
    }
    ~Running() {
      const std::lock_guard guard(driver_.lock_);
      driver_.running_ = nullptr;
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

   private:
    OdbcDriver& driver_;
  };

  DriverResult<OdbcStatement> NewStatement() {
    OdbcStatement statement;
    if (!statement.Make(line_.get())) {
      return std::unexpected(OdbcFailure(SQL_HANDLE_DBC, line_.get()));
    }
    return statement;
  }
  std::string Info(SQLUSMALLINT what);
  DriverStatus InTransaction(const std::function<DriverStatus()>& work);
  DriverStatus AddColumns(const ObjectName& name, json::object* table);

  OdbcEnvironment environment_;
  OdbcLine line_;
  bool connected_ = false;
  char quote_ = '"';
  std::mutex lock_;
  SQLHANDLE running_ NSTARX_GUARDED_BY(lock_) = nullptr;
};

DriverStatus OdbcDriver::Open(const std::string& library, const std::string&,
                              const json::object& database, const json::object& connection) {
  if (library.find_first_of("\r\n") != std::string::npos || !Register(library) ||
      !environment_.Make(nullptr) ||
      !SQL_SUCCEEDED(SQLSetEnvAttr(environment_.get(), SQL_ATTR_ODBC_VERSION,
                                   reinterpret_cast<SQLPOINTER>(SQL_OV_ODBC3), 0)) ||
      !line_.Make(environment_.get())) {
    return std::unexpected(
        DriverError{.status = ADBC_STATUS_INTERNAL, .message = "unixODBC can't be used"});
  }
  std::string text = "Driver=" + std::string(kDriverName) + ";";
  for (const auto* options : {&database, &connection}) {
    for (const auto& [key, value] : *options) {
      text += std::string(key) + "=" + Attribute(std::string_view(value.as_string())) + ";";
    }
  }
  std::u16string wide = ToWide(text);
  const SQLRETURN code =
      SQLDriverConnectW(line_.get(), nullptr, WideData(wide), static_cast<SQLSMALLINT>(wide.size()),
                        nullptr, 0, nullptr, SQL_DRIVER_NOPROMPT);
  if (auto done = OdbcCheck(line_, code); !done) return done;
  connected_ = true;
  if (const std::string quote = Info(SQL_IDENTIFIER_QUOTE_CHAR);
      quote.size() == 1 && quote != " ") {
    quote_ = quote[0];
  }
  return {};
}

std::string OdbcDriver::Info(SQLUSMALLINT what) {
  char16_t text[512] = {};
  SQLSMALLINT size = 0;
  std::string out;
  if (SQL_SUCCEEDED(SQLGetInfoW(line_.get(), what, text, sizeof(text), &size))) {
    AppendUtf8(text, std::min(static_cast<size_t>(size) / sizeof(SQLWCHAR), std::size(text) - 1),
               &out);
  }
  return out;
}

json::object OdbcDriver::Facts() {
  return {{"server", Info(SQL_DBMS_NAME)},
          {"server_version", Info(SQL_DBMS_VER)},
          {"driver", Info(SQL_DRIVER_NAME)},
          {"driver_version", Info(SQL_DRIVER_VER)}};
}

DriverResult<int64_t> OdbcDriver::Query(const std::string& text, const json::array& parameters,
                                        const std::function<DriverStatus(const Rows&)>& take) {
  auto statement = NewStatement();
  if (!statement) return std::unexpected(statement.error());
  const Running running(*this, *statement);
  std::vector<OdbcParameter> bound(parameters.size());
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (auto done = bound[i].Bind(*statement, static_cast<SQLUSMALLINT>(i + 1), parameters[i]);
        !done) {
      return std::unexpected(done.error());
    }
  }
  std::u16string wide = ToWide(text);
  if (auto run = OdbcCheck(*statement, SQLExecDirectW(statement->get(), WideData(wide),
                                                      static_cast<SQLINTEGER>(wide.size())));
      !run) {
    return std::unexpected(run.error());
  }
  auto columns = DescribeColumns(*statement);
  if (!columns) return std::unexpected(columns.error());
  if (columns->empty()) {
    SQLLEN affected = -1;
    SQLRowCount(statement->get(), &affected);
    auto none = arrow::RecordBatchReader::Make({}, arrow::schema({}));
    if (!none.ok()) return std::unexpected(OfArrow(none.status()));
    if (auto taken = take(*none); !taken) return std::unexpected(taken.error());
    return affected;
  }
  auto rows = ReadRows(*statement, std::move(*columns));
  if (!rows) return std::unexpected(rows.error());
  if (auto taken = take(*rows); !taken) return std::unexpected(taken.error());
  return -1;
}

std::string OdbcDriver::CurrentCatalog() {
  char16_t text[512] = {};
  SQLINTEGER size = 0;
  std::string out;
  if (SQL_SUCCEEDED(
          SQLGetConnectAttrW(line_.get(), SQL_ATTR_CURRENT_CATALOG, text, sizeof(text), &size))) {
    AppendUtf8(text, std::min(static_cast<size_t>(size) / sizeof(SQLWCHAR), std::size(text) - 1),
               &out);
  }
  return out;
}

DriverResult<json::object> OdbcDriver::Objects(ObjectDepth depth, const ObjectName& name) {
  auto statement = NewStatement();
  if (!statement) return std::unexpected(statement.error());
  const Running running(*this, *statement);
  WideName catalog(name.catalog);
  WideName schema(name.schema);
  WideName table(name.table);
  if (auto asked = OdbcCheck(
          *statement, SQLTablesW(statement->get(), catalog.data(), catalog.size(), schema.data(),
                                 schema.size(), table.data(), table.size(), nullptr, 0));
      !asked) {
    return std::unexpected(asked.error());
  }
  std::map<std::string, std::map<std::string, json::array>> found;
  while (true) {
    const SQLRETURN code = SQLFetch(statement->get());
    if (auto done = OdbcCheck(*statement, code); !done) return std::unexpected(done.error());
    if (code == SQL_NO_DATA) break;
    const std::string in_catalog = TextCell(*statement, 1);
    const std::string in_schema = TextCell(*statement, 2);
    const std::string table_name = TextCell(*statement, 3);
    const std::string kind = TextCell(*statement, 4);
    found[in_catalog][in_schema].push_back(
        json::object{{"table_name", table_name}, {"table_type", kind}});
  }
  if (depth == ObjectDepth::kColumns && name.table) {
    for (auto& [in_catalog, schemas] : found) {
      for (auto& [in_schema, tables] : schemas) {
        for (auto& each : tables) {
          json::object& row = each.get_object();
          if (GetString(row, "table_name") != *name.table) continue;
          if (auto added = AddColumns(name, &row); !added) return std::unexpected(added.error());
        }
      }
    }
  }
  json::array catalogs;
  for (auto& [in_catalog, schemas] : found) {
    json::array rows;
    for (auto& [in_schema, tables] : schemas) {
      rows.push_back(
          json::object{{"db_schema_name", in_schema}, {"db_schema_tables", std::move(tables)}});
    }
    catalogs.push_back(
        json::object{{"catalog_name", in_catalog}, {"catalog_db_schemas", std::move(rows)}});
  }
  return json::object{{"catalogs", std::move(catalogs)}};
}

DriverStatus OdbcDriver::AddColumns(const ObjectName& name, json::object* table) {
  WideName catalog(name.catalog);
  WideName schema(name.schema);
  WideName only(name.table);
  json::array columns;
  {
    auto statement = NewStatement();
    if (!statement) return std::unexpected(statement.error());
    if (auto asked = OdbcCheck(
            *statement, SQLColumnsW(statement->get(), catalog.data(), catalog.size(), schema.data(),
                                    schema.size(), only.data(), only.size(), nullptr, 0));
        !asked) {
      return asked;
    }
    while (SQL_SUCCEEDED(SQLFetch(statement->get()))) {
      // Drivers want cells in their order.
      const std::string of_table = TextCell(*statement, 3);
      json::object column{{"column_name", TextCell(*statement, 4)},
                          {"xdbc_type_name", TextCell(*statement, 6)},
                          {"xdbc_nullable", NumberCell(*statement, 11)},
                          {"remarks", TextCell(*statement, 12)},
                          {"xdbc_column_def", TextCell(*statement, 13)}};
      if (of_table == *name.table) columns.push_back(std::move(column));
    }
  }
  (*table)["table_columns"] = std::move(columns);
  auto statement = NewStatement();
  if (!statement) return std::unexpected(statement.error());
  if (!SQL_SUCCEEDED(SQLPrimaryKeysW(statement->get(), catalog.data(), catalog.size(),
                                     schema.data(), schema.size(), only.data(), only.size()))) {
    return {};  // not every driver can tell
  }
  json::array keyed;
  std::string key_name;
  while (SQL_SUCCEEDED(SQLFetch(statement->get()))) {
    keyed.emplace_back(TextCell(*statement, 4));
    key_name = TextCell(*statement, 6);
  }
  if (!keyed.empty()) {
    (*table)["table_constraints"] =
        json::array{json::object{{"constraint_name", key_name},
                                 {"constraint_type", "PRIMARY KEY"},
                                 {"constraint_column_names", std::move(keyed)}}};
  }
  return {};
}

json::object OdbcDriver::ArrowTypes(const ObjectName& name) {
  json::object out;
  auto statement = NewStatement();
  if (!statement) return out;
  std::u16string text = ToWide("SELECT * FROM " + Quoted(name) + " WHERE 1 = 0");
  if (!SQL_SUCCEEDED(
          SQLExecDirectW(statement->get(), WideData(text), static_cast<SQLINTEGER>(text.size())))) {
    return out;
  }
  if (const auto columns = DescribeColumns(*statement)) {
    for (const auto& column : *columns) out[column.name] = ArrowTypeOf(column)->ToString();
  }
  return out;
}

DriverStatus OdbcDriver::InTransaction(const std::function<DriverStatus()>& work) {
  const auto commit_itself = [&](SQLULEN value) {
    return SQLSetConnectAttrW(line_.get(), SQL_ATTR_AUTOCOMMIT, reinterpret_cast<SQLPOINTER>(value),
                              0);
  };
  if (auto begun = OdbcCheck(line_, commit_itself(SQL_AUTOCOMMIT_OFF)); !begun) return begun;
  DriverStatus done = work();
  if (done) {
    done = OdbcCheck(line_, SQLEndTran(SQL_HANDLE_DBC, line_.get(), SQL_COMMIT));
  } else {
    SQLEndTran(SQL_HANDLE_DBC, line_.get(), SQL_ROLLBACK);
  }
  commit_itself(SQL_AUTOCOMMIT_ON);
  return done;
}

DriverResult<int64_t> OdbcDriver::Ingest(std::string_view path, std::string_view mode,
                                         const Rows& rows) {
  auto name = TargetOf(path);
  if (!name) return std::unexpected(name.error());
  const std::string table = Quoted(*name);
  const auto quoted = [this](std::string_view column) { return QuotedName(column); };
  int64_t written = 0;
  auto done = InTransaction([&]() -> DriverStatus {
    if (mode != "append") {
      auto create = CreateTableText(table, *rows->schema(), quoted);
      if (!create) return std::unexpected(create.error());
      if (mode == "replace") {
        if (auto dropped = Run("DROP TABLE IF EXISTS " + table); !dropped) return dropped;
      }
      if (auto created = Run(*create); !created) return created;
    }
    std::string columns;
    std::string marks;
    for (const auto& field : rows->schema()->fields()) {
      columns += (columns.empty() ? "" : ", ") + QuotedName(field->name());
      marks += marks.empty() ? "?" : ", ?";
    }
    auto statement = NewStatement();
    if (!statement) return std::unexpected(statement.error());
    const Running running(*this, *statement);
    auto inserted = InsertRows(
        *statement, fmt::format("INSERT INTO {} ({}) VALUES ({})", table, columns, marks), rows);
    if (!inserted) return std::unexpected(inserted.error());
    written = *inserted;
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return written;
}

}  // namespace

std::unique_ptr<Driver> MakeOdbcDriver() { return std::make_unique<OdbcDriver>(); }

}  // namespace nstarx::adapter
