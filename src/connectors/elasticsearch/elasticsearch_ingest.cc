#include "connectors/elasticsearch/elasticsearch_ingest.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <cmath>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "connectors/documents/arrow_rows.h"
#include "connectors/documents/document_schema.h"
#include "connectors/documents/json_text.h"
#include "connectors/elasticsearch/elasticsearch_errors.h"
#include "connectors/elasticsearch/elasticsearch_mappings.h"

namespace nstarx::connectors::elasticsearch {
namespace {

using connector::IngestMode;

constexpr size_t kBytesMax = 4 << 20;
constexpr int64_t kRowsMax = 5000;
/// Rounds in which a busy server took nothing.
constexpr int kIdleRoundsMax = 8;

/// Waits, unless the call is stopped or out of time.
Status Pause(const Context& context, std::chrono::milliseconds time) {
  std::mutex mutex;
  std::condition_variable_any woken;
  std::unique_lock lock(mutex);
  woken.wait_for(lock, context.stop_token(), std::min(time, context.remaining()),
                 [] { return false; });
  return context.Check();
}

/// The name of a document, from a column of text or integers; nothing for NULL.
Result<std::optional<std::string>> IdOf(const arrow::Array& column, int64_t row) {
  if (column.IsNull(row)) return std::optional<std::string>();
  const auto scalar = column.GetScalar(row);
  const auto id = column.type_id();
  if (!scalar.ok() || !(arrow::is_integer(id) || arrow::is_base_binary_like(id))) {
    return Failed(
        ErrorKind::kInvalidArgument, "query.unsupported_type",
        fmt::format("column _id: {} is no name of a document", column.type()->ToString()));
  }
  return std::optional<std::string>((*scalar)->ToString());
}

/// JSON has no NaN and no infinities, at whatever depth they are.
Status CheckFinite(const std::string& column, const arrow::Array& array) {
  const auto refuse = [&] {
    return Failed(ErrorKind::kInvalidArgument, "ingest.value_not_storable",
                  fmt::format("column {}: NaN and infinities have no form in a document", column));
  };
  switch (array.type_id()) {
    case arrow::Type::DOUBLE:
    case arrow::Type::FLOAT:
      for (int64_t row = 0; row < array.length(); ++row) {
        const double value = array.type_id() == arrow::Type::DOUBLE
                                 ? static_cast<const arrow::DoubleArray&>(array).Value(row)
                                 : static_cast<const arrow::FloatArray&>(array).Value(row);
        if (!array.IsNull(row) && !std::isfinite(value)) return refuse();
      }
      return {};
    case arrow::Type::STRUCT:
      for (const auto& inner : static_cast<const arrow::StructArray&>(array).fields()) {
        NSTARX_RETURN_IF_ERROR(CheckFinite(column, *inner));
      }
      return {};
    case arrow::Type::LIST:
      return CheckFinite(column, *static_cast<const arrow::ListArray&>(array).values());
    default:
      return {};
  }
}

/// Documents of one index on their way.
class BulkWriter {
 public:
  BulkWriter(Client& client, const std::string& index)
      : client_(client), path_(IndexPath(index, "/_bulk")) {}

  Status Write(const Context& context, const arrow::RecordBatch& whole) {
    const int place = whole.schema()->GetFieldIndex("_id");
    auto rows = arrow::RecordBatch::Make(whole.schema(), whole.num_rows(), whole.columns());
    if (place >= 0) {
      auto rest = rows->RemoveColumn(place);
      NSTARX_CHECK(rest.ok());
      rows = *std::move(rest);
    }
    for (int i = 0; i < rows->num_columns(); ++i) {
      NSTARX_RETURN_IF_ERROR(CheckFinite(rows->column_name(i), *rows->column(i)));
    }
    for (int64_t row = 0; row < whole.num_rows(); ++row) {
      std::string lines = R"({"index":{)";
      if (place >= 0) {
        NSTARX_TRY(const auto id, IdOf(*whole.column(place), row));
        if (id) {
          lines += R"("_id":)";
          documents::AppendJsonString(*id, &lines);
        }
      }
      lines += "}}\n";
      NSTARX_RETURN_IF_ERROR(documents::AppendJsonRow(*rows, row, &lines));
      lines += '\n';
      bytes_ += lines.size();
      waiting_.push_back({written_ + static_cast<int64_t>(waiting_.size()), std::move(lines)});
      if (bytes_ >= kBytesMax || static_cast<int64_t>(waiting_.size()) >= kRowsMax) {
        NSTARX_RETURN_IF_ERROR(Flush(context));
      }
    }
    return {};
  }

  Status Flush(const Context& context) {
    int idle = 0;
    while (!waiting_.empty()) {
      std::string body;
      body.reserve(bytes_);
      for (const auto& line : waiting_) body += line.text;
      auto reply = client_.Ask(context, "POST", path_,
                               {{"filter_path", "errors,items.*.status,items.*.error"}}, body);
      const size_t before = waiting_.size();
      if (reply) {
        NSTARX_RETURN_IF_ERROR(Take(*reply));
      } else if (reply.error().code() != "query.too_busy") {
        return Counted(std::move(reply).error());
      }
      if (waiting_.empty()) break;
      idle = waiting_.size() == before ? idle + 1 : 0;
      if (idle > kIdleRoundsMax) {
        return Counted(Failed(ErrorKind::kResourceExhausted, "query.too_busy",
                              "The server is too busy to take documents"));
      }
      NSTARX_RETURN_IF_ERROR(Pause(context, std::chrono::milliseconds(100 << idle)));
    }
    bytes_ = 0;
    return {};
  }

  int64_t written() const { return written_; }

 private:
  struct Line {
    int64_t row = 0;
    std::string text;
  };

  /// Keeps what a busy server turned away; what it refused is an error that names the row.
  Status Take(const json::value& reply) {
    const auto* answer = reply.if_object();
    if (answer != nullptr && !GetBool(*answer, "errors", true)) {
      written_ += static_cast<int64_t>(waiting_.size());
      waiting_.clear();
      return {};
    }
    const auto* items = answer ? answer->if_contains("items") : nullptr;
    if (items == nullptr || !items->is_array() || items->get_array().size() != waiting_.size()) {
      return Counted(Failed(ErrorKind::kUnavailable, "response.malformed",
                            "The answer does not say what became of the documents"));
    }
    std::vector<Line> again;
    Status refused;
    for (size_t i = 0; i < waiting_.size(); ++i) {
      const json::value& item = items->get_array()[i];
      const auto* outer = item.if_object();
      if (outer == nullptr || outer->empty() || !outer->begin()->value().is_object()) continue;
      const json::object& result = outer->begin()->value().get_object();
      const int64_t status = GetInt(result, "status", 500);
      if (status < 300) {
        ++written_;
      } else if (status == 429) {
        again.push_back(std::move(waiting_[i]));
      } else if (refused) {
        const auto* why = result.if_contains("error");
        Error error = FailureSaid(static_cast<int>(status), why ? *why : json::value(), "query");
        error.WithMessage(fmt::format("row {}: {}", waiting_[i].row, error.message()));
        error.WithDetail("row", waiting_[i].row);
        refused = std::move(error);
      }
    }
    waiting_ = std::move(again);
    if (!refused) return Counted(refused.error());
    return {};
  }

  Error Counted(Error error) const {
    return error.WithDetail("rows_written", written_).WithStage("query");
  }

  Client& client_;
  const std::string path_;
  std::vector<Line> waiting_;
  size_t bytes_ = 0;
  int64_t written_ = 0;
};

/// Settings that an index may be made with: those that the server made itself are left out.
json::object SettingsOf(const json::object& index) {
  const auto* settings = index.if_contains("settings");
  const auto* inner =
      settings && settings->is_object() ? settings->get_object().if_contains("index") : nullptr;
  if (inner == nullptr || !inner->is_object()) return {};
  json::object kept = inner->get_object();
  for (const std::string_view own :
       {"creation_date", "provided_name", "uuid", "version", "history", "resize"}) {
    kept.erase(own);
  }
  return json::object{{"index", std::move(kept)}};
}

Error Exists(const std::string& index) {
  return Failed(ErrorKind::kAlreadyExists, "ingest.table_exists",
                fmt::format("There is an index '{}' already", index));
}

Status MakeIndex(const Context& context, Client& client, const std::string& index, bool replace,
                 const json::object* there, const arrow::Schema& schema) {
  json::object made;
  NSTARX_TRY(made["mappings"], MappingsOf(schema));
  if (there != nullptr && replace) {
    if (there->size() != 1 || there->begin()->key() != index ||
        !there->begin()->value().is_object() ||
        there->begin()->value().get_object().contains("data_stream")) {
      return Failed(
          ErrorKind::kInvalidArgument, "ingest.not_an_index",
          fmt::format("'{}' is an alias or a data stream: only an index is replaced", index));
    }
    const json::object& old = there->begin()->value().get_object();
    made["settings"] = SettingsOf(old);
    if (const auto* aliases = old.if_contains("aliases")) made["aliases"] = *aliases;
    NSTARX_RETURN_IF_ERROR(client.Ask(context, "DELETE", IndexPath(index)));
  }
  const std::string body = json::serialize(made);
  NSTARX_RETURN_IF_ERROR(client.Ask(context, "PUT", IndexPath(index), {}, body));
  return {};
}

}  // namespace

Result<int64_t> IngestInto(const Context& context, Client& client, const std::string& index,
                           IngestMode mode, connector::BatchStream& source) {
  NSTARX_RETURN_IF_ERROR(CheckIndex(index));
  if (index == "_all" || index.find_first_of("*,") != std::string::npos) {
    return Failed(ErrorKind::kInvalidArgument, "query.invalid_name",
                  fmt::format("'{}' is not one index", index));
  }
  NSTARX_RETURN_IF_ERROR(documents::CheckRows(*source.schema()));
  const auto there = client.Ask(context, "GET", IndexPath(index));
  if (!there && there.error().code() != "query.undefined_table") return there.error();
  if (!there && mode == IngestMode::kAppend) return there.error();
  if (there && mode == IngestMode::kCreate) return Exists(index);
  if (mode != IngestMode::kAppend) {
    NSTARX_RETURN_IF_ERROR(MakeIndex(context, client, index, mode == IngestMode::kReplace,
                                     there ? there->if_object() : nullptr, *source.schema()));
  }
  BulkWriter writer(client, index);
  for (;;) {
    NSTARX_TRY(const auto batch, source.Next(context));
    if (batch == nullptr) break;
    NSTARX_RETURN_IF_ERROR(writer.Write(context, *batch));
  }
  NSTARX_RETURN_IF_ERROR(writer.Flush(context));
  NSTARX_RETURN_IF_ERROR(client.Ask(context, "POST", IndexPath(index, "/_refresh")));
  return writer.written();
}

}  // namespace nstarx::connectors::elasticsearch
