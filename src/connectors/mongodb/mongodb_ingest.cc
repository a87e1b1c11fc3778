#include "connectors/mongodb/mongodb_ingest.h"

#include <arrow/api.h>
#include <bson/bson.h>
#include <fmt/format.h>

#include "base/id.h"
#include "connectors/mongodb/mongodb_errors.h"

namespace nstarx::connectors::mongodb {
namespace {

using connector::IngestMode;

/// One round of bulk inserts; the driver cuts it into messages of the server's size.
constexpr int64_t kRoundBytes = 16 << 20;
constexpr int64_t kRoundRows = 100'000;
constexpr int64_t kMaxDocumentBytes = 16 << 20;
constexpr std::chrono::milliseconds kTidyTimeout{3000};

Bson OneText(const char* key, const std::string& text) {
  Bson out(bson_new());
  bson_append_utf8(out.get(), key, -1, text.c_str(), static_cast<int>(text.size()));
  return out;
}

Status Rename(const Context& context, Client& client, const std::string& from,
              const std::string& to, bool drop_target) {
  Bson command = OneText("renameCollection", from);
  BSON_APPEND_UTF8(command.get(), "to", to.c_str());
  BSON_APPEND_BOOL(command.get(), "dropTarget", drop_target);
  NSTARX_RETURN_IF_ERROR(client.RunSimple(context, "admin", *command, Client::Use::kWrite));
  return {};
}

Result<int64_t> WriteAll(const Context& context, Client& client, const std::string& database,
                         const std::string& collection, connector::BatchStream& source) {
  int64_t written = 0;
  Client::Bulk bulk(client, database, collection);
  for (;;) {
    NSTARX_TRY(const auto batch, source.Next(context));
    if (batch == nullptr) break;
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      bson_t document = BSON_INITIALIZER;
      Status appended = AppendRow(*batch, row, &document);
      if (appended && static_cast<int64_t>(document.len) > kMaxDocumentBytes) {
        appended = MapError(
            10334, "BSONObjectTooLarge",
            fmt::format("Row {} makes a document of more than 16 MiB", written + bulk.rows() + 1));
      }
      if (appended) appended = bulk.Add(document);
      bson_destroy(&document);
      NSTARX_RETURN_IF_ERROR(std::move(appended));
      if (bulk.bytes() < kRoundBytes && bulk.rows() < kRoundRows) continue;
      NSTARX_TRY(const int64_t round, bulk.Execute(context));
      written += round;
    }
  }
  NSTARX_TRY(const int64_t last, bulk.Execute(context));
  return written + last;
}

}  // namespace

Result<int64_t> IngestInto(const Context& context, Client& client, const std::string& database,
                           const std::string& collection, IngestMode mode,
                           connector::BatchStream& source) {
  if (mode == IngestMode::kAppend) return WriteAll(context, client, database, collection, source);
  if (mode == IngestMode::kCreate) {
    NSTARX_TRY(const bool there, client.HasCollection(context, database, collection));
    if (there) {
      return Error(ErrorKind::kAlreadyExists, "ingest.table_exists",
                   fmt::format("There is a collection '{}' already", collection))
          .WithStage("query")
          .WithConnector("mongodb");
    }
  }
  const std::string draft = fmt::format("{}.{}", collection, NewId("ingest"));
  const Bson create = OneText("create", draft);
  NSTARX_RETURN_IF_ERROR(client.RunSimple(context, database, *create, Client::Use::kWrite));
  auto written = WriteAll(context, client, database, draft, source);
  Status placed;
  if (written) {
    placed = Rename(context, client, fmt::format("{}.{}", database, draft),
                    fmt::format("{}.{}", database, collection), mode == IngestMode::kReplace);
    if (placed) return written;
    if (placed.error().vendor_code() == "48") {
      placed = Error(placed.error()).WithDetail("collection", collection);
    }
  }
  const Context tidy = Context().WithTimeout(kTidyTimeout);
  const Bson drop = OneText("drop", draft);
  const auto dropped = client.RunSimple(tidy, database, *drop, Client::Use::kWrite);
  if (!written) return written;
  return std::move(placed).error();
}

}  // namespace nstarx::connectors::mongodb
