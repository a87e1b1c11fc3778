#include "connectors/documents/document_schema.h"

#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

#include <algorithm>
#include <cmath>

#include "connectors/documents/decimal_digits.h"
#include "connectors/documents/json_text.h"

namespace nstarx::connectors::documents {
namespace {

enum : unsigned {
  kNull = 1,
  kBool = 2,
  kInt = 4,
  kDouble = 8,
  kDecimal = 16,
  kString = 32,
  kBinary = 64,
  kTimestamp = 128,
  kObject = 256,
  kArray = 512,
  kTooDeep = 1024,
};
constexpr int64_t kExactInDouble = int64_t{1} << 53;

}  // namespace

bool IsJsonText(const arrow::Field& field) {
  return field.HasMetadata() &&
         field.metadata()->Get(std::string(kEncodingKey)).ValueOr("") == "json";
}

std::shared_ptr<arrow::Field> JsonTextField(std::string name) {
  return arrow::field(std::move(name), arrow::utf8(), true,
                      arrow::key_value_metadata({std::string(kEncodingKey)}, {"json"}));
}

struct SchemaInference::Node {
  std::string name;
  unsigned seen = 0;
  bool inexact_int = false;  ///< an integer that no double holds
  bool no_decimal = false;   ///< NaN, infinities and what is beyond decimals
  int whole = 0;             ///< digits before and after the point, of all numbers
  int fraction = 0;
  std::shared_ptr<arrow::DataType> fixed;
  bool fixed_json = false;
  std::vector<std::unique_ptr<Node>> children;
  std::unordered_map<std::string_view, Node*> by_name;
  std::unique_ptr<Node> element;

  /// Takes in what another node has seen, its members too.
  void Absorb(const Node& other) {
    seen |= other.seen;
    inexact_int = inexact_int || other.inexact_int;
    no_decimal = no_decimal || other.no_decimal;
    whole = std::max(whole, other.whole);
    fraction = std::max(fraction, other.fraction);
    if (!fixed) fixed = other.fixed;
    fixed_json = fixed_json || other.fixed_json;
    for (const auto& theirs : other.children) {
      auto& ours = by_name[theirs->name];
      if (ours == nullptr) {
        children.push_back(std::make_unique<Node>());
        children.back()->name = theirs->name;
        // The key is the child's own name, which lives as long.
        by_name.erase(theirs->name);
        by_name[children.back()->name] = children.back().get();
        children.back()->Absorb(*theirs);
      } else {
        ours->Absorb(*theirs);
      }
    }
    if (other.element) {
      if (!element) element = std::make_unique<Node>();
      element->Absorb(*other.element);
    }
  }

  void Measure(std::string_view text) {
    const auto digits = ReadDigits(text);
    if (!digits) {
      no_decimal = true;
      return;
    }
    whole = std::max(whole, digits->whole());
    fraction = std::max(fraction, digits->fraction());
  }
};

SchemaInference::SchemaInference(SchemaOptions options)
    : options_(options), root_(std::make_unique<Node>()) {}
SchemaInference::~SchemaInference() = default;

void SchemaInference::Seed(const arrow::Schema& known) {
  for (const auto& field : known.fields()) {
    if (field->name() == kDriftColumn) continue;
    auto node = std::make_unique<Node>();
    SeedNode(node.get(), *field);
    root_->by_name[node->name] = node.get();
    root_->children.push_back(std::move(node));
  }
}

void SchemaInference::SeedNode(Node* node, const arrow::Field& field) {
  ++columns_;
  node->name = field.name();
  node->fixed_json = IsJsonText(field);
  if (field.type()->id() == arrow::Type::LIST &&
      field.type()->field(0)->type()->id() == arrow::Type::STRUCT) {
    node->seen = kArray;
    node->element = std::make_unique<Node>();
    SeedNode(node->element.get(), *field.type()->field(0));
    return;
  }
  if (field.type()->id() != arrow::Type::STRUCT) {
    node->fixed = field.type();
    return;
  }
  node->seen = kObject;
  for (const auto& inner : field.type()->fields()) {
    auto child = std::make_unique<Node>();
    SeedNode(child.get(), *inner);
    node->by_name[child->name] = child.get();
    node->children.push_back(std::move(child));
  }
}

void SchemaInference::BeginDocument() {
  open_.assign(1, root_.get());
  in_array_.assign(1, false);
  pending_ = nullptr;
  ++documents_;
}

void SchemaInference::EndDocument() { open_.clear(); }

void SchemaInference::Key(std::string_view name) {
  Node* parent = open_.empty() ? nullptr : open_.back();
  pending_ = nullptr;
  if (parent == nullptr || (parent == root_.get() && name == kDriftColumn)) return;
  if (const auto found = parent->by_name.find(name); found != parent->by_name.end()) {
    pending_ = found->second;
    return;
  }
  if (columns_ >= options_.max_columns) return;
  ++columns_;
  auto child = std::make_unique<Node>();
  child->name = name;
  pending_ = child.get();
  parent->by_name[child->name] = child.get();
  parent->children.push_back(std::move(child));
}

SchemaInference::Node* SchemaInference::Target(unsigned kind) {
  Node* node = pending_;
  if (!open_.empty() && in_array_.back()) {
    node = open_.back() != nullptr ? open_.back()->element.get() : nullptr;
  }
  pending_ = nullptr;
  if (node != nullptr) node->seen |= kind;
  return node;
}

void SchemaInference::Enter(unsigned kind) {
  Node* node = Target(kind);
  if (node != nullptr && static_cast<int>(open_.size()) > options_.max_depth) {
    node->seen |= kTooDeep;
    node = nullptr;
  }
  if (node != nullptr && kind == kArray && !node->element) node->element = std::make_unique<Node>();
  open_.push_back(node);
  in_array_.push_back(kind == kArray);
}

void SchemaInference::Leave() {
  if (open_.size() > 1) {
    open_.pop_back();
    in_array_.pop_back();
  }
}

void SchemaInference::BeginObject() { Enter(kObject); }
void SchemaInference::EndObject() { Leave(); }
void SchemaInference::BeginArray() { Enter(kArray); }
void SchemaInference::EndArray() { Leave(); }
void SchemaInference::Null() { Target(kNull); }
void SchemaInference::Bool(bool) { Target(kBool); }
void SchemaInference::String(std::string_view) { Target(kString); }
void SchemaInference::Binary(std::string_view) { Target(kBinary); }
void SchemaInference::Timestamp(int64_t) { Target(kTimestamp); }

void SchemaInference::Int(int64_t value) {
  Node* node = Target(kInt);
  if (node == nullptr) return;
  if (value > kExactInDouble || value < -kExactInDouble) node->inexact_int = true;
  int digits = 0;
  for (; value != 0; value /= 10) ++digits;
  node->whole = std::max(node->whole, digits);
}

void SchemaInference::Double(double value) {
  Node* node = Target(kDouble);
  if (node == nullptr) return;
  std::string text;
  AppendDouble(value, &text);
  node->Measure(text);
}

void SchemaInference::Decimal(std::string_view text) {
  if (Node* node = Target(kDecimal); node != nullptr) node->Measure(text);
}

std::shared_ptr<arrow::DataType> SchemaInference::Scalar(const Node& node, unsigned mask,
                                                         bool* json) const {
  switch (mask & ~kNull) {
    case 0:
    case kString:
      return arrow::utf8();
    case kBool:
      return arrow::boolean();
    case kInt:
      return arrow::int64();
    case kDouble:
      return arrow::float64();
    case kInt | kDouble:
      if (!node.inexact_int) return arrow::float64();
      break;
    case kDecimal:
    case kInt | kDecimal:
    case kDouble | kDecimal:
    case kInt | kDouble | kDecimal:
      if (!node.no_decimal && node.whole + node.fraction <= 38) {
        return arrow::decimal128(38, node.fraction);
      }
      if (!node.no_decimal && node.whole + node.fraction <= 76) {
        return arrow::decimal256(76, node.fraction);
      }
      break;
    case kBinary:
      return arrow::binary();
    case kTimestamp:
      return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    default:
      break;
  }
  *json = true;
  return arrow::utf8();
}

std::shared_ptr<arrow::Field> SchemaInference::FieldOf(const Node& node) const {
  const bool list = (node.seen & kArray) != 0;
  const unsigned lone = node.seen & ~(kArray | kNull);
  if ((node.seen & kTooDeep) != 0) return JsonTextField(node.name);
  if (node.fixed) {
    const auto type =
        list && options_.single_as_list && !node.fixed_json && node.fixed->id() != arrow::Type::LIST
            ? arrow::list(node.fixed)
            : node.fixed;
    return node.fixed_json ? JsonTextField(node.name) : arrow::field(node.name, type);
  }
  if (list) {
    if (lone != 0 && !options_.single_as_list) return JsonTextField(node.name);
    if (node.element->seen == 0 && lone == 0) return JsonTextField(node.name);
    Node* element = node.element.get();
    if (lone == 0) {
      auto inner = FieldOf(*element);
      return arrow::field(node.name, arrow::list(inner->WithName("item")));
    }
    if (lone == kObject && (element->seen & ~(kNull | kObject)) == 0) {
      Node both;
      both.name = "item";
      both.Absorb(node);
      both.Absorb(*element);
      both.seen = kObject;
      return arrow::field(node.name, arrow::list(FieldOf(both)));
    }
    if (((lone | element->seen) & (kObject | kArray | kTooDeep)) != 0) {
      return JsonTextField(node.name);
    }
    Node both;
    both.inexact_int = node.inexact_int || element->inexact_int;
    both.no_decimal = node.no_decimal || element->no_decimal;
    both.whole = std::max(node.whole, element->whole);
    both.fraction = std::max(node.fraction, element->fraction);
    bool json = false;
    const auto type = Scalar(both, lone | element->seen, &json);
    return arrow::field(node.name,
                        arrow::list(json ? JsonTextField("item") : arrow::field("item", type)));
  }
  if ((lone & kObject) != 0) {
    if (lone != kObject || node.children.empty()) return JsonTextField(node.name);
    arrow::FieldVector fields;
    for (const auto& child : node.children) fields.push_back(FieldOf(*child));
    return arrow::field(node.name, arrow::struct_(std::move(fields)));
  }
  bool json = false;
  const auto type = Scalar(node, node.seen, &json);
  return json ? JsonTextField(node.name) : arrow::field(node.name, type);
}

std::shared_ptr<arrow::Schema> SchemaInference::Schema() const {
  arrow::FieldVector fields;
  for (const auto& child : root_->children) fields.push_back(FieldOf(*child));
  fields.push_back(JsonTextField(std::string(kDriftColumn)));
  return arrow::schema(std::move(fields));
}

}  // namespace nstarx::connectors::documents
