#include "connectors/file_tables/file_engine.h"

#include <arrow/c/bridge.h>
#include <arrow/filesystem/filesystem.h>

#include "connectors/file_tables/duckdb_headers.h"
//
#include <duckdb/catalog/catalog.hpp>
#include <duckdb/common/arrow/arrow_appender.hpp>
#include <duckdb/common/arrow/arrow_converter.hpp>
#include <duckdb/common/virtual_file_system.hpp>
#include <duckdb/function/replacement_scan.hpp>
#include <duckdb/function/table/arrow/arrow_duck_schema.hpp>
#include <duckdb/parser/expression/constant_expression.hpp>
#include <duckdb/parser/expression/function_expression.hpp>
#include <duckdb/parser/parsed_data/create_table_function_info.hpp>
#include <duckdb/parser/parser.hpp>
#include <duckdb/parser/statement/explain_statement.hpp>
#include <duckdb/parser/tableref/table_function_ref.hpp>

#include "connectors/file_tables/engine_errors.h"
#include "connectors/file_tables/engine_file_system.h"
#include "connectors/file_tables/file_listing.h"
#include "connectors/file_tables/glob.h"
#include "connectors/file_tables/orc_function.h"
#include "connectors/file_tables/parquet_scan.h"
#include "connectors/file_tables/plain_select.h"
#include "connectors/file_tables/watchdog.h"

namespace nstarx::connectors::file_tables {
namespace {

using connector::Statement;

constexpr int64_t kBatchBytes = 2 << 20;
constexpr duckdb::idx_t kBatchRows = 65'536;
constexpr size_t kFooterFilesMax = 1000;
constexpr int64_t kScanRowsMin = 100'000;  // whoever wants fewer is better served by the engine

EngineFailure::Kind KindOf(duckdb::ExceptionType type) {
  using duckdb::ExceptionType;
  using Kind = EngineFailure::Kind;
  switch (type) {
    case ExceptionType::PARSER:
    case ExceptionType::SYNTAX:
      return Kind::kParser;
    case ExceptionType::BINDER:
      return Kind::kBinder;
    case ExceptionType::CATALOG:
      return Kind::kCatalog;
    case ExceptionType::IO:
    case ExceptionType::HTTP:
      return Kind::kIo;
    case ExceptionType::CONVERSION:
    case ExceptionType::OUT_OF_RANGE:
    case ExceptionType::INVALID_INPUT:
    case ExceptionType::MISMATCH_TYPE:
    case ExceptionType::INVALID_TYPE:
    case ExceptionType::DIVIDE_BY_ZERO:
    case ExceptionType::DECIMAL:
      return Kind::kValue;
    case ExceptionType::PERMISSION:
    case ExceptionType::MISSING_EXTENSION:
    case ExceptionType::AUTOLOAD:
      return Kind::kPermission;
    case ExceptionType::OUT_OF_MEMORY:
      return Kind::kMemory;
    case ExceptionType::INTERRUPT:
      return Kind::kInterrupt;
    case ExceptionType::NOT_IMPLEMENTED:
      return Kind::kUnsupported;
    case ExceptionType::PARAMETER_NOT_RESOLVED:
    case ExceptionType::PARAMETER_NOT_ALLOWED:
      return Kind::kParameters;
    case ExceptionType::INTERNAL:
    case ExceptionType::FATAL:
      return Kind::kInternal;
    default:
      return Kind::kOther;
  }
}

EngineFailure FailureOf(const duckdb::ErrorData& data) {
  EngineFailure failure{.kind = KindOf(data.Type()), .message = data.RawMessage(), .position = {}};
  if (const auto found = data.ExtraInfo().find("position"); found != data.ExtraInfo().end()) {
    failure.position = found->second;
  }
  return failure;
}

Error NotAllowed() {
  return Error(ErrorKind::kPermissionDenied, "query.not_allowed",
               "Only SELECT, WITH, DESCRIBE, SUMMARIZE, SHOW and EXPLAIN run over files")
      .WithStage("query")
      .WithAction(Action::kFixInput);
}

bool IsReading(const duckdb::SQLStatement& statement) {
  if (statement.type == duckdb::StatementType::SELECT_STATEMENT) return true;
  if (statement.type != duckdb::StatementType::EXPLAIN_STATEMENT) return false;
  return statement.Cast<duckdb::ExplainStatement>().stmt->type ==
         duckdb::StatementType::SELECT_STATEMENT;
}

duckdb::unique_ptr<duckdb::FunctionData> RefuseFunction(duckdb::ClientContext&,
                                                        duckdb::TableFunctionBindInput& input,
                                                        duckdb::vector<duckdb::LogicalType>&,
                                                        duckdb::vector<duckdb::string>&) {
  throw duckdb::PermissionException("The function %s does not run over files",
                                    input.table_function.name);
}

/// Puts a refusal in the place of table functions that change the engine's state, take addresses or
/// open whole databases.
void WithdrawFunctions(duckdb::Connection& connection) {
  static constexpr const char* kWithdrawn[] = {
      "arrow_scan",     "arrow_scan_dumb",  "checkpoint",          "disable_logging",
      "enable_logging", "force_checkpoint", "disable_profiling",   "enable_profiling",
      "read_duckdb",    "seq_scan",         "truncate_duckdb_logs"};
  connection.BeginTransaction();
  auto& catalog = duckdb::Catalog::GetSystemCatalog(*connection.context);
  for (const char* name : kWithdrawn) {
    duckdb::TableFunction function(name, {}, nullptr, RefuseFunction);
    function.varargs = duckdb::LogicalType::ANY;
    function.named_parameters["storage"] = duckdb::LogicalType::ANY;
    duckdb::CreateTableFunctionInfo info(std::move(function));
    info.on_conflict = duckdb::OnCreateConflict::REPLACE_ON_CONFLICT;
    info.internal = true;
    catalog.CreateTableFunction(*connection.context, info);
  }
  connection.Commit();
}

/// Lets `FROM 'folder/'` read the folder's files, by the format of the first one, and `FROM
/// 'x.orc'` the ORC files that a path or pattern stands for; the other formats the engine knows
/// itself.
struct FileScanData final : duckdb::ReplacementScanData {
  explicit FileScanData(EngineFileSystem& files) : files(files) {}
  EngineFileSystem& files;
};

const char* FunctionOf(std::string_view format) {
  if (format == "parquet") return "read_parquet";
  if (format == "orc") return "read_orc";
  return format == "csv" ? "read_csv_auto" : "read_json_auto";
}

duckdb::unique_ptr<duckdb::TableRef> FileScan(
    duckdb::ClientContext& context, duckdb::ReplacementScanInput& input,
    duckdb::optional_ptr<duckdb::ReplacementScanData> data) {
  const std::string& path = input.table_name;
  if (!input.schema_name.empty()) return nullptr;
  std::string_view format = FormatOf(path);
  duckdb::vector<duckdb::Value> names;
  if (format == "orc") {
    names.emplace_back(path);
  } else if (path.ends_with('/')) {
    for (const auto& file : static_cast<FileScanData&>(*data).files.Glob(path, nullptr)) {
      const std::string_view own = FormatOf(file.path);
      if (format.empty()) format = own;
      if (!own.empty() && own == format) names.emplace_back(QuoteGlob(file.path));
    }
    if (names.empty()) {
      throw duckdb::IOException("No files found that match the pattern \"%s\"", path);
    }
  } else {
    return nullptr;
  }
  duckdb::vector<duckdb::unique_ptr<duckdb::ParsedExpression>> arguments;
  arguments.push_back(duckdb::make_uniq<duckdb::ConstantExpression>(
      duckdb::Value::LIST(duckdb::LogicalType::VARCHAR, std::move(names))));
  auto table = duckdb::make_uniq<duckdb::TableFunctionRef>();
  table->function =
      duckdb::make_uniq<duckdb::FunctionExpression>(FunctionOf(format), std::move(arguments));
  return table;
}

Result<duckdb::vector<duckdb::Value>> Bind(const json::array& parameters) {
  duckdb::vector<duckdb::Value> values;
  for (const json::value& value : parameters) {
    switch (value.kind()) {
      case json::kind::null:
        values.emplace_back();
        break;
      case json::kind::bool_:
        values.push_back(duckdb::Value::BOOLEAN(value.get_bool()));
        break;
      case json::kind::int64:
        values.push_back(duckdb::Value::BIGINT(value.get_int64()));
        break;
      case json::kind::uint64:
        values.push_back(duckdb::Value::UBIGINT(value.get_uint64()));
        break;
      case json::kind::double_:
        values.push_back(duckdb::Value::DOUBLE(value.get_double()));
        break;
      case json::kind::string:
        values.emplace_back(std::string(value.get_string()));
        break;
      default:
        return InvalidArgument("query.invalid_parameters",
                               "A parameter must be null, a boolean, a number or a string")
            .WithStage("query");
    }
  }
  return values;
}

}  // namespace

class FileEngine::Impl {
 public:
  explicit Impl(EngineSettings settings)
      : watchdog_([this] { Interrupt(); }), settings_(std::move(settings)) {}

  Status Start() {
    try {
      duckdb::DBConfig config;
      auto files = duckdb::make_uniq<EngineFileSystem>(settings_.read_failure);
      files_ = files.get();
      config.file_system = duckdb::make_uniq<duckdb::VirtualFileSystem>(std::move(files));
      config.options.maximum_threads = static_cast<duckdb::idx_t>(settings_.threads);
      config.options.maximum_memory = static_cast<duckdb::idx_t>(settings_.memory_limit_bytes);
      config.options.maximum_swap_space = static_cast<duckdb::idx_t>(settings_.spill_limit_bytes);
      config.options.temporary_directory = files_->spill_name();
      config.SetOptionByName("autoinstall_known_extensions", duckdb::Value::BOOLEAN(false));
      config.SetOptionByName("autoload_known_extensions", duckdb::Value::BOOLEAN(false));
      config.SetOptionByName("allow_community_extensions", duckdb::Value::BOOLEAN(false));
      config.SetOptionByName("allow_unsigned_extensions", duckdb::Value::BOOLEAN(false));
      config.SetOptionByName("allow_persistent_secrets", duckdb::Value::BOOLEAN(false));
      config.SetOptionByName("enable_external_file_cache",
                             duckdb::Value::BOOLEAN(settings_.cache_files));
      config.replacement_scans.emplace_back(FileScan, duckdb::make_uniq<FileScanData>(*files_));
      database_ = std::make_unique<duckdb::DuckDB>(nullptr, &config);
      connection_ = std::make_unique<duckdb::Connection>(*database_);
      WithdrawFunctions(*connection_);
      AddReadOrc(*connection_);
      for (const char* setting :
           {"SET TimeZone = 'UTC'", "SET streaming_buffer_size = '1MiB'",
            "SET preserve_insertion_order = false", "SET arrow_lossless_conversion = false",
            "SET enable_progress_bar = false", "SET allocator_background_threads = true",
            "SET allocator_flush_threshold = '8MiB'", "SET lock_configuration = true"}) {
        const auto done = connection_->Query(setting);
        if (done->HasError())
          return Internal("The query engine refused a setting: " + done->GetError());
      }
    } catch (const std::exception& problem) {
      return Internal(std::string("The query engine did not start: ") +
                      duckdb::ErrorData(problem).RawMessage());
    }
    return {};
  }

  /// What went wrong, the first cause first.
  Error Explain(const Context& context, const duckdb::ErrorData& data, const Statement& statement) {
    if (const Status alive = context.Check(); !alive) return alive.error();
    if (auto failure = files_->TakeFailure()) return *std::move(failure);
    return FromEngineFailure(FailureOf(data), statement);
  }

  void Interrupt() {
    files_->Stop();
    connection_->Interrupt();
    const std::lock_guard lock(scan_mutex_);
    if (scan_ != nullptr) scan_->Stop();
  }

  /// What Interrupt() stops besides; null: nothing.
  void SetScan(ParquetScan* scan) {
    const std::lock_guard lock(scan_mutex_);
    scan_ = scan;
  }

  /// The scan of a statement that only takes whole columns of Parquet files, or null. What is wrong
  /// with the files is left to the engine to say.
  std::unique_ptr<ParquetScan> TryScan(arrow::fs::FileSystem& files, const Statement& statement) {
    if (settings_.cache_files || !statement.parameters.empty() ||
        statement.limit.value_or(kScanRowsMin) < kScanRowsMin) {
      return nullptr;
    }
    std::optional<PlainSelect> plain;
    try {
      duckdb::Parser parser(connection_->context->GetParserOptions());
      parser.ParseQuery(statement.text);
      if (parser.statements.size() == 1) plain = ReadPlainSelect(*parser.statements.front());
    } catch (const std::exception&) {
      return nullptr;
    }
    if (!plain || !IsInnerPath(plain->path)) return nullptr;
    const auto found = ExpandPath(files, plain->path);
    if (!found.ok()) return nullptr;
    auto scan = ParquetScan::Open(files, *found,
                                  {.columns = std::move(plain->columns),
                                   .threads = settings_.threads,
                                   .memory_limit_bytes = settings_.memory_limit_bytes});
    return scan.ok() ? *std::move(scan) : nullptr;
  }

  /// How many rows the files' footers tell; nullopt when there are none.
  Result<std::optional<int64_t>> CountRows(const Context& context,
                                           const std::vector<arrow::fs::FileInfo>& found,
                                           std::string_view format) {
    const bool is_orc = format == "orc";
    Statement count{.text = is_orc ? "SELECT count(*)::BIGINT FROM read_orc(["
                                   : "SELECT sum(num_rows)::BIGINT FROM parquet_file_metadata([",
                    .parameters = {},
                    .limit = std::nullopt};
    for (const arrow::fs::FileInfo& info : found) {
      if (FormatOf(info.path()) != format) continue;
      count.text += count.text.ends_with('[') ? "?" : ",?";
      count.parameters.emplace_back(QuoteGlob(info.path()));
    }
    count.text += "])";
    NSTARX_TRY(auto counted, Run(context, count));
    const auto chunk = counted->Fetch();
    if (!chunk || chunk->size() != 1 || chunk->GetValue(0, 0).IsNull()) return std::nullopt;
    return chunk->GetValue(0, 0).GetValue<int64_t>();
  }

  duckdb::Connection& connection() { return *connection_; }
  EngineFileSystem& files() { return *files_; }
  Watchdog& watchdog() { return watchdog_; }

  Result<duckdb::unique_ptr<duckdb::QueryResult>> Run(const Context& context,
                                                      const Statement& statement) {
    NSTARX_RETURN_IF_ERROR(context.Check());
    NSTARX_TRY(auto values, Bind(statement.parameters));
    const Watchdog::Watch watch(watchdog_, context);
    try {
      duckdb::Parser parser(connection_->context->GetParserOptions());
      parser.ParseQuery(statement.text);
      auto& statements = parser.statements;
      if (statements.empty()) {
        return InvalidArgument("query.empty", "The query is empty").WithStage("query");
      }
      if (statements.size() > 1) {
        return InvalidArgument("query.many_statements", "Only one statement can be run at a time")
            .WithStage("query");
      }
      if (!IsReading(*statements.front())) return NotAllowed();
      const size_t wanted = statements.front()->named_param_map.size();
      if (wanted != values.size()) {
        return InvalidArgument("query.invalid_parameters",
                               fmt::format("The statement has {} parameters, {} were given", wanted,
                                           values.size()))
            .WithStage("query");
      }
      auto pending = connection_->PendingQuery(std::move(statements.front()), values,
                                               duckdb::QueryResultOutputType::ALLOW_STREAMING);
      if (pending->HasError()) return Explain(context, pending->GetErrorObject(), statement);
      auto result = pending->Execute();
      if (result->HasError()) return Explain(context, result->GetErrorObject(), statement);
      return result;
    } catch (const std::exception& problem) {
      return Explain(context, duckdb::ErrorData(problem), statement);
    }
  }

 private:
  std::unique_ptr<duckdb::DuckDB> database_;
  std::unique_ptr<duckdb::Connection> connection_;
  EngineFileSystem* files_ = nullptr;  // owned by database_
  std::mutex scan_mutex_;
  ParquetScan* scan_ NSTARX_GUARDED_BY(scan_mutex_) = nullptr;
  Watchdog watchdog_;
  const EngineSettings settings_;
};

namespace {

/// The rows of a scan that needs no engine.
class ScanStream final : public connector::BatchStream {
 public:
  ScanStream(FileEngine::Impl& engine, std::unique_ptr<ParquetScan> scan)
      : engine_(engine), scan_(std::move(scan)) {
    engine_.SetScan(scan_.get());
  }
  ~ScanStream() override { engine_.SetScan(nullptr); }

  const std::shared_ptr<arrow::Schema>& schema() const override { return scan_->schema(); }

  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    NSTARX_RETURN_IF_ERROR(context.Check());
    auto batch = scan_->Next(context);
    if (batch.ok()) return *std::move(batch);
    NSTARX_RETURN_IF_ERROR(context.Check());
    if (batch.status().IsCancelled()) return Cancelled("The query was cancelled");
    return engine_.files().ReadFailure(batch.status().ToString());
  }

 private:
  FileEngine::Impl& engine_;
  const std::unique_ptr<ParquetScan> scan_;
};

/// A running statement's rows.
class EngineStream final : public connector::BatchStream {
 public:
  EngineStream(FileEngine::Impl& engine, Statement statement,
               duckdb::unique_ptr<duckdb::QueryResult> result)
      : engine_(engine), statement_(std::move(statement)), result_(std::move(result)) {}

  ~EngineStream() override {
    if (!result_) return;
    engine_.Interrupt();
    result_.reset();
  }

  Status Open() {
    try {
      ArrowSchema schema;
      duckdb::ArrowConverter::ToArrowSchema(&schema, result_->types, result_->names,
                                            result_->client_properties);
      auto imported = arrow::ImportSchema(&schema);
      if (!imported.ok()) return Internal("The result's schema: " + imported.status().message());
      wire_schema_ = *imported;
      extensions_ = duckdb::ArrowTypeExtensionData::GetExtensionTypes(
          *result_->client_properties.client_context, result_->types);
    } catch (const std::exception& problem) {
      return FromEngineFailure(FailureOf(duckdb::ErrorData(problem)), statement_);
    }
    // Extension types (JSON, UUID) as what they are stored as: every client knows those.
    arrow::FieldVector fields;
    for (const auto& field : wire_schema_->fields()) {
      const bool extended = field->type()->id() == arrow::Type::EXTENSION;
      fields.push_back(arrow::field(
          field->name(),
          extended ? static_cast<const arrow::ExtensionType&>(*field->type()).storage_type()
                   : field->type(),
          true));
    }
    schema_ = arrow::schema(std::move(fields));
    return {};
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }

  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    if (!result_) return std::shared_ptr<arrow::RecordBatch>();
    NSTARX_RETURN_IF_ERROR(context.Check());
    const Watchdog::Watch watch(engine_.watchdog(), context);
    try {
      duckdb::ArrowAppender appender(result_->types, STANDARD_VECTOR_SIZE,
                                     result_->client_properties, extensions_);
      int64_t bytes = 0;
      while (bytes < kBatchBytes && appender.RowCount() < kBatchRows) {
        auto chunk = result_->FetchRaw();
        if (result_->HasError()) return Fail(context, result_->GetErrorObject());
        if (!chunk || chunk->size() == 0) {
          ended_ = true;
          break;
        }
        bytes += BytesOf(*chunk);
        appender.Append(*chunk, 0, chunk->size(), chunk->size());
      }
      const bool empty = appender.RowCount() == 0;
      ArrowArray array = appender.Finalize();
      auto imported = arrow::ImportRecordBatch(&array, wire_schema_);
      if (!imported.ok()) return Internal("The result's rows: " + imported.status().message());
      if (ended_) result_.reset();
      if (empty) return std::shared_ptr<arrow::RecordBatch>();
      return Plain(*imported);
    } catch (const std::exception& problem) {
      return Fail(context, duckdb::ErrorData(problem));
    }
  }

 private:
  Error Fail(const Context& context, const duckdb::ErrorData& data) {
    Error error = engine_.Explain(context, data, statement_);
    result_.reset();
    return error;
  }

  /// About what the rows take in Arrow: fixed widths, and the strings of the top level.
  static int64_t BytesOf(duckdb::DataChunk& chunk) {
    int64_t bytes = 0;
    const duckdb::idx_t rows = chunk.size();
    for (duckdb::Vector& column : chunk.data) {
      const auto physical = column.GetType().InternalType();
      if (physical == duckdb::PhysicalType::VARCHAR) {
        duckdb::UnifiedVectorFormat format;
        column.ToUnifiedFormat(rows, format);
        const auto* strings = duckdb::UnifiedVectorFormat::GetData<duckdb::string_t>(format);
        for (duckdb::idx_t i = 0; i < rows; ++i) {
          const duckdb::idx_t at = format.sel->get_index(i);
          bytes += 4 + (format.validity.RowIsValid(at) ? strings[at].GetSize() : 0);
        }
      } else {
        const bool fixed = duckdb::TypeIsConstantSize(physical);
        bytes += static_cast<int64_t>(rows * (fixed ? duckdb::GetTypeIdSize(physical) : 64));
      }
    }
    return bytes;
  }

  std::shared_ptr<arrow::RecordBatch> Plain(
      const std::shared_ptr<arrow::RecordBatch>& batch) const {
    arrow::ArrayVector columns;
    for (const auto& column : batch->columns()) {
      const bool extended = column->type_id() == arrow::Type::EXTENSION;
      columns.push_back(extended ? static_cast<const arrow::ExtensionArray&>(*column).storage()
                                 : column);
    }
    return arrow::RecordBatch::Make(schema_, batch->num_rows(), std::move(columns));
  }

  FileEngine::Impl& engine_;
  const Statement statement_;
  duckdb::unique_ptr<duckdb::QueryResult> result_;
  duckdb::unordered_map<duckdb::idx_t, const duckdb::shared_ptr<duckdb::ArrowTypeExtensionData>>
      extensions_;
  std::shared_ptr<arrow::Schema> wire_schema_;
  std::shared_ptr<arrow::Schema> schema_;
  bool ended_ = false;
};

}  // namespace

FileEngine::FileEngine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FileEngine::~FileEngine() = default;

Result<std::unique_ptr<FileEngine>> FileEngine::Open(EngineSettings settings) {
  auto impl = std::make_unique<Impl>(std::move(settings));
  NSTARX_RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<FileEngine>(new FileEngine(std::move(impl)));
}

void FileEngine::Interrupt() { impl_->Interrupt(); }

std::string FileEngine::SelectAll(std::string_view path) {
  std::string quoted;
  quoted.reserve(path.size() + 1);
  for (const char c : path) {
    quoted += c;
    if (c == '\'') quoted += c;
  }
  const bool is_folder = FormatOf(path).empty() && !path.ends_with('/');
  return "SELECT * FROM '" + quoted + (is_folder ? "/'" : "'");
}

Result<std::unique_ptr<connector::BatchStream>> FileEngine::Execute(
    const Context& context, std::shared_ptr<arrow::fs::FileSystem> files,
    const Statement& statement) {
  NSTARX_RETURN_IF_ERROR(context.Check());
  if (auto scan = impl_->TryScan(*files, statement)) {
    impl_->files().Begin(std::move(files));
    return std::make_unique<ScanStream>(*impl_, std::move(scan));
  }
  impl_->files().Begin(std::move(files));
  NSTARX_TRY(auto result, impl_->Run(context, statement));
  auto stream = std::make_unique<EngineStream>(*impl_, statement, std::move(result));
  NSTARX_RETURN_IF_ERROR(stream->Open());
  return std::unique_ptr<connector::BatchStream>(std::move(stream));
}

Result<connector::Description> FileEngine::Describe(const Context& context,
                                                    std::shared_ptr<arrow::fs::FileSystem> files,
                                                    std::string_view path) {
  const auto undefined = [&] {
    return NotFound("query.undefined_table", fmt::format("No file matches the path {}", path))
        .WithStage("query");
  };
  if (!IsInnerPath(path)) return undefined();
  impl_->files().Begin(files);
  const auto found = ExpandPath(*files, path);
  if (!found.ok()) {
    if (found.status().IsCapacityError()) {
      return InvalidArgument("query.too_many_files", found.status().message()).WithStage("query");
    }
    return impl_->files().ReadFailure(found.status().ToString());
  }
  if (found->empty()) return undefined();
  connector::Description description;
  description.path = path;
  description.kind = found->size() == 1 && found->front().path() == path ? "object" : "prefix";
  int64_t size = 0;
  std::string_view format;
  for (const arrow::fs::FileInfo& info : *found) {
    size += info.size();
    if (format.empty()) format = FormatOf(info.path());
  }
  description.size_bytes = size;
  description.partitions = HivePartitions(*found, 1000);
  if (format.empty()) return description;

  const Statement select{
      .text = SelectAll(path) + " LIMIT 0", .parameters = {}, .limit = std::nullopt};
  NSTARX_TRY(auto result, impl_->Run(context, select));
  const auto types = result->types;
  EngineStream stream(*impl_, select, std::move(result));
  NSTARX_RETURN_IF_ERROR(stream.Open());
  for (size_t i = 0; i < types.size(); ++i) {
    const auto& field = stream.schema()->field(static_cast<int>(i));
    description.columns.push_back({.name = field->name(),
                                   .native_type = types[i].ToString(),
                                   .arrow_type = field->type()->ToString()});
  }
  NSTARX_RETURN_IF_ERROR(stream.Next(context));
  if ((format == "parquet" || format == "orc") && found->size() <= kFooterFilesMax) {
    NSTARX_TRY(description.row_estimate, impl_->CountRows(context, *found, format));
  }
  return description;
}

}  // namespace nstarx::connectors::file_tables
