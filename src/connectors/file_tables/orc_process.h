#pragma once

// Includes DuckDB: only the .cc files of this room may include it.
#include <arrow/type_fwd.h>

#include <memory>
#include <string>
#include <vector>

#include "connectors/file_tables/orc_input.h"
#include "connectors/file_tables/orc_wire.h"
#include "engine/duckdb_headers.h"

namespace nstarx::connectors::file_tables {

/// One ORC file, decoded by a process of its own with bounded memory: whatever the file does to the
/// ORC library ends there. The process gets its bytes from here and has no file, connection or
/// descriptor of the gateway. Throws the engine's exceptions: IOException naming the file when it
/// is broken, InterruptException when the query is to end. For one thread at a time.
class OrcProcess {
 public:
  struct Stripe {
    int64_t rows = 0;
    int64_t offset = 0;
    int64_t bytes = 0;
  };

  /// `file` is shared with other readers of the same file.
  OrcProcess(duckdb::ClientContext& context, std::shared_ptr<duckdb::FileHandle> file,
             std::string path);
  ~OrcProcess();
  OrcProcess(const OrcProcess&) = delete;
  OrcProcess& operator=(const OrcProcess&) = delete;

  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }
  const std::vector<Stripe>& stripes() const { return stripes_; }
  int64_t rows() const { return rows_; }

  /// Next() gives the rows of a stripe from now on, only these columns, in the file's order.
  void Scan(int64_t stripe, int64_t batch_rows, const std::vector<int>& columns);
  /// The next rows, checked; null at the end of the stripe.
  std::shared_ptr<arrow::RecordBatch> Next(duckdb::ClientContext& context);

 private:
  void Start();
  void End();
  void ReadFacts(std::string_view facts);
  /// Waits for a frame of the kind, and serves reads until it is there.
  std::string Await(duckdb::ClientContext& context, orc_wire::Kind kind);
  void Serve(duckdb::ClientContext& context, std::string_view wanted);
  [[noreturn]] void Refuse(std::string cause) const;

  const std::string path_;
  OrcInput input_;
  int socket_ = -1;
  int process_ = -1;
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::Schema> scanned_;  // the columns of the running scan
  std::string command_;                     // what the next Next() begins with
  std::vector<Stripe> stripes_;
  int64_t rows_ = 0;
};

}  // namespace nstarx::connectors::file_tables
