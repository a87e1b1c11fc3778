#pragma once

#include <string>
#include <string_view>

namespace nstarx {

/// A new sortable id: "<prefix>_" + 26 characters of Crockford base32 (48 bits of time in ms, 80
/// random bits).
std::string NewId(std::string_view prefix);

/// `bytes` random bytes as base32 text, for keys and tokens.
std::string RandomToken(size_t bytes);

}  // namespace nstarx
