#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "audit/journal.h"
#include "base/context.h"

namespace nstarx::audit {

/// The hash before the first line.
inline constexpr std::string_view kNoHash =
    "0000000000000000000000000000000000000000000000000000000000000000";

/// An entry with who and when, as it waits to be written.
struct Record {
  Entry entry;
  TimePoint time{};
  std::string user;
  std::string user_id;
  std::string key_id;
  std::string address;
  std::string request_id;
};

/// Appends one line with its line feed to `out` and returns its hash. The hash is SHA-256 (hex) of
/// the line up to its own ',"hash"', which holds the hash before it as "prev".
std::string WriteLine(const Record& record, int64_t seq, std::string_view prev, std::string& out);

/// What chains a line to its neighbours.
struct LineLinks {
  int64_t seq = 0;
  std::string_view prev;
  std::string_view hash;
  bool authentic = false;  ///< the hash is that of the line's bytes
};

/// Reads a line without its line feed; nothing when it is not of our making.
std::optional<LineLinks> ReadLinks(std::string_view line);

/// The sequence number at the start of a line, or 0.
int64_t SeqOf(std::string_view line);

/// SHA-256 as 64 hex digits.
std::string HashText(std::string_view text);

}  // namespace nstarx::audit
