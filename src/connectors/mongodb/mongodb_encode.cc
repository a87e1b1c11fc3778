#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <bson/bson.h>
#include <fmt/format.h>

#include "connectors/mongodb/mongodb_ingest.h"

namespace nstarx::connectors::mongodb {
namespace {

constexpr int64_t kMillisecondsOfDay = 86'400'000;
constexpr int kMaxDepth = 100;

struct Key {
  const char* text;
  int size;
};

Error NotStorable(const Key& key, std::string_view what) {
  return InvalidArgument("ingest.value_not_storable",
                         fmt::format("Column '{}': {}", std::string_view(key.text, key.size), what))
      .WithStage("query")
      .WithConnector("mongodb")
      .WithDetail("column", std::string_view(key.text, static_cast<size_t>(key.size)));
}

Status AppendDecimal(const Key& key, const std::string& digits, bson_t* out) {
  bson_decimal128_t value;
  if (!bson_decimal128_from_string(digits.c_str(), &value)) {
    return NotStorable(key, fmt::format("{} has more than 34 digits", digits));
  }
  bson_append_decimal128(out, key.text, key.size, &value);
  return {};
}

Status AppendMoment(const Key& key, int64_t value, arrow::TimeUnit::type unit, bson_t* out) {
  int64_t milliseconds = value;
  if (unit == arrow::TimeUnit::SECOND) {
    if (__builtin_mul_overflow(value, int64_t{1000}, &milliseconds)) {
      return NotStorable(key, "a time beyond what BSON holds");
    }
  } else if (unit != arrow::TimeUnit::MILLI) {
    const int64_t divisor = unit == arrow::TimeUnit::MICRO ? 1000 : 1'000'000;
    if (value % divisor != 0) {
      return NotStorable(key, "BSON dates have milliseconds; cast the column to timestamp[ms]");
    }
    milliseconds = value / divisor;
  }
  bson_append_date_time(out, key.text, key.size, milliseconds);
  return {};
}

template <class ArrayType>
const ArrayType& As(const arrow::Array& array) {
  return static_cast<const ArrayType&>(array);
}

template <class ArrayType>
void AppendText(const Key& key, const arrow::Array& array, int64_t row, bson_t* out) {
  const std::string_view text = As<ArrayType>(array).GetView(row);
  bson_append_utf8(out, key.text, key.size, text.data(), static_cast<int>(text.size()));
}

template <class ArrayType>
void AppendBytes(const Key& key, const arrow::Array& array, int64_t row, bson_subtype_t subtype,
                 bson_t* out) {
  const std::string_view bytes = As<ArrayType>(array).GetView(row);
  bson_append_binary(out, key.text, key.size, subtype,
                     reinterpret_cast<const uint8_t*>(bytes.data()),
                     static_cast<uint32_t>(bytes.size()));
}

Status AppendValue(const Key& key, const arrow::Array& array, int64_t row, int depth, bson_t* out);

Status AppendItems(const Key& key, const arrow::Array& values, int64_t begin, int64_t end,
                   int depth, bson_t* out) {
  bson_t list;
  bson_append_array_begin(out, key.text, key.size, &list);
  char buffer[16];
  Status status;
  for (int64_t i = begin; i < end && status; ++i) {
    const char* index = nullptr;
    const size_t size =
        bson_uint32_to_string(static_cast<uint32_t>(i - begin), &index, buffer, sizeof buffer);
    status = AppendValue({index, static_cast<int>(size)}, values, i, depth + 1, &list);
  }
  bson_append_array_end(out, &list);
  return status;
}

Status AppendFields(const Key& key, const arrow::StructArray& array, int64_t row, int depth,
                    bson_t* out) {
  bson_t document;
  bson_append_document_begin(out, key.text, key.size, &document);
  Status status;
  for (int i = 0; i < array.num_fields() && status; ++i) {
    const std::string& name = array.struct_type()->field(i)->name();
    status = AppendValue({name.c_str(), static_cast<int>(name.size())}, *array.field(i), row,
                         depth + 1, &document);
  }
  bson_append_document_end(out, &document);
  return status;
}

Status AppendMap(const Key& key, const arrow::MapArray& array, int64_t row, int depth,
                 bson_t* out) {
  const auto& type = static_cast<const arrow::MapType&>(*array.type());
  if (type.key_type()->id() != arrow::Type::STRING) {
    return NotStorable(key, "a map whose keys are no texts");
  }
  bson_t document;
  bson_append_document_begin(out, key.text, key.size, &document);
  Status status;
  const int64_t end = array.value_offset(row) + array.value_length(row);
  for (int64_t i = array.value_offset(row); i < end && status; ++i) {
    const std::string name(As<arrow::StringArray>(*array.keys()).GetView(i));
    status = AppendValue({name.c_str(), static_cast<int>(name.size())}, *array.items(), i,
                         depth + 1, &document);
  }
  bson_append_document_end(out, &document);
  return status;
}

Status AppendUnsigned(const Key& key, uint64_t value, bson_t* out) {
  if (value > static_cast<uint64_t>(INT64_MAX)) {
    return NotStorable(key, fmt::format("{} is beyond 63 bits", value));
  }
  bson_append_int64(out, key.text, key.size, static_cast<int64_t>(value));
  return {};
}

Status AppendNumber(const Key& key, const arrow::Array& array, int64_t row, bson_t* out) {
  const auto small = [&](int32_t value) {
    bson_append_int32(out, key.text, key.size, value);
    return Status();
  };
  const auto real = [&](double value) {
    bson_append_double(out, key.text, key.size, value);
    return Status();
  };
  switch (array.type_id()) {
    case arrow::Type::INT8:
      return small(As<arrow::Int8Array>(array).Value(row));
    case arrow::Type::INT16:
      return small(As<arrow::Int16Array>(array).Value(row));
    case arrow::Type::INT32:
      return small(As<arrow::Int32Array>(array).Value(row));
    case arrow::Type::UINT8:
      return small(As<arrow::UInt8Array>(array).Value(row));
    case arrow::Type::UINT16:
      return small(As<arrow::UInt16Array>(array).Value(row));
    case arrow::Type::UINT32:
      return AppendUnsigned(key, As<arrow::UInt32Array>(array).Value(row), out);
    case arrow::Type::UINT64:
      return AppendUnsigned(key, As<arrow::UInt64Array>(array).Value(row), out);
    case arrow::Type::INT64:
      bson_append_int64(out, key.text, key.size, As<arrow::Int64Array>(array).Value(row));
      return {};
    case arrow::Type::FLOAT:
      return real(As<arrow::FloatArray>(array).Value(row));
    case arrow::Type::DOUBLE:
      return real(As<arrow::DoubleArray>(array).Value(row));
    case arrow::Type::DECIMAL128:
      return AppendDecimal(key, As<arrow::Decimal128Array>(array).FormatValue(row), out);
    case arrow::Type::DECIMAL256:
      return AppendDecimal(key, As<arrow::Decimal256Array>(array).FormatValue(row), out);
    default:
      break;
  }
  return InvalidArgument("ingest.unsupported_type",
                         fmt::format("Column '{}': BSON has no type for {}", key.text,
                                     array.type()->ToString()))
      .WithStage("query")
      .WithConnector("mongodb")
      .WithDetail("column", key.text);
}

Status AppendNested(const Key& key, const arrow::Array& array, int64_t row, int depth,
                    bson_t* out) {
  if (depth > kMaxDepth) return NotStorable(key, "it is nested too deeply");
  switch (array.type_id()) {
    case arrow::Type::LIST: {
      const auto& list = As<arrow::ListArray>(array);
      return AppendItems(key, *list.values(), list.value_offset(row),
                         list.value_offset(row) + list.value_length(row), depth, out);
    }
    case arrow::Type::LARGE_LIST: {
      const auto& list = As<arrow::LargeListArray>(array);
      return AppendItems(key, *list.values(), list.value_offset(row),
                         list.value_offset(row) + list.value_length(row), depth, out);
    }
    case arrow::Type::FIXED_SIZE_LIST: {
      const auto& list = As<arrow::FixedSizeListArray>(array);
      return AppendItems(key, *list.values(), list.value_offset(row),
                         list.value_offset(row) + list.value_length(row), depth, out);
    }
    case arrow::Type::STRUCT:
      return AppendFields(key, As<arrow::StructArray>(array), row, depth, out);
    case arrow::Type::MAP:
      return AppendMap(key, As<arrow::MapArray>(array), row, depth, out);
    case arrow::Type::DICTIONARY: {
      const auto& coded = As<arrow::DictionaryArray>(array);
      return AppendValue(key, *coded.dictionary(), coded.GetValueIndex(row), depth + 1, out);
    }
    default:
      return AppendNumber(key, array, row, out);
  }
}

Status AppendValue(const Key& key, const arrow::Array& array, int64_t row, int depth, bson_t* out) {
  if (array.IsNull(row) || array.type_id() == arrow::Type::NA) {
    bson_append_null(out, key.text, key.size);
    return {};
  }
  switch (array.type_id()) {
    case arrow::Type::BOOL:
      bson_append_bool(out, key.text, key.size, As<arrow::BooleanArray>(array).Value(row));
      return {};
    case arrow::Type::STRING:
      AppendText<arrow::StringArray>(key, array, row, out);
      return {};
    case arrow::Type::LARGE_STRING:
      AppendText<arrow::LargeStringArray>(key, array, row, out);
      return {};
    case arrow::Type::STRING_VIEW:
      AppendText<arrow::StringViewArray>(key, array, row, out);
      return {};
    case arrow::Type::BINARY:
      AppendBytes<arrow::BinaryArray>(key, array, row, BSON_SUBTYPE_BINARY, out);
      return {};
    case arrow::Type::LARGE_BINARY:
      AppendBytes<arrow::LargeBinaryArray>(key, array, row, BSON_SUBTYPE_BINARY, out);
      return {};
    case arrow::Type::FIXED_SIZE_BINARY:
      AppendBytes<arrow::FixedSizeBinaryArray>(key, array, row, BSON_SUBTYPE_BINARY, out);
      return {};
    case arrow::Type::EXTENSION: {
      const auto& extended = As<arrow::ExtensionArray>(array);
      const auto& type = static_cast<const arrow::ExtensionType&>(*array.type());
      if (type.extension_name() == "arrow.uuid") {
        AppendBytes<arrow::FixedSizeBinaryArray>(key, *extended.storage(), row, BSON_SUBTYPE_UUID,
                                                 out);
        return {};
      }
      return AppendValue(key, *extended.storage(), row, depth + 1, out);
    }
    case arrow::Type::DATE32:
      bson_append_date_time(out, key.text, key.size,
                            As<arrow::Date32Array>(array).Value(row) * kMillisecondsOfDay);
      return {};
    case arrow::Type::DATE64:
      bson_append_date_time(out, key.text, key.size, As<arrow::Date64Array>(array).Value(row));
      return {};
    case arrow::Type::TIMESTAMP:
      return AppendMoment(key, As<arrow::TimestampArray>(array).Value(row),
                          static_cast<const arrow::TimestampType&>(*array.type()).unit(), out);
    default:
      return AppendNested(key, array, row, depth, out);
  }
}

}  // namespace

Status AppendRow(const arrow::RecordBatch& batch, int64_t row, bson_t* out) {
  for (int i = 0; i < batch.num_columns(); ++i) {
    const std::string& name = batch.column_name(i);
    if (name.find('\0') != std::string::npos) {
      return InvalidArgument("ingest.unsupported_type", "A column's name holds a NUL")
          .WithStage("query")
          .WithConnector("mongodb");
    }
    NSTARX_RETURN_IF_ERROR(
        AppendValue({name.c_str(), static_cast<int>(name.size())}, *batch.column(i), row, 0, out));
  }
  return {};
}

}  // namespace nstarx::connectors::mongodb
