#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "base/status.h"

namespace nstarx {

namespace json = boost::json;

/// Parses hostile text: at most 32 levels deep, valid UTF-8, no duplicate keys. Errors:
/// request.empty_body, request.not_utf8, request.malformed_json with the byte offset in details.
Result<json::value> ParseJson(std::string_view text);

/// True when `text` is well-formed UTF-8.
bool IsUtf8(std::string_view text);

/// The member as a string, or `fallback` when absent or of another type.
std::string_view GetString(const json::object& object, std::string_view key,
                           std::string_view fallback = {});
int64_t GetInt(const json::object& object, std::string_view key, int64_t fallback);
bool GetBool(const json::object& object, std::string_view key, bool fallback);

/// RFC 7396: `patch` laid over `target`; null removes.
void MergePatch(json::value& target, const json::value& patch);

/// The candidate closest to `word` (Damerau-Levenshtein at most a third of its length), or empty.
/// For 'did you mean'.
std::string_view ClosestWord(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace nstarx
