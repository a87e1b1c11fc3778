#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nstarx::connectors::documents {

/// A sink (see README.md) that writes JSON text. What JSON has no form for is written as MongoDB's
/// extended JSON: {"$date": "…Z"}, {"$binary": {"base64": "…", "subType": "00"}},
/// {"$numberDouble": "NaN"}, {"$numberDecimal": "Infinity"}.
class JsonText final {
 public:
  enum class Dialect {
    kExtended,
    kPlain,  ///< dates as ISO 8601 text, bytes as base64 text, NaN and infinities as null
  };
  explicit JsonText(Dialect dialect = Dialect::kExtended) : dialect_(dialect) {}

  void BeginDocument() { BeginObject(); }
  void EndDocument() { EndObject(); }
  void Key(std::string_view name);
  void BeginObject();
  void EndObject();
  void BeginArray();
  void EndArray();
  void Null();
  void Bool(bool value);
  void Int(int64_t value);
  void Double(double value);
  void Decimal(std::string_view text);
  void String(std::string_view value);
  void Binary(std::string_view value);
  void Timestamp(int64_t micros);

  std::string& text() { return text_; }
  /// Forgets the text and every open level.
  void Clear();

 private:
  void Separate();
  std::string text_;
  Dialect dialect_;
  bool comma_ = false;  ///< the next value follows another one
};

/// `value` in double quotes, escaped; bytes that are no UTF-8 become U+FFFD.
void AppendJsonString(std::string_view value, std::string* out);
/// The shortest text that reads back as the same double, with a point or an exponent.
void AppendDouble(double value, std::string* out);
/// "2026-02-28T12:34:56.789Z", with as many decimals as needed (0, 3 or 6).
void AppendIsoTime(int64_t micros, std::string* out);

}  // namespace nstarx::connectors::documents
