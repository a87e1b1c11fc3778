#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "connectors/object_store/object_client.h"
#include "connectors/object_store/object_tables.h"

namespace nstarx::connectors::object_store {

/// Clients of one connection for reads that go on side by side: each is lent to one thread at a
/// time, and a few idle ones keep their sockets. Thread-safe.
class ClientPool {
 public:
  using Make = std::function<Result<std::unique_ptr<ObjectClient>>()>;
  explicit ClientPool(Make make) : make_(std::move(make)) {}

  Result<std::unique_ptr<ObjectClient>> Borrow();
  void GiveBack(std::unique_ptr<ObjectClient> client);

 private:
  const Make make_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<ObjectClient>> idle_ NSTARX_GUARDED_BY(mutex_);
};

/// The first failure of a statement's reads, which Arrow's statuses can't carry. Thread-safe.
class FirstFailure {
 public:
  void Note(const Error& error);
  void Clear();
  std::optional<Error> Get() const;

 private:
  mutable std::mutex mutex_;
  std::optional<Error> error_ NSTARX_GUARDED_BY(mutex_);
};

/// Files read through our own clients, with the credentials, deadline and stop of the statement.
class ClientFiles final : public FileSource {
 public:
  ClientFiles(ClientPool::Make make, std::string prefix)
      : pool_(std::make_shared<ClientPool>(std::move(make))),
        failure_(std::make_shared<FirstFailure>()),
        prefix_(std::move(prefix)) {}

  Result<std::shared_ptr<arrow::fs::FileSystem>> Files(const Context& context) override;
  /// That failure: object.not_found as query.undefined_table, object.no_privilege as
  /// query.no_privilege.
  Error ReadFailure(std::string_view message) override;

 private:
  // shared with the file system, which open files hold on to
  const std::shared_ptr<ClientPool> pool_;
  const std::shared_ptr<FirstFailure> failure_;
  const std::string prefix_;
};

}  // namespace nstarx::connectors::object_store
