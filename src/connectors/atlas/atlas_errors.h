#pragma once

#include <string_view>

#include "base/status.h"

namespace nstarx::connectors::atlas {

/// An answer of Atlas that is no success: its own code (ATLAS-404-00-009) decides where there is
/// one, else the HTTP status.
Error FromAtlasAnswer(int status, std::string_view body);

}  // namespace nstarx::connectors::atlas
