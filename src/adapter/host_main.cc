#include "adapter/host_main.h"

#include <arrow-adbc/adbc.h>
#include <arrow/api.h>
#include <arrow/io/interfaces.h>
#include <arrow/ipc/api.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "adapter/driver.h"
#include "adapter/frames.h"
#include "base/json.h"
#include "base/secret.h"

namespace nstarx::adapter {
namespace {

constexpr int64_t kBatchRows = 65'536;
constexpr size_t kQueued = 8;
constexpr auto kLeaveGrace = std::chrono::seconds(2);

/// Nobody is there to hear of it.
[[noreturn]] void Leave() { _exit(0); }

void WriteAll(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(kHostSocket, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) Leave();
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

bool ReadAll(char* into, size_t size) {
  while (size > 0) {
    const ssize_t got = ::read(kHostSocket, into, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    into += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

void Say(Frame kind, std::string_view payload) {
  WriteAll(FrameHeader(kind, payload.size()));
  WriteAll(payload);
}

void SayFailure(const DriverError& error) {
  // Hostile or broken drivers: what is no text can't go into JSON.
  std::string message = IsUtf8(error.message) ? error.message : "(no readable message)";
  if (message.size() > 8192) message.resize(8192);
  while (!IsUtf8(message)) message.pop_back();
  Say(Frame::kError,
      json::serialize(json::object{{"status", error.status},
                                   {"vendor_code", error.vendor_code},
                                   {"sqlstate", IsUtf8(error.sqlstate) ? error.sqlstate : ""},
                                   {"message", message}}));
}

/// What the server sends, read by a thread of its own, so that a cancel gets through at any time.
class Inbox {
 public:
  Inbox() : reader_([this] { Read(); }) { reader_.detach(); }

  /// What a cancel stops; null while there is none. It is never destroyed.
  void set_driver(Driver* driver) { driver_ = driver; }

  Message Next() {
    std::unique_lock guard(lock_);
    changed_.wait(guard, [&] { return !messages_.empty(); });
    Message out = std::move(messages_.front());
    messages_.pop_front();
    changed_.notify_all();
    return out;
  }

  /// A request begins: what was cancelled before is over.
  void Begin() { cancelled_ = false; }
  bool cancelled() const { return cancelled_; }

 private:
  void Read() {
    while (true) {
      char header[kHeaderSize];
      Message message;
      if (!ReadAll(header, kHeaderSize)) break;
      const auto size = ReadHeader({header, kHeaderSize}, &message.kind);
      if (!size) break;
      message.payload.resize(*size);
      if (!ReadAll(message.payload.data(), *size)) break;
      if (message.kind == Frame::kCancel) {
        cancelled_ = true;
        Stop();
      }
      std::unique_lock guard(lock_);
      // A cancel goes in too: it ends the rows that an ingest waits for.
      changed_.wait(guard,
                    [&] { return messages_.size() < kQueued || message.kind == Frame::kCancel; });
      messages_.push_back(std::move(message));
      changed_.notify_all();
    }
    // The server is gone, or this session is: a driver that does not stop is stopped.
    cancelled_ = true;
    Stop();
    std::this_thread::sleep_for(kLeaveGrace);
    Leave();
  }

  void Stop() {
    if (Driver* driver = driver_; driver != nullptr) driver->Cancel();
  }

  std::atomic<Driver*> driver_ = nullptr;
  std::mutex lock_;
  std::condition_variable changed_;
  std::deque<Message> messages_;
  std::atomic<bool> cancelled_ = false;
  std::thread reader_;
};

/// Bytes of an IPC stream into kData frames.
class FrameSink final : public arrow::io::OutputStream {
 public:
  arrow::Status Write(const void* data, int64_t size) override {
    held_.append(static_cast<const char*>(data), static_cast<size_t>(size));
    position_ += size;
    if (held_.size() >= kDataPiece) Pass();
    return arrow::Status::OK();
  }
  void Pass() {
    std::string_view left = held_;
    while (!left.empty()) {
      Say(Frame::kData, left.substr(0, kDataPiece));
      left.remove_prefix(std::min(left.size(), kDataPiece));
    }
    held_.clear();
  }
  arrow::Status Close() override { return arrow::Status::OK(); }
  arrow::Result<int64_t> Tell() const override { return position_; }
  bool closed() const override { return false; }

 private:
  std::string held_;
  int64_t position_ = 0;
};

/// The kData frames of an ingest as an IPC stream.
class FrameSource final : public arrow::io::InputStream {
 public:
  explicit FrameSource(Inbox& inbox) : inbox_(inbox) {}
  arrow::Result<int64_t> Read(int64_t size, void* into) override {
    auto* out = static_cast<char*>(into);
    int64_t got = 0;
    while (got < size) {
      if (at_ == piece_.size()) {
        if (ended_) break;
        Message message = inbox_.Next();
        if (message.kind != Frame::kData) {
          ended_ = true;
          complete_ = message.kind == Frame::kEnd;
          break;
        }
        piece_ = std::move(message.payload);
        at_ = 0;
        continue;
      }
      const size_t take = std::min(piece_.size() - at_, static_cast<size_t>(size - got));
      std::copy_n(piece_.data() + at_, take, out + got);
      at_ += take;
      got += static_cast<int64_t>(take);
    }
    position_ += got;
    return got;
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t size) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(size));
    ARROW_ASSIGN_OR_RAISE(const int64_t got, Read(size, buffer->mutable_data()));
    ARROW_RETURN_NOT_OK(buffer->Resize(got, false));
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
  }
  arrow::Status Close() override { return arrow::Status::OK(); }
  arrow::Result<int64_t> Tell() const override { return position_; }
  bool closed() const override { return false; }
  /// Takes what the request still sends, so that the next one begins where it should.
  void Drain() {
    while (!ended_) {
      const Message message = inbox_.Next();
      ended_ = message.kind != Frame::kData;
      complete_ = message.kind == Frame::kEnd;
    }
  }
  /// False when the server gave up in the middle.
  bool complete() const { return complete_; }

 private:
  Inbox& inbox_;
  std::string piece_;
  size_t at_ = 0;
  int64_t position_ = 0;
  bool ended_ = false;
  bool complete_ = false;
};

/// An ingest's rows; an error instead of the end when the server gave up in the middle, so that the
/// driver rolls back.
class IngestRows final : public arrow::RecordBatchReader {
 public:
  IngestRows(std::shared_ptr<arrow::RecordBatchReader> rows, FrameSource& source)
      : rows_(std::move(rows)), source_(source) {}
  std::shared_ptr<arrow::Schema> schema() const override { return rows_->schema(); }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    ARROW_RETURN_NOT_OK(rows_->ReadNext(batch));
    if (*batch != nullptr) return arrow::Status::OK();
    source_.Drain();
    return source_.complete() ? arrow::Status::OK() : arrow::Status::Cancelled("the sender left");
  }

 private:
  std::shared_ptr<arrow::RecordBatchReader> rows_;
  FrameSource& source_;
};

class Host {
 public:
  void Serve() {
    while (true) {
      Message message = inbox_.Next();
      if (message.kind != Frame::kRequest) continue;  // the rest of an ingest that has failed
      inbox_.Begin();
      auto parsed = ParseJson(message.payload);
      WipeString(message.payload);
      if (!parsed || !parsed->is_object()) Leave();
      const json::object& request = parsed->get_object();
      const std::string_view op = GetString(request, "op");
      if (op == "leave") Leave();
      auto reply = Answer(op, request);
      if (reply) {
        Say(Frame::kReply, json::serialize(*reply));
      } else {
        SayFailure(reply.error());
      }
    }
  }

 private:
  DriverResult<json::object> Answer(std::string_view op, const json::object& request) {
    const std::string path(GetString(request, "path"));
    if (op == "open") return Open(request);
    if (driver_ == nullptr) Leave();
    if (op == "run") {
      if (auto run = driver_->Run(std::string(GetString(request, "text"))); !run) {
        return std::unexpected(run.error());
      }
      return json::object{};
    }
    if (op == "query") {
      return Stream(std::string(GetString(request, "text")), request.at("parameters").as_array());
    }
    if (op == "list") return driver_->List(path, GetInt(request, "limit", 1000));
    if (op == "describe") return driver_->Describe(path);
    if (op == "quote") {
      auto quoted = driver_->Quoted(path);
      if (!quoted) return std::unexpected(quoted.error());
      return json::object{{"path", *quoted}};
    }
    if (op == "ingest") return Ingest(path, GetString(request, "mode"));
    Leave();
  }

  DriverResult<json::object> Open(const json::object& request) {
    const auto bytes = static_cast<rlim_t>(GetInt(request, "memory_mb", 1024)) << 20;
    const rlimit cap{.rlim_cur = bytes, .rlim_max = bytes};
    setrlimit(RLIMIT_DATA, &cap);
    driver_ = GetString(request, "kind") == "odbc" ? MakeOdbcDriver() : MakeAdbcDriver();
    inbox_.set_driver(driver_.get());
    if (auto opened =
            driver_->Open(std::string(GetString(request, "library")),
                          std::string(GetString(request, "entrypoint")),
                          request.at("database").as_object(), request.at("connection").as_object());
        !opened) {
      return std::unexpected(opened.error());
    }
    for (const auto& text : request.at("session").as_array()) {
      if (auto run = driver_->Run(std::string(text.as_string())); !run) {
        return std::unexpected(run.error());
      }
    }
    return driver_->Facts();
  }

  DriverResult<json::object> Stream(const std::string& text, const json::array& parameters) {
    auto affected = driver_->Query(text, parameters, [&](const Rows& rows) -> DriverStatus {
      const arrow::Status passed = Pass(*rows);
      if (passed.ok()) return {};
      return std::unexpected(OfArrow(passed));
    });
    if (!affected) return std::unexpected(affected.error());
    return json::object{{"rows_affected", *affected}};
  }

  arrow::Status Pass(arrow::RecordBatchReader& rows) {
    FrameSink sink;
    ARROW_ASSIGN_OR_RAISE(const auto writer, arrow::ipc::MakeStreamWriter(&sink, rows.schema()));
    sink.Pass();
    while (true) {
      if (inbox_.cancelled()) return arrow::Status::Cancelled("cancelled");
      std::shared_ptr<arrow::RecordBatch> batch;
      ARROW_RETURN_NOT_OK(rows.ReadNext(&batch));
      if (batch == nullptr) break;
      for (int64_t at = 0; at < batch->num_rows(); at += kBatchRows) {
        if (inbox_.cancelled()) return arrow::Status::Cancelled("cancelled");
        ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch->Slice(at, kBatchRows)));
        sink.Pass();
      }
    }
    ARROW_RETURN_NOT_OK(writer->Close());
    sink.Pass();
    return arrow::Status::OK();
  }

  DriverResult<json::object> Ingest(const std::string& path, std::string_view mode) {
    FrameSource source(inbox_);
    auto opened = arrow::ipc::RecordBatchStreamReader::Open(&source);
    if (!opened.ok()) {
      source.Drain();
      return std::unexpected(OfArrow(opened.status()));
    }
    auto rows = driver_->Ingest(path, mode, std::make_shared<IngestRows>(*opened, source));
    source.Drain();
    if (!rows) return std::unexpected(rows.error());
    return json::object{{"rows", *rows}};
  }

  std::unique_ptr<Driver> driver_;
  Inbox inbox_;
};

}  // namespace

int RunHost() {
  // No core file and no debugger: the process holds a login.
  prctl(PR_SET_DUMPABLE, 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &none);
  signal(SIGPIPE, SIG_IGN);
  // Lives as long as the process: its reader thread may be anywhere when the process leaves.
  static auto* host = new Host;
  host->Serve();
  return 0;
}

}  // namespace nstarx::adapter
