#include "connectors/cassandra/cql_encode.h"

#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <fmt/format.h>

#include <algorithm>

#include "connectors/cassandra/cassandra_errors.h"
#include "connectors/cassandra/cql_literals.h"
#include "connectors/cassandra/cql_numbers.h"

namespace nstarx::connectors::cassandra {
namespace {

using enum CqlKind;

bool IsUuid(const arrow::DataType& type) {
  return type.id() == arrow::Type::EXTENSION &&
         static_cast<const arrow::ExtensionType&>(type).extension_name() == "arrow.uuid";
}

std::string Mismatch(const arrow::DataType& given, const CqlType& type) {
  return fmt::format("{}, which {} does not take", given.ToString(), ToCql(type));
}

// JSON parameters.

std::string EncodeJson(const CqlType& type, const json::value& value, std::string* out);

/// Elements with their lengths; of a vector as the wire has them.
std::string EncodeElements(const CqlType& type, const json::array& elements, std::string* out) {
  const bool vector = type.kind == kVector;
  const bool tuple = type.kind == kTuple;
  if (vector && elements.size() != static_cast<size_t>(type.dimension)) {
    return fmt::format("{} elements for {}", elements.size(), ToCql(type));
  }
  if (tuple && elements.size() > type.children.size()) return "more elements than the tuple has";
  if (!vector && !tuple) AppendBigEndian(elements.size(), 4, out);
  for (size_t i = 0; i < elements.size(); ++i) {
    const CqlType& child = type.children[tuple ? i : 0];
    if (elements[i].is_null()) {
      if (!tuple) return "a NULL inside a collection";
      AppendBigEndian(0xFFFF'FFFFU, 4, out);
      continue;
    }
    std::string element;
    if (auto wrong = EncodeJson(child, elements[i], &element); !wrong.empty()) return wrong;
    if (!vector) {
      AppendBytes(element, out);
      continue;
    }
    if (FixedSize(child) == 0) AppendVint(element.size(), out);
    *out += element;
  }
  return {};
}

std::string EncodeObject(const CqlType& type, const json::object& members, std::string* out) {
  if (type.kind == kMap) {
    AppendBigEndian(members.size(), 4, out);
    for (const auto& member : members) {
      std::string key;
      std::string item;
      if (auto wrong = EncodeText(type.children[0], member.key(), &key); !wrong.empty()) {
        return wrong;
      }
      if (member.value().is_null()) return "a NULL inside a collection";
      if (auto wrong = EncodeJson(type.children[1], member.value(), &item); !wrong.empty()) {
        return wrong;
      }
      AppendBytes(key, out);
      AppendBytes(item, out);
    }
    return {};
  }
  for (const auto& member : members) {
    if (std::ranges::find(type.field_names, member.key()) == type.field_names.end()) {
      return fmt::format("a field '{}', which {} has not got", std::string(member.key()),
                         type.name);
    }
  }
  for (size_t i = 0; i < type.children.size(); ++i) {
    const json::value* field = members.if_contains(type.field_names[i]);
    if (field == nullptr || field->is_null()) {
      AppendBigEndian(0xFFFF'FFFFU, 4, out);
      continue;
    }
    std::string element;
    if (auto wrong = EncodeJson(type.children[i], *field, &element); !wrong.empty()) return wrong;
    AppendBytes(element, out);
  }
  return {};
}

std::string EncodeJson(const CqlType& type, const json::value& value, std::string* out) {
  if (value.is_string() && !type.children.empty()) {  // Parameters are flat: JSON text.
    auto parsed = ParseJson(value.get_string());
    if (!parsed || parsed->is_string()) {
      return fmt::format("no JSON text, which {} takes", ToCql(type));
    }
    return EncodeJson(type, *parsed, out);
  }
  if (value.is_string()) return EncodeText(type, value.get_string(), out);
  if (value.is_int64()) return EncodeWhole(type, value.get_int64(), out);
  if (value.is_uint64()) return EncodeText(type, std::to_string(value.get_uint64()), out);
  if (value.is_double()) return EncodeReal(type, value.get_double(), out);
  if (value.is_bool() && type.kind == kBoolean) {
    *out += value.get_bool() ? '\1' : '\0';
    return {};
  }
  const bool sequence =
      type.kind == kList || type.kind == kSet || type.kind == kVector || type.kind == kTuple;
  if (value.is_array() && sequence) return EncodeElements(type, value.get_array(), out);
  if (value.is_object() && (type.kind == kMap || type.kind == kUdt)) {
    return EncodeObject(type, value.get_object(), out);
  }
  return fmt::format("a {}, which {} does not take", to_string(value.kind()), ToCql(type));
}

// Arrow cells.

std::string EncodeWholeCell(const CqlType& type, const arrow::Array& array, int64_t row,
                            std::string* out) {
  switch (array.type_id()) {
    case arrow::Type::INT8:
      return EncodeWhole(type, static_cast<const arrow::Int8Array&>(array).Value(row), out);
    case arrow::Type::INT16:
      return EncodeWhole(type, static_cast<const arrow::Int16Array&>(array).Value(row), out);
    case arrow::Type::INT32:
      return EncodeWhole(type, static_cast<const arrow::Int32Array&>(array).Value(row), out);
    case arrow::Type::INT64:
      return EncodeWhole(type, static_cast<const arrow::Int64Array&>(array).Value(row), out);
    case arrow::Type::UINT8:
      return EncodeWhole(type, static_cast<const arrow::UInt8Array&>(array).Value(row), out);
    case arrow::Type::UINT16:
      return EncodeWhole(type, static_cast<const arrow::UInt16Array&>(array).Value(row), out);
    case arrow::Type::UINT32:
      return EncodeWhole(type, static_cast<const arrow::UInt32Array&>(array).Value(row), out);
    default:
      return EncodeText(
          type, std::to_string(static_cast<const arrow::UInt64Array&>(array).Value(row)), out);
  }
}

/// value * up / down, exactly.
std::string EncodeScaled(const CqlType& type, int64_t value, int64_t up, int64_t down,
                         std::string* out) {
  int64_t scaled = 0;
  if (value % down != 0 || __builtin_mul_overflow(value / down, up, &scaled)) {
    return fmt::format("a time that {} can't hold exactly", ToCql(type));
  }
  return EncodeWhole(type, scaled, out);
}

std::string EncodeTimeCell(const CqlType& type, const arrow::Array& array, int64_t row,
                           std::string* out) {
  using arrow::TimeUnit;
  const auto unit_nanos = [](TimeUnit::type unit) -> int64_t {
    return unit == TimeUnit::SECOND  ? 1'000'000'000
           : unit == TimeUnit::MILLI ? 1'000'000
           : unit == TimeUnit::MICRO ? 1000
                                     : 1;
  };
  switch (array.type_id()) {
    case arrow::Type::TIMESTAMP: {
      if (type.kind != kTimestamp) break;
      const int64_t nanos =
          unit_nanos(static_cast<const arrow::TimestampType&>(*array.type()).unit());
      const int64_t value = static_cast<const arrow::TimestampArray&>(array).Value(row);
      constexpr int64_t kMs = 1'000'000;
      return nanos >= kMs ? EncodeScaled(type, value, nanos / kMs, 1, out)
                          : EncodeScaled(type, value, 1, kMs / nanos, out);
    }
    case arrow::Type::TIME32:
      if (type.kind != kTime) break;
      return EncodeScaled(type, static_cast<const arrow::Time32Array&>(array).Value(row),
                          unit_nanos(static_cast<const arrow::TimeType&>(*array.type()).unit()), 1,
                          out);
    case arrow::Type::TIME64:
      if (type.kind != kTime) break;
      return EncodeScaled(type, static_cast<const arrow::Time64Array&>(array).Value(row),
                          unit_nanos(static_cast<const arrow::TimeType&>(*array.type()).unit()), 1,
                          out);
    case arrow::Type::DATE32: {
      const int64_t day = static_cast<const arrow::Date32Array&>(array).Value(row);
      if (type.kind == kTimestamp) return EncodeWhole(type, day * 86'400'000, out);
      if (type.kind != kDate) break;
      AppendBigEndian(static_cast<uint32_t>(day) ^ 0x8000'0000U, 4, out);
      return {};
    }
    default: {
      if (type.kind != kDuration) break;
      const auto value = static_cast<const arrow::MonthDayNanoIntervalArray&>(array).GetValue(row);
      AppendDuration(value.months, value.days, value.nanoseconds, out);
      return {};
    }
  }
  return Mismatch(*array.type(), type);
}

std::string EncodeBinaryCell(const CqlType& type, std::string_view bytes,
                             const arrow::DataType& given, std::string* out) {
  const bool uuid = (type.kind == kUuid || type.kind == kTimeuuid) && bytes.size() == 16;
  if (type.kind != kBlob && type.kind != kCustom && !uuid) return Mismatch(given, type);
  *out += bytes;
  return {};
}

/// Appends one element of a composite, with its length; NULL where `nullable` allows it.
std::string EncodeElement(const CqlType& type, const arrow::Array& array, int64_t row,
                          bool nullable, std::string* out) {
  if (array.IsNull(row)) {
    if (!nullable) return "a NULL inside a collection";
    AppendBigEndian(0xFFFF'FFFFU, 4, out);
    return {};
  }
  std::string element;
  if (auto wrong = EncodeCell(type, array, row, &element); !wrong.empty()) return wrong;
  AppendBytes(element, out);
  return {};
}

std::string EncodeSequence(const CqlType& type, const arrow::Array& values, int64_t begin,
                           int64_t length, std::string* out) {
  if (type.kind == kVector) {
    if (length != type.dimension) return fmt::format("{} elements for {}", length, ToCql(type));
    for (int64_t i = begin; i < begin + length; ++i) {
      if (values.IsNull(i)) return "a NULL inside a vector";
      std::string element;
      if (auto wrong = EncodeCell(type.children[0], values, i, &element); !wrong.empty()) {
        return wrong;
      }
      if (FixedSize(type.children[0]) == 0) AppendVint(element.size(), out);
      *out += element;
    }
    return {};
  }
  if (type.kind != kList && type.kind != kSet) return Mismatch(*values.type(), type);
  AppendBigEndian(static_cast<uint64_t>(length), 4, out);
  for (int64_t i = begin; i < begin + length; ++i) {
    if (auto wrong = EncodeElement(type.children[0], values, i, false, out); !wrong.empty()) {
      return wrong;
    }
  }
  return {};
}

std::string EncodeMapCell(const CqlType& type, const arrow::MapArray& map, int64_t row,
                          std::string* out) {
  if (type.kind != kMap) return Mismatch(*map.type(), type);
  const int64_t begin = map.value_offset(row);
  AppendBigEndian(static_cast<uint64_t>(map.value_length(row)), 4, out);
  for (int64_t i = begin; i < begin + map.value_length(row); ++i) {
    if (auto wrong = EncodeElement(type.children[0], *map.keys(), i, false, out); !wrong.empty()) {
      return wrong;
    }
    if (auto wrong = EncodeElement(type.children[1], *map.items(), i, false, out); !wrong.empty()) {
      return wrong;
    }
  }
  return {};
}

std::string EncodeStructCell(const CqlType& type, const arrow::StructArray& array, int64_t row,
                             std::string* out) {
  if (type.kind != kTuple && type.kind != kUdt) return Mismatch(*array.type(), type);
  for (int i = 0; type.kind == kUdt && i < array.num_fields(); ++i) {
    const std::string& name = array.struct_type()->field(i)->name();
    if (std::ranges::find(type.field_names, name) == type.field_names.end()) {
      return fmt::format("a field '{}', which {} has not got", name, type.name);
    }
  }
  if (type.kind == kTuple && array.num_fields() != static_cast<int>(type.children.size())) {
    return Mismatch(*array.type(), type);
  }
  for (size_t i = 0; i < type.children.size(); ++i) {
    const auto field = type.kind == kUdt ? array.GetFieldByName(type.field_names[i])
                                         : array.field(static_cast<int>(i));
    if (field == nullptr) {
      AppendBigEndian(0xFFFF'FFFFU, 4, out);
      continue;
    }
    if (auto wrong = EncodeElement(type.children[i], *field, row, true, out); !wrong.empty()) {
      return wrong;
    }
  }
  return {};
}

std::string EncodeDecimal(const CqlType& type, const std::string& digits, std::string* out) {
  if (type.kind == kVarint || type.kind == kDecimal) return EncodeText(type, digits, out);
  return fmt::format("a decimal, which {} does not take", ToCql(type));
}

std::string EncodeNested(const CqlType& type, const arrow::Array& array, int64_t row,
                         std::string* out) {
  switch (array.type_id()) {
    case arrow::Type::LIST: {
      const auto& list = static_cast<const arrow::ListArray&>(array);
      return EncodeSequence(type, *list.values(), list.value_offset(row), list.value_length(row),
                            out);
    }
    case arrow::Type::LARGE_LIST: {
      const auto& list = static_cast<const arrow::LargeListArray&>(array);
      return EncodeSequence(type, *list.values(), list.value_offset(row), list.value_length(row),
                            out);
    }
    case arrow::Type::FIXED_SIZE_LIST: {
      const auto& list = static_cast<const arrow::FixedSizeListArray&>(array);
      return EncodeSequence(type, *list.values(), list.value_offset(row), list.value_length(row),
                            out);
    }
    case arrow::Type::MAP:
      return EncodeMapCell(type, static_cast<const arrow::MapArray&>(array), row, out);
    case arrow::Type::STRUCT:
      return EncodeStructCell(type, static_cast<const arrow::StructArray&>(array), row, out);
    case arrow::Type::EXTENSION:
      return EncodeCell(type, *static_cast<const arrow::ExtensionArray&>(array).storage(), row,
                        out);
    default:
      return Mismatch(*array.type(), type);
  }
}

/// The elements' type inside a frozen collection; empty when there is none.
std::string DeclaredNested(const arrow::DataType& type) {
  std::string inside;
  for (const auto& field : type.fields()) {
    const std::string declared = DeclaredType(*field->type());
    if (declared.empty()) return {};
    inside += (inside.empty() ? "" : ", ") + declared;
  }
  if (inside.empty()) return {};
  if (type.id() == arrow::Type::STRUCT) return fmt::format("frozen<tuple<{}>>", inside);
  if (type.id() == arrow::Type::FIXED_SIZE_LIST) {
    const int32_t size = static_cast<const arrow::FixedSizeListType&>(type).list_size();
    return size < 1 || size > kDimensionMax ? std::string()
                                            : fmt::format("vector<{}, {}>", inside, size);
  }
  return fmt::format("frozen<list<{}>>", inside);
}

}  // namespace

Result<std::optional<std::string>> EncodeParameter(const CqlType& type, const json::value& value,
                                                   size_t number) {
  if (value.is_null()) return std::optional<std::string>();
  std::string bytes;
  if (const std::string wrong = EncodeJson(type, value, &bytes); !wrong.empty()) {
    return Refuse("query.bad_parameter", fmt::format("Parameter {} is {}", number, wrong));
  }
  return std::optional<std::string>(std::move(bytes));
}

std::string EncodeCell(const CqlType& type, const arrow::Array& array, int64_t row,
                       std::string* out) {
  switch (array.type_id()) {
    case arrow::Type::BOOL:
      if (type.kind != kBoolean) return Mismatch(*array.type(), type);
      *out += static_cast<const arrow::BooleanArray&>(array).Value(row) ? '\1' : '\0';
      return {};
    case arrow::Type::FLOAT:
      return EncodeReal(type, static_cast<const arrow::FloatArray&>(array).Value(row), out);
    case arrow::Type::DOUBLE:
      if (type.kind == kFloat) return Mismatch(*array.type(), type);
      return EncodeReal(type, static_cast<const arrow::DoubleArray&>(array).Value(row), out);
    case arrow::Type::STRING:
      return EncodeText(type, static_cast<const arrow::StringArray&>(array).GetView(row), out);
    case arrow::Type::LARGE_STRING:
      return EncodeText(type, static_cast<const arrow::LargeStringArray&>(array).GetView(row), out);
    case arrow::Type::BINARY:
      return EncodeBinaryCell(type, static_cast<const arrow::BinaryArray&>(array).GetView(row),
                              *array.type(), out);
    case arrow::Type::LARGE_BINARY:
      return EncodeBinaryCell(type, static_cast<const arrow::LargeBinaryArray&>(array).GetView(row),
                              *array.type(), out);
    case arrow::Type::FIXED_SIZE_BINARY:
      return EncodeBinaryCell(type,
                              static_cast<const arrow::FixedSizeBinaryArray&>(array).GetView(row),
                              *array.type(), out);
    case arrow::Type::DECIMAL128:
      return EncodeDecimal(type, static_cast<const arrow::Decimal128Array&>(array).FormatValue(row),
                           out);
    case arrow::Type::DECIMAL256:
      return EncodeDecimal(type, static_cast<const arrow::Decimal256Array&>(array).FormatValue(row),
                           out);
    case arrow::Type::TIMESTAMP:
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
    case arrow::Type::DATE32:
    case arrow::Type::INTERVAL_MONTH_DAY_NANO:
      return EncodeTimeCell(type, array, row, out);
    default:
      if (arrow::is_integer(array.type_id())) return EncodeWholeCell(type, array, row, out);
      return EncodeNested(type, array, row, out);
  }
}

std::string DeclaredType(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return "boolean";
    case arrow::Type::INT8:
      return "tinyint";
    case arrow::Type::INT16:
    case arrow::Type::UINT8:
      return "smallint";
    case arrow::Type::INT32:
    case arrow::Type::UINT16:
      return "int";
    case arrow::Type::INT64:
    case arrow::Type::UINT32:
      return "bigint";
    case arrow::Type::UINT64:
      return "varint";
    case arrow::Type::FLOAT:
      return "float";
    case arrow::Type::DOUBLE:
      return "double";
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::NA:
      return "text";
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::FIXED_SIZE_BINARY:
      return "blob";
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256:
      return "decimal";
    case arrow::Type::DATE32:
      return "date";
    case arrow::Type::TIMESTAMP:
      return "timestamp";
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
      return "time";
    case arrow::Type::INTERVAL_MONTH_DAY_NANO:
      return "duration";
    case arrow::Type::MAP: {
      const auto& map = static_cast<const arrow::MapType&>(type);
      const std::string key = DeclaredType(*map.key_type());
      const std::string item = DeclaredType(*map.item_type());
      return key.empty() || item.empty() ? std::string()
                                         : fmt::format("frozen<map<{}, {}>>", key, item);
    }
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
    case arrow::Type::FIXED_SIZE_LIST:
    case arrow::Type::STRUCT:
      return DeclaredNested(type);
    default:
      return IsUuid(type) ? "uuid" : "";
  }
}

}  // namespace nstarx::connectors::cassandra
