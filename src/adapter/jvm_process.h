#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "adapter/host_process.h"
#include "base/status.h"

namespace nstarx::adapter {

/// A Java virtual machine with the host of jvm/ and the driver's jars, for one session. The host's
/// own classes come from this program, by a file in memory. `class_path` is jars, or folders with
/// "/*", separated by colons; the heap is `memory_mb` MiB at most. adapter.java_missing, or
/// adapter.driver_missing that names the jar.
Result<std::unique_ptr<HostProcess>> StartJvm(const std::string& class_path, int64_t memory_mb);

/// What a machine says that did not take our options or classes: it is too old.
Error JvmRefused();

}  // namespace nstarx::adapter
