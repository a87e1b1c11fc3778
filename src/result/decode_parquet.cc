#include <arrow/io/file.h>
#include <arrow/record_batch.h>
#include <fcntl.h>
#include <parquet/arrow/reader.h>
#include <parquet/file_reader.h>
#include <parquet/properties.h>
#include <unistd.h>

#include <cstdlib>

#include "result/arrow_status.h"
#include "result/decoders.h"

namespace nstarx::result {
namespace {

constexpr std::string_view kName = "Parquet";

/// An unnamed temporary file; gone when closed, also after a crash.
class SpoolFile {
 public:
  SpoolFile() {
    const char* directory = std::getenv("TMPDIR");
    const std::string where = directory != nullptr && *directory != '\0' ? directory : "/tmp";
    descriptor_ = ::open(where.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (descriptor_ >= 0) return;
    // A file system without O_TMPFILE.
    std::string name = where + "/nstarx-upload-XXXXXX";
    descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
    if (descriptor_ >= 0) ::unlink(name.c_str());
  }
  SpoolFile(const SpoolFile&) = delete;
  SpoolFile& operator=(const SpoolFile&) = delete;
  ~SpoolFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  int Release() { return std::exchange(descriptor_, -1); }

  Status Fill(const Context& context, connector::ByteStream& body) {
    const Error full(ErrorKind::kResourceExhausted, "server.disk_full",
                     "the temporary file for the upload cannot be written");
    if (descriptor_ < 0) return full;
    std::vector<std::byte> piece(256 << 10);
    int64_t total = 0;
    while (true) {
      NSTARX_RETURN_IF_ERROR(context.Check());
      NSTARX_TRY(const size_t count, body.Read(context, piece));
      if (count == 0) return {};
      total += static_cast<int64_t>(count);
      if (total > kSpoolMax) {
        return Error(ErrorKind::kResourceExhausted, "request.too_large",
                     "a Parquet upload may have at most 8 GiB")
            .WithAction(Action::kFixInput)
            .WithHint("Send several files, or an Arrow IPC stream, which has no limit.");
      }
      for (size_t done = 0; done < count;) {
        const ssize_t written = ::write(descriptor_, piece.data() + done, count - done);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return full;
        done += static_cast<size_t>(written);
      }
    }
  }

 private:
  int descriptor_ = -1;
};

class ParquetUpload : public DecodedStream {
 public:
  Status Open(const Context& context, connector::ByteStream& body) {
    SpoolFile spool;
    NSTARX_RETURN_IF_ERROR(spool.Fill(context, body));
    return Guard([&]() -> arrow::Status {
      ARROW_ASSIGN_OR_RAISE(auto file, arrow::io::ReadableFile::Open(spool.Release(), &pool()));
      parquet::ReaderProperties properties(&pool());
      properties.enable_buffered_stream();
      parquet::ArrowReaderProperties arrow_properties(false);
      arrow_properties.set_batch_size(32 << 10);
      arrow_properties.set_pre_buffer(false);
      parquet::arrow::FileReaderBuilder builder;
      ARROW_RETURN_NOT_OK(builder.Open(std::move(file), properties));
      builder.memory_pool(&pool())->properties(arrow_properties);
      ARROW_ASSIGN_OR_RAISE(reader_, builder.Build());
      ARROW_ASSIGN_OR_RAISE(batches_, reader_->GetRecordBatchReader());
      schema_ = batches_->schema();
      return arrow::Status::OK();
    });
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    NSTARX_RETURN_IF_ERROR(context.Check());
    std::shared_ptr<arrow::RecordBatch> batch;
    NSTARX_RETURN_IF_ERROR(Guard([&] { return batches_->ReadNext(&batch); }));
    return Admit(std::move(batch), kName);
  }

 private:
  template <class Call>
  Status Guard(Call call) {
    try {
      if (arrow::Status status = call(); !status.ok()) return DecodeError(status, kName);
      return {};
    } catch (const std::exception& exception) {
      return DecodeError(arrow::Status::Invalid(exception.what()), kName);
    }
  }

  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::unique_ptr<arrow::RecordBatchReader> batches_;
};

}  // namespace

Result<std::unique_ptr<connector::BatchStream>> DecodeParquet(
    const Context& context, std::unique_ptr<connector::ByteStream> body) {
  auto stream = std::make_unique<ParquetUpload>();
  NSTARX_RETURN_IF_ERROR(stream->Open(context, *body));
  return std::unique_ptr<connector::BatchStream>(std::move(stream));
}

}  // namespace nstarx::result
