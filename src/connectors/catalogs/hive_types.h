#pragma once

#include <string>
#include <string_view>

namespace nstarx::connectors::catalogs {

/// The Arrow type, as Arrow writes it, of a type of Hive's grammar ("array<decimal(10,2)>"): what
/// Hive Metastore and Glue catalogs hold. "unknown" for what is not in the grammar or nested deeper
/// than 32 levels.
std::string ArrowTypeOfHive(std::string_view type);

/// parquet, orc, avro, csv, json, text, iceberg … of a table's serde, input format and properties;
/// empty when not known.
std::string FormatOfHive(std::string_view serde, std::string_view input_format);

/// What a new table of the format is declared with.
struct HiveStorage {
  std::string_view format;
  std::string_view input_format;
  std::string_view output_format;
  std::string_view serde;
};
/// Null for a format that Hive has no serde of.
const HiveStorage* StorageOfFormat(std::string_view format);

}  // namespace nstarx::connectors::catalogs
