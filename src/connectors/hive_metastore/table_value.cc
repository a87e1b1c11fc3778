#include "connectors/hive_metastore/table_value.h"

#include <charconv>

#include "connectors/catalogs/hive_types.h"

namespace nstarx::connectors::hive_metastore {
namespace {

// Fields of the metastore's structs.
namespace table_field {
constexpr int16_t kName = 1;
constexpr int16_t kDatabase = 2;
constexpr int16_t kOwner = 3;
constexpr int16_t kCreated = 4;
constexpr int16_t kStorage = 7;
constexpr int16_t kPartitionKeys = 8;
constexpr int16_t kViewOriginal = 10;
constexpr int16_t kViewExpanded = 11;
constexpr int16_t kType = 12;
constexpr int16_t kOwnerType = 18;
}  // namespace table_field
namespace storage_field {
constexpr int16_t kColumns = 1;
constexpr int16_t kLocation = 2;
constexpr int16_t kInputFormat = 3;
constexpr int16_t kOutputFormat = 4;
constexpr int16_t kSerde = 7;
}  // namespace storage_field
constexpr int16_t kSerdeLibrary = 2;
constexpr int16_t kPartitionValues = 1;
constexpr int16_t kPartitionCreated = 4;
constexpr int16_t kPartitionStorage = 6;
constexpr int16_t kPartitionParameters = 7;

std::vector<connector::Column> ReadColumns(const ThriftValue* list) {
  std::vector<connector::Column> out;
  if (list == nullptr) return out;
  for (const ThriftValue& item : list->items) {
    const std::string_view type = item.TextAt(2);
    out.push_back({.name = std::string(item.TextAt(1)),
                   .native_type = std::string(type),
                   .arrow_type = catalogs::ArrowTypeOfHive(type),
                   .comment = std::string(item.TextAt(3))});
  }
  return out;
}

ThriftValue WriteColumns(const std::vector<connector::Column>& columns) {
  ThriftValue out = ThriftValue::List(ThriftType::kStruct);
  for (const connector::Column& column : columns) {
    ThriftValue row = ThriftValue::Struct();
    row.Set(1, ThriftValue::Text(column.name));
    row.Set(2, ThriftValue::Text(column.native_type));
    row.Set(3, ThriftValue::Text(column.comment));
    out.items.push_back(std::move(row));
  }
  return out;
}

std::optional<TimePoint> Seconds(int64_t seconds) {
  if (seconds <= 0) return std::nullopt;
  return TimePoint(std::chrono::seconds(seconds));
}

std::string KindOf(std::string_view type) {
  if (type == "VIRTUAL_VIEW") return "view";
  if (type == "MATERIALIZED_VIEW") return "materialized_view";
  if (type == "EXTERNAL_TABLE") return "external_table";
  return "table";
}

std::optional<int64_t> Count(const catalogs::Properties& properties, std::string_view name) {
  const auto found = properties.find(name);
  if (found == properties.end()) return std::nullopt;
  const std::string& text = found->second;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  // Hive writes -1 for 'not counted'.
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

std::optional<TimePoint> Modified(const catalogs::Properties& properties) {
  const auto seconds = Count(properties, "transient_lastDdlTime");
  return seconds && *seconds < 253'402'300'800 ? Seconds(*seconds) : std::nullopt;
}

void SetFormat(ThriftValue& storage, std::string_view format) {
  const catalogs::HiveStorage* found = catalogs::StorageOfFormat(format);
  if (found == nullptr) return;
  storage.Set(storage_field::kInputFormat, ThriftValue::Text(found->input_format));
  storage.Set(storage_field::kOutputFormat, ThriftValue::Text(found->output_format));
  ThriftValue& serde = storage.At(storage_field::kSerde, ThriftValue::Struct());
  serde.Set(kSerdeLibrary, ThriftValue::Text(found->serde));
  serde.At(3, ThriftValue::TextMap());
}

bool SameColumns(const std::vector<connector::Column>& left,
                 const std::vector<connector::Column>& right) {
  if (left.size() != right.size()) return false;
  for (size_t i = 0; i < left.size(); ++i) {
    if (left[i].name != right[i].name || left[i].native_type != right[i].native_type) return false;
  }
  return true;
}

void ChangeOwnerAndProperties(ThriftValue& table, const connector::DatasetChange& change) {
  if (change.owner) table.Set(table_field::kOwner, ThriftValue::Text(*change.owner));
  catalogs::Properties properties = ReadParameters(table, kTableParameters);
  catalogs::Apply(change, properties);
  if (change.comment) properties["comment"] = *change.comment;
  WriteParameters(table, kTableParameters, properties);
}

}  // namespace

catalogs::Properties ReadParameters(const ThriftValue& owner, int16_t field) {
  catalogs::Properties out;
  const ThriftValue* map = owner.Find(field, ThriftType::kMap);
  if (map == nullptr || map->key != ThriftType::kString || map->item != ThriftType::kString) {
    return out;
  }
  for (size_t i = 0; i + 1 < map->items.size(); i += 2) {
    out[map->items[i].text] = map->items[i + 1].text;
  }
  return out;
}

void WriteParameters(ThriftValue& owner, int16_t field, const catalogs::Properties& properties) {
  ThriftValue map = ThriftValue::TextMap();
  for (const auto& [name, value] : properties) {
    map.items.push_back(ThriftValue::Text(name));
    map.items.push_back(ThriftValue::Text(value));
  }
  owner.Set(field, std::move(map));
}

connector::Dataset ReadTable(const ThriftValue& table) {
  connector::Dataset out;
  out.name = table.TextAt(table_field::kName);
  out.path = catalogs::JoinPath(table.TextAt(table_field::kDatabase), out.name);
  out.kind = KindOf(table.TextAt(table_field::kType));
  if (const ThriftValue* storage = table.Find(table_field::kStorage, ThriftType::kStruct)) {
    out.columns = ReadColumns(storage->Find(storage_field::kColumns, ThriftType::kList));
    out.location = storage->TextAt(storage_field::kLocation);
    const ThriftValue* serde = storage->Find(storage_field::kSerde, ThriftType::kStruct);
    out.format = catalogs::FormatOfHive(serde != nullptr ? serde->TextAt(kSerdeLibrary) : "",
                                        storage->TextAt(storage_field::kInputFormat));
  }
  out.partition_columns = ReadColumns(table.Find(table_field::kPartitionKeys, ThriftType::kList));
  if (const std::string_view owner = table.TextAt(table_field::kOwner); !owner.empty()) {
    const int64_t kind = table.NumberAt(table_field::kOwnerType, 1);
    out.owners.push_back({.name = std::string(owner),
                          .kind = kind == 2   ? "role"
                                  : kind == 3 ? "group"
                                              : "user"});
  }
  const catalogs::Properties properties = ReadParameters(table, kTableParameters);
  for (const auto& [name, value] : properties) out.properties[name] = value;
  if (const auto comment = properties.find("comment"); comment != properties.end()) {
    out.comment = comment->second;
  }
  if (const auto type = properties.find("table_type"); type != properties.end()) {
    // Iceberg and Delta tables say so there; the serde is a stand-in.
    if (type->second == "ICEBERG" || type->second == "iceberg") out.format = "iceberg";
  }
  if (properties.contains("spark.sql.sources.provider") && out.format.empty()) {
    out.format = properties.find("spark.sql.sources.provider")->second;
  }
  out.tags = catalogs::TagsOf(properties);
  out.definition = table.TextAt(table_field::kViewOriginal);
  if (out.definition.empty()) out.definition = table.TextAt(table_field::kViewExpanded);
  out.created = Seconds(table.NumberAt(table_field::kCreated, 0));
  out.modified = Modified(properties);
  out.row_estimate = Count(properties, "numRows");
  out.size_bytes = Count(properties, "totalSize");
  return out;
}

connector::DatasetPartition ReadPartition(const ThriftValue& partition) {
  connector::DatasetPartition out;
  if (const ThriftValue* values = partition.Find(kPartitionValues, ThriftType::kList)) {
    for (const ThriftValue& value : values->items) out.values.push_back(value.text);
  }
  if (const ThriftValue* storage = partition.Find(kPartitionStorage, ThriftType::kStruct)) {
    out.location = storage->TextAt(storage_field::kLocation);
  }
  for (const auto& [name, value] : ReadParameters(partition, kPartitionParameters)) {
    out.properties[name] = value;
  }
  out.created = Seconds(partition.NumberAt(kPartitionCreated, 0));
  return out;
}

Result<ThriftValue> NewTable(std::string_view database, std::string_view name,
                             const connector::DatasetChange& change) {
  if (!change.columns || change.columns->empty()) {
    return InvalidArgument("metadata.needs_columns",
                           "there is no such dataset yet, and a new one needs columns")
        .WithDetail("field", "columns")
        .WithStage("query");
  }
  ThriftValue storage = ThriftValue::Struct();
  storage.Set(storage_field::kColumns, WriteColumns(*change.columns));
  if (change.location) storage.Set(storage_field::kLocation, ThriftValue::Text(*change.location));
  SetFormat(storage, change.format.value_or("parquet"));
  ThriftValue table = ThriftValue::Struct();
  table.Set(table_field::kName, ThriftValue::Text(name));
  table.Set(table_field::kDatabase, ThriftValue::Text(database));
  table.Set(table_field::kOwner, ThriftValue::Text(""));
  table.Set(table_field::kStorage, std::move(storage));
  table.Set(table_field::kPartitionKeys,
            WriteColumns(change.partition_columns.value_or(std::vector<connector::Column>())));
  // The metastore must never delete data that it did not make.
  WriteParameters(table, kTableParameters,
                  {{"EXTERNAL", "TRUE"}, {"external.table.purge", "false"}});
  table.Set(table_field::kType, ThriftValue::Text("EXTERNAL_TABLE"));
  ChangeOwnerAndProperties(table, change);
  return table;
}

Status ChangeTable(ThriftValue& table, const connector::DatasetChange& change) {
  if (change.partition_columns) {
    const ThriftValue* now = table.Find(table_field::kPartitionKeys, ThriftType::kList);
    if (!SameColumns(ReadColumns(now), *change.partition_columns)) {
      return InvalidArgument("metadata.change_refused",
                             "the partition columns of a table that is there can't be changed")
          .WithDetail("field", "partition_columns")
          .WithStage("query");
    }
    table.Set(table_field::kPartitionKeys, WriteColumns(*change.partition_columns));
  }
  ThriftValue& storage = table.At(table_field::kStorage, ThriftValue::Struct());
  if (change.columns) storage.Set(storage_field::kColumns, WriteColumns(*change.columns));
  if (change.location) storage.Set(storage_field::kLocation, ThriftValue::Text(*change.location));
  if (change.format) SetFormat(storage, *change.format);
  ChangeOwnerAndProperties(table, change);
  return {};
}

}  // namespace nstarx::connectors::hive_metastore
