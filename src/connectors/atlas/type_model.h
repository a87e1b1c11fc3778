#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace nstarx::connectors::atlas {

/// A relationship as one of its ends sees it.
struct Relation {
  std::string attribute;
  std::string relationship;  ///< name of its type; empty: a plain attribute that holds references
  std::string target;        ///< type at the other end, without array<>
};

/// What Atlas knows of entity types: which are datasets, where their columns are.
class TypeModel {
 public:
  /// Of an answer of GET /v2/types/typedefs.
  static TypeModel Read(const json::object& typedefs);

  bool Has(std::string_view type) const { return types_.contains(type); }
  /// Whether `type` is `ancestor` or below it.
  bool IsA(std::string_view type, std::string_view ancestor) const;
  /// Below DataSet, and not what columns of another are made of.
  bool IsDataset(std::string_view type) const;
  /// All such types that are `ancestor` or below it, in order.
  std::vector<std::string> DatasetTypes(std::string_view ancestor) const;
  /// Attributes, those of super types among them.
  bool HasAttribute(std::string_view type, std::string_view attribute) const;
  /// The attribute or relationship of that name; null when there is none that leads to entities.
  const Relation* FindRelation(std::string_view type, std::string_view attribute) const;
  /// Where the columns are; null when the type has none.
  const Relation* Columns(std::string_view type) const;
  /// The attribute of the other end of `relation`, seen from entities of `target`; empty: none.
  std::string InverseOf(const Relation& relation, std::string_view source) const;

 private:
  struct Type {
    std::vector<std::string> supers;
    std::set<std::string, std::less<>> attributes;
    std::map<std::string, Relation, std::less<>> relations;
    std::string schema_attribute;
  };
  static Type ReadType(const json::object& definition);
  /// Calls `visit` with the type and everything above it until that returns true.
  template <class Visit>
  bool AnyAbove(std::string_view type, const Visit& visit) const;

  std::map<std::string, Type, std::less<>> types_;
  std::set<std::string, std::less<>> column_types_;
};

}  // namespace nstarx::connectors::atlas
