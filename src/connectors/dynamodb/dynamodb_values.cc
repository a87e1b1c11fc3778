#include "connectors/dynamodb/dynamodb_values.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "connectors/documents/decimal_digits.h"
#include "connectors/documents/json_text.h"

namespace nstarx::connectors::dynamodb {
namespace {

constexpr std::array<std::string_view, 10> kKinds = {"S",  "N",  "B",  "BOOL", "NULL",
                                                     "SS", "NS", "BS", "L",    "M"};
/// What a number of DynamoDB holds.
constexpr size_t kDigitsMax = 38;

}  // namespace

Result<json::value> ParseReply(std::string_view body) {
  json::parse_options options;
  options.max_depth = kReplyDepthMax;
  boost::system::error_code code;
  json::value out = json::parse(body, code, {}, options);
  if (code || !out.is_object()) return MalformedValue("the body is no JSON object");
  return out;
}

Error MalformedValue(std::string_view why) {
  return Unavailable("response.malformed", fmt::format("DynamoDB's answer can't be read: {}", why))
      .WithStage("query")
      .WithConnector("dynamodb");
}

Result<json::object> AttributeOf(const json::value& plain) {
  switch (plain.kind()) {
    case json::kind::null:
      return json::object{{"NULL", true}};
    case json::kind::bool_:
      return json::object{{"BOOL", plain.get_bool()}};
    case json::kind::int64:
      return json::object{{"N", fmt::format("{}", plain.get_int64())}};
    case json::kind::uint64:
      return json::object{{"N", fmt::format("{}", plain.get_uint64())}};
    case json::kind::string:
      return json::object{{"S", plain.get_string()}};
    case json::kind::double_: {
      if (!std::isfinite(plain.get_double())) break;
      return json::object{{"N", fmt::format("{}", plain.get_double())}};
    }
    case json::kind::array: {
      json::array items;
      for (const auto& item : plain.get_array()) {
        NSTARX_TRY(json::object attribute, AttributeOf(item));
        items.push_back(std::move(attribute));
      }
      return json::object{{"L", std::move(items)}};
    }
    case json::kind::object: {
      // {"B": "…"} and the like are attribute values already.
      if (!KindOf(plain).empty()) return plain.get_object();
      json::object members;
      for (const auto& member : plain.get_object()) {
        NSTARX_TRY(json::object attribute, AttributeOf(member.value()));
        members[member.key()] = std::move(attribute);
      }
      return json::object{{"M", std::move(members)}};
    }
  }
  return InvalidArgument("query.bad_value", "DynamoDB has no NaN and no infinite numbers")
      .WithStage("query")
      .WithConnector("dynamodb");
}

std::string_view KindOf(const json::value& attribute) {
  if (!attribute.is_object() || attribute.get_object().size() != 1) return {};
  const std::string_view name = attribute.get_object().begin()->key();
  const auto* const found = std::ranges::find(kKinds, name);
  return found == kKinds.end() ? std::string_view() : *found;
}

void ItemText::BeginDocument() {
  text_ = "{";
  key_.clear();
  key_begin_ = 0;
  depth_ = 0;
  comma_ = false;
}

void ItemText::EndDocument() {
  EndKey();
  text_ += '}';
}

void ItemText::EndKey() {
  if (key_begin_ == 0) return;
  key_.append(text_, key_begin_);
  key_ += '\0';
  key_begin_ = 0;
}

void ItemText::Key(std::string_view name) {
  if (depth_ == 0) {
    EndKey();
    column_ = name;
  }
  if (comma_) text_ += ',';
  documents::AppendJsonString(name, &text_);
  text_ += ':';
  comma_ = false;
  if (depth_ == 0 && std::ranges::find(key_names_, name) != key_names_.end()) {
    key_begin_ = text_.size();
  }
}

void ItemText::Separate() {
  if (comma_) text_ += ',';
  comma_ = true;
}

void ItemText::Scalar(std::string_view kind, std::string_view value, bool quoted) {
  Separate();
  const std::string_view quote = quoted ? "\"" : "";
  text_ += fmt::format(R"({{"{}":{}{}{}}})", kind, quote, value, quote);
}

void ItemText::Open(std::string_view kind, char bracket, bool /*object*/) {
  Separate();
  text_ += fmt::format(R"({{"{}":{})", kind, bracket);
  comma_ = false;
  ++depth_;
}

void ItemText::Close(char bracket) {
  text_ += bracket;
  text_ += '}';
  comma_ = true;
  --depth_;
}

void ItemText::Fail(std::string_view why) {
  if (!failed_) return;
  failed_ = InvalidArgument("ingest.value_not_storable", fmt::format("Column {}: {}", column_, why))
                .WithStage("query")
                .WithConnector("dynamodb")
                .WithDetail("column", column_);
}

void ItemText::Int(int64_t value) { Scalar("N", fmt::format_int(value).c_str(), true); }

void ItemText::Double(double value) {
  if (!std::isfinite(value)) Fail("DynamoDB has no NaN and no infinite numbers");
  const double size = std::abs(value);
  if (size > 9.9e125 || (size != 0 && size < 1e-130)) {
    Fail(fmt::format("{} is out of the range of DynamoDB's numbers", value));
  }
  Scalar("N", fmt::format("{}", value), true);
}

void ItemText::Decimal(std::string_view text) {
  const auto digits = documents::ReadDigits(text);
  if (!digits) {
    Fail("no finite number");
  } else if (digits->digits.size() > kDigitsMax) {
    Fail("a number has more than 38 significant digits, which is what DynamoDB holds");
  }
  Scalar("N", text, true);
}

void ItemText::String(std::string_view value) {
  Separate();
  text_ += R"({"S":)";
  documents::AppendJsonString(value, &text_);
  text_ += '}';
}

void ItemText::Binary(std::string_view value) {
  std::string base64;
  AppendBase64(value, &base64);
  Scalar("B", base64, true);
}

void ItemText::Timestamp(int64_t micros) {
  std::string text;
  documents::AppendIsoTime(micros, &text);
  Scalar("S", text, true);
}

}  // namespace nstarx::connectors::dynamodb
