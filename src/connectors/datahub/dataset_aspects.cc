#include "connectors/datahub/dataset_aspects.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "connectors/catalogs/dataset_notes.h"
#include "connectors/catalogs/hive_types.h"

namespace nstarx::connectors::datahub {
namespace {

constexpr std::string_view kDatasetUrn = "urn:li:dataset:(urn:li:dataPlatform:";
constexpr std::string_view kPlatformUrn = "urn:li:dataPlatform:";
constexpr std::string_view kTagUrn = "urn:li:tag:";
constexpr std::string_view kTermUrn = "urn:li:glossaryTerm:";
/// Custom properties that are members of a dataset here.
constexpr std::string_view kLocation = "location";
constexpr std::string_view kFormat = "format";

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

const json::object& AspectAt(const Aspects& aspects, std::string_view name) {
  static const json::object kNone;
  const auto found = aspects.find(name);
  return found == aspects.end() ? kNone : found->second;
}

std::string_view Without(std::string_view prefix, std::string_view text) {
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

/// A whole URN part: none of what separates parts.
bool FitsUrn(std::string_view part) {
  return !part.empty() && part.size() <= 500 &&
         part.find_first_of(std::string_view("(),\0", 4)) == part.npos;
}

std::optional<TimePoint> TimeAt(const json::object& aspect, std::string_view key) {
  const int64_t at = GetInt(ObjectAt(aspect, key), "time", 0);
  if (at <= 0 || at > 253'402'300'799'000) return std::nullopt;
  return TimePoint(std::chrono::milliseconds(at));
}

std::optional<int64_t> Count(const json::object& properties, std::string_view name) {
  const std::string text(GetString(properties, name));
  int64_t number = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (text.empty() || error != std::errc() || end != last || number < 0) return std::nullopt;
  return number;
}

/// "[version=2.0].[type=struct].[type=string].city" is a field of version 2; without the types.
std::string FieldName(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const size_t end = path[0] == '[' ? path.find(']') : path.find('.');
    const std::string_view part =
        path.substr(0, end == path.npos ? path.size() : end + (path[0] == '[' ? 1 : 0));
    path.remove_prefix(std::min(path.size(), part.size() + 1));
    if (part.starts_with("[")) continue;
    if (!out.empty()) out += '.';
    out += part;
  }
  return out;
}

void ReadColumns(const Aspects& aspects, connector::Dataset& out) {
  std::map<std::string, std::string, std::less<>> edited;
  for (const json::value& item :
       ArrayAt(AspectAt(aspects, "editableSchemaMetadata"), "editableSchemaFieldInfo")) {
    if (!item.is_object()) continue;
    edited[std::string(GetString(item.get_object(), "fieldPath"))] =
        GetString(item.get_object(), "description");
  }
  for (const json::value& item : ArrayAt(AspectAt(aspects, "schemaMetadata"), "fields")) {
    if (!item.is_object()) continue;
    const json::object& field = item.get_object();
    const std::string_view path = GetString(field, "fieldPath");
    connector::Column column{.name = FieldName(path),
                             .native_type = std::string(GetString(field, "nativeDataType")),
                             .comment = std::string(GetString(field, "description"))};
    if (const auto found = edited.find(path); found != edited.end() && !found->second.empty()) {
      column.comment = found->second;
    }
    column.arrow_type = catalogs::ArrowTypeOfHive(Lower(column.native_type));
    column.nullable = GetBool(field, "nullable", true);
    column.primary_key = GetBool(field, "isPartOfKey", false);
    const bool partition = GetBool(field, "isPartitioningKey", false);
    (partition ? out.partition_columns : out.columns).push_back(std::move(column));
  }
}

std::string KindOf(const Aspects& aspects) {
  const json::array& names = ArrayAt(AspectAt(aspects, "subTypes"), "typeNames");
  if (!names.empty() && names[0].is_string()) {
    std::string kind = Lower(names[0].get_string());
    std::ranges::replace(kind, ' ', '_');
    return kind;
  }
  const json::object& view = AspectAt(aspects, "viewProperties");
  if (view.empty()) return "table";
  return GetBool(view, "materialized", false) ? "materialized_view" : "view";
}

std::string_view DatahubType(std::string_view native) {
  const std::string arrow = catalogs::ArrowTypeOfHive(Lower(native));
  if (arrow == "bool") return "BooleanType";
  if (arrow.starts_with("list")) return "ArrayType";
  if (arrow.starts_with("struct")) return "RecordType";
  if (arrow.starts_with("map")) return "MapType";
  if (arrow.starts_with("date")) return "DateType";
  if (arrow.starts_with("time")) return "TimeType";
  if (arrow.contains("binary")) return "BytesType";
  if (arrow.contains("int") || arrow.contains("float") || arrow.contains("double") ||
      arrow.starts_with("decimal")) {
    return "NumberType";
  }
  return arrow == "string" ? "StringType" : "NullType";
}

json::object Stamp(TimePoint at) {
  return {{"time", at.time_since_epoch().count()}, {"actor", "urn:li:corpuser:nstarx"}};
}

json::object WriteField(const connector::Column& column, bool partition) {
  const json::object type{
      {fmt::format("com.linkedin.schema.{}", DatahubType(column.native_type)), json::object()}};
  json::object out{{"fieldPath", column.name},
                   {"nativeDataType", column.native_type},
                   {"type", json::object{{"type", type}}},
                   {"nullable", column.nullable},
                   {"recursive", false},
                   {"isPartOfKey", column.primary_key},
                   {"isPartitioningKey", partition}};
  if (!column.comment.empty()) out["description"] = column.comment;
  return out;
}

/// The fields that are of the other kind stay as they are.
json::object WriteSchema(const DatasetName& name, const Aspects& now,
                         const connector::DatasetChange& change) {
  json::object out = AspectAt(now, "schemaMetadata");
  json::array fields;
  const json::array kept = ArrayAt(out, "fields");
  for (const bool partition : {false, true}) {
    const auto& given = partition ? change.partition_columns : change.columns;
    if (given) {
      for (const connector::Column& column : *given)
        fields.push_back(WriteField(column, partition));
      continue;
    }
    for (const json::value& item : kept) {
      if (!item.is_object()) continue;
      const bool is_partition = GetBool(item.get_object(), "isPartitioningKey", false);
      if (is_partition == partition) fields.push_back(item);
    }
  }
  if (out.empty()) {
    const json::object plain{{"rawSchema", ""}};
    out = {{"schemaName", name.name},
           {"platform", PlatformUrn(name.platform)},
           {"version", 0},
           {"hash", ""},
           {"platformSchema", json::object{{"com.linkedin.schema.OtherSchema", plain}}}};
  }
  out["fields"] = std::move(fields);
  return out;
}

Result<json::object> WriteProperties(const DatasetName& name, const Aspects& now,
                                     const connector::DatasetChange& change) {
  json::object out = AspectAt(now, "datasetProperties");
  if (out.empty()) {
    const size_t dot = name.name.rfind('.');
    out["name"] = name.name.substr(dot == std::string::npos ? 0 : dot + 1);
    out["tags"] = json::array();
  }
  json::object custom = ObjectAt(out, "customProperties");
  for (const auto& [key, value] : change.properties) {
    if (key.starts_with("datahub.")) {
      return InvalidArgument("metadata.change_refused",
                             "properties that begin with datahub. are told by DataHub")
          .WithStage("query")
          .WithConnector("datahub")
          .WithDetail("field", std::string_view(key));
    }
    if (value.is_null()) {
      custom.erase(key);
    } else {
      custom[key] = value;
    }
  }
  if (change.location) custom[kLocation] = *change.location;
  if (change.format) custom[kFormat] = *change.format;
  out["customProperties"] = std::move(custom);
  return out;
}

}  // namespace

std::string PlatformUrn(std::string_view platform) {
  return std::string(kPlatformUrn) + std::string(platform);
}

std::string DatasetName::Urn() const {
  return fmt::format("{}{},{},{})", kDatasetUrn, platform, name, environment);
}

std::string DatasetName::Path() const {
  std::string out = catalogs::JoinPath(platform, name);
  return environment == "PROD" ? out : out + "." + environment;
}

std::optional<DatasetName> ReadUrn(std::string_view urn) {
  if (!urn.starts_with(kDatasetUrn) || !urn.ends_with(')')) return std::nullopt;
  urn.remove_prefix(kDatasetUrn.size());
  urn.remove_suffix(1);
  const size_t first = urn.find(',');
  const size_t last = urn.rfind(',');
  if (first == urn.npos || first == last) return std::nullopt;
  return DatasetName{.platform = std::string(urn.substr(0, first)),
                     .name = std::string(urn.substr(first + 1, last - first - 1)),
                     .environment = std::string(urn.substr(last + 1))};
}

Result<DatasetName> ReadPath(std::string_view path) {
  DatasetName out;
  if (auto urn = ReadUrn(path)) {
    out = *std::move(urn);
  } else {
    std::vector<std::string> parts = catalogs::SplitPath(path);
    if (parts.size() != 2 && parts.size() != 3) return catalogs::UndefinedTable(path);
    out.platform = std::move(parts[0]);
    out.name = std::move(parts[1]);
    if (parts.size() == 3) out.environment = std::move(parts[2]);
  }
  if (!FitsUrn(out.platform) || !FitsUrn(out.name) || !FitsUrn(out.environment)) {
    return catalogs::UndefinedTable(path);
  }
  return out;
}

Aspects ReadAspects(const json::object& entity) {
  Aspects out;
  for (const auto& [name, aspect] : ObjectAt(entity, "aspects")) {
    if (aspect.is_object()) out[std::string(name)] = ObjectAt(aspect.get_object(), "value");
  }
  return out;
}

bool IsThere(const Aspects& aspects) {
  if (GetBool(AspectAt(aspects, "status"), "removed", false)) return false;
  return std::ranges::any_of(aspects,
                             [](const auto& aspect) { return !aspect.first.ends_with("Key"); });
}

connector::Dataset ReadDataset(const DatasetName& name, const Aspects& aspects) {
  const json::object& properties = AspectAt(aspects, "datasetProperties");
  const json::object& custom = ObjectAt(properties, "customProperties");
  connector::Dataset out;
  out.path = name.Path();
  out.name = GetString(properties, "name", name.name);
  out.kind = KindOf(aspects);
  out.comment = GetString(AspectAt(aspects, "editableDatasetProperties"), "description");
  if (out.comment.empty()) out.comment = GetString(properties, "description");
  ReadColumns(aspects, out);
  for (const json::value& item : ArrayAt(AspectAt(aspects, "ownership"), "owners")) {
    if (!item.is_object()) continue;
    const std::string_view owner = GetString(item.get_object(), "owner");
    const bool group = owner.starts_with("urn:li:corpGroup:");
    out.owners.push_back(
        {.name = std::string(Without(group ? "urn:li:corpGroup:" : "urn:li:corpuser:", owner)),
         .kind = group ? "group" : "user"});
  }
  for (const json::value& item : ArrayAt(AspectAt(aspects, "globalTags"), "tags")) {
    if (!item.is_object()) continue;
    out.tags.emplace_back(Without(kTagUrn, GetString(item.get_object(), "tag")));
  }
  for (const auto& [key, value] : custom) {
    if (key != kLocation && key != kFormat && value.is_string()) out.properties[key] = value;
  }
  std::string terms;
  for (const json::value& item : ArrayAt(AspectAt(aspects, "glossaryTerms"), "terms")) {
    if (!item.is_object()) continue;
    if (!terms.empty()) terms += ",";
    terms += Without(kTermUrn, GetString(item.get_object(), "urn"));
  }
  if (!terms.empty()) out.properties["datahub.glossaryTerms"] = terms;
  const json::array& domains = ArrayAt(AspectAt(aspects, "domains"), "domains");
  if (!domains.empty() && domains[0].is_string()) out.properties["datahub.domain"] = domains[0];
  out.properties["datahub.urn"] = name.Urn();
  out.location = GetString(custom, kLocation);
  out.format = GetString(custom, kFormat);
  out.definition = GetString(AspectAt(aspects, "viewProperties"), "viewLogic");
  out.created = TimeAt(properties, "created");
  out.modified = TimeAt(properties, "lastModified");
  out.row_estimate = Count(custom, "numRows");
  out.size_bytes = Count(custom, "totalSize");
  return out;
}

Result<Aspects> WriteAspects(const DatasetName& name, const Aspects& now,
                             const connector::DatasetChange& change, TimePoint at) {
  const bool is_new = !IsThere(now);
  if (is_new && (!change.columns || change.columns->empty())) {
    return InvalidArgument("metadata.needs_columns",
                           "there is no such dataset yet, and a new one needs columns")
        .WithDetail("field", "columns")
        .WithStage("query");
  }
  Aspects out;
  if (is_new || !change.properties.empty() || change.location || change.format) {
    NSTARX_TRY(out["datasetProperties"], WriteProperties(name, now, change));
  }
  if (change.comment) {
    json::object edited = AspectAt(now, "editableDatasetProperties");
    if (edited.empty()) edited["created"] = Stamp(at);
    edited["lastModified"] = Stamp(at);
    edited["description"] = *change.comment;
    out["editableDatasetProperties"] = std::move(edited);
  }
  if (change.columns || change.partition_columns) {
    out["schemaMetadata"] = WriteSchema(name, now, change);
  }
  if (change.owner) {
    json::array owners;
    if (!change.owner->empty()) {
      owners.push_back(
          json::object{{"owner", "urn:li:corpuser:" + *change.owner}, {"type", "DATAOWNER"}});
    }
    out["ownership"] = {{"owners", std::move(owners)}, {"lastModified", Stamp(at)}};
  }
  if (change.tags) {
    json::array tags;
    for (const std::string& tag : *change.tags) {
      tags.push_back(json::object{{"tag", std::string(kTagUrn) + tag}});
    }
    out["globalTags"] = {{"tags", std::move(tags)}};
  }
  if (is_new) out["status"] = {{"removed", false}};
  return out;
}

std::vector<connector::LineageEdge> ReadUpstream(const DatasetName& name, const Aspects& aspects) {
  std::vector<connector::LineageEdge> out;
  for (const json::value& item : ArrayAt(AspectAt(aspects, "upstreamLineage"), "upstreams")) {
    if (!item.is_object()) continue;
    const json::object& upstream = item.get_object();
    const auto source = ReadUrn(GetString(upstream, "dataset"));
    if (!source) continue;
    const json::object& properties = ObjectAt(upstream, "properties");
    out.push_back({.from = std::string(GetString(properties, "nstarx.from", source->Path())),
                   .to = name.Path(),
                   .process = std::string(GetString(properties, "process"))});
  }
  return out;
}

Result<json::object> WriteUpstream(const std::vector<connector::LineageEdge>& upstream,
                                   TimePoint at) {
  json::array rows;
  for (const connector::LineageEdge& edge : upstream) {
    json::object properties;
    DatasetName source;
    const size_t scheme = edge.from.find("://");
    if (scheme != std::string::npos && edge.from.find_first_of(".\"") > scheme) {
      source = {.platform = edge.from.substr(0, scheme), .name = edge.from.substr(scheme + 3)};
      if (!FitsUrn(source.platform) || !FitsUrn(source.name)) {
        return catalogs::UndefinedTable(edge.from);
      }
      properties["nstarx.from"] = edge.from;
    } else {
      NSTARX_TRY(source, ReadPath(edge.from));
    }
    if (!edge.process.empty()) properties["process"] = edge.process;
    rows.push_back(json::object{{"dataset", source.Urn()},
                                {"type", "TRANSFORMED"},
                                {"auditStamp", Stamp(at)},
                                {"properties", std::move(properties)}});
  }
  return json::object{{"upstreams", std::move(rows)}};
}

}  // namespace nstarx::connectors::datahub
