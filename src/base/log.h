#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

namespace nstarx::log {

enum class Level { kDebug, kInfo, kWarning, kError };

/// Sets up the process's log: JSON lines to standard error, from `min_level` on. Call once, in
/// main().
void Open(Level min_level);

/// Writes one line {"time","level","event","request_id",…fields}. `event` is static text in
/// snake_case words; what varies goes into `fields`. Never pass a secret, a DSN or statement
/// parameters. Thread-safe, never blocks on disk of its own.
void Write(Level level, std::string_view event, boost::json::object fields = {});

}  // namespace nstarx::log

#define NSTARX_LOG(level, event, ...) \
  ::nstarx::log::Write(::nstarx::log::Level::level, event __VA_OPT__(, ) __VA_ARGS__)
