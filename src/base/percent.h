#pragma once

#include <string>
#include <string_view>

namespace nstarx {

/// `text` with everything but RFC 3986's unreserved characters and those in `keep` as %XX.
std::string PercentEncode(std::string_view text, std::string_view keep = {});

}  // namespace nstarx
