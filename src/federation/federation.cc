#include "federation/federation.h"

#include <arrow/record_batch.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "audit/journal.h"
#include "engine/engine.h"
#include "federation/table_scan.h"
#include "gateway/gateway.h"

namespace nstarx::federation {
namespace {

/// One of the statements that may run at the same time.
class Turn {
 public:
  explicit Turn(std::atomic<int>& running) : running_(running) {}
  ~Turn() { --running_; }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  std::atomic<int>& running_;
};

/// What helps against failures of the engine itself; those of connections bring their own hints.
struct Advice {
  std::string_view code;
  const char* hint;
};
constexpr Advice kAdvice[] = {
    {"query.undefined_table",
     R"(Write "connection"."schema"."table", or "connection"."path" as browse shows it.)"},
    {"query.undefined_column", "nstarx describe CONNECTION PATH lists the columns of a table."},
    {"query.undefined_function", "The functions are DuckDB's, not those of the connections."},
    {"query.syntax_error", "The SQL is DuckDB's; details.position is where it stopped reading."},
    {"query.invalid_statement", "The SQL is DuckDB's; see the message for what does not fit."},
    {"query.invalid_value", "Convert the value with CAST, or TRY_CAST for NULL in its place."},
    {"query.invalid_parameters", "Give one value for each ? or $1 of the statement."},
    {"query.not_allowed", "Only one SELECT over tables of connections runs here."},
    {"query.out_of_memory", "Filter earlier, or join fewer and narrower columns."},
    {"query.timeout", "Raise timeout_ms, or filter earlier."},
};

Error Advised(Error error) {
  const auto* found = std::ranges::find(kAdvice, error.code(), &Advice::code);
  if (error.hints().empty() && found != std::end(kAdvice)) error.WithHint(found->hint);
  return error;
}

/// A statement's rows, with all that must live as long.
class Statement final : public connector::BatchStream {
 public:
  Statement(std::unique_ptr<Turn> turn, std::unique_ptr<Scans> scans,
            std::unique_ptr<engine::Engine> engine, std::optional<int64_t> limit)
      : turn_(std::move(turn)),
        scans_(std::move(scans)),
        engine_(std::move(engine)),
        left_(limit.value_or(connector::BrowseFacet::kAllRows)) {}

  Status Start(const Context& context, const SqlRequest& request) {
    auto rows = engine_->Execute(context, {.text = request.sql, .parameters = request.parameters});
    if (!rows) return Advised(std::move(rows).error());
    rows_ = *std::move(rows);
    return {};
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return rows_->schema(); }

  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    if (left_ == 0) return std::shared_ptr<arrow::RecordBatch>();
    auto next = rows_->Next(context);
    if (!next) return Advised(std::move(next).error());
    auto batch = *std::move(next);
    if (batch == nullptr) return batch;
    if (batch->num_rows() > left_) batch = batch->Slice(0, left_);
    left_ -= batch->num_rows();
    return batch;
  }

 private:
  const std::unique_ptr<Turn> turn_;
  const std::unique_ptr<Scans> scans_;
  const std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<connector::BatchStream> rows_;  // goes before the engine
  int64_t left_;
};

class EmbeddedFederation final : public Federation {
 public:
  EmbeddedFederation(gateway::Gateway& gateway, Limits limits)
      : gateway_(gateway), limits_(limits) {}

  Result<std::unique_ptr<connector::BatchStream>> Query(const Context& context,
                                                        const SqlRequest& request) override {
    if (++running_ > limits_.statements) {
      --running_;
      return Error(ErrorKind::kResourceExhausted, "federation.busy",
                   fmt::format("{} statements over connections run already", limits_.statements))
          .WithStage("query")
          .WithHint("Try again when one of them has ended.");
    }
    auto turn = std::make_unique<Turn>(running_);
    auto scans = std::make_unique<Scans>(gateway_, context, audit::Fingerprint(request.sql));
    Scans& shared = *scans;
    NSTARX_TRY(
        auto engine,
        engine::Engine::Open(
            {.memory_limit_bytes = limits_.memory_limit_bytes,
             .spill_limit_bytes = limits_.spill_limit_bytes,
             .threads = limits_.threads,
             .subject = "connections"},
            duckdb::make_uniq<engine::SpillFileSystem>(),
            {.configure = AddNames,
             .prepare = [&shared](duckdb::Connection& connection) { AddScan(connection, shared); },
             .take_failure = [&shared] { return shared.TakeFailure(); },
             .stop = [&shared] { shared.Stop(); }}));
    auto statement = std::make_unique<Statement>(std::move(turn), std::move(scans),
                                                 std::move(engine), request.limit);
    NSTARX_RETURN_IF_ERROR(statement->Start(context, request));
    return std::unique_ptr<connector::BatchStream>(std::move(statement));
  }

 private:
  gateway::Gateway& gateway_;
  const Limits limits_;
  std::atomic<int> running_ = 0;
};

}  // namespace

std::unique_ptr<Federation> Federation::Make(gateway::Gateway& gateway, Limits limits) {
  return std::make_unique<EmbeddedFederation>(gateway, limits);
}

}  // namespace nstarx::federation
