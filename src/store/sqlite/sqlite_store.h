#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "store/store.h"

namespace nstarx::store {

/// Opens the embedded store in the file `path`, which it creates (0600, its folder 0700) and brings
/// to the present schema when needed. Writes are committed in groups by one thread and
/// acknowledged after the group's fsync. Errors: store.newer_schema (a later nstarx wrote it),
/// store.altered_schema, store.damaged, store.not_writable.
Result<std::unique_ptr<Store>> OpenSqliteStore(std::string path);

}  // namespace nstarx::store
