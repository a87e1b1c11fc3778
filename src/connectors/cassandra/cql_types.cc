#include "connectors/cassandra/cql_types.h"

#include <arrow/api.h>
#include <arrow/extension/uuid.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace nstarx::connectors::cassandra {
namespace {

using enum CqlKind;

struct SimpleType {
  CqlKind kind;
  std::string_view cql;
  std::string_view server_class;
};
constexpr SimpleType kSimple[] = {
    {kAscii, "ascii", "AsciiType"},
    {kBigint, "bigint", "LongType"},
    {kBlob, "blob", "BytesType"},
    {kBoolean, "boolean", "BooleanType"},
    {kCounter, "counter", "CounterColumnType"},
    {kDecimal, "decimal", "DecimalType"},
    {kDouble, "double", "DoubleType"},
    {kFloat, "float", "FloatType"},
    {kInt, "int", "Int32Type"},
    {kTimestamp, "timestamp", "TimestampType"},
    {kUuid, "uuid", "UUIDType"},
    {kText, "text", "UTF8Type"},
    {kVarint, "varint", "IntegerType"},
    {kTimeuuid, "timeuuid", "TimeUUIDType"},
    {kInet, "inet", "InetAddressType"},
    {kDate, "date", "SimpleDateType"},
    {kTime, "time", "TimeType"},
    {kSmallint, "smallint", "ShortType"},
    {kTinyint, "tinyint", "ByteType"},
    {kDuration, "duration", "DurationType"},
    {kText, "varchar", "UTF8Type"},
};
constexpr int64_t kPartsMax = 4096;
constexpr std::string_view kPackage = "org.apache.cassandra.db.marshal.";

/// Name and parameters of `Name(a, b)` or `name<a, b>`; false when brackets do not match.
bool TakeApart(std::string_view text, char open, char close, std::string_view* name,
               std::vector<std::string_view>* parameters) {
  const auto trim = [](std::string_view part) {
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    return part;
  };
  text = trim(text);
  const size_t bracket = text.find(open);
  if (bracket == std::string_view::npos) {
    *name = text;
    return !text.empty();
  }
  if (!text.ends_with(close)) return false;
  *name = trim(text.substr(0, bracket));
  const std::string_view inside = text.substr(bracket + 1, text.size() - bracket - 2);
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i < inside.size(); ++i) {
    if (inside[i] == open) ++depth;
    if (inside[i] == close && --depth < 0) return false;
    if (inside[i] == ',' && depth == 0) {
      parameters->push_back(trim(inside.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  if (depth != 0) return false;
  parameters->push_back(trim(inside.substr(begin)));
  return true;
}

std::optional<int32_t> Dimension(std::string_view text) {
  int32_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (number < 1 || number > kDimensionMax) return std::nullopt;
  return number;
}

std::optional<std::string> FromHex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  for (size_t i = 0; i < text.size(); i += 2) {
    uint8_t byte = 0;
    const auto [end, code] = std::from_chars(text.data() + i, text.data() + i + 2, byte, 16);
    if (code != std::errc() || end != text.data() + i + 2) return std::nullopt;
    out += static_cast<char>(byte);
  }
  return out;
}

std::optional<CqlType> ClassOf(std::string_view text, int depth);

/// UserType(keyspace, hex of the name, hex of a field's name:type, …)
std::optional<CqlType> UdtOfClass(const std::vector<std::string_view>& parameters, int depth) {
  if (parameters.size() < 2) return std::nullopt;
  CqlType type{.kind = kUdt};
  auto name = FromHex(parameters[1]);
  if (!name) return std::nullopt;
  type.name = std::move(*name);
  for (size_t i = 2; i < parameters.size(); ++i) {
    const size_t colon = parameters[i].find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    auto field = FromHex(parameters[i].substr(0, colon));
    auto child = ClassOf(parameters[i].substr(colon + 1), depth + 1);
    if (!field || !child) return std::nullopt;
    type.field_names.push_back(std::move(*field));
    type.children.push_back(std::move(*child));
  }
  return type;
}

/// The composite types that both forms have. Nothing when the count of parameters is wrong.
template <class Parse>
std::optional<CqlType> Composite(CqlKind kind, const std::vector<std::string_view>& parameters,
                                 const Parse& parse) {
  CqlType type{.kind = kind};
  size_t count = parameters.size();
  if (kind == kVector) {
    if (count != 2) return std::nullopt;
    const auto dimension = Dimension(parameters[1]);
    if (!dimension) return std::nullopt;
    type.dimension = *dimension;
    count = 1;
  }
  const size_t wanted = kind == kMap ? 2 : kind == kTuple ? count : 1;
  if (count != wanted || count == 0) return std::nullopt;
  for (size_t i = 0; i < count; ++i) {
    auto child = parse(parameters[i]);
    if (!child) return std::nullopt;
    type.children.push_back(std::move(*child));
  }
  return type;
}

std::optional<CqlType> ClassOf(std::string_view text, int depth) {
  if (depth > kTypeDepthMax) return std::nullopt;
  std::string_view name;
  std::vector<std::string_view> parameters;
  if (!TakeApart(text, '(', ')', &name, &parameters)) return std::nullopt;
  if (name.starts_with(kPackage)) name.remove_prefix(kPackage.size());
  const auto parse = [depth](std::string_view part) { return ClassOf(part, depth + 1); };
  if (parameters.empty()) {
    for (const SimpleType& simple : kSimple) {
      if (simple.server_class == name) return CqlType{.kind = simple.kind};
    }
  } else if ((name == "FrozenType" || name == "ReversedType") && parameters.size() == 1) {
    return parse(parameters[0]);
  } else if (name == "ListType" || name == "SetType") {
    return Composite(name == "ListType" ? kList : kSet, parameters, parse);
  } else if (name == "MapType") {
    return Composite(kMap, parameters, parse);
  } else if (name == "TupleType") {
    return Composite(kTuple, parameters, parse);
  } else if (name == "VectorType") {
    return Composite(kVector, parameters, parse);
  } else if (name == "UserType") {
    return UdtOfClass(parameters, depth);
  }
  return CqlType{.kind = kCustom, .name = std::string(text)};
}

}  // namespace

std::optional<CqlType> ParseClass(std::string_view name) {
  auto type = ClassOf(name, 0);
  if (type && Leaves(*type) > kLeavesMax) return std::nullopt;
  return type;
}

namespace {

/// `parts` bounds what types that contain themselves can cost.
std::optional<CqlType> CqlOf(std::string_view text, const UdtTable& udts, int depth,
                             int64_t* parts) {
  if (depth > kTypeDepthMax || --*parts < 0) return std::nullopt;
  std::string_view name;
  std::vector<std::string_view> parameters;
  if (!TakeApart(text, '<', '>', &name, &parameters)) return std::nullopt;
  const auto parse = [&udts, depth, parts](std::string_view part) {
    return CqlOf(part, udts, depth + 1, parts);
  };
  if (!parameters.empty()) {
    if (name == "frozen" && parameters.size() == 1) return parse(parameters[0]);
    if (name == "list") return Composite(kList, parameters, parse);
    if (name == "set") return Composite(kSet, parameters, parse);
    if (name == "map") return Composite(kMap, parameters, parse);
    if (name == "tuple") return Composite(kTuple, parameters, parse);
    if (name == "vector") return Composite(kVector, parameters, parse);
    return std::nullopt;
  }
  for (const SimpleType& simple : kSimple) {
    if (simple.cql == name) return CqlType{.kind = simple.kind};
  }
  if (name.starts_with('\'')) return CqlType{.kind = kCustom, .name = std::string(name)};
  if (name.size() > 1 && name.starts_with('"') && name.ends_with('"')) {
    name = name.substr(1, name.size() - 2);
  }
  const auto found = udts.find(name);
  if (found == udts.end()) return std::nullopt;
  CqlType type{.kind = kUdt, .name = std::string(name)};
  for (size_t i = 0; i < found->second.types.size() && i < found->second.names.size(); ++i) {
    auto child = parse(found->second.types[i]);
    if (!child) return std::nullopt;
    type.field_names.push_back(found->second.names[i]);
    type.children.push_back(std::move(*child));
  }
  return type;
}

}  // namespace

std::optional<CqlType> ParseCql(std::string_view text, const UdtTable& udts) {
  int64_t parts = kPartsMax;
  return CqlOf(text, udts, 0, &parts);
}

CqlType ReadType(BodyReader& reader, int depth) {
  CqlType type;
  if (depth > kTypeDepthMax) {
    reader.Fail();
    return type;
  }
  const uint16_t id = reader.Short();
  type.kind = static_cast<CqlKind>(id);
  const auto read_children = [&](size_t count) {
    for (size_t i = 0; i < count && reader.ok(); ++i) {
      type.children.push_back(ReadType(reader, depth + 1));
    }
  };
  switch (type.kind) {
    case kCustom:
      if (auto parsed = ParseClass(reader.String()); parsed && reader.ok()) {
        type = std::move(*parsed);
      } else {
        reader.Fail();
      }
      break;
    case kList:
    case kSet:
      read_children(1);
      break;
    case kMap:
      read_children(2);
      break;
    case kTuple:
      read_children(reader.Short());
      break;
    case kUdt: {
      reader.String();  // its keyspace
      type.name = reader.String();
      const size_t count = reader.Short();
      for (size_t i = 0; i < count && reader.ok(); ++i) {
        type.field_names.emplace_back(reader.String());
        type.children.push_back(ReadType(reader, depth + 1));
      }
      break;
    }
    default:
      if (std::ranges::find(kSimple, type.kind, &SimpleType::kind) == std::end(kSimple)) {
        reader.Fail();
      }
  }
  if (depth == 0 && reader.ok() && Leaves(type) > kLeavesMax) reader.Fail();
  return type;
}

std::string ToCql(const CqlType& type) {
  std::string children;
  for (const CqlType& child : type.children) {
    children += (children.empty() ? "" : ", ") + ToCql(child);
  }
  switch (type.kind) {
    case kList:
      return "list<" + children + ">";
    case kSet:
      return "set<" + children + ">";
    case kMap:
      return "map<" + children + ">";
    case kTuple:
      return "tuple<" + children + ">";
    case kVector:
      return fmt::format("vector<{}, {}>", children, type.dimension);
    case kUdt:
    case kCustom:
      return type.name;
    default:
      return std::string(std::ranges::find(kSimple, type.kind, &SimpleType::kind)->cql);
  }
}

int64_t Leaves(const CqlType& type) {
  int64_t leaves = 1;
  if (type.kind == kTuple || type.kind == kUdt || type.kind == kVector) {
    for (const CqlType& child : type.children) leaves += Leaves(child);
    if (type.kind == kVector) leaves *= type.dimension;
  } else {
    for (const CqlType& child : type.children) {
      if (Leaves(child) > kLeavesMax) leaves = kLeavesMax + 1;
    }
  }
  return std::min(leaves, kLeavesMax + 1);
}

int32_t FixedSize(const CqlType& type) {
  switch (type.kind) {
    case kBoolean:
      return 1;
    case kInt:
    case kFloat:
      return 4;
    case kBigint:
    case kDouble:
    case kTimestamp:
      return 8;
    case kUuid:
    case kTimeuuid:
      return 16;
    case kVector:
      return FixedSize(type.children[0]) * type.dimension;
    default:
      return 0;
  }
}

namespace {

std::shared_ptr<arrow::DataType> NumberType(NumericAs numeric, bool whole) {
  if (numeric == NumericAs::kDecimal128) return arrow::decimal128(38, whole ? 0 : 10);
  if (numeric == NumericAs::kDecimal256) return arrow::decimal256(76, whole ? 0 : 38);
  return arrow::utf8();
}

std::shared_ptr<arrow::DataType> CompositeType(const CqlType& type, NumericAs numeric,
                                               bool storage) {
  std::vector<std::shared_ptr<arrow::DataType>> children;
  children.reserve(type.children.size());
  for (const CqlType& child : type.children) children.push_back(ToArrow(child, numeric, storage));
  switch (type.kind) {
    case kMap:
      return arrow::map(children[0], children[1]);
    case kVector:
      return arrow::fixed_size_list(children[0], type.dimension);
    case kTuple:
    case kUdt: {
      arrow::FieldVector fields;
      for (size_t i = 0; i < children.size(); ++i) {
        fields.push_back(arrow::field(
            type.kind == kUdt ? type.field_names[i] : fmt::format("field_{}", i + 1), children[i]));
      }
      return arrow::struct_(fields);
    }
    default:
      return arrow::list(children[0]);
  }
}

}  // namespace

std::shared_ptr<arrow::DataType> ToArrow(const CqlType& type, NumericAs numeric, bool storage) {
  switch (type.kind) {
    case kAscii:
    case kText:
    case kInet:
      return arrow::utf8();
    case kBigint:
    case kCounter:
      return arrow::int64();
    case kCustom:
    case kBlob:
      return arrow::binary();
    case kBoolean:
      return arrow::boolean();
    case kDecimal:
      return NumberType(numeric, false);
    case kVarint:
      return NumberType(numeric, true);
    case kDouble:
      return arrow::float64();
    case kFloat:
      return arrow::float32();
    case kInt:
      return arrow::int32();
    case kSmallint:
      return arrow::int16();
    case kTinyint:
      return arrow::int8();
    case kTimestamp:
      return arrow::timestamp(arrow::TimeUnit::MILLI, "UTC");
    case kUuid:
    case kTimeuuid:
      return storage ? arrow::fixed_size_binary(16) : arrow::extension::uuid();
    case kDate:
      return arrow::date32();
    case kTime:
      return arrow::time64(arrow::TimeUnit::NANO);
    case kDuration:
      return arrow::month_day_nano_interval();
    default:
      return CompositeType(type, numeric, storage);
  }
}

}  // namespace nstarx::connectors::cassandra
