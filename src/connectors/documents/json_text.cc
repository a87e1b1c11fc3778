#include "connectors/documents/json_text.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>

#include "base/base64.h"

namespace nstarx::connectors::documents {
namespace {

/// Bytes of the well-formed UTF-8 character at the front, or 0.
size_t CharacterLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F) ||
      (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F)) {
    return 0;
  }
  return length;
}

void AppendEscaped(char letter, std::string* out) {
  switch (letter) {
    case '"':
      out->append("\\\"");
      break;
    case '\\':
      out->append("\\\\");
      break;
    case '\n':
      out->append("\\n");
      break;
    case '\r':
      out->append("\\r");
      break;
    case '\t':
      out->append("\\t");
      break;
    default:
      fmt::format_to(std::back_inserter(*out), "\\u{:04x}", static_cast<unsigned char>(letter));
  }
}

/// JSON's own grammar of numbers.
bool IsJsonNumber(std::string_view text) {
  size_t at = text.starts_with('-') ? 1 : 0;
  const auto digits = [&] {
    const size_t from = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at - from;
  };
  const size_t first = at;
  const size_t whole = digits();
  if (whole == 0 || (whole > 1 && text[first] == '0')) return false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits() == 0) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

}  // namespace

void AppendJsonString(std::string_view value, std::string* out) {
  out->push_back('"');
  size_t plain = 0;
  for (size_t at = 0; at < value.size();) {
    const auto byte = static_cast<unsigned char>(value[at]);
    if (byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\') {
      ++at;
      continue;
    }
    const size_t length = byte < 0x80 ? 0 : CharacterLength(value.substr(at));
    if (length > 0) {
      at += length;
      continue;
    }
    out->append(value.substr(plain, at - plain));
    if (byte < 0x80) {
      AppendEscaped(value[at], out);
    } else {
      out->append("\xEF\xBF\xBD");
    }
    plain = ++at;
  }
  out->append(value.substr(plain));
  out->push_back('"');
}

void AppendDouble(double value, std::string* out) {
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value);
  const std::string_view text(buffer, static_cast<size_t>(end.ptr - buffer));
  out->append(text);
  if (text.find_first_of(".en") == std::string_view::npos) out->append(".0");
}

void AppendIsoTime(int64_t micros, std::string* out) {
  using namespace std::chrono;
  const sys_time<microseconds> time{microseconds(micros)};
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const int64_t rest = (time - day).count();
  fmt::format_to(std::back_inserter(*out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
                 static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                 static_cast<unsigned>(date.day()), rest / 3'600'000'000, rest / 60'000'000 % 60,
                 rest / 1'000'000 % 60);
  if (const int64_t fraction = rest % 1'000'000; fraction % 1000 != 0) {
    fmt::format_to(std::back_inserter(*out), ".{:06}", fraction);
  } else if (fraction != 0) {
    fmt::format_to(std::back_inserter(*out), ".{:03}", fraction / 1000);
  }
  out->push_back('Z');
}

void JsonText::Clear() {
  text_.clear();
  comma_ = false;
}

void JsonText::Separate() {
  if (comma_) text_.push_back(',');
  comma_ = true;
}

void JsonText::Key(std::string_view name) {
  Separate();
  AppendJsonString(name, &text_);
  text_.push_back(':');
  comma_ = false;
}

void JsonText::BeginObject() {
  Separate();
  text_.push_back('{');
  comma_ = false;
}

void JsonText::EndObject() {
  text_.push_back('}');
  comma_ = true;
}

void JsonText::BeginArray() {
  Separate();
  text_.push_back('[');
  comma_ = false;
}

void JsonText::EndArray() {
  text_.push_back(']');
  comma_ = true;
}

void JsonText::Null() {
  Separate();
  text_.append("null");
}

void JsonText::Bool(bool value) {
  Separate();
  text_.append(value ? "true" : "false");
}

void JsonText::Int(int64_t value) {
  Separate();
  fmt::format_to(std::back_inserter(text_), "{}", value);
}

void JsonText::Double(double value) {
  Separate();
  if (std::isfinite(value)) {
    AppendDouble(value, &text_);
  } else if (dialect_ == Dialect::kPlain) {
    text_.append("null");
  } else {
    fmt::format_to(std::back_inserter(text_), R"({{"$numberDouble":"{}"}})",
                   std::isnan(value) ? "NaN"
                   : value > 0       ? "Infinity"
                                     : "-Infinity");
  }
}

void JsonText::Decimal(std::string_view text) {
  Separate();
  if (IsJsonNumber(text)) {
    text_.append(text);
  } else if (dialect_ == Dialect::kPlain) {
    AppendJsonString(text, &text_);
  } else {
    text_.append(R"({"$numberDecimal":)");
    AppendJsonString(text, &text_);
    text_.push_back('}');
  }
}

void JsonText::String(std::string_view value) {
  Separate();
  AppendJsonString(value, &text_);
}

void JsonText::Binary(std::string_view value) {
  Separate();
  const bool extended = dialect_ == Dialect::kExtended;
  text_.append(extended ? R"({"$binary":{"base64":")" : "\"");
  AppendBase64(value, &text_);
  text_.append(extended ? R"(","subType":"00"}})" : "\"");
}

void JsonText::Timestamp(int64_t micros) {
  Separate();
  const bool extended = dialect_ == Dialect::kExtended;
  text_.append(extended ? R"({"$date":")" : "\"");
  AppendIsoTime(micros, &text_);
  text_.append(extended ? R"("})" : "\"");
}

}  // namespace nstarx::connectors::documents
