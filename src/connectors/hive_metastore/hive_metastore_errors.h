#pragma once

#include <string_view>

#include "base/status.h"

namespace nstarx::connectors::hive_metastore {

/// The error of an exception that the metastore raised, by the name of its type.
Error FromException(std::string_view type, std::string_view message);

/// The error of a TApplicationException; type 1 is a method that the server does not have.
Error FromApplicationException(int64_t type, std::string_view message);

/// What a SASL login was refused with.
Error FromRefusal(std::string_view message);

inline constexpr std::string_view kUnknownMethod = "metadata.unsupported_by_server";

}  // namespace nstarx::connectors::hive_metastore
