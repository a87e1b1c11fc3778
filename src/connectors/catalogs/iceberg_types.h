#pragma once

#include <string>

#include "base/json.h"

namespace nstarx::connectors::catalogs {

/// The Arrow type of a type in Iceberg's JSON: "long", "decimal(9,2)", {"type": "list", …}.
/// "unknown" for anything else and for what is nested deeper than 32 levels.
std::string ArrowTypeOfIceberg(const json::value& type);

}  // namespace nstarx::connectors::catalogs
