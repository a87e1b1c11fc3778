#include "connectors/atlas/type_model.h"

namespace nstarx::connectors::atlas {
namespace {

constexpr std::string_view kDataset = "DataSet";

/// "array<hive_column>" → "hive_column"; a name without brackets stays.
std::string_view ElementOf(std::string_view type) {
  if (type.starts_with("array<") && type.ends_with(">")) return type.substr(6, type.size() - 7);
  return type;
}

const json::array& ArrayAt(const json::object& object, std::string_view key) {
  static const json::array kNone;
  const json::value* found = object.if_contains(key);
  return found != nullptr && found->is_array() ? found->get_array() : kNone;
}

}  // namespace

TypeModel::Type TypeModel::ReadType(const json::object& definition) {
  Type type;
  for (const json::value& item : ArrayAt(definition, "superTypes")) {
    if (item.is_string()) type.supers.emplace_back(item.get_string());
  }
  for (const json::value& item : ArrayAt(definition, "attributeDefs")) {
    if (!item.is_object()) continue;
    std::string name(GetString(item.get_object(), "name"));
    const std::string_view target = GetString(item.get_object(), "typeName");
    type.relations[name] = {.attribute = name, .relationship = "", .target{ElementOf(target)}};
    type.attributes.insert(std::move(name));
  }
  for (const json::value& item : ArrayAt(definition, "relationshipAttributeDefs")) {
    if (!item.is_object()) continue;
    std::string name(GetString(item.get_object(), "name"));
    type.relations[name] = {
        .attribute = name,
        .relationship = std::string(GetString(item.get_object(), "relationshipTypeName")),
        .target{ElementOf(GetString(item.get_object(), "typeName"))}};
  }
  if (const json::value* options = definition.if_contains("options");
      options != nullptr && options->is_object()) {
    type.schema_attribute = GetString(options->get_object(), "schemaElementsAttribute");
  }
  return type;
}

TypeModel TypeModel::Read(const json::object& typedefs) {
  TypeModel out;
  for (const json::value& item : ArrayAt(typedefs, "entityDefs")) {
    if (!item.is_object()) continue;
    const std::string name(GetString(item.get_object(), "name"));
    if (!name.empty()) out.types_.insert_or_assign(name, ReadType(item.get_object()));
  }
  for (const auto& [name, type] : out.types_) {
    // A reference to entities; plain values have names of no entity type.
    for (auto& [attribute, relation] : out.types_.find(name)->second.relations) {
      if (!out.Has(relation.target)) relation.target.clear();
    }
  }
  for (const auto& [name, type] : out.types_) {
    if (!out.IsA(name, kDataset)) continue;
    if (const Relation* columns = out.Columns(name)) out.column_types_.insert(columns->target);
  }
  return out;
}

template <class Visit>
bool TypeModel::AnyAbove(std::string_view type, const Visit& visit) const {
  std::set<std::string, std::less<>> seen;  // a broken model may go round in circles
  std::vector<std::string_view> open{type};
  while (!open.empty()) {
    const auto found = types_.find(open.back());
    open.pop_back();
    if (found == types_.end() || !seen.insert(found->first).second) continue;
    if (visit(found->first, found->second)) return true;
    open.insert(open.end(), found->second.supers.begin(), found->second.supers.end());
  }
  return false;
}

bool TypeModel::IsA(std::string_view type, std::string_view ancestor) const {
  return AnyAbove(type, [&](const std::string& name, const Type&) { return name == ancestor; });
}

bool TypeModel::IsDataset(std::string_view type) const {
  if (!IsA(type, kDataset)) return false;
  return !AnyAbove(
      type, [&](const std::string& name, const Type&) { return column_types_.contains(name); });
}

std::vector<std::string> TypeModel::DatasetTypes(std::string_view ancestor) const {
  std::vector<std::string> out;
  for (const auto& [name, type] : types_) {
    if (IsA(name, ancestor) && IsDataset(name)) out.push_back(name);
  }
  return out;
}

bool TypeModel::HasAttribute(std::string_view type, std::string_view attribute) const {
  return AnyAbove(type, [&](const std::string&, const Type& found) {
    return found.attributes.contains(attribute);
  });
}

const Relation* TypeModel::FindRelation(std::string_view type, std::string_view attribute) const {
  const Relation* out = nullptr;
  AnyAbove(type, [&](const std::string&, const Type& found) {
    const auto relation = found.relations.find(attribute);
    if (relation == found.relations.end() || relation->second.target.empty()) return false;
    out = &relation->second;
    return true;
  });
  return out;
}

const Relation* TypeModel::Columns(std::string_view type) const {
  std::string attribute = "columns";
  AnyAbove(type, [&](const std::string&, const Type& found) {
    if (found.schema_attribute.empty()) return false;
    attribute = found.schema_attribute;
    return true;
  });
  return FindRelation(type, attribute);
}

std::string TypeModel::InverseOf(const Relation& relation, std::string_view source) const {
  std::string out;
  AnyAbove(relation.target, [&](const std::string&, const Type& found) {
    for (const auto& [name, other] : found.relations) {
      if (other.relationship.empty() || other.target.empty()) continue;
      // Two relationships may share one attribute, and then the definition names only one of them.
      if (other.relationship == relation.relationship || IsA(source, other.target)) {
        out = name;
        if (other.relationship == relation.relationship) return true;
      }
    }
    return false;
  });
  return out;
}

}  // namespace nstarx::connectors::atlas
