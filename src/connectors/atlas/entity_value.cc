#include "connectors/atlas/entity_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "connectors/catalogs/dataset_notes.h"
#include "connectors/catalogs/hive_types.h"

namespace nstarx::connectors::atlas {
namespace {

/// Shown in members of their own, or of no use to anybody.
constexpr std::string_view kShownElsewhere[] = {"qualifiedName",
                                                "name",
                                                "displayName",
                                                "description",
                                                "userDescription",
                                                "comment",
                                                "owner",
                                                "ownerType",
                                                "parameters",
                                                "tableType",
                                                "viewOriginalText",
                                                "createTime",
                                                "location",
                                                "columns",
                                                "partitionKeys",
                                                "sd",
                                                "schemaTypes",
                                                "replicatedFrom",
                                                "replicatedTo"};

std::string TextOf(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
}

std::string FirstText(const json::object& attributes,
                      std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (const std::string_view text = GetString(attributes, name); !text.empty()) {
      return std::string(text);
    }
  }
  return "";
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

/// Milliseconds; Atlas writes 0 for none.
std::optional<TimePoint> TimeAt(const json::object& object, std::string_view key) {
  const int64_t at = GetInt(object, key, 0);
  if (at <= 0 || at > 253'402'300'799'000) return std::nullopt;
  return TimePoint(std::chrono::milliseconds(at));
}

std::optional<int64_t> Count(const json::object& parameters, std::string_view name) {
  const std::string_view text = GetString(parameters, name);
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || number < 0) {
    return std::nullopt;
  }
  return number;
}

std::string KindOf(const TypeModel& model, std::string_view type, const json::object& attributes) {
  const std::string native = Lower(FirstText(attributes, {"tableType", "type"}));
  if (native == "virtual_view" || native == "view") return "view";
  if (native == "materialized_view") return "materialized_view";
  if (native == "external_table") return "external_table";
  if (type.ends_with("_view")) return "view";
  if (type.ends_with("_table") || model.Columns(type) != nullptr) return "table";
  return std::string(type);
}

bool IsDeleted(const json::object& object) {
  return GetString(object, "status") == "DELETED" ||
         GetString(object, "entityStatus") == "DELETED" ||
         GetString(object, "relationshipStatus") == "DELETED";
}

connector::Column ReadColumn(const json::object& attributes) {
  connector::Column out{
      .name = FirstText(attributes, {"name", "displayName", "qualifiedName"}),
      .native_type = FirstText(attributes, {"type", "data_type", "dataType"}),
      .default_value = FirstText(attributes, {"default_value", "defaultValue"}),
      .comment = FirstText(attributes, {"userDescription", "comment", "description"})};
  out.arrow_type = catalogs::ArrowTypeOfHive(Lower(out.native_type));
  out.primary_key = GetBool(attributes, "isPrimaryKey", false);
  out.nullable = GetBool(attributes, "isNullable", true) && !out.primary_key;
  return out;
}

/// The columns that an attribute leads to, by their position; those that were removed are left out.
std::vector<connector::Column> ReadColumns(const json::object& answer, std::string_view attribute) {
  const json::object& entity = ObjectAt(answer, "entity");
  const json::object& referred = ObjectAt(answer, "referredEntities");
  const json::array* list = &ArrayAt(ObjectAt(entity, "relationshipAttributes"), attribute);
  if (list->empty()) list = &ArrayAt(ObjectAt(entity, "attributes"), attribute);
  std::vector<std::pair<int64_t, connector::Column>> found;
  for (const json::value& item : *list) {
    if (!item.is_object() || IsDeleted(item.get_object())) continue;
    const json::object& column = ObjectAt(referred, GetString(item.get_object(), "guid"));
    if (IsDeleted(column)) continue;
    // Structs have their values where they are.
    const json::object& attributes = !column.empty() ? ObjectAt(column, "attributes")
                                     : item.get_object().contains("attributes")
                                         ? ObjectAt(item.get_object(), "attributes")
                                         : item.get_object();
    found.emplace_back(GetInt(attributes, "position", 0), ReadColumn(attributes));
    if (found.back().second.name.empty()) {
      found.back().second.name = GetString(item.get_object(), "displayText");
    }
  }
  std::ranges::stable_sort(found, {}, [](const auto& pair) { return pair.first; });
  std::vector<connector::Column> out;
  out.reserve(found.size());
  for (auto& [position, column] : found) out.push_back(std::move(column));
  return out;
}

std::vector<std::string> ReadTags(const json::object& entity) {
  std::vector<std::string> out;
  for (const json::value& item : ArrayAt(entity, "classifications")) {
    if (item.is_object()) out.emplace_back(GetString(item.get_object(), "typeName"));
  }
  for (const json::value& item : ArrayAt(entity, "labels")) {
    if (item.is_string()) out.emplace_back(item.get_string());
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

json::object ReadProperties(const TypeModel& model, const json::object& entity,
                            std::string_view schema_attribute) {
  json::object out;
  const json::object& attributes = ObjectAt(entity, "attributes");
  const std::string_view type = GetString(entity, "typeName");
  for (const auto& [name, value] : attributes) {
    if (std::ranges::find(kShownElsewhere, std::string_view(name)) != std::end(kShownElsewhere) ||
        name == schema_attribute || value.is_null() || model.FindRelation(type, name) != nullptr) {
      continue;
    }
    out["attribute." + std::string(name)] = TextOf(value);
  }
  for (const auto& [group, values] : ObjectAt(entity, "businessAttributes")) {
    if (!values.is_object()) continue;
    for (const auto& [name, value] : values.get_object()) {
      out[std::string(group) + "." + std::string(name)] = TextOf(value);
    }
  }
  for (const std::string_view member : {"customAttributes", "parameters"}) {
    const json::object& owner = member == "parameters" ? attributes : entity;
    for (const auto& [name, value] : ObjectAt(owner, member)) out[name] = TextOf(value);
  }
  out["atlas.guid"] = GetString(entity, "guid");
  out["atlas.type"] = type;
  out["atlas.qualifiedName"] = GetString(attributes, "qualifiedName");
  return out;
}

}  // namespace

const json::object& ObjectAt(const json::object& object, std::string_view key) {
  static const json::object kNone;
  const json::value* found = object.if_contains(key);
  return found != nullptr && found->is_object() ? found->get_object() : kNone;
}

const json::array& ArrayAt(const json::object& object, std::string_view key) {
  static const json::array kNone;
  const json::value* found = object.if_contains(key);
  return found != nullptr && found->is_array() ? found->get_array() : kNone;
}

std::string PathOf(std::string_view type, std::string_view qualified_name) {
  if (type == "DataSet" && qualified_name.contains("://")) return std::string(qualified_name);
  return catalogs::JoinPath(type, qualified_name);
}

Result<EntityName> ReadPath(std::string_view path) {
  // Types' names have no colon: this is no `type."name"`.
  const size_t scheme = path.find("://");
  if (scheme != path.npos && path.substr(0, scheme).find_first_of(".\"") == path.npos) {
    return EntityName{.type = "DataSet", .qualified_name = std::string(path)};
  }
  std::vector<std::string> parts = catalogs::SplitPath(path);
  if (parts.size() != 2 || parts[0].empty() || parts[1].empty() || path.size() > 8192) {
    return catalogs::UndefinedTable(path);
  }
  return EntityName{.type = std::move(parts[0]), .qualified_name = std::move(parts[1])};
}

connector::Dataset ReadHeader(const TypeModel& model, const json::object& header) {
  const json::object& attributes = ObjectAt(header, "attributes");
  const std::string_view type = GetString(header, "typeName");
  const std::string_view qualified_name = GetString(attributes, "qualifiedName");
  if (type.empty() || qualified_name.empty()) return {};
  connector::Dataset out;
  out.path = PathOf(type, qualified_name);
  out.name = FirstText(attributes, {"displayName", "name", "qualifiedName"});
  out.kind = KindOf(model, type, attributes);
  out.comment = FirstText(attributes, {"userDescription", "description", "comment"});
  return out;
}

connector::Dataset ReadEntity(const TypeModel& model, const json::object& answer) {
  const json::object& entity = ObjectAt(answer, "entity");
  const json::object& attributes = ObjectAt(entity, "attributes");
  const json::object& parameters = ObjectAt(attributes, "parameters");
  const json::object& custom = ObjectAt(entity, "customAttributes");
  connector::Dataset out = ReadHeader(model, entity);
  const Relation* columns = model.Columns(GetString(entity, "typeName"));
  const std::string schema_attribute = columns != nullptr ? columns->attribute : "columns";
  out.columns = ReadColumns(answer, schema_attribute);
  out.partition_columns = ReadColumns(answer, "partitionKeys");
  if (const std::string_view owner = GetString(attributes, "owner"); !owner.empty()) {
    const std::string kind = Lower(GetString(attributes, "ownerType", "user"));
    out.owners.push_back({.name = std::string(owner), .kind = kind});
  }
  out.tags = ReadTags(entity);
  out.properties = ReadProperties(model, entity, schema_attribute);
  const std::string_view storage_guid = GetString(ObjectAt(attributes, "sd"), "guid");
  const json::object& storage =
      ObjectAt(ObjectAt(ObjectAt(answer, "referredEntities"), storage_guid), "attributes");
  out.location = FirstText(storage, {"location"});
  if (out.location.empty()) out.location = FirstText(attributes, {"location", "path", "uri"});
  if (out.location.empty()) out.location = FirstText(custom, {"location"});
  const json::value* serde = storage.if_contains("serdeInfo");
  // A struct inside an entity comes as {"typeName": …, "attributes": {…}}.
  const json::object none;
  const json::object& serde_attributes =
      serde != nullptr && serde->is_object() ? ObjectAt(serde->get_object(), "attributes") : none;
  out.format = catalogs::FormatOfHive(GetString(serde_attributes, "serializationLib"),
                                      GetString(storage, "inputFormat"));
  if (Lower(GetString(parameters, "table_type")) == "iceberg") out.format = "iceberg";
  if (out.format.empty()) out.format = FirstText(custom, {"format"});
  out.definition = FirstText(attributes, {"viewOriginalText", "viewExpandedText"});
  out.created = TimeAt(attributes, "createTime");
  if (!out.created) out.created = TimeAt(entity, "createTime");
  out.modified = TimeAt(entity, "updateTime");
  out.row_estimate = Count(parameters, "numRows");
  out.size_bytes = Count(parameters, "totalSize");
  return out;
}

}  // namespace nstarx::connectors::atlas
