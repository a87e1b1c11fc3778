#include "connectors/glue/glue_table.h"

#include <charconv>

#include "connectors/catalogs/hive_types.h"

namespace nstarx::connectors::glue {
namespace {

const json::object& ObjectAt(const json::object& object, std::string_view name) {
  static const json::object none;
  const json::value* found = object.if_contains(name);
  return found != nullptr && found->is_object() ? found->get_object() : none;
}

const json::array& ArrayAt(const json::object& object, std::string_view name) {
  static const json::array none;
  const json::value* found = object.if_contains(name);
  return found != nullptr && found->is_array() ? found->get_array() : none;
}

json::object& ObjectIn(json::object& object, std::string_view name) {
  json::value& value = object[name];
  if (!value.is_object()) value = json::object();
  return value.get_object();
}

std::vector<connector::Column> ReadColumns(const json::array& list) {
  std::vector<connector::Column> out;
  for (const json::value& item : list) {
    if (!item.is_object()) continue;
    const json::object& row = item.get_object();
    const std::string_view type = GetString(row, "Type");
    out.push_back({.name = std::string(GetString(row, "Name")),
                   .native_type = std::string(type),
                   .arrow_type = catalogs::ArrowTypeOfHive(type),
                   .comment = std::string(GetString(row, "Comment"))});
  }
  return out;
}

json::array WriteColumns(const std::vector<connector::Column>& columns) {
  json::array out;
  for (const connector::Column& column : columns) {
    json::object row{{"Name", column.name}, {"Type", column.native_type}};
    if (!column.comment.empty()) row["Comment"] = column.comment;
    out.push_back(std::move(row));
  }
  return out;
}

/// Seconds since the epoch, with a fraction.
std::optional<TimePoint> TimeAt(const json::object& object, std::string_view name) {
  const json::value* found = object.if_contains(name);
  if (found == nullptr || !found->is_number()) return std::nullopt;
  const double seconds = found->to_number<double>();
  if (!(seconds > 0 && seconds < 253'402'300'800.0)) return std::nullopt;
  return TimePoint(std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000)));
}

std::optional<int64_t> Count(const catalogs::Properties& properties,
                             std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    const auto found = properties.find(name);
    if (found == properties.end()) continue;
    const std::string& text = found->second;
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size() && number >= 0) return number;
  }
  return std::nullopt;
}

std::string KindOf(std::string_view type) {
  if (type == "VIRTUAL_VIEW") return "view";
  if (type == "MATERIALIZED_VIEW") return "materialized_view";
  return type == "EXTERNAL_TABLE" ? "external_table" : "table";
}

std::string FormatOf(const json::object& storage, const catalogs::Properties& properties) {
  const auto type = properties.find("table_type");
  if (type != properties.end() && (type->second == "ICEBERG" || type->second == "iceberg")) {
    return "iceberg";
  }
  // Crawlers write what they found there.
  if (const auto found = properties.find("classification"); found != properties.end()) {
    return found->second;
  }
  return catalogs::FormatOfHive(GetString(ObjectAt(storage, "SerdeInfo"), "SerializationLibrary"),
                                GetString(storage, "InputFormat"));
}

void SetFormat(json::object& input, std::string_view format) {
  const catalogs::HiveStorage* found = catalogs::StorageOfFormat(format);
  if (found == nullptr) return;
  json::object& storage = ObjectIn(input, "StorageDescriptor");
  storage["InputFormat"] = found->input_format;
  storage["OutputFormat"] = found->output_format;
  ObjectIn(storage, "SerdeInfo")["SerializationLibrary"] = found->serde;
  ObjectIn(input, "Parameters")["classification"] = format;
}

}  // namespace

catalogs::Properties ReadParameters(const json::object& owner) {
  catalogs::Properties out;
  for (const auto& [name, value] : ObjectAt(owner, "Parameters")) {
    if (value.is_string()) out[std::string(name)] = std::string(value.get_string());
  }
  return out;
}

json::object WriteParameters(const catalogs::Properties& properties) {
  json::object out;
  for (const auto& [name, value] : properties) out[name] = value;
  return out;
}

connector::Dataset ReadTable(const json::object& table) {
  connector::Dataset out;
  out.name = GetString(table, "Name");
  out.path = catalogs::JoinPath(GetString(table, "DatabaseName"), out.name);
  out.kind = KindOf(GetString(table, "TableType"));
  const catalogs::Properties properties = ReadParameters(table);
  out.comment = GetString(table, "Description");
  if (const auto found = properties.find("comment");
      out.comment.empty() && found != properties.end()) {
    out.comment = found->second;
  }
  const json::object& storage = ObjectAt(table, "StorageDescriptor");
  out.columns = ReadColumns(ArrayAt(storage, "Columns"));
  out.partition_columns = ReadColumns(ArrayAt(table, "PartitionKeys"));
  out.location = GetString(storage, "Location");
  out.format = FormatOf(storage, properties);
  if (const std::string_view owner = GetString(table, "Owner"); !owner.empty()) {
    out.owners.push_back({.name = std::string(owner), .kind = "user"});
  }
  out.tags = catalogs::TagsOf(properties);
  out.properties = WriteParameters(properties);
  out.definition = GetString(table, "ViewOriginalText");
  out.created = TimeAt(table, "CreateTime");
  out.modified = TimeAt(table, "UpdateTime");
  out.row_estimate = Count(properties, {"recordCount", "numRows"});
  out.size_bytes = Count(properties, {"sizeKey", "totalSize"});
  return out;
}

connector::DatasetPartition ReadPartition(const json::object& partition) {
  connector::DatasetPartition out;
  for (const json::value& value : ArrayAt(partition, "Values")) {
    out.values.emplace_back(value.is_string() ? std::string_view(value.get_string()) : "");
  }
  out.location = GetString(ObjectAt(partition, "StorageDescriptor"), "Location");
  out.properties = WriteParameters(ReadParameters(partition));
  out.created = TimeAt(partition, "CreationTime");
  return out;
}

json::object InputOf(const json::object& table) {
  json::object out;
  for (const char* name : {"Name", "Description", "Owner", "LastAccessTime", "LastAnalyzedTime",
                           "Retention", "StorageDescriptor", "PartitionKeys", "ViewOriginalText",
                           "ViewExpandedText", "TableType", "Parameters", "TargetTable"}) {
    if (const json::value* found = table.if_contains(name); found != nullptr && !found->is_null()) {
      out[name] = *found;
    }
  }
  return out;
}

Result<json::object> NewTable(std::string_view name, const connector::DatasetChange& change) {
  if (!change.columns || change.columns->empty()) {
    return InvalidArgument("metadata.needs_columns",
                           "there is no such dataset yet, and a new one needs columns")
        .WithDetail("field", "columns")
        .WithStage("query");
  }
  json::object input{{"Name", name},
                     {"TableType", "EXTERNAL_TABLE"},
                     {"PartitionKeys", json::array()},
                     {"Parameters", {{"EXTERNAL", "TRUE"}}}};
  SetFormat(input, change.format.value_or("parquet"));
  ChangeTable(input, change);
  return input;
}

void ChangeTable(json::object& input, const connector::DatasetChange& change) {
  if (change.format) SetFormat(input, *change.format);
  if (change.columns) {
    ObjectIn(input, "StorageDescriptor")["Columns"] = WriteColumns(*change.columns);
  }
  if (change.location) ObjectIn(input, "StorageDescriptor")["Location"] = *change.location;
  if (change.partition_columns) input["PartitionKeys"] = WriteColumns(*change.partition_columns);
  if (change.comment) input["Description"] = *change.comment;
  if (change.owner) input["Owner"] = *change.owner;
  if (GetString(input, "Owner").empty()) input.erase("Owner");  // Glue wants a character or none.
  catalogs::Properties properties = ReadParameters(input);
  catalogs::Apply(change, properties);
  // Hive shows this one, and the two must not differ.
  if (const auto found = properties.find("comment"); change.comment && found != properties.end()) {
    found->second = *change.comment;
  }
  input["Parameters"] = WriteParameters(properties);
}

}  // namespace nstarx::connectors::glue
