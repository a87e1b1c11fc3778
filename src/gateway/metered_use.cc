#include "gateway/metered_use.h"

#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/util/byte_size.h>

#include <algorithm>

namespace nstarx::gateway {

MeteredUse::MeteredUse(const Context& context, std::string action,
                       std::shared_ptr<const model::Connection> connection,
                       const connector::Spec& spec, audit::Journal& journal,
                       monitor::Metrics& metrics)
    : context_(context),
      action_(std::move(action)),
      connection_(std::move(connection)),
      spec_(spec),
      journal_(journal),
      metrics_(metrics),
      start_(std::chrono::steady_clock::now()) {}

MeteredUse::~MeteredUse() {
  const auto took = std::chrono::steady_clock::now() - start_;
  // An answer that nobody read to its end was cancelled by leaving.
  if (code_.empty() && !finished_) code_ = "query.cancelled";
  lease_.reset();
  metrics_.Query(connection_->type, code_.empty() ? "ok" : code_, took, rows_, bytes_);
  audit::Entry entry;
  entry.action = std::move(action_);
  entry.outcome = code_.empty() ? "ok" : "failed";
  entry.code = std::move(code_);
  entry.connection_id = connection_->id;
  entry.connection = connection_->name;
  entry.fingerprint = std::move(fingerprint_);
  entry.rows = rows_;
  entry.bytes = bytes_;
  entry.ms = std::chrono::duration<double, std::milli>(took).count();
  entry.details = std::move(details_);
  journal_.Append(context_, std::move(entry));
}

void MeteredUse::Hold(std::shared_ptr<pool::Pool> pool, std::unique_ptr<pool::Lease> lease) {
  pool_ = std::move(pool);
  lease_ = std::move(lease);
}

void MeteredUse::Count(int64_t rows, int64_t bytes) {
  rows_ = std::max<int64_t>(rows_, 0) + rows;
  bytes_ = std::max<int64_t>(bytes_, 0) + bytes;
}

Error MeteredUse::Failed(Error error) {
  if (code_.empty()) code_ = error.code();
  if (error.code() == "connection.lost") {
    if (lease_ != nullptr) lease_->Discard();
    if (pool_ != nullptr) pool_->SuspectIdle();
  }
  if (error.stage().empty()) error.WithStage("query");
  return spec_.Advise(std::move(error));
}

namespace {

constexpr int64_t kBigResult = 64 << 20;

class MeteredBatches final : public connector::BatchStream {
 public:
  MeteredBatches(std::unique_ptr<MeteredUse> use, std::unique_ptr<connector::BatchStream> batches,
                 std::optional<int64_t> limit)
      : use_(std::move(use)), batches_(std::move(batches)), left_(limit) {
    use_->Count(0, 0);
  }
  // The stream ends before the session that it reads goes back.
  ~MeteredBatches() override {
    batches_.reset();
    // Arrow's allocator keeps what a big result took; the next small ones do not need it.
    if (bytes_ > kBigResult) arrow::default_memory_pool()->ReleaseUnused();
  }

  const std::shared_ptr<arrow::Schema>& schema() const override { return batches_->schema(); }
  int64_t rows_affected() const override { return batches_->rows_affected(); }

  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    if (done_ || (left_ && *left_ == 0)) return End();
    if (Status go_on = context.Check(); !go_on) return use_->Failed(go_on.error());
    auto next = batches_->Next(context);
    if (!next) return use_->Failed(std::move(next).error());
    std::shared_ptr<arrow::RecordBatch> batch = *std::move(next);
    if (batch == nullptr) return End();
    if (left_) {
      if (batch->num_rows() > *left_) batch = batch->Slice(0, *left_);
      *left_ -= batch->num_rows();
    }
    const int64_t bytes = arrow::util::TotalBufferSize(*batch);
    bytes_ += bytes;
    use_->Count(batch->num_rows(), bytes);
    return batch;
  }

 private:
  std::shared_ptr<arrow::RecordBatch> End() {
    done_ = true;
    use_->Finished();
    return nullptr;
  }

  std::unique_ptr<MeteredUse> use_;
  std::unique_ptr<connector::BatchStream> batches_;
  std::optional<int64_t> left_;
  int64_t bytes_ = 0;
  bool done_ = false;
};

class MeteredBytes final : public connector::ByteStream {
 public:
  MeteredBytes(std::unique_ptr<MeteredUse> use, std::unique_ptr<connector::ByteStream> bytes)
      : use_(std::move(use)), bytes_(std::move(bytes)) {}
  ~MeteredBytes() override { bytes_.reset(); }

  Result<size_t> Read(const Context& context, std::span<std::byte> into) override {
    auto got = bytes_->Read(context, into);
    if (!got) return use_->Failed(std::move(got).error());
    if (*got == 0) {
      use_->Finished();
    } else {
      use_->Count(0, static_cast<int64_t>(*got));
    }
    return *got;
  }

 private:
  std::unique_ptr<MeteredUse> use_;
  std::unique_ptr<connector::ByteStream> bytes_;
};

}  // namespace

std::unique_ptr<connector::BatchStream> MeterBatches(
    std::unique_ptr<MeteredUse> use, std::unique_ptr<connector::BatchStream> batches,
    std::optional<int64_t> limit) {
  return std::make_unique<MeteredBatches>(std::move(use), std::move(batches), limit);
}

std::unique_ptr<connector::ByteStream> MeterBytes(std::unique_ptr<MeteredUse> use,
                                                  std::unique_ptr<connector::ByteStream> bytes) {
  return std::make_unique<MeteredBytes>(std::move(use), std::move(bytes));
}

}  // namespace nstarx::gateway
