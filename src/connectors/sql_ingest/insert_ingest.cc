#include "connectors/sql_ingest/insert_ingest.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <random>

#include "connectors/sql_text/names.h"

namespace nstarx::connectors::sql_ingest {
namespace {

using connector::IngestMode;

constexpr std::chrono::seconds kCleanUpTime{10};

struct Columns {
  std::vector<std::string> types;
  std::string names;         ///< "a", "b"
  std::string declarations;  ///< "a" INT64, "b" STRING
};

Error Refuse(const Dialect& dialect, std::string code, std::string message) {
  return InvalidArgument(std::move(code), std::move(message))
      .WithStage("query")
      .WithConnector(std::string(dialect.connector));
}

Result<Columns> Declare(const Dialect& dialect, const arrow::Schema& schema) {
  if (schema.num_fields() == 0) {
    return Refuse(dialect, "ingest.no_columns", "The rows have no columns");
  }
  Columns out;
  for (const auto& field : schema.fields()) {
    std::string type = dialect.declare(*field->type());
    if (type.empty()) {
      return Refuse(dialect, "ingest.unsupported_type",
                    fmt::format("Column '{}' is {}, which {} has no type for", field->name(),
                                field->type()->ToString(), dialect.system))
          .WithDetail("column", field->name());
    }
    const std::string name = sql_text::QuoteName(field->name(), dialect.name_quote);
    const std::string_view before = out.names.empty() ? "" : ", ";
    out.names += fmt::format("{}{}", before, name);
    out.declarations += fmt::format("{}{} {}", before, name, type);
    out.types.push_back(std::move(type));
  }
  return out;
}

/// By its code, or in words alone.
bool SaysThereIsOne(const Error& error) {
  return error.code() == "query.already_exists" ||
         error.message().find("already exists") != std::string::npos;
}

/// Rows as INSERT statements into one table.
class Inserts {
 public:
  Inserts(const Dialect& dialect, const Columns& columns, const Runner& run)
      : dialect_(dialect), columns_(columns), run_(run) {}

  void Into(const std::string& table) {
    head_ = fmt::format("INSERT INTO {} ({}) VALUES ", table, columns_.names);
  }

  /// Whether `row` fits beside those that wait.
  Result<bool> Add(const arrow::RecordBatch& batch, int64_t row) {
    text_.clear();
    for (int i = 0; i < batch.num_columns(); ++i) {
      text_ += i == 0 ? "(" : ", ";
      const auto written = AppendLiteral(dialect_, *batch.column(i), row,
                                         columns_.types[static_cast<size_t>(i)], text_);
      if (!written) {
        const std::string& name = batch.column_name(i);
        return Refuse(dialect_, written.error().code(),
                      fmt::format("Column '{}' holds {}, which {} has no place for", name,
                                  written.error().message(), dialect_.system))
            .WithDetail("column", name);
      }
    }
    text_ += ')';
    const size_t room = dialect_.statement_bytes - std::min(dialect_.statement_bytes, head_.size());
    if (text_.size() > room) {
      return Refuse(dialect_, "ingest.row_too_large",
                    fmt::format("A row takes {} bytes as text; a statement may have {}",
                                text_.size(), dialect_.statement_bytes));
    }
    if (count_ > 0 &&
        (count_ == dialect_.statement_rows || values_.size() + 2 + text_.size() > room)) {
      return false;
    }
    if (count_ > 0) values_ += ", ";
    values_ += text_;
    ++count_;
    return true;
  }

  Status Flush(const Context& context) {
    if (count_ == 0) return {};
    NSTARX_RETURN_IF_ERROR(run_(context, head_ + values_));
    written_ += count_;
    count_ = 0;
    values_.clear();
    return {};
  }

  int64_t written() const { return written_; }

 private:
  const Dialect& dialect_;
  const Columns& columns_;
  const Runner& run_;
  std::string head_;
  std::string values_;
  std::string text_;
  int64_t count_ = 0;
  int64_t written_ = 0;
};

}  // namespace

std::string NewSuffix() {
  std::random_device random;
  return fmt::format("{:08x}", random());
}

Result<int64_t> Ingest(const Context& context, const Dialect& dialect, const Target& target,
                       IngestMode mode, connector::BatchStream& source, const Runner& run) {
  NSTARX_TRY(const Columns columns, Declare(dialect, *source.schema()));
  Inserts inserts(dialect, columns, run);
  std::string made;  // What is dropped in the end, or when something fails.
  const auto create = [&](const std::string& table) -> Status {
    NSTARX_RETURN_IF_ERROR(
        run(context, fmt::format("CREATE TABLE {} ({})", table, columns.declarations)));
    made = table;
    inserts.Into(table);
    return {};
  };
  const auto stage_if_needed = [&]() -> Status {
    return made.empty() ? create(target.staging) : Status();
  };
  const auto fill = [&]() -> Status {
    if (mode == IngestMode::kCreate) {
      auto created = create(target.table);
      if (!created && SaysThereIsOne(created.error())) {
        return Error(ErrorKind::kAlreadyExists, "ingest.table_exists",
                     fmt::format("The table {} is already there", target.table))
            .WithStage("query")
            .WithConnector(std::string(dialect.connector));
      }
      NSTARX_RETURN_IF_ERROR(std::move(created));
    } else {
      inserts.Into(target.table);
    }
    while (true) {
      NSTARX_TRY(const auto batch, source.Next(context));
      if (!batch) break;
      for (int64_t row = 0; row < batch->num_rows();) {
        NSTARX_TRY(const bool added, inserts.Add(*batch, row));
        if (added) {
          ++row;
          continue;
        }
        // More than one statement takes: they meet in a table of their own first.
        NSTARX_RETURN_IF_ERROR(stage_if_needed());
        NSTARX_RETURN_IF_ERROR(inserts.Flush(context));
      }
    }
    if (mode == IngestMode::kReplace) NSTARX_RETURN_IF_ERROR(stage_if_needed());
    NSTARX_RETURN_IF_ERROR(inserts.Flush(context));
    if (made.empty() || mode == IngestMode::kCreate) return {};
    if (mode == IngestMode::kAppend) {
      return run(context, fmt::format("INSERT INTO {0} ({1}) SELECT {1} FROM {2}", target.table,
                                      columns.names, target.staging));
    }
    const std::string declared =
        dialect.columns_before_select ? fmt::format(" ({})", columns.declarations) : "";
    return run(context, fmt::format("CREATE OR REPLACE TABLE {}{} AS SELECT {} FROM {}",
                                    target.table, declared, columns.names, target.staging));
  };
  Status filled = fill();
  if (!made.empty() && (!filled || mode != IngestMode::kCreate)) {
    // Not the caller's context: it may have ended. What is left over harms nobody's rows.
    (void)run(Context().WithTimeout(kCleanUpTime), "DROP TABLE " + made);
  }
  NSTARX_RETURN_IF_ERROR(std::move(filled));
  return inserts.written();
}

}  // namespace nstarx::connectors::sql_ingest
