#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace arrow {
class DataType;
class Field;
class Schema;
}  // namespace arrow

namespace nstarx::connectors::documents {

/// The last column of every inferred schema: NULL, or one JSON object of JSON Pointer → value with
/// everything of the row that has no column or does not fit its column.
inline constexpr std::string_view kDriftColumn = "_drift";
/// Field metadata of string columns that hold JSON text: "nstarx.encoding" = "json".
inline constexpr std::string_view kEncodingKey = "nstarx.encoding";

bool IsJsonText(const arrow::Field& field);
/// A nullable string column that holds JSON text.
std::shared_ptr<arrow::Field> JsonTextField(std::string name);

struct SchemaOptions {
  int max_columns = 2000;  ///< fields of all levels; keys beyond it drift
  int max_depth = 32;      ///< objects and arrays deeper than this are JSON text
  /// A field that is seen as X and as list of X is a list (Elasticsearch), else JSON text.
  bool single_as_list = false;
};

/// Learns one Arrow schema from sampled documents. A sink (see README.md): sources call
/// BeginDocument, then Key and one value for each member, then EndDocument.
class SchemaInference final {
 public:
  explicit SchemaInference(SchemaOptions options = {});
  ~SchemaInference();
  SchemaInference(const SchemaInference&) = delete;
  SchemaInference& operator=(const SchemaInference&) = delete;

  /// Fixes the columns of a known schema (mappings), before any document; observed documents only
  /// add columns, and lists where single_as_list says so.
  void Seed(const arrow::Schema& known);

  void BeginDocument();
  void EndDocument();
  void Key(std::string_view name);
  void BeginObject();
  void EndObject();
  void BeginArray();
  void EndArray();
  void Null();
  void Bool(bool value);
  void Int(int64_t value);
  void Double(double value);
  /// Exact decimal text: [-]digits[.digits][E[+-]digits], NaN, Infinity.
  void Decimal(std::string_view text);
  void String(std::string_view value);
  void Binary(std::string_view value);
  /// Microseconds since 1970, UTC.
  void Timestamp(int64_t micros);

  int64_t documents() const { return documents_; }
  /// In order of first appearance, ending with _drift.
  std::shared_ptr<arrow::Schema> Schema() const;

 private:
  struct Node;
  Node* Target(unsigned kind);
  void SeedNode(Node* node, const arrow::Field& field);
  void Enter(unsigned kind);
  void Leave();
  std::shared_ptr<arrow::Field> FieldOf(const Node& node) const;
  std::shared_ptr<arrow::DataType> Scalar(const Node& node, unsigned mask, bool* json) const;

  SchemaOptions options_;
  std::unique_ptr<Node> root_;
  std::vector<Node*> open_;     ///< null: below a node that is not looked into
  std::vector<bool> in_array_;  ///< of each open one
  Node* pending_ = nullptr;
  int columns_ = 0;
  int64_t documents_ = 0;
};

}  // namespace nstarx::connectors::documents
