// A connection URI is typed by people and pasted by scripts: any bytes must give parts or an error.
#include <cstdint>

#include "base/percent.h"
#include "connector/uri.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parts = nstarx::connector::ParseUri(text);
  if (parts) {
    // A path that was decoded can be encoded and decoded again, to the same.
    const std::string again = "x:" + nstarx::PercentEncode(parts->path);
    if (again.size() <= 8192) {
      const auto second = nstarx::connector::ParseUri(again);
      if (!second || second->path != parts->path) __builtin_trap();
    }
  } else if (parts.error().code() != "config.malformed_uri" &&
             parts.error().code() != "config.out_of_range") {
    __builtin_trap();
  }
  return 0;
}
