#include "connectors/object_store/object_ingest.h"

#include "base/id.h"
#include "connectors/file_tables/file_listing.h"
#include "connectors/file_tables/glob.h"
#include "connectors/file_tables/parquet_sink.h"
#include "connectors/object_store/object_upload.h"

namespace nstarx::connectors::object_store {
namespace {

using connector::BatchStream;
using connector::IngestMode;

constexpr std::string_view kContentType = "application/vnd.apache.parquet";
constexpr size_t kReplacedMax = 100'000;

Result<int64_t> WriteObject(const Context& context, ObjectClient& client, const std::string& key,
                            BatchStream& source) {
  ObjectUpload upload(client, key, std::string(kContentType));
  NSTARX_TRY(const int64_t rows, file_tables::WriteParquet(context, source, upload));
  NSTARX_RETURN_IF_ERROR(upload.Finish(context));
  return rows;
}

Error AlreadyExists(const std::string& path) {
  return Error(ErrorKind::kAlreadyExists, "object.already_exists",
               fmt::format("Something is already at {}", path))
      .WithStage("query")
      .WithHint("Use the mode append or replace, or another path.");
}

/// Counts what passes, so that an append can tell its own rows.
class CountedRows final : public BatchStream {
 public:
  explicit CountedRows(BatchStream& inner) : inner_(inner) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return inner_.schema(); }
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    auto batch = inner_.Next(context);
    if (batch && *batch) rows_ += (*batch)->num_rows();
    return batch;
  }
  int64_t rows() const { return rows_; }

 private:
  BatchStream& inner_;
  int64_t rows_ = 0;
};

Result<int64_t> AppendToObject(const Context& context, ObjectClient& client, ObjectTables& tables,
                               const IngestTarget& target, BatchStream& source) {
  // In the file's own order, so that its row groups stay as selective as they were.
  const connector::Statement all{
      .text =
          "SELECT * EXCLUDE (file_row_number) FROM read_parquet(?, file_row_number = true, "
          "hive_partitioning = false) ORDER BY file_row_number",
      .parameters = {json::string(file_tables::QuoteGlob(target.path))},
      .limit = std::nullopt};
  NSTARX_TRY(const auto old_rows, tables.Execute(context, all));
  CountedRows counted(source);
  NSTARX_TRY(const auto both, file_tables::Concatenate(*old_rows, counted));
  NSTARX_RETURN_IF_ERROR(WriteObject(context, client, target.key, *both));
  return counted.rows();
}

Result<int64_t> IngestObject(const Context& context, ObjectClient& client, ObjectTables& tables,
                             const IngestTarget& target, IngestMode mode, BatchStream& source) {
  if (mode == IngestMode::kReplace) return WriteObject(context, client, target.key, source);
  const auto old = client.Head(context, target.key);
  if (!old && old.error().kind() != ErrorKind::kNotFound) return old.error();
  if (!old) return WriteObject(context, client, target.key, source);
  if (mode == IngestMode::kCreate) return AlreadyExists(target.path);
  return AppendToObject(context, client, tables, target, source);
}

Result<std::vector<std::string>> KeysUnder(const Context& context, ObjectClient& client,
                                           const std::string& folder) {
  std::vector<std::string> keys;
  std::string continuation;
  do {
    NSTARX_TRY(const auto page, client.List(context, folder, "", 1000, continuation));
    for (const auto& info : page.items) keys.push_back(info.key);
    continuation = page.next;
    if (keys.size() > kReplacedMax) {
      return InvalidArgument("ingest.too_many_files",
                             fmt::format("More than {} objects are to be replaced", kReplacedMax))
          .WithStage("query");
    }
  } while (!continuation.empty());
  return keys;
}

Result<int64_t> IngestFolder(const Context& context, ObjectClient& client,
                             const IngestTarget& target, IngestMode mode, BatchStream& source) {
  std::string folder = target.key;
  if (!folder.ends_with('/')) folder += '/';
  std::vector<std::string> old;
  if (mode == IngestMode::kCreate) {
    NSTARX_TRY(const auto page, client.List(context, folder, "", 1, ""));
    if (!page.items.empty()) return AlreadyExists(target.path);
  } else if (mode == IngestMode::kReplace) {
    NSTARX_TRY(old, KeysUnder(context, client, folder));
  }
  NSTARX_TRY(const int64_t rows,
             WriteObject(context, client, folder + NewId("part") + ".parquet", source));
  for (const std::string& key : old) {
    NSTARX_RETURN_IF_ERROR(client.Delete(context, key));
  }
  return rows;
}

}  // namespace

Result<int64_t> IngestFiles(const Context& context, ObjectClient& client, ObjectTables& tables,
                            const IngestTarget& target, IngestMode mode, BatchStream& source) {
  const std::string_view format = file_tables::FormatOf(target.path);
  if (format == "parquet") return IngestObject(context, client, tables, target, mode, source);
  if (!format.empty()) {
    return InvalidArgument("ingest.unsupported_format",
                           fmt::format("Tables are written as Parquet, not as {}", format))
        .WithStage("query")
        .WithHint("Write to a path that ends in .parquet, or to a folder: sales/");
  }
  return IngestFolder(context, client, target, mode, source);
}

}  // namespace nstarx::connectors::object_store
