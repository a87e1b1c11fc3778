#include "connectors/file_tables/orc_function.h"

#include <arrow/c/bridge.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "engine/duckdb_headers.h"
//
#include <algorithm>
#include <duckdb/catalog/catalog.hpp>
#include <duckdb/common/multi_file/multi_file_function.hpp>
#include <duckdb/function/table/arrow.hpp>
#include <duckdb/parser/parsed_data/create_table_function_info.hpp>

#include "connectors/file_tables/orc_process.h"
#include "engine/arrow_input.h"

namespace nstarx::connectors::file_tables {
namespace {

using duckdb::idx_t;

constexpr int64_t kBatchBytes = 1 << 20;
constexpr int64_t kBatchRowsMax = 8 * STANDARD_VECTOR_SIZE;

/// What one thread reads.
struct OrcLocalState final : duckdb::LocalTableFunctionState {
  duckdb::shared_ptr<duckdb::BaseFileReader> owner;  // whose file `open` is
  std::unique_ptr<OrcProcess> open;
  int64_t stripe = 0;
  int64_t rows_left = 0;      // of a stripe of which no column is wanted
  std::vector<int> included;  // the columns that `open` gives
  std::vector<int> order;     // where the wanted columns are among them
  duckdb::arrow_column_map_t types;
  std::unique_ptr<duckdb::ArrowScanLocalState> batch;
};

class OrcReader final : public duckdb::BaseFileReader {
 public:
  OrcReader(duckdb::ClientContext& context, const duckdb::OpenFileInfo& info)
      : BaseFileReader(info) {
    handle_ = duckdb::FileSystem::GetFileSystem(context).OpenFile(
        info, duckdb::FileFlags::FILE_FLAGS_READ);
    idle_ = std::make_unique<OrcProcess>(context, handle_, file.path);
    schema_ = idle_->schema();
    stripes_ = idle_->stripes();
    rows_ = idle_->rows();
    ReadTypes(context);
  }

  int64_t rows() const { return rows_; }

  duckdb::shared_ptr<duckdb::BaseUnionData> GetUnionData(idx_t file_idx) override {
    auto data = duckdb::make_shared_ptr<duckdb::BaseUnionData>(file);
    for (const auto& column : columns) {
      data->names.push_back(column.name);
      data->types.push_back(column.type);
    }
    if (file_idx == 0) data->reader = shared_from_this();
    return data;
  }

  bool TryInitializeScan(duckdb::ClientContext&, duckdb::GlobalTableFunctionState&,
                         duckdb::LocalTableFunctionState& local) override {
    if (next_stripe_ == static_cast<int64_t>(stripes_.size())) return false;
    local.Cast<OrcLocalState>().stripe = next_stripe_++;
    return true;
  }

  void PrepareScan(duckdb::ClientContext& context, duckdb::GlobalTableFunctionState&,
                   duckdb::LocalTableFunctionState& local_state) override {
    auto& local = local_state.Cast<OrcLocalState>();
    const auto& stripe = stripes_[static_cast<size_t>(local.stripe)];
    local.batch.reset();
    if (column_ids.empty()) {
      local.rows_left = stripe.rows;
      return;
    }
    if (local.owner.get() != this) {
      local.open = Process(context);
      local.owner = shared_from_this();
      MapColumns(local);
    }
    const int64_t row_bytes =
        std::max<int64_t>(1, stripe.bytes / std::max<int64_t>(1, stripe.rows));
    const int64_t vectors = std::clamp<int64_t>(kBatchBytes / row_bytes / STANDARD_VECTOR_SIZE, 1,
                                                kBatchRowsMax / STANDARD_VECTOR_SIZE);
    local.open->Scan(local.stripe, vectors * STANDARD_VECTOR_SIZE, local.included);
  }

  duckdb::AsyncResult Scan(duckdb::ClientContext& context, duckdb::GlobalTableFunctionState&,
                           duckdb::LocalTableFunctionState& local_state,
                           duckdb::DataChunk& chunk) override {
    auto& local = local_state.Cast<OrcLocalState>();
    if (column_ids.empty()) {
      const int64_t rows = std::min<int64_t>(local.rows_left, STANDARD_VECTOR_SIZE);
      local.rows_left -= rows;
      chunk.SetCardinality(static_cast<idx_t>(rows));
      return rows == 0 ? duckdb::SourceResultType::FINISHED
                       : duckdb::SourceResultType::HAVE_MORE_OUTPUT;
    }
    if (!local.batch && !NextBatch(context, local)) return duckdb::SourceResultType::FINISHED;
    auto& batch = *local.batch;
    const auto left = static_cast<idx_t>(batch.chunk->arrow_array.length) - batch.chunk_offset;
    const idx_t rows = std::min<idx_t>(left, STANDARD_VECTOR_SIZE);
    chunk.SetCardinality(rows);
    duckdb::ArrowTableFunction::ArrowToDuckDB(batch, local.types, chunk);
    batch.chunk_offset += rows;
    if (rows == left) local.batch.reset();
    return duckdb::SourceResultType::HAVE_MORE_OUTPUT;
  }

  void FinishFile(duckdb::ClientContext&, duckdb::GlobalTableFunctionState&) override {
    const std::lock_guard lock(mutex_);
    idle_.reset();
  }

  std::string GetReaderType() const override { return "ORC"; }

 private:
  /// Names that differ by more than case, as the engine wants them.
  std::string UniqueName(const std::string& name) const {
    std::string unique = name;
    const auto taken = [&](const duckdb::MultiFileColumnDefinition& column) {
      return duckdb::StringUtil::CIEquals(column.name, unique);
    };
    for (int i = 1; std::ranges::any_of(columns, taken); ++i) {
      unique = name + "_" + std::to_string(i);
    }
    return unique;
  }

  void ReadTypes(duckdb::ClientContext& context) {
    duckdb::ArrowSchemaWrapper root;
    if (const auto status = arrow::ExportSchema(*schema_, &root.arrow_schema); !status.ok()) {
      throw duckdb::IOException("The columns of the file \"%s\": %s", file.path, status.message());
    }
    for (int64_t i = 0; i < root.arrow_schema.n_children; ++i) {
      types_.push_back(
          duckdb::ArrowType::GetArrowLogicalType(context, *root.arrow_schema.children[i]));
      columns.push_back(duckdb::MultiFileColumnDefinition::CreateFromNameAndType(
          UniqueName(schema_->field(static_cast<int>(i))->name()), types_.back()->GetDuckType()));
    }
  }

  /// Which columns the library shall read, and where each one wanted is among them: it gives them
  /// in the file's order.
  void MapColumns(OrcLocalState& local) {
    std::vector<int> wanted;
    local.types.clear();
    for (idx_t i = 0; i < column_ids.size(); ++i) {
      const idx_t column = column_ids[duckdb::MultiFileLocalIndex(i)].GetId();
      wanted.push_back(static_cast<int>(column));
      local.types[i] = types_[column];
    }
    local.included = wanted;
    std::ranges::sort(local.included);
    const auto repeats = std::ranges::unique(local.included);
    local.included.erase(repeats.begin(), repeats.end());
    local.order.clear();
    for (const int column : wanted) {
      local.order.push_back(
          static_cast<int>(std::ranges::find(local.included, column) - local.included.begin()));
    }
  }

  /// A process for the next thread: the one that has read the footer, or another.
  std::unique_ptr<OrcProcess> Process(duckdb::ClientContext& context) {
    {
      const std::lock_guard lock(mutex_);
      if (idle_) return std::move(idle_);
    }
    return std::make_unique<OrcProcess>(context, handle_, file.path);
  }

  /// False at the end of the stripe.
  bool NextBatch(duckdb::ClientContext& context, OrcLocalState& local) {
    const auto batch = local.open->Next(context);
    if (batch == nullptr) return false;
    arrow::FieldVector fields;
    arrow::ArrayVector arrays;
    for (const int column : local.order) {
      const auto& array = batch->column(column);
      const auto& field = schema_->field(local.included[static_cast<size_t>(column)]);
      if (engine::HasNanoseconds(*array->data())) {
        throw duckdb::ConversionException(
            "The column \"%s\" of the file \"%s\" has points in time with nanoseconds, which can "
            "not be held exactly",
            field->name(), file.path);
      }
      fields.push_back(field);
      arrays.push_back(array);
    }
    const auto ordered =
        arrow::RecordBatch::Make(arrow::schema(fields), batch->num_rows(), std::move(arrays));
    auto wrapped = duckdb::make_uniq<duckdb::ArrowArrayWrapper>();
    const auto status = arrow::ExportRecordBatch(*ordered, &wrapped->arrow_array);
    if (!status.ok())
      throw duckdb::IOException("The rows of the file \"%s\": %s", file.path, status.message());
    local.batch = std::make_unique<duckdb::ArrowScanLocalState>(std::move(wrapped), context);
    return true;
  }

  std::shared_ptr<duckdb::FileHandle> handle_;  // shared with the inputs of the scans
  std::mutex mutex_;
  std::unique_ptr<OrcProcess> idle_ NSTARX_GUARDED_BY(mutex_);
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<OrcProcess::Stripe> stripes_;
  std::vector<duckdb::shared_ptr<duckdb::ArrowType>> types_;
  int64_t rows_ = 0;
  int64_t next_stripe_ = 0;  // the engine calls TryInitializeScan with its lock held
};

struct OrcBindData final : duckdb::TableFunctionData {
  explicit OrcBindData(duckdb::unique_ptr<duckdb::BaseFileReaderOptions> given)
      : options(std::move(given)) {}
  duckdb::unique_ptr<duckdb::BaseFileReaderOptions> options;
  idx_t first_rows = 0;
};

/// What the engine's machinery for many files wants to know of a format.
struct OrcFiles final : duckdb::MultiFileReaderInterface {
  static duckdb::unique_ptr<MultiFileReaderInterface> CreateInterface(duckdb::ClientContext&) {
    return duckdb::make_uniq<OrcFiles>();
  }
  duckdb::unique_ptr<duckdb::BaseFileReaderOptions> InitializeOptions(
      duckdb::ClientContext&, duckdb::optional_ptr<duckdb::TableFunctionInfo>) override {
    return duckdb::make_uniq<duckdb::BaseFileReaderOptions>();
  }
  bool ParseCopyOption(duckdb::ClientContext&, const std::string&,
                       const duckdb::vector<duckdb::Value>&, duckdb::BaseFileReaderOptions&,
                       duckdb::vector<std::string>&,
                       duckdb::vector<duckdb::LogicalType>&) override {
    return false;
  }
  bool ParseOption(duckdb::ClientContext&, const std::string&, const duckdb::Value&,
                   duckdb::MultiFileOptions&, duckdb::BaseFileReaderOptions&) override {
    return false;
  }
  duckdb::unique_ptr<duckdb::TableFunctionData> InitializeBindData(
      duckdb::MultiFileBindData&,
      duckdb::unique_ptr<duckdb::BaseFileReaderOptions> options) override {
    return duckdb::make_uniq<OrcBindData>(std::move(options));
  }
  void BindReader(duckdb::ClientContext& context, duckdb::vector<duckdb::LogicalType>& types,
                  duckdb::vector<std::string>& names, duckdb::MultiFileBindData& bind) override {
    auto& own = bind.bind_data->Cast<OrcBindData>();
    bind.reader_bind = bind.multi_file_reader->BindReader(context, types, names, *bind.file_list,
                                                          bind, *own.options, bind.file_options);
    if (bind.initial_reader) {
      own.first_rows = static_cast<idx_t>(bind.initial_reader->Cast<OrcReader>().rows());
    }
  }
  duckdb::unique_ptr<duckdb::GlobalTableFunctionState> InitializeGlobalState(
      duckdb::ClientContext&, duckdb::MultiFileBindData&, duckdb::MultiFileGlobalState&) override {
    return duckdb::make_uniq<duckdb::GlobalTableFunctionState>();
  }
  duckdb::unique_ptr<duckdb::LocalTableFunctionState> InitializeLocalState(
      duckdb::ExecutionContext&, duckdb::GlobalTableFunctionState&) override {
    return duckdb::make_uniq<OrcLocalState>();
  }
  duckdb::shared_ptr<duckdb::BaseFileReader> CreateReader(
      duckdb::ClientContext& context, duckdb::GlobalTableFunctionState&,
      duckdb::BaseUnionData& data, const duckdb::MultiFileBindData&) override {
    return duckdb::make_shared_ptr<OrcReader>(context, data.file);
  }
  duckdb::shared_ptr<duckdb::BaseFileReader> CreateReader(
      duckdb::ClientContext& context, duckdb::GlobalTableFunctionState&,
      const duckdb::OpenFileInfo& file, idx_t, const duckdb::MultiFileBindData&) override {
    return duckdb::make_shared_ptr<OrcReader>(context, file);
  }
  duckdb::shared_ptr<duckdb::BaseFileReader> CreateReader(
      duckdb::ClientContext& context, const duckdb::OpenFileInfo& file,
      duckdb::BaseFileReaderOptions&, const duckdb::MultiFileOptions&) override {
    return duckdb::make_shared_ptr<OrcReader>(context, file);
  }
  duckdb::unique_ptr<duckdb::NodeStatistics> GetCardinality(const duckdb::MultiFileBindData& bind,
                                                            idx_t file_count) override {
    const idx_t rows = std::max<idx_t>(1, bind.bind_data->Cast<OrcBindData>().first_rows);
    return duckdb::make_uniq<duckdb::NodeStatistics>(
        file_count > (idx_t{1} << 40) / rows ? idx_t{1} << 40 : rows * file_count);
  }
  duckdb::unique_ptr<MultiFileReaderInterface> Copy() override {
    return duckdb::make_uniq<OrcFiles>();
  }
  duckdb::FileGlobInput GetGlobInput() override {
    return duckdb::FileGlobInput(duckdb::FileGlobOptions::FALLBACK_GLOB, "orc");
  }
};

}  // namespace

void AddReadOrc(duckdb::Connection& connection) {
  duckdb::MultiFileFunction<OrcFiles> function("read_orc");
  duckdb::CreateTableFunctionInfo info(duckdb::MultiFileReader::CreateFunctionSet(function));
  info.on_conflict = duckdb::OnCreateConflict::REPLACE_ON_CONFLICT;
  info.internal = true;
  connection.BeginTransaction();
  duckdb::Catalog::GetSystemCatalog(*connection.context)
      .CreateTableFunction(*connection.context, info);
  connection.Commit();
}

}  // namespace nstarx::connectors::file_tables
