#include "connectors/file_tables/parquet_scan.h"

#include <arrow/filesystem/filesystem.h>
#include <arrow/io/caching.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/future.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>

#include <algorithm>
#include <set>

namespace nstarx::connectors::file_tables {
namespace {

constexpr size_t kFilesMax = 64;  // their footers are all read before the first row
constexpr int64_t kBatchBytes = 2 << 20;
constexpr int64_t kBatchRowsMax = 64 << 10;
constexpr size_t kReadyPerThread = 4;

/// Whether the engine would give the very same type.
bool IsPlain(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::INT64:
    case arrow::Type::UINT8:
    case arrow::Type::UINT16:
    case arrow::Type::UINT32:
    case arrow::Type::UINT64:
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
    case arrow::Type::DATE32:
    case arrow::Type::DECIMAL128:
      return true;
    case arrow::Type::TIMESTAMP: {
      const auto& timestamp = static_cast<const arrow::TimestampType&>(type);
      return timestamp.unit() == arrow::TimeUnit::MICRO &&
             (timestamp.timezone().empty() || timestamp.timezone() == "UTC");
    }
    default:
      return false;
  }
}

arrow::Result<std::shared_ptr<arrow::Schema>> SchemaOf(const parquet::FileMetaData& footer) {
  std::shared_ptr<arrow::Schema> schema;
  ARROW_RETURN_NOT_OK(parquet::arrow::FromParquetSchema(footer.schema(),
                                                        parquet::default_arrow_reader_properties(),
                                                        footer.key_value_metadata(), &schema));
  arrow::FieldVector plain;
  for (const auto& field : schema->fields()) {
    plain.push_back(arrow::field(field->name(), field->type(), true));
  }
  return arrow::schema(std::move(plain));
}

bool HasHiveFolder(std::string_view path) {
  const size_t last = path.rfind('/');
  return last != std::string_view::npos && path.substr(0, last).find('=') != std::string_view::npos;
}

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

}  // namespace

arrow::Result<std::unique_ptr<ParquetScan>> ParquetScan::Open(
    arrow::fs::FileSystem& files, const std::vector<arrow::fs::FileInfo>& found,
    const ParquetScanOptions& options) {
  std::unique_ptr<ParquetScan> none;
  if (found.empty() || found.size() > kFilesMax) return none;
  for (const auto& info : found) {
    if (!info.path().ends_with(".parquet") || HasHiveFolder(info.path())) return none;
  }
  std::unique_ptr<ParquetScan> scan(new ParquetScan());
  std::vector<arrow::Future<std::unique_ptr<parquet::ParquetFileReader>>> opening;
  for (const auto& info : found) {
    ARROW_ASSIGN_OR_RAISE(auto content, files.OpenInputFile(info));
    opening.push_back(parquet::ParquetFileReader::OpenAsync(content));
    scan->files_.push_back({.content = std::move(content), .footer = nullptr});
  }
  for (size_t i = 0; i < opening.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto reader, opening[i].MoveResult());
    scan->files_[i].footer = reader->metadata();
  }
  ARROW_ASSIGN_OR_RAISE(const bool plain, scan->Plan(options));
  if (!plain) return none;
  const size_t threads =
      std::min(scan->groups_.size(), static_cast<size_t>(std::max(options.threads, 1)));
  scan->working_ = threads;
  scan->ready_max_ = kReadyPerThread * threads;
  for (size_t i = 0; i < threads; ++i) {
    scan->workers_.emplace_back([raw = scan.get()] { raw->Work(); });
  }
  return scan;
}

ParquetScan::~ParquetScan() { Stop(); }

arrow::Result<bool> ParquetScan::Plan(const ParquetScanOptions& options) {
  ARROW_ASSIGN_OR_RAISE(schema_, SchemaOf(*files_.front().footer));
  int64_t rows = 0;
  int64_t bytes = 0;
  int64_t largest = 0;
  for (size_t i = 0; i < files_.size(); ++i) {
    const parquet::FileMetaData& footer = *files_[i].footer;
    if (footer.is_encryption_algorithm_set()) return false;
    if (i > 0) {
      ARROW_ASSIGN_OR_RAISE(const auto schema, SchemaOf(footer));
      if (!schema->Equals(*schema_)) return false;
    }
    for (int number = 0; number < footer.num_row_groups(); ++number) {
      const auto group = footer.RowGroup(number);
      groups_.push_back({.file = i, .number = number});
      rows += group->num_rows();
      bytes += group->total_byte_size();
      largest = std::max({largest, group->total_compressed_size(), int64_t{1}});
    }
  }
  // Each thread holds one row group as it is in the file.
  if (largest * std::max(options.threads, 1) > options.memory_limit_bytes) return false;
  const int64_t row_bytes = std::max<int64_t>(rows == 0 ? 1 : bytes / rows, 1);
  batch_rows_ = std::clamp<int64_t>(kBatchBytes / row_bytes, 1024, kBatchRowsMax);
  return PlanColumns(options.columns);
}

arrow::Result<bool> ParquetScan::PlanColumns(const std::vector<std::string>& wanted) {
  std::set<std::string> names;
  for (const auto& field : schema_->fields()) {
    if (!names.insert(Lower(field->name())).second) return false;
  }
  // Without nested fields, leaves and fields have the same numbers.
  if (files_.front().footer->schema()->num_columns() != schema_->num_fields()) return false;
  arrow::FieldVector fields;
  if (wanted.empty()) {
    for (int i = 0; i < schema_->num_fields(); ++i) columns_.push_back(i);
  }
  for (const std::string& name : wanted) {
    const int index = schema_->GetFieldIndex(name);
    if (index < 0 || std::ranges::find(columns_, index) != columns_.end()) return false;
    columns_.push_back(index);
  }
  for (const int index : columns_) {
    if (!IsPlain(*schema_->field(index)->type())) return false;
    fields.push_back(schema_->field(index));
  }
  schema_ = arrow::schema(std::move(fields));
  // The reader gives the columns in the file's order.
  std::vector<int> sorted = columns_;
  std::ranges::sort(sorted);
  for (const int index : columns_) {
    order_.push_back(static_cast<int>(std::ranges::find(sorted, index) - sorted.begin()));
  }
  columns_ = std::move(sorted);
  return true;
}

void ParquetScan::Work() {
  while (true) {
    RowGroup group;
    {
      const std::lock_guard lock(mutex_);
      if (stopped_ || !failure_.ok() || next_group_ == groups_.size()) break;
      group = groups_[next_group_++];
    }
    arrow::Status read;
    try {
      read = ReadRowGroup(group);
    } catch (const parquet::ParquetException& broken) {
      read = arrow::Status::Invalid(broken.what());
    }
    if (!read.ok()) {
      const std::lock_guard lock(mutex_);
      if (failure_.ok()) failure_ = read;
    }
  }
  const std::lock_guard lock(mutex_);
  --working_;
  there_.notify_all();
}

arrow::Status ParquetScan::ReadRowGroup(const RowGroup& group) {
  const File& file = files_[group.file];
  auto properties = parquet::default_arrow_reader_properties();
  properties.set_use_threads(false);
  properties.set_batch_size(batch_rows_);
  properties.set_pre_buffer(true);
  properties.set_cache_options(arrow::io::CacheOptions::LazyDefaults());
  ARROW_ASSIGN_OR_RAISE(auto reader,
                        parquet::arrow::FileReader::Make(
                            arrow::default_memory_pool(),
                            parquet::ParquetFileReader::Open(
                                file.content, parquet::default_reader_properties(), file.footer),
                            properties));
  ARROW_ASSIGN_OR_RAISE(auto batches, reader->GetRecordBatchReader({group.number}, columns_));
  while (true) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(batches->ReadNext(&batch));
    if (batch == nullptr) return arrow::Status::OK();
    arrow::ArrayVector columns;
    for (const int index : order_) columns.push_back(batch->column(index));
    if (!Push(arrow::RecordBatch::Make(schema_, batch->num_rows(), std::move(columns)))) {
      return arrow::Status::OK();
    }
  }
}

bool ParquetScan::Push(std::shared_ptr<arrow::RecordBatch> batch) {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [this] { return stopped_ || ready_.size() < ready_max_; });
  if (stopped_) return false;
  ready_.push_back(std::move(batch));
  there_.notify_one();
  return true;
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> ParquetScan::Next(const Context& context) {
  const auto something = [this] {
    return stopped_ || !ready_.empty() || !failure_.ok() || working_ == 0;
  };
  std::unique_lock lock(mutex_);
  const auto deadline = context.deadline();
  const bool came = deadline == Context::SteadyClock::time_point::max()
                        ? there_.wait(lock, context.stop_token(), something)
                        : there_.wait_until(lock, context.stop_token(), deadline, something);
  if (!came || stopped_) return arrow::Status::Cancelled("the scan was stopped");
  if (!failure_.ok()) return failure_;
  if (ready_.empty()) return std::shared_ptr<arrow::RecordBatch>();
  auto batch = std::move(ready_.front());
  ready_.pop_front();
  room_.notify_one();
  return batch;
}

void ParquetScan::Stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  room_.notify_all();
  there_.notify_all();
}

}  // namespace nstarx::connectors::file_tables
