#include "connectors/object_store/client_files.h"

#include "connectors/object_store/object_file_system.h"

namespace nstarx::connectors::object_store {
namespace {

constexpr size_t kIdleMax = 8;

}  // namespace

Result<std::unique_ptr<ObjectClient>> ClientPool::Borrow() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto client = std::move(idle_.back());
      idle_.pop_back();
      return client;
    }
  }
  return make_();
}

void ClientPool::GiveBack(std::unique_ptr<ObjectClient> client) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kIdleMax) idle_.push_back(std::move(client));
}

void FirstFailure::Note(const Error& error) {
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = error;
}

void FirstFailure::Clear() {
  const std::lock_guard lock(mutex_);
  error_.reset();
}

std::optional<Error> FirstFailure::Get() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

Result<std::shared_ptr<arrow::fs::FileSystem>> ClientFiles::Files(const Context& context) {
  failure_->Clear();
  return MakeObjectFileSystem(context, pool_, failure_, prefix_);
}

Error ClientFiles::ReadFailure(std::string_view message) {
  const std::optional<Error> failure = failure_->Get();
  if (!failure) {
    return Unavailable("connection.lost", "Reading a file of the query from the server failed")
        .WithStage("query")
        .WithAction(Action::kRetry);
  }
  if (failure->code() == "object.no_privilege") {
    return Error(ErrorKind::kPermissionDenied, "query.no_privilege",
                 "The login may not read a file of the query")
        .WithStage("query")
        .WithVendorCode(failure->vendor_code());
  }
  if (failure->code() == "object.not_found") {
    return NotFound("query.undefined_table", "A file of the query does not exist any more")
        .WithStage("query")
        .WithVendorCode(failure->vendor_code());
  }
  return *failure;
}

}  // namespace nstarx::connectors::object_store
