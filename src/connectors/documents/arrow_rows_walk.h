#pragma once

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/float16.h>
#include <fmt/format.h>

#include <chrono>
#include <string>

#include "connectors/documents/arrow_rows.h"
#include "connectors/documents/document_schema.h"
#include "connectors/documents/json_walk.h"

namespace nstarx::connectors::documents {

/// "2026-02-28" of days since 1970, "12:34:56.123456789" of nanoseconds of a day, and both.
std::string IsoDate(int64_t days);
std::string IsoTimeOfDay(int64_t nanos);

template <class Sink>
class RowWalk {
 public:
  explicit RowWalk(Sink& sink) : sink_(sink) {}

  Status Value(const arrow::Field& field, const arrow::Array& array, int64_t row) {
    if (array.IsNull(row)) {
      sink_.Null();
      return {};
    }
    using arrow::Type;
    switch (array.type_id()) {
      case Type::STRUCT: {
        const auto& rows = static_cast<const arrow::StructArray&>(array);
        sink_.BeginObject();
        for (int i = 0; i < rows.num_fields(); ++i) {
          sink_.Key(array.type()->field(i)->name());
          NSTARX_RETURN_IF_ERROR(Value(*array.type()->field(i), *rows.field(i), row));
        }
        sink_.EndObject();
        return {};
      }
      case Type::LIST:
        return Items(static_cast<const arrow::ListArray&>(array), row);
      case Type::LARGE_LIST:
        return Items(static_cast<const arrow::LargeListArray&>(array), row);
      case Type::FIXED_SIZE_LIST:
        return Items(static_cast<const arrow::FixedSizeListArray&>(array), row);
      case Type::DICTIONARY: {
        const auto& words = static_cast<const arrow::DictionaryArray&>(array);
        return Value(field, *words.dictionary(), words.GetValueIndex(row));
      }
      case Type::STRING:
        return Text(field, static_cast<const arrow::StringArray&>(array).GetView(row));
      case Type::LARGE_STRING:
        return Text(field, static_cast<const arrow::LargeStringArray&>(array).GetView(row));
      default:
        return Scalar(field, array, row);
    }
  }

 private:
  template <class Array>
  Status Items(const Array& array, int64_t row) {
    sink_.BeginArray();
    const auto& item = *array.type()->field(0);
    const int64_t begin = array.value_offset(row);
    for (int64_t i = 0; i < array.value_length(row); ++i) {
      NSTARX_RETURN_IF_ERROR(Value(item, *array.values(), begin + i));
    }
    sink_.EndArray();
    return {};
  }

  Status Text(const arrow::Field& field, std::string_view text) {
    if (IsJsonText(field)) return JsonWalk(text, sink_, false);
    sink_.String(text);
    return {};
  }

  template <class Array>
  void Integer(const arrow::Array& array, int64_t row) {
    sink_.Int(static_cast<int64_t>(static_cast<const Array&>(array).Value(row)));
  }

  void Moment(const arrow::Array& array, int64_t row) {
    const int64_t value = static_cast<const arrow::TimestampArray&>(array).Value(row);
    int64_t micros = value;
    bool exact = true;
    switch (static_cast<const arrow::TimestampType&>(*array.type()).unit()) {
      case arrow::TimeUnit::SECOND:
        exact = !__builtin_mul_overflow(value, int64_t{1'000'000}, &micros);
        break;
      case arrow::TimeUnit::MILLI:
        exact = !__builtin_mul_overflow(value, int64_t{1000}, &micros);
        break;
      case arrow::TimeUnit::MICRO:
        break;
      case arrow::TimeUnit::NANO: {
        if (value % 1000 == 0) {
          micros = value / 1000;
          break;
        }
        constexpr int64_t kDay = 86'400'000'000'000;
        const int64_t day = value / kDay - (value % kDay < 0 ? 1 : 0);
        sink_.String(IsoDate(day) + "T" + IsoTimeOfDay(value - day * kDay) + "Z");
        return;
      }
    }
    if (exact) {
      sink_.Timestamp(micros);
    } else {
      sink_.Int(value);
    }
  }

  Status Scalar(const arrow::Field& field, const arrow::Array& array, int64_t row) {
    using arrow::Type;
    switch (array.type_id()) {
      case Type::NA:
        sink_.Null();
        return {};
      case Type::BOOL:
        sink_.Bool(static_cast<const arrow::BooleanArray&>(array).Value(row));
        return {};
      case Type::INT8:
        Integer<arrow::Int8Array>(array, row);
        return {};
      case Type::INT16:
        Integer<arrow::Int16Array>(array, row);
        return {};
      case Type::INT32:
        Integer<arrow::Int32Array>(array, row);
        return {};
      case Type::INT64:
        Integer<arrow::Int64Array>(array, row);
        return {};
      case Type::UINT8:
        Integer<arrow::UInt8Array>(array, row);
        return {};
      case Type::UINT16:
        Integer<arrow::UInt16Array>(array, row);
        return {};
      case Type::UINT32:
        Integer<arrow::UInt32Array>(array, row);
        return {};
      case Type::UINT64: {
        const uint64_t value = static_cast<const arrow::UInt64Array&>(array).Value(row);
        if (value <= INT64_MAX) {
          sink_.Int(static_cast<int64_t>(value));
        } else {
          sink_.Decimal(fmt::format_int(value).c_str());
        }
        return {};
      }
      case Type::HALF_FLOAT:
        sink_.Double(arrow::util::Float16::FromBits(
                         static_cast<const arrow::HalfFloatArray&>(array).Value(row))
                         .ToDouble());
        return {};
      case Type::FLOAT:
        sink_.Double(static_cast<const arrow::FloatArray&>(array).Value(row));
        return {};
      case Type::DOUBLE:
        sink_.Double(static_cast<const arrow::DoubleArray&>(array).Value(row));
        return {};
      case Type::DECIMAL128:
        sink_.Decimal(static_cast<const arrow::Decimal128Array&>(array).FormatValue(row));
        return {};
      case Type::DECIMAL256:
        sink_.Decimal(static_cast<const arrow::Decimal256Array&>(array).FormatValue(row));
        return {};
      case Type::BINARY:
        sink_.Binary(static_cast<const arrow::BinaryArray&>(array).GetView(row));
        return {};
      case Type::LARGE_BINARY:
        sink_.Binary(static_cast<const arrow::LargeBinaryArray&>(array).GetView(row));
        return {};
      case Type::FIXED_SIZE_BINARY:
        sink_.Binary(static_cast<const arrow::FixedSizeBinaryArray&>(array).GetView(row));
        return {};
      case Type::DATE32:
        sink_.String(IsoDate(static_cast<const arrow::Date32Array&>(array).Value(row)));
        return {};
      case Type::DATE64:
        sink_.Timestamp(static_cast<const arrow::Date64Array&>(array).Value(row) * 1000);
        return {};
      case Type::TIME32:
        sink_.String(IsoTimeOfDay(
            static_cast<const arrow::Time32Array&>(array).Value(row) *
            (static_cast<const arrow::Time32Type&>(*array.type()).unit() == arrow::TimeUnit::SECOND
                 ? int64_t{1'000'000'000}
                 : int64_t{1'000'000})));
        return {};
      case Type::TIME64:
        sink_.String(IsoTimeOfDay(
            static_cast<const arrow::Time64Array&>(array).Value(row) *
            (static_cast<const arrow::Time64Type&>(*array.type()).unit() == arrow::TimeUnit::MICRO
                 ? 1000
                 : 1)));
        return {};
      case Type::TIMESTAMP:
        Moment(array, row);
        return {};
      default:
        return Unimplemented("query.unsupported_type",
                             fmt::format("column {}: {} has no form in a document", field.name(),
                                         array.type()->ToString()));
    }
  }

  Sink& sink_;
};

template <class Sink>
Status WalkRow(const arrow::RecordBatch& batch, int64_t row, Sink& sink) {
  RowWalk<Sink> walk(sink);
  sink.BeginDocument();
  for (int i = 0; i < batch.num_columns(); ++i) {
    const auto& field = *batch.schema()->field(i);
    if (field.name() == kDriftColumn) continue;
    sink.Key(field.name());
    NSTARX_RETURN_IF_ERROR(walk.Value(field, *batch.column(i), row));
  }
  sink.EndDocument();
  return {};
}

}  // namespace nstarx::connectors::documents
