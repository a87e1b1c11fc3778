#include "connectors/catalogs/hive_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

namespace nstarx::connectors::catalogs {
namespace {

constexpr int kDepthMax = 32;

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

constexpr std::pair<std::string_view, std::string_view> kPlain[] = {
    {"boolean", "bool"},
    {"tinyint", "int8"},
    {"smallint", "int16"},
    {"int", "int32"},
    {"integer", "int32"},
    {"bigint", "int64"},
    {"long", "int64"},
    {"float", "float"},
    {"real", "float"},
    {"double", "double"},
    {"double precision", "double"},
    {"string", "string"},
    {"varchar", "string"},
    {"char", "string"},
    {"binary", "binary"},
    {"date", "date32[day]"},
    {"timestamp", "timestamp[ns]"},
    {"timestamp with local time zone", "timestamp[ns, tz=UTC]"},
    {"timestamptz", "timestamp[ns, tz=UTC]"},
    {"interval_year_month", "month_interval"},
    {"interval_day_time", "duration[ns]"},
    {"void", "null"},
};

/// Reads one type after the other; a failure leaves the rest unread and yields nothing.
class Grammar {
 public:
  explicit Grammar(std::string_view text) : text_(text) {}

  std::optional<std::string> Whole() {
    auto type = Type(0);
    SkipSpaces();
    if (!type || at_ != text_.size()) return std::nullopt;
    return type;
  }

 private:
  void SkipSpaces() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool Take(char wanted) {
    SkipSpaces();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  /// Up to a character of the grammar, without spaces around it.
  std::string_view Word(std::string_view ends) {
    SkipSpaces();
    const size_t begin = at_;
    while (at_ < text_.size() && ends.find(text_[at_]) == ends.npos) ++at_;
    std::string_view word = text_.substr(begin, at_ - begin);
    while (word.ends_with(' ')) word.remove_suffix(1);
    return word;
  }
  /// A field's name; one in backquotes may hold anything, a doubled backquote is one.
  std::optional<std::string> FieldName() {
    if (!Take('`')) {
      const std::string_view word = Word(":<>,");
      if (word.empty()) return std::nullopt;
      return std::string(word);
    }
    std::string name;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c != '`') {
        name += c;
      } else if (at_ < text_.size() && text_[at_] == '`') {
        name += c;
        ++at_;
      } else {
        return name;
      }
    }
    return std::nullopt;
  }

  std::optional<std::string> Type(int depth) {
    if (depth > kDepthMax) return std::nullopt;
    const std::string name = Lower(Word("<>(),:"));
    if (name == "array") return Array(depth);
    if (name == "map") return Map(depth);
    if (name == "struct") return Struct(depth);
    if (name == "uniontype") return Union(depth);
    if (name == "decimal" || name == "numeric" || name == "dec") return Decimal();
    for (const auto& [hive, arrow] : kPlain) {
      if (hive != name) continue;
      if ((name == "varchar" || name == "char") && Take('(')) {
        if (!Number() || !Take(')')) return std::nullopt;
      }
      return std::string(arrow);
    }
    return std::nullopt;
  }

  std::optional<int> Number() {
    const std::string_view word = Word(",)");
    int number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
    return number;
  }

  std::optional<std::string> Decimal() {
    int precision = 10;
    int scale = 0;
    if (Take('(')) {
      const auto digits = Number();
      if (!digits) return std::nullopt;
      precision = *digits;
      if (Take(',')) {
        const auto after = Number();
        if (!after) return std::nullopt;
        scale = *after;
      }
      if (!Take(')')) return std::nullopt;
    }
    if (precision < 1 || precision > 38 || scale < 0 || scale > precision) return std::nullopt;
    return fmt::format("decimal128({}, {})", precision, scale);
  }

  std::optional<std::string> Array(int depth) {
    if (!Take('<')) return std::nullopt;
    const auto item = Type(depth + 1);
    if (!item || !Take('>')) return std::nullopt;
    return fmt::format("list<item: {}>", *item);
  }

  std::optional<std::string> Map(int depth) {
    if (!Take('<')) return std::nullopt;
    const auto key = Type(depth + 1);
    if (!key || !Take(',')) return std::nullopt;
    const auto item = Type(depth + 1);
    if (!item || !Take('>')) return std::nullopt;
    return fmt::format("map<{}, {}>", *key, *item);
  }

  std::optional<std::string> Struct(int depth) {
    if (!Take('<')) return std::nullopt;
    std::string fields;
    do {
      const auto name = FieldName();
      if (!name || !Take(':')) return std::nullopt;
      const auto type = Type(depth + 1);
      if (!type) return std::nullopt;
      fields += fmt::format("{}{}: {}", fields.empty() ? "" : ", ", *name, *type);
    } while (Take(','));
    if (!Take('>')) return std::nullopt;
    return fmt::format("struct<{}>", fields);
  }

  std::optional<std::string> Union(int depth) {
    if (!Take('<')) return std::nullopt;
    std::string children;
    int tag = 0;
    do {
      const auto type = Type(depth + 1);
      if (!type) return std::nullopt;
      children += fmt::format("{}{}: {}={}", tag == 0 ? "" : ", ", tag, *type, tag);
      ++tag;
    } while (Take(','));
    if (!Take('>')) return std::nullopt;
    return fmt::format("dense_union<{}>", children);
  }

  std::string_view text_;
  size_t at_ = 0;
};

constexpr HiveStorage kStorages[] = {
    {"parquet", "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
     "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
     "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
    {"orc", "org.apache.hadoop.hive.ql.io.orc.OrcInputFormat",
     "org.apache.hadoop.hive.ql.io.orc.OrcOutputFormat",
     "org.apache.hadoop.hive.ql.io.orc.OrcSerde"},
    {"avro", "org.apache.hadoop.hive.ql.io.avro.AvroContainerInputFormat",
     "org.apache.hadoop.hive.ql.io.avro.AvroContainerOutputFormat",
     "org.apache.hadoop.hive.serde2.avro.AvroSerDe"},
    {"csv", "org.apache.hadoop.mapred.TextInputFormat",
     "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
     "org.apache.hadoop.hive.serde2.OpenCSVSerde"},
    {"json", "org.apache.hadoop.mapred.TextInputFormat",
     "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
     "org.apache.hive.hcatalog.data.JsonSerDe"},
    {"text", "org.apache.hadoop.mapred.TextInputFormat",
     "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
     "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"},
};

}  // namespace

std::string ArrowTypeOfHive(std::string_view type) {
  return Grammar(type).Whole().value_or("unknown");
}

std::string FormatOfHive(std::string_view serde, std::string_view input_format) {
  for (const HiveStorage& row : kStorages) {
    if (row.serde == serde) return std::string(row.format);
  }
  const std::string text = Lower(serde) + " " + Lower(input_format);
  for (const char* word : {"iceberg", "delta", "hudi", "parquet", "orc", "avro", "csv", "json",
                           "hbase", "kudu", "sequencefile"}) {
    if (text.find(word) != text.npos) return word;
  }
  return text.find("textinputformat") != text.npos ? "text" : "";
}

const HiveStorage* StorageOfFormat(std::string_view format) {
  const auto* found = std::ranges::find(kStorages, format, &HiveStorage::format);
  return found == std::end(kStorages) ? nullptr : found;
}

}  // namespace nstarx::connectors::catalogs
