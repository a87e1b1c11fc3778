#pragma once

#include <string_view>
#include <vector>

#include "base/status.h"

namespace nstarx::drivers {

/// Orders versions as Maven and PyPI write them: numbers by value, "1.0" as "1.0.0",
/// alpha < beta < rc < the release < any other word. Negative, 0 or positive.
int CompareVersions(std::string_view a, std::string_view b);
/// No pre-release: numbers, and the words that mean a release. `suffix` (".jre11") must end it and
/// is not looked at; with an empty one a version with any other word is none.
bool IsRelease(std::string_view version, std::string_view suffix = {});

/// How far automatic updates of a driver may go.
enum class UpdatePolicy { kOff, kPatch, kMinor };
std::string_view ToString(UpdatePolicy policy);
/// driver.unknown_policy for another word.
Result<UpdatePolicy> ParsePolicy(std::string_view text);
/// Whether `to` is newer than `from` and within the policy: kPatch keeps major and minor, kMinor
/// the major number.
bool Allows(UpdatePolicy policy, std::string_view from, std::string_view to);

/// What becomes part of a path: 1 to 64 letters, digits, and ". _ - +" inside.
bool IsDriverId(std::string_view text);
bool IsVersion(std::string_view text);
/// A file's name without folders; up to 200 characters.
bool IsFileName(std::string_view text);
/// The first 64 bytes at most of a caller's text, for messages; no character is cut.
std::string_view Shortened(std::string_view text);

}  // namespace nstarx::drivers
