#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace nstarx::connectors::bigquery {

/// "2026-02-28" as days since the epoch.
std::optional<int32_t> ReadDate(std::string_view text);
/// "23:59:59.999999" as microseconds since midnight.
std::optional<int64_t> ReadTime(std::string_view text);
/// "2026-02-28T23:59:59.5" as microseconds since the epoch.
std::optional<int64_t> ReadDatetime(std::string_view text);

}  // namespace nstarx::connectors::bigquery
