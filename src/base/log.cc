#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/clock.h"

namespace nstarx::log {
namespace {

spdlog::level::level_enum Map(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view Name(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      return "error";
  }
  return "info";
}

}  // namespace

void Open(Level min_level) {
  auto logger = spdlog::stderr_logger_mt("nstarx");
  logger->set_pattern("%v");
  logger->set_level(Map(min_level));
  spdlog::set_default_logger(std::move(logger));
}

void Write(Level level, std::string_view event, boost::json::object fields) {
  spdlog::logger* logger = spdlog::default_logger_raw();
  if (logger == nullptr || !logger->should_log(Map(level))) return;
  boost::json::object line;
  line["time"] = FormatTime(SystemClock().Now());
  line["level"] = Name(level);
  line["event"] = event;
  for (auto& [key, value] : fields) line[key] = std::move(value);
  logger->log(Map(level), "{}", boost::json::serialize(line));
}

}  // namespace nstarx::log
