#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace nstarx {

/// Standard Base64 with padding (RFC 4648 §4).
void AppendBase64(std::string_view bytes, std::string* out);
/// The bytes of such text; nullopt for anything else.
std::optional<std::string> DecodeBase64(std::string_view text);

}  // namespace nstarx
