#include "federation/federation.h"

#include <arrow/record_batch.h>
#include <fmt/format.h>

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
    if (!rows && rows.error().code() == "query.undefined_table" && rows.error().hints().empty()) {
      return std::move(rows).error().WithHint(
          R"(Write "connection"."schema"."table", or "connection"."path" as browse shows it.)");
    }
    if (!rows) return std::move(rows).error();
    rows_ = *std::move(rows);
    return {};
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return rows_->schema(); }

  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    if (left_ == 0) return std::shared_ptr<arrow::RecordBatch>();
    NSTARX_TRY(auto batch, rows_->Next(context));
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
