#pragma once

#include <arrow/filesystem/type_fwd.h>

#include <memory>
#include <string>

#include "connectors/object_store/client_files.h"

namespace nstarx::connectors::object_store {

/// Objects under `prefix` as a read-only Arrow file system: what an object client can list, stat
/// and get. Every request carries the deadline and the stop of `context`; the first that fails is
/// noted. Thread-safe.
std::shared_ptr<arrow::fs::FileSystem> MakeObjectFileSystem(const Context& context,
                                                            std::shared_ptr<ClientPool> pool,
                                                            std::shared_ptr<FirstFailure> failure,
                                                            std::string prefix);

}  // namespace nstarx::connectors::object_store
