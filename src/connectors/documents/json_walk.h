#pragma once

#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace nstarx::connectors::documents {

/// What a JSON number is: an int64, a double that is exactly what was written (its shortest text
/// means the same number), or else decimal text.
enum class NumberKind { kInt, kDouble, kDecimal };
struct Number {
  NumberKind kind = NumberKind::kDecimal;
  int64_t integer = 0;
  double real = 0;
};
Number ReadNumber(std::string_view text);

/// Gives a number's text to a sink. With `doubles` false (DynamoDB) fractions stay decimal text.
template <class Sink>
void EmitNumber(std::string_view text, Sink& sink, bool doubles = true) {
  const Number number = ReadNumber(text);
  if (number.kind == NumberKind::kInt) {
    sink.Int(number.integer);
  } else if (number.kind == NumberKind::kDouble && doubles) {
    sink.Double(number.real);
  } else {
    sink.Decimal(text);
  }
}

/// The events of boost::json's parser as calls of a sink.
template <class Sink>
class JsonEvents {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  using Code = boost::system::error_code;

  /// `document`: the outermost object is a row.
  JsonEvents(Sink& sink, bool document) : sink_(sink), document_(document) {}

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) {
    if (document_ && depth_++ == 0) {
      sink_.BeginDocument();
    } else {
      sink_.BeginObject();
    }
    return true;
  }
  bool on_object_end(std::size_t, Code&) {
    if (document_ && --depth_ == 0) {
      sink_.EndDocument();
    } else {
      sink_.EndObject();
    }
    return true;
  }
  bool on_array_begin(Code& code) {
    if (document_ && depth_++ == 0) return NoObject(code);
    sink_.BeginArray();
    return true;
  }
  bool on_array_end(std::size_t, Code&) {
    --depth_;
    sink_.EndArray();
    return true;
  }
  bool on_key_part(std::string_view part, std::size_t, Code&) { return Collect(part); }
  bool on_key(std::string_view part, std::size_t, Code&) {
    sink_.Key(Whole(part));
    part_.clear();
    return true;
  }
  bool on_string_part(std::string_view part, std::size_t, Code&) { return Collect(part); }
  bool on_string(std::string_view part, std::size_t, Code& code) {
    if (document_ && depth_ == 0) return NoObject(code);
    sink_.String(Whole(part));
    part_.clear();
    return true;
  }
  bool on_number_part(std::string_view part, Code&) { return Collect(part); }
  bool on_int64(std::int64_t, std::string_view part, Code& code) { return Number(part, code); }
  bool on_uint64(std::uint64_t, std::string_view part, Code& code) { return Number(part, code); }
  bool on_double(double, std::string_view part, Code& code) { return Number(part, code); }
  bool on_bool(bool value, Code& code) {
    if (document_ && depth_ == 0) return NoObject(code);
    sink_.Bool(value);
    return true;
  }
  bool on_null(Code& code) {
    if (document_ && depth_ == 0) return NoObject(code);
    sink_.Null();
    return true;
  }
  bool on_comment_part(std::string_view, Code&) { return true; }
  bool on_comment(std::string_view, Code&) { return true; }

 private:
  static bool NoObject(Code& code) {
    code = make_error_code(boost::json::error::not_object);
    return false;
  }
  bool Collect(std::string_view part) {
    part_.append(part);
    return true;
  }
  std::string_view Whole(std::string_view part) {
    if (part_.empty()) return part;
    part_.append(part);
    return part_;
  }
  bool Number(std::string_view part, Code& code) {
    if (document_ && depth_ == 0) return NoObject(code);
    EmitNumber(Whole(part), sink_);
    part_.clear();
    return true;
  }

  Sink& sink_;
  bool document_;
  int64_t depth_ = 0;
  std::string part_;
};

Error MalformedJson(std::string_view reason, size_t offset);
inline constexpr size_t kJsonDepthMax = 256;

/// Reads JSON text into calls of a sink, without a tree. `document`: the text is an object and
/// becomes one row (BeginDocument, members, EndDocument); else any value. After an error the sink
/// may be inside a document. Error: query.malformed_json with the byte offset in details.
template <class Sink>
Status JsonWalk(std::string_view text, Sink& sink, bool document) {
  boost::json::parse_options options;
  options.max_depth = kJsonDepthMax;
  boost::json::basic_parser<JsonEvents<Sink>> parser(options, sink, document);
  boost::system::error_code code;
  size_t used = parser.write_some(false, text.data(), text.size(), code);
  while (!code && used < text.size() &&
         (text[used] == ' ' || text[used] == '\n' || text[used] == '\r' || text[used] == '\t')) {
    ++used;
  }
  if (!code && used < text.size()) code = make_error_code(boost::json::error::extra_data);
  if (code) return MalformedJson(code.message(), used);
  return {};
}

}  // namespace nstarx::connectors::documents
