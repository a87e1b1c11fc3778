#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/base64.h"
#include "base/json.h"
#include "base/status.h"
#include "connectors/documents/json_walk.h"

namespace nstarx::connectors::dynamodb {

/// DynamoDB's own nesting is at most 32 levels, of which each takes two of JSON.
inline constexpr size_t kReplyDepthMax = 160;

/// A reply as a tree; response.malformed.
Result<json::value> ParseReply(std::string_view body);

Error MalformedValue(std::string_view why);

/// A parameter (or any plain JSON value) as an attribute value. query.bad_value for what has none.
Result<json::object> AttributeOf(const json::value& plain);

/// The kind of an attribute value: "S", "N", … or empty.
std::string_view KindOf(const json::value& attribute);

namespace internal {

template <class Sink>
Status WalkAttribute(const json::value& attribute, Sink& sink);

/// The members in order of their names: DynamoDB's have none.
template <class Sink>
Status WalkMembers(const json::object& members, Sink& sink) {
  std::vector<const json::key_value_pair*> sorted;
  sorted.reserve(members.size());
  for (const auto& member : members) sorted.push_back(&member);
  std::ranges::sort(sorted, {}, [](const auto* member) { return std::string_view(member->key()); });
  for (const auto* member : sorted) {
    sink.Key(member->key());
    NSTARX_RETURN_IF_ERROR(WalkAttribute(member->value(), sink));
  }
  return {};
}

template <class Sink>
Status WalkText(char kind, const json::value& value, Sink& sink) {
  if (!value.is_string()) return MalformedValue("a string, number or binary is no text");
  const std::string_view text = value.get_string();
  if (kind == 'S') {
    sink.String(text);
    return {};
  }
  if (kind == 'N') {
    documents::EmitNumber(text, sink, false);
    return {};
  }
  const auto bytes = DecodeBase64(text);
  if (!bytes) return MalformedValue("a binary is no base64");
  sink.Binary(*bytes);
  return {};
}

template <class Sink>
Status WalkAttribute(const json::value& attribute, Sink& sink) {
  const std::string_view kind = KindOf(attribute);
  if (kind.empty()) return MalformedValue("an attribute has no kind");
  const json::value& value = attribute.get_object().begin()->value();
  if (kind == "S" || kind == "N" || kind == "B") return WalkText(kind[0], value, sink);
  if (kind == "NULL") {
    sink.Null();
    return {};
  }
  if (kind == "BOOL") {
    if (!value.is_bool()) return MalformedValue("a boolean is none");
    sink.Bool(value.get_bool());
    return {};
  }
  if (kind == "M") {
    if (!value.is_object()) return MalformedValue("a map is none");
    sink.BeginObject();
    NSTARX_RETURN_IF_ERROR(WalkMembers(value.get_object(), sink));
    sink.EndObject();
    return {};
  }
  if (!value.is_array()) return MalformedValue("a list or set is none");
  sink.BeginArray();
  for (const json::value& item : value.get_array()) {
    NSTARX_RETURN_IF_ERROR(kind == "L" ? WalkAttribute(item, sink) : WalkText(kind[0], item, sink));
  }
  sink.EndArray();
  return {};
}

}  // namespace internal

/// Gives one item to a sink (documents/README.md): numbers are integers or exact decimals, sets are
/// arrays. After an error the sink may be inside the document.
template <class Sink>
Status WalkItem(const json::value& item, Sink& sink) {
  if (!item.is_object()) return MalformedValue("an item is no object");
  sink.BeginDocument();
  NSTARX_RETURN_IF_ERROR(internal::WalkMembers(item.get_object(), sink));
  sink.EndDocument();
  return {};
}

/// A sink that writes one item as DynamoDB's JSON. What DynamoDB can't hold is in `failed()`.
class ItemText {
 public:
  /// Members of the outermost level that are the table's key.
  explicit ItemText(std::vector<std::string> key_names) : key_names_(std::move(key_names)) {}

  void BeginDocument();
  void EndDocument();
  void Key(std::string_view name);
  void BeginObject() { Open("M", '{', true); }
  void EndObject() { Close('}'); }
  void BeginArray() { Open("L", '[', false); }
  void EndArray() { Close(']'); }
  void Null() { Scalar("NULL", "true", false); }
  void Bool(bool value) { Scalar("BOOL", value ? "true" : "false", false); }
  void Int(int64_t value);
  void Double(double value);
  void Decimal(std::string_view text);
  void String(std::string_view value);
  void Binary(std::string_view value);
  /// As ISO 8601 text.
  void Timestamp(int64_t micros);

  const std::string& text() const { return text_; }
  /// The key's values as text; equal for equal keys.
  const std::string& key() const { return key_; }
  const Status& failed() const { return failed_; }

 private:
  void Separate();
  void Scalar(std::string_view kind, std::string_view value, bool quoted);
  void Open(std::string_view kind, char bracket, bool object);
  void Close(char bracket);
  void EndKey();
  void Fail(std::string_view why);

  const std::vector<std::string> key_names_;
  std::string text_;
  std::string key_;
  std::string column_;
  size_t key_begin_ = 0;  ///< of the key value that is being written; 0: none
  int depth_ = 0;
  bool comma_ = false;
  Status failed_;
};

}  // namespace nstarx::connectors::dynamodb
