#include <fmt/format.h>

#include "connectors/atlas/entity_value.h"
#include "connectors/catalogs/hive_types.h"

namespace nstarx::connectors::atlas {
namespace {

constexpr size_t kColumnsMax = 10'000;

Error Refused(std::string message, std::string_view field) {
  return InvalidArgument("metadata.change_refused", std::move(message))
      .WithStage("query")
      .WithConnector("atlas")
      .WithDetail("field", field);
}

/// "sales.orders@prod" and "id" → "sales.orders.id@prod": as Atlas' own hooks name columns.
std::string Below(std::string_view qualified_name, std::string_view part,
                  std::string_view separator) {
  const size_t at = qualified_name.rfind('@');
  const std::string_view cluster = at == qualified_name.npos ? "" : qualified_name.substr(at);
  return fmt::format("{}{}{}{}", qualified_name.substr(0, at), separator, part, cluster);
}

/// Builds the body of a change, one part after the other.
class ChangeWriter {
 public:
  ChangeWriter(const TypeModel& model, const EntityName& name, const json::object* now,
               const std::set<std::string, std::less<>>& business)
      : model_(model), name_(name), business_names_(business) {
    entity_["typeName"] = name.type;
    attributes_["qualifiedName"] = name.qualified_name;
    if (now != nullptr) {
      now_ = &ObjectAt(*now, "entity");
      guid_ = GetString(*now_, "guid");
      parameters_ = ObjectAt(ObjectAt(*now_, "attributes"), "parameters");
      custom_ = ObjectAt(*now_, "customAttributes");
      const json::object& storage = ObjectAt(ObjectAt(*now_, "attributes"), "sd");
      if (!storage.empty()) {
        storage_now_ = &ObjectAt(
            ObjectAt(ObjectAt(*now, "referredEntities"), GetString(storage, "guid")), "attributes");
      }
    }
  }

  Result<EntityChange> Write(const connector::DatasetChange& change) {
    if (now_ == nullptr) NSTARX_RETURN_IF_ERROR(Begin(change));
    if (change.comment) {
      attributes_[Has("userDescription") ? "userDescription" : "description"] = *change.comment;
    }
    if (change.owner) attributes_["owner"] = *change.owner;
    if (change.columns) {
      NSTARX_RETURN_IF_ERROR(SetColumns(model_.Columns(name_.type), *change.columns, "columns"));
    }
    if (change.partition_columns) {
      NSTARX_RETURN_IF_ERROR(SetColumns(model_.FindRelation(name_.type, "partitionKeys"),
                                        *change.partition_columns, "partition_columns"));
    }
    NSTARX_RETURN_IF_ERROR(SetStorage(change));
    NSTARX_RETURN_IF_ERROR(SetProperties(change.properties));
    entity_["guid"] = guid_;
    entity_["attributes"] = std::move(attributes_);
    if (!relations_.empty()) entity_["relationshipAttributes"] = std::move(relations_);
    EntityChange out;
    out.body = {{"entity", std::move(entity_)}, {"referredEntities", std::move(referred_)}};
    out.business = std::move(business_);
    return out;
  }

 private:
  bool Has(std::string_view attribute) const { return model_.HasAttribute(name_.type, attribute); }

  Status Begin(const connector::DatasetChange& change) {
    if (model_.Columns(name_.type) != nullptr && (!change.columns || change.columns->empty())) {
      return InvalidArgument("metadata.needs_columns",
                             "there is no such dataset yet, and a new one needs columns")
          .WithDetail("field", "columns")
          .WithStage("query");
    }
    // "sales.orders@prod" is shown as orders.
    const std::string_view whole = name_.qualified_name;
    const bool is_url = whole.contains("://");
    std::string_view plain = is_url ? whole : whole.substr(0, whole.rfind('@'));
    if (const size_t dot = plain.rfind('.'); !is_url && dot != plain.npos) {
      // The table "orders" of the database "sales", which has to be there.
      const Relation* database = model_.FindRelation(name_.type, "db");
      if (database != nullptr && dot > 0) {
        const size_t at = whole.rfind('@');
        const std::string owner(
            fmt::format("{}{}", plain.substr(0, dot), at == whole.npos ? "" : whole.substr(at)));
        relations_["db"] = {{"typeName", database->target},
                            {"uniqueAttributes", {{"qualifiedName", owner}}}};
      }
      plain.remove_prefix(dot + 1);
    }
    attributes_["name"] = plain.empty() ? whole : plain;
    if (Has("tableType")) attributes_["tableType"] = "EXTERNAL_TABLE";
    return {};
  }

  Status SetColumns(const Relation* relation, const std::vector<connector::Column>& columns,
                    std::string_view field) {
    if (relation == nullptr && columns.empty()) return {};
    if (relation == nullptr || relation->relationship.empty()) {
      return Refused(fmt::format("entities of type {} have no {}", name_.type, field), field);
    }
    if (columns.size() > kColumnsMax) {
      return Refused(fmt::format("more than {} columns", kColumnsMax), field);
    }
    const std::string inverse = model_.InverseOf(*relation, name_.type);
    json::array list;
    int64_t position = 0;
    for (const connector::Column& column : columns) {
      const std::string guid = fmt::format("-{}", 2 + referred_.size());
      json::object values{{"qualifiedName", Below(name_.qualified_name, column.name, ".")},
                          {"name", column.name}};
      for (const char* attribute : {"type", "data_type", "dataType"}) {
        if (!model_.HasAttribute(relation->target, attribute)) continue;
        values[attribute] = column.native_type;
        break;
      }
      const bool comments = model_.HasAttribute(relation->target, "comment");
      values[comments ? "comment" : "description"] = column.comment;
      if (model_.HasAttribute(relation->target, "position")) values["position"] = position++;
      json::object made{
          {"guid", guid}, {"typeName", relation->target}, {"attributes", std::move(values)}};
      if (!inverse.empty()) {
        made["relationshipAttributes"] = {{inverse,
                                           {{"guid", guid_},
                                            {"typeName", name_.type},
                                            {"relationshipType", relation->relationship}}}};
      }
      referred_[guid] = std::move(made);
      list.push_back({{"guid", guid},
                      {"typeName", relation->target},
                      {"relationshipType", relation->relationship}});
    }
    relations_[relation->attribute] = std::move(list);
    return {};
  }

  Status SetStorage(const connector::DatasetChange& change) {
    if (!change.location && !change.format) return {};
    const Relation* relation = model_.FindRelation(name_.type, "sd");
    if (relation == nullptr || relation->relationship.empty()) {
      if (change.location && Has("location")) {
        attributes_["location"] = *change.location;
      } else if (change.location) {
        custom_["location"] = *change.location;
      }
      if (change.format) custom_["format"] = *change.format;
      custom_changed_ = true;
      return {};
    }
    json::object values{{"qualifiedName", Below(name_.qualified_name, "storage", "_")},
                        {"compressed", false}};
    if (storage_now_ != nullptr) {
      values["qualifiedName"] = GetString(*storage_now_, "qualifiedName");
      values["compressed"] = GetBool(*storage_now_, "compressed", false);
    }
    if (change.location) values["location"] = *change.location;
    if (change.format) {
      const catalogs::HiveStorage* format = catalogs::StorageOfFormat(*change.format);
      if (format == nullptr) {
        return Refused(fmt::format("Hive has no format '{}'", change.format->substr(0, 100)),
                       "format");
      }
      values["inputFormat"] = format->input_format;
      values["outputFormat"] = format->output_format;
      values["serdeInfo"] = {{"typeName", "hive_serde"},
                             {"attributes", {{"serializationLib", format->serde}}}};
    }
    const std::string guid = fmt::format("-{}", 2 + referred_.size());
    const std::string inverse = model_.InverseOf(*relation, name_.type);
    json::object made{
        {"guid", guid}, {"typeName", relation->target}, {"attributes", std::move(values)}};
    if (!inverse.empty()) {
      made["relationshipAttributes"] = {{inverse,
                                         {{"guid", guid_},
                                          {"typeName", name_.type},
                                          {"relationshipType", relation->relationship}}}};
    }
    referred_[guid] = std::move(made);
    relations_["sd"] = {{"guid", guid},
                        {"typeName", relation->target},
                        {"relationshipType", relation->relationship}};
    return {};
  }

  Status SetProperties(const json::object& properties) {
    bool parameters_changed = false;
    for (const auto& [key, value] : properties) {
      const std::string_view name = key;
      const size_t dot = name.find('.');
      const std::string_view group = name.substr(0, dot == name.npos ? 0 : dot);
      if (group == "atlas") {
        return Refused("properties that begin with atlas. are told by Atlas", name);
      }
      if (group == "attribute") {
        const std::string_view attribute = name.substr(dot + 1);
        if (!Has(attribute) || attribute == "qualifiedName") {
          return Refused(fmt::format("{} has no attribute '{}' to write", name_.type,
                                     attribute.substr(0, 100)),
                         name);
        }
        attributes_[attribute] = value;
      } else if (!group.empty() && business_names_.contains(group)) {
        json::value& values = business_[group];
        if (!values.is_object()) values = json::object();
        values.get_object()[name.substr(dot + 1)] = value;
      } else {
        json::object& owner = Has("parameters") ? parameters_ : custom_;
        (Has("parameters") ? parameters_changed : custom_changed_) = true;
        if (value.is_null()) {
          owner.erase(name);
        } else {
          owner[name] = value;
        }
      }
    }
    if (parameters_changed) attributes_["parameters"] = std::move(parameters_);
    if (custom_changed_) entity_["customAttributes"] = std::move(custom_);
    return {};
  }

  const TypeModel& model_;
  const EntityName& name_;
  const std::set<std::string, std::less<>>& business_names_;
  const json::object* now_ = nullptr;
  const json::object* storage_now_ = nullptr;
  std::string guid_ = "-1";
  json::object entity_;
  json::object attributes_;
  json::object relations_;
  json::object referred_;
  json::object parameters_;
  json::object custom_;
  json::object business_;
  bool custom_changed_ = false;
};

}  // namespace

Result<EntityChange> WriteEntity(const TypeModel& model, const EntityName& name,
                                 const json::object* now, const connector::DatasetChange& change,
                                 const std::set<std::string, std::less<>>& business) {
  return ChangeWriter(model, name, now, business).Write(change);
}

}  // namespace nstarx::connectors::atlas
