#include "connectors/file_tables/file_engine.h"

#include <arrow/filesystem/filesystem.h>

#include "engine/duckdb_headers.h"
//
#include <duckdb/function/replacement_scan.hpp>
#include <duckdb/parser/expression/constant_expression.hpp>
#include <duckdb/parser/expression/function_expression.hpp>
#include <duckdb/parser/tableref/table_function_ref.hpp>

#include "connectors/file_tables/engine_file_system.h"
#include "connectors/file_tables/file_listing.h"
#include "connectors/file_tables/glob.h"
#include "connectors/file_tables/orc_function.h"
#include "connectors/file_tables/parquet_scan.h"
#include "connectors/file_tables/plain_select.h"
#include "engine/row_stream.h"

namespace nstarx::connectors::file_tables {
namespace {

using connector::Statement;

constexpr size_t kFooterFilesMax = 1000;
constexpr int64_t kScanRowsMin = 100'000;  // whoever wants fewer is better served by the engine

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

}  // namespace

class FileEngine::Impl {
 public:
  explicit Impl(EngineSettings settings) : settings_(std::move(settings)) {}

  Status Start() {
    auto files = duckdb::make_uniq<EngineFileSystem>(settings_.read_failure);
    files_ = files.get();
    NSTARX_TRY(engine_,
               engine::Engine::Open({.memory_limit_bytes = settings_.memory_limit_bytes,
                                     .spill_limit_bytes = settings_.spill_limit_bytes,
                                     .threads = settings_.threads,
                                     .cache_files = settings_.cache_files,
                                     .subject = "files"},
                                    std::move(files),
                                    {.configure =
                                         [this](duckdb::DBConfig& config) {
                                           config.replacement_scans.emplace_back(
                                               FileScan, duckdb::make_uniq<FileScanData>(*files_));
                                         },
                                     .prepare = AddReadOrc,
                                     .take_failure = [this] { return files_->TakeFailure(); },
                                     .stop = [this] { Stop(); }}));
    return {};
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
    const auto parsed = engine_->Parse(statement.text);
    if (!parsed) return nullptr;
    const std::optional<PlainSelect> plain = ReadPlainSelect(*parsed);
    if (!plain || !IsInnerPath(plain->path)) return nullptr;
    const auto found = ExpandPath(files, plain->path);
    if (!found.ok()) return nullptr;
    auto scan = ParquetScan::Open(files, *found,
                                  {.columns = plain->columns,
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
    NSTARX_TRY(auto counted, engine_->Run(context, count));
    const auto chunk = counted->Fetch();
    if (!chunk || chunk->size() != 1 || chunk->GetValue(0, 0).IsNull()) return std::nullopt;
    return chunk->GetValue(0, 0).GetValue<int64_t>();
  }

  engine::Engine& engine() { return *engine_; }
  EngineFileSystem& files() { return *files_; }

 private:
  void Stop() {
    files_->Stop();
    const std::lock_guard lock(scan_mutex_);
    if (scan_ != nullptr) scan_->Stop();
  }

  EngineFileSystem* files_ = nullptr;  // owned by engine_
  std::unique_ptr<engine::Engine> engine_;
  std::mutex scan_mutex_;
  ParquetScan* scan_ NSTARX_GUARDED_BY(scan_mutex_) = nullptr;
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

}  // namespace

FileEngine::FileEngine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FileEngine::~FileEngine() = default;

Result<std::unique_ptr<FileEngine>> FileEngine::Open(EngineSettings settings) {
  auto impl = std::make_unique<Impl>(std::move(settings));
  NSTARX_RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<FileEngine>(new FileEngine(std::move(impl)));
}

void FileEngine::Interrupt() { impl_->engine().Interrupt(); }

std::string FileEngine::TableOf(std::string_view path) {
  std::string quoted;
  quoted.reserve(path.size() + 1);
  for (const char c : path) {
    quoted += c;
    if (c == '\'') quoted += c;
  }
  const bool is_folder = FormatOf(path).empty() && !path.ends_with('/');
  return "'" + quoted + (is_folder ? "/'" : "'");
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
  return impl_->engine().Execute(context, statement);
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
  NSTARX_TRY(auto result, impl_->engine().Run(context, select));
  const auto types = result->types;
  NSTARX_TRY(const auto stream, engine::StreamRows(impl_->engine(), select, std::move(result)));
  for (size_t i = 0; i < types.size(); ++i) {
    const auto& field = stream->schema()->field(static_cast<int>(i));
    description.columns.push_back({.name = field->name(),
                                   .native_type = types[i].ToString(),
                                   .arrow_type = field->type()->ToString()});
  }
  NSTARX_RETURN_IF_ERROR(stream->Next(context));
  if ((format == "parquet" || format == "orc") && found->size() <= kFooterFilesMax) {
    NSTARX_TRY(description.row_estimate, impl_->CountRows(context, *found, format));
  }
  return description;
}

}  // namespace nstarx::connectors::file_tables
