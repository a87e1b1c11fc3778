#include "connectors/file_tables/orc_decoder.h"

#include <arrow/adapters/orc/adapter.h>
#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <vector>

#include "connectors/file_tables/orc_wire.h"

namespace nstarx::connectors::file_tables {
namespace {

using orc_wire::Frame;
using orc_wire::Kind;

constexpr auto kAlways = [] { return true; };

/// The file, of which the engine sends what is asked for.
class AskedFile final : public arrow::io::RandomAccessFile {
 public:
  AskedFile(int socket, int64_t size) : socket_(socket), size_(size) {
    set_mode(arrow::io::FileMode::READ);
  }
  arrow::Result<int64_t> ReadAt(int64_t offset, int64_t length, void* out) override {
    if (offset < 0 || length < 0 || offset > size_ || length > size_ - offset) {
      return arrow::Status::Invalid("a part of the file lies outside of it");
    }
    std::string wanted;
    orc_wire::Put(wanted, offset);
    orc_wire::Put(wanted, length);
    Frame answer;
    if (!orc_wire::Send(socket_, Kind::kRead, wanted, kAlways) ||
        !orc_wire::Receive(socket_, answer, kAlways) || answer.kind != Kind::kBytes ||
        answer.payload.size() != static_cast<size_t>(length)) {
      return arrow::Status::IOError("the file could not be read");
    }
    std::memcpy(out, answer.payload.data(), answer.payload.size());
    return length;
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t offset, int64_t length) override {
    if (length < 0 || length > size_) return arrow::Status::Invalid("a part is too long");
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> bytes,
                          arrow::AllocateBuffer(length, arrow::system_memory_pool()));
    ARROW_RETURN_NOT_OK(ReadAt(offset, length, bytes->mutable_data()));
    return bytes;
  }
  arrow::Result<int64_t> Read(int64_t length, void* out) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t got,
                          ReadAt(position_, std::min(length, size_ - position_), out));
    position_ += got;
    return got;
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t length) override {
    ARROW_ASSIGN_OR_RAISE(auto bytes, ReadAt(position_, std::min(length, size_ - position_)));
    position_ += bytes->size();
    return bytes;
  }
  arrow::Status Seek(int64_t position) override {
    if (position < 0 || position > size_) return arrow::Status::Invalid("outside of the file");
    position_ = position;
    return arrow::Status::OK();
  }
  arrow::Result<int64_t> Tell() const override { return position_; }
  arrow::Result<int64_t> GetSize() override { return size_; }
  arrow::Status Close() override { return arrow::Status::OK(); }
  bool closed() const override { return false; }

 private:
  const int socket_;
  const int64_t size_;
  int64_t position_ = 0;
};

class Decoder {
 public:
  Decoder(int socket, int64_t size) : socket_(socket), size_(size) {}

  arrow::Status Open() {
    ARROW_ASSIGN_OR_RAISE(
        reader_, arrow::adapters::orc::ORCFileReader::Open(
                     std::make_shared<AskedFile>(socket_, size_), arrow::system_memory_pool()));
    ARROW_ASSIGN_OR_RAISE(schema_, reader_->ReadSchema());
    ARROW_ASSIGN_OR_RAISE(const auto bytes,
                          arrow::ipc::SerializeSchema(*schema_, arrow::system_memory_pool()));
    std::string facts;
    const int64_t stripes = reader_->NumberOfStripes();
    orc_wire::Put(facts, reader_->NumberOfRows());
    orc_wire::Put(facts, stripes);
    int64_t left = reader_->NumberOfRows();
    for (int64_t i = 0; i < stripes; ++i) {
      const auto stripe = reader_->GetStripeInformation(i);
      if (stripe.num_rows < 0 || stripe.num_rows > left || stripe.length < 0 ||
          stripe.length > size_ || stripe.offset < 0 || stripe.offset > size_ - stripe.length) {
        return arrow::Status::Invalid("a stripe lies outside of the file");
      }
      left -= stripe.num_rows;
      orc_wire::Put(facts, stripe.num_rows);
      orc_wire::Put(facts, stripe.offset);
      orc_wire::Put(facts, stripe.length);
      first_rows_.push_back(stripe.first_row_id);
    }
    if (left != 0) return arrow::Status::Invalid("rows are missing");
    facts += bytes->ToString();
    return Sent(orc_wire::Send(socket_, Kind::kFacts, facts, kAlways));
  }

  arrow::Status Obey(const Frame& command) {
    if (command.kind == Kind::kScan) ARROW_RETURN_NOT_OK(Scan(command.payload));
    std::shared_ptr<arrow::RecordBatch> batch;
    if (batches_ != nullptr) ARROW_RETURN_NOT_OK(batches_->ReadNext(&batch));
    if (batch == nullptr || batch->num_rows() == 0) {
      batches_.reset();
      return Sent(orc_wire::Send(socket_, Kind::kBatch, {}, kAlways));
    }
    ARROW_RETURN_NOT_OK(Check(*batch));
    auto options = arrow::ipc::IpcWriteOptions::Defaults();
    options.memory_pool = arrow::system_memory_pool();
    options.use_threads = false;
    ARROW_ASSIGN_OR_RAISE(const auto bytes, arrow::ipc::SerializeRecordBatch(*batch, options));
    if (static_cast<uint64_t>(bytes->size()) > orc_wire::kPayloadMax) {
      return arrow::Status::Invalid("its rows are too large");
    }
    const std::string_view payload(reinterpret_cast<const char*>(bytes->data()),
                                   static_cast<size_t>(bytes->size()));
    return Sent(orc_wire::Send(socket_, Kind::kBatch, payload, kAlways));
  }

 private:
  static arrow::Status Sent(bool sent) {
    return sent ? arrow::Status::OK() : arrow::Status::IOError("nobody listens");
  }

  arrow::Status Scan(std::string_view payload) {
    int64_t stripe = 0;
    int64_t rows = 0;
    int64_t column = 0;
    if (!orc_wire::Take(payload, stripe) || !orc_wire::Take(payload, rows)) {
      return arrow::Status::Invalid("a command is cut");
    }
    included_.clear();
    while (orc_wire::Take(payload, column)) included_.push_back(static_cast<int>(column));
    ARROW_RETURN_NOT_OK(reader_->Seek(first_rows_.at(static_cast<size_t>(stripe))));
    ARROW_ASSIGN_OR_RAISE(batches_, reader_->NextStripeReader(rows, included_));
    return arrow::Status::OK();
  }

  arrow::Status Check(const arrow::RecordBatch& batch) const {
    if (batch.num_columns() != static_cast<int>(included_.size())) {
      return arrow::Status::Invalid("columns are missing");
    }
    for (int i = 0; i < batch.num_columns(); ++i) {
      const auto& field = schema_->field(included_[static_cast<size_t>(i)]);
      if (!batch.column(i)->type()->Equals(*field->type())) {
        return arrow::Status::Invalid("a column changes its type");
      }
    }
    return arrow::Status::OK();
  }

  const int socket_;
  const int64_t size_;
  std::unique_ptr<arrow::adapters::orc::ORCFileReader> reader_;
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<int64_t> first_rows_;  // of the stripes
  std::vector<int> included_;
  std::shared_ptr<arrow::RecordBatchReader> batches_;
};

}  // namespace

void DecodeOrc(int socket, int64_t size) noexcept {
  const auto attempt = [&](const auto& call) {
    arrow::Status status;
    try {
      status = call();
    } catch (const std::exception& problem) {
      status = arrow::Status::Invalid(problem.what());
    }
    return status.ok() || orc_wire::Send(socket, Kind::kFailure, status.message(), kAlways);
  };
  Decoder decoder(socket, size);
  if (!attempt([&] { return decoder.Open(); })) return;
  Frame command;
  while (orc_wire::Receive(socket, command, kAlways)) {
    if (!attempt([&] { return decoder.Obey(command); })) return;
  }
}

}  // namespace nstarx::connectors::file_tables
