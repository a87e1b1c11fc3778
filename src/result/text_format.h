#pragma once

#include <cstdint>
#include <string_view>

namespace nstarx::result {

class TextBuffer;

// How single values look as text. All return the end of what they wrote at `at`, where the caller
// has made room: kValueRoom is enough for everything that is not a decimal, a string or binary.

inline constexpr size_t kValueRoom = 96;

char* PutInteger(char* at, int64_t value);
char* PutUnsigned(char* at, uint64_t value);
/// The shortest text that reads back as the same number. NaN, Infinity and -Infinity by name.
char* PutDouble(char* at, double value);
char* PutFloat(char* at, float value);
/// "-12.30" from sign, digits and scale; needs room for digits + |scale| + 3 characters.
char* PutDecimal(char* at, bool negative, std::string_view digits, int32_t scale);
/// 2024-02-29; beyond the years 0000 to 9999 with a sign, as ISO 8601 has it.
char* PutDate(char* at, int64_t days_since_epoch);
/// 23:59:59
char* PutClock(char* at, int64_t second_of_day);
/// ".000123" with `digits` digits, nothing at all when the fraction is zero.
char* PutFraction(char* at, int64_t fraction, int digits);
/// "Z" or "+02:00".
char* PutZone(char* at, int64_t offset_seconds);
/// 123e4567-e89b-12d3-a456-426614174000 from 16 bytes.
char* PutUuid(char* at, const uint8_t* bytes);

void WriteBase64(std::string_view bytes, TextBuffer& out);
/// Quoted and escaped; bytes that are not UTF-8 become U+FFFD.
void WriteJsonString(std::string_view text, TextBuffer& out);
/// As RFC 4180 has it: quoted when empty or when a comma, quote or line break is inside.
void WriteCsvString(std::string_view text, TextBuffer& out);

}  // namespace nstarx::result
