#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace nstarx::drivers {

/// What "driver.library" of an adapter's spec.json says in place of a path: "driver:<id>".
inline constexpr std::string_view kDriverPrefix = "driver:";

/// `library` as it is, but "driver:<folder of the drivers>/<id>" as the files of the version that
/// is current now: a shared library's path, or the class path (jars, separated by colons) of jdbc.
/// driver.not_installed, driver.damaged.
Result<std::string> ResolveLibrary(const std::string& library);

}  // namespace nstarx::drivers
