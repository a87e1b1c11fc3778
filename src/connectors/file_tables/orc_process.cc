#include "connectors/file_tables/orc_process.h"

#include <arrow/io/memory.h>
#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/reader.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <duckdb/common/exception/conversion_exception.hpp>

#include "connectors/file_tables/orc_decoder.h"

namespace nstarx::connectors::file_tables {
namespace {

using orc_wire::Frame;
using orc_wire::Kind;

constexpr int kSocket = 3;
// Of addresses: Arrow's own allocator reserves a GiB of them at once.
[[maybe_unused]] constexpr rlim_t kMemoryMax = rlim_t{2} << 30;

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define NSTARX_ADDRESSES_ARE_SHADOWED
#endif
#endif

/// Bounds what this process may take, and offers it first when the machine runs out of memory.
void BoundMemory() {
  const int score = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (score >= 0 && ::write(score, "1000", 4) == 4) ::close(score);
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
#ifndef NSTARX_ADDRESSES_ARE_SHADOWED
  // Beyond what the gateway had reserved when this process left it.
  char pages[64] = {};
  const int statm = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (statm < 0 || ::read(statm, pages, sizeof pages - 1) <= 0) ::_exit(1);
  ::close(statm);
  const rlim_t memory =
      std::strtoull(pages, nullptr, 10) * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + kMemoryMax;
  const rlimit bounded{.rlim_cur = memory, .rlim_max = memory};
  ::setrlimit(RLIMIT_AS, &bounded);
#endif
}

/// What the forked process does; only calls that are safe after a fork until it is on its own.
[[noreturn]] void BecomeDecoder(int socket, int64_t size) {
  for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTERM, SIGINT, SIGHUP}) {
    std::signal(signal, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int i = 0; i < 3; ++i) ::dup2(nothing, i);
  if (socket != kSocket) ::dup2(socket, kSocket);
  ::close_range(kSocket + 1, ~0U, 0);
  BoundMemory();
  DecodeOrc(kSocket, size);
  ::_exit(0);
}

}  // namespace

OrcProcess::OrcProcess(duckdb::ClientContext& context, std::shared_ptr<duckdb::FileHandle> file,
                       std::string path)
    : path_(std::move(path)), input_(std::move(file)) {
  Start();
  try {
    ReadFacts(Await(context, Kind::kFacts));
  } catch (...) {
    End();
    throw;
  }
}

OrcProcess::~OrcProcess() { End(); }

void OrcProcess::End() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  if (process_ <= 0) return;
  ::kill(process_, SIGKILL);
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
  process_ = -1;
}

void OrcProcess::Start() {
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
    throw duckdb::IOException("No process for the file \"%s\" could be started", path_);
  }
  const int64_t size = input_.GetSize().ValueOr(0);
  process_ = ::fork();
  if (process_ == 0) BecomeDecoder(sockets[1], size);
  ::close(sockets[1]);
  socket_ = sockets[0];
  if (process_ < 0) {
    ::close(std::exchange(socket_, -1));
    throw duckdb::IOException("No process for the file \"%s\" could be started", path_);
  }
}

void OrcProcess::Refuse(std::string cause) const {
  if (cause.find("zoneinfo") != std::string::npos) cause = "its time zone is not known";
  if (cause.find("out of range for nanosecond") != std::string::npos) {
    throw duckdb::ConversionException("The file \"%s\" has a value that no column can hold: %s",
                                      path_, cause);
  }
  throw duckdb::IOException("The file \"%s\" can not be read as ORC: %s", path_, cause);
}

void OrcProcess::ReadFacts(std::string_view facts) {
  int64_t stripes = 0;
  bool whole = orc_wire::Take(facts, rows_) && orc_wire::Take(facts, stripes) && rows_ >= 0;
  int64_t left = rows_;
  for (int64_t i = 0; whole && i < stripes; ++i) {
    Stripe stripe;
    whole = orc_wire::Take(facts, stripe.rows) && orc_wire::Take(facts, stripe.offset) &&
            orc_wire::Take(facts, stripe.bytes) && stripe.rows >= 0 && stripe.rows <= left;
    left -= stripe.rows;
    stripes_.push_back(stripe);
  }
  if (!whole || left != 0) Refuse("its footer can not be right");
  arrow::io::BufferReader bytes(arrow::Buffer::FromString(std::string(facts)));
  arrow::ipc::DictionaryMemo memo;
  auto schema = arrow::ipc::ReadSchema(&bytes, &memo);
  if (!schema.ok()) Refuse(schema.status().message());
  schema_ = *std::move(schema);
}

void OrcProcess::Serve(duckdb::ClientContext& context, std::string_view wanted) {
  const auto proceed = [&] { return !context.IsInterrupted(); };
  int64_t offset = 0;
  int64_t length = 0;
  std::string bytes;
  bool read = orc_wire::Take(wanted, offset) && orc_wire::Take(wanted, length) && length >= 0 &&
              static_cast<uint64_t>(length) <= orc_wire::kPayloadMax;
  if (read) {
    bytes.resize(static_cast<size_t>(length));
    read = input_.ReadAt(offset, length, bytes.data()).ok();
  }
  input_.RethrowReadFailure();
  orc_wire::Send(socket_, read ? Kind::kBytes : Kind::kFailure, bytes, proceed);
}

std::string OrcProcess::Await(duckdb::ClientContext& context, Kind kind) {
  const auto proceed = [&] { return !context.IsInterrupted(); };
  Frame frame;
  while (orc_wire::Receive(socket_, frame, proceed)) {
    if (frame.kind == kind) return std::move(frame.payload);
    if (frame.kind != Kind::kRead) Refuse(frame.payload.substr(0, 500));
    Serve(context, frame.payload);
  }
  if (!proceed()) throw duckdb::InterruptException();
  Refuse("its lengths can not be right");
}

void OrcProcess::Scan(int64_t stripe, int64_t batch_rows, const std::vector<int>& columns) {
  command_.clear();
  orc_wire::Put(command_, stripe);
  orc_wire::Put(command_, batch_rows);
  arrow::FieldVector fields;
  for (const int column : columns) {
    orc_wire::Put(command_, column);
    fields.push_back(schema_->field(column));
  }
  scanned_ = arrow::schema(std::move(fields));
  const Stripe& wanted = stripes_.at(static_cast<size_t>(stripe));
  input_.ReadAheadUpTo(wanted.offset + wanted.bytes);
}

std::shared_ptr<arrow::RecordBatch> OrcProcess::Next(duckdb::ClientContext& context) {
  // A decoder that is gone is noticed by Await().
  orc_wire::Send(socket_, command_.empty() ? Kind::kNext : Kind::kScan, command_,
                 [&] { return !context.IsInterrupted(); });
  command_.clear();
  auto payload = Await(context, Kind::kBatch);
  if (payload.empty()) return nullptr;
  const auto buffer = arrow::Buffer::FromString(std::move(payload));
  arrow::io::BufferReader bytes(buffer);
  const arrow::ipc::DictionaryMemo memo;
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.use_threads = false;
  auto batch = arrow::ipc::ReadRecordBatch(scanned_, &memo, options, &bytes);
  if (!batch.ok()) Refuse(batch.status().message());
  // Lengths, UTF-8 and decimals: the engine takes them on trust.
  if (const auto status = (*batch)->ValidateFull(); !status.ok()) Refuse(status.message());
  return *std::move(batch);
}

}  // namespace nstarx::connectors::file_tables
