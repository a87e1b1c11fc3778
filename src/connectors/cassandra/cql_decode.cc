#include "connectors/cassandra/cql_decode.h"

#include <arpa/inet.h>
#include <arrow/api.h>
#include <arrow/util/decimal.h>
#include <arrow/util/utf8.h>
#include <fmt/format.h>

#include <bit>

#include "connectors/cassandra/cql_numbers.h"

namespace nstarx::connectors::cassandra {

namespace {

using enum CqlKind;
using Value = std::optional<std::string_view>;

constexpr int64_t kNanosPerDay = 86'400'000'000'000;

std::string Told(const arrow::Status& status) {
  return status.ok() ? std::string() : status.ToString();
}

uint64_t BigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

std::string WrongSize(size_t size) { return fmt::format("a value of {} bytes", size); }

constexpr std::string_view kTooManyNulls = "more NULLs than a row may have";

/// Numbers of a fixed width. An empty value, which old tables may hold, is NULL.
template <class Builder, class Convert>
class FixedDecoder final : public ValueDecoder {
 public:
  FixedDecoder(arrow::ArrayBuilder* builder, size_t width, Convert convert)
      : builder_(static_cast<Builder*>(builder)), width_(width), convert_(convert) {}
  std::string Append(Value value) override {
    if (!value || value->empty()) return Told(builder_->AppendNull());
    if (value->size() != width_) return WrongSize(value->size());
    return Told(builder_->Append(convert_(BigEndian(*value))));
  }

 private:
  Builder* builder_;
  size_t width_;
  Convert convert_;
};

template <class Builder, class Convert>
std::unique_ptr<ValueDecoder> Fixed(arrow::ArrayBuilder* builder, size_t width, Convert convert) {
  return std::make_unique<FixedDecoder<Builder, Convert>>(builder, width, convert);
}

class TimeDecoder final : public ValueDecoder {
 public:
  explicit TimeDecoder(arrow::ArrayBuilder* builder)
      : builder_(static_cast<arrow::Time64Builder*>(builder)) {}
  std::string Append(Value value) override {
    if (!value || value->empty()) return Told(builder_->AppendNull());
    if (value->size() != 8) return WrongSize(value->size());
    const auto nanos = static_cast<int64_t>(BigEndian(*value));
    if (nanos < 0 || nanos >= kNanosPerDay) return "a time beyond the day";
    return Told(builder_->Append(nanos));
  }

 private:
  arrow::Time64Builder* builder_;
};

class TextDecoder final : public ValueDecoder {
 public:
  explicit TextDecoder(arrow::ArrayBuilder* builder)
      : builder_(static_cast<arrow::StringBuilder*>(builder)) {
    arrow::util::InitializeUTF8();
  }
  std::string Append(Value value) override {
    if (!value) return Told(builder_->AppendNull());
    if (!arrow::util::ValidateUTF8(*value)) return "text that is not UTF-8";
    return Told(builder_->Append(*value));
  }

 private:
  arrow::StringBuilder* builder_;
};

class BlobDecoder final : public ValueDecoder {
 public:
  explicit BlobDecoder(arrow::ArrayBuilder* builder)
      : builder_(static_cast<arrow::BinaryBuilder*>(builder)) {}
  std::string Append(Value value) override {
    return Told(value ? builder_->Append(*value) : builder_->AppendNull());
  }

 private:
  arrow::BinaryBuilder* builder_;
};

class UuidDecoder final : public ValueDecoder {
 public:
  explicit UuidDecoder(arrow::ArrayBuilder* builder)
      : builder_(static_cast<arrow::FixedSizeBinaryBuilder*>(builder)) {}
  std::string Append(Value value) override {
    if (!value || value->empty()) return Told(builder_->AppendNull());
    if (value->size() != 16) return WrongSize(value->size());
    return Told(builder_->Append(*value));
  }

 private:
  arrow::FixedSizeBinaryBuilder* builder_;
};

class InetDecoder final : public ValueDecoder {
 public:
  explicit InetDecoder(arrow::ArrayBuilder* builder)
      : builder_(static_cast<arrow::StringBuilder*>(builder)) {}
  std::string Append(Value value) override {
    if (!value || value->empty()) return Told(builder_->AppendNull());
    if (value->size() != 4 && value->size() != 16) return WrongSize(value->size());
    char text[INET6_ADDRSTRLEN];
    inet_ntop(value->size() == 4 ? AF_INET : AF_INET6, value->data(), text, sizeof text);
    return Told(builder_->Append(std::string_view(text)));
  }

 private:
  arrow::StringBuilder* builder_;
};

class DurationDecoder final : public ValueDecoder {
 public:
  explicit DurationDecoder(arrow::ArrayBuilder* builder)
      : builder_(static_cast<arrow::MonthDayNanoIntervalBuilder*>(builder)) {}
  std::string Append(Value value) override {
    if (!value || value->empty()) return Told(builder_->AppendNull());
    BodyReader reader(*value);
    const int64_t months = Signed(reader.Vint());
    const int64_t days = Signed(reader.Vint());
    const int64_t nanos = Signed(reader.Vint());
    if (!reader.ok() || reader.left() != 0) return WrongSize(value->size());
    if (months != static_cast<int32_t>(months) || days != static_cast<int32_t>(days)) {
      return "a duration of more months or days than there are";
    }
    return Told(
        builder_->Append({static_cast<int32_t>(months), static_cast<int32_t>(days), nanos}));
  }

 private:
  static int64_t Signed(uint64_t zigzag) {
    return static_cast<int64_t>((zigzag >> 1) ^ (~(zigzag & 1) + 1));
  }
  arrow::MonthDayNanoIntervalBuilder* builder_;
};

/// Scale and bytes of a decimal or a varint; false when they are none.
bool TakeUnscaled(std::string_view value, bool whole, int32_t* scale, std::string_view* unscaled) {
  BodyReader reader(value);
  *scale = whole ? 0 : reader.Int();
  *unscaled = reader.rest();
  return reader.ok() && !unscaled->empty() && unscaled->size() <= kVarintBytesMax;
}

/// varint and decimal as text.
class NumberTextDecoder final : public ValueDecoder {
 public:
  NumberTextDecoder(arrow::ArrayBuilder* builder, bool whole)
      : builder_(static_cast<arrow::StringBuilder*>(builder)), whole_(whole) {}
  std::string Append(Value value) override {
    if (!value || value->empty()) return Told(builder_->AppendNull());
    int32_t scale = 0;
    std::string_view unscaled;
    if (!TakeUnscaled(*value, whole_, &scale, &unscaled)) return WrongSize(value->size());
    return Told(builder_->Append(DecimalText(unscaled, scale)));
  }

 private:
  arrow::StringBuilder* builder_;
  bool whole_;
};

/// varint and decimal as Arrow's decimals, exactly or not at all.
template <class Decimal, class Builder, int kBytes>
class NumberDecoder final : public ValueDecoder {
 public:
  NumberDecoder(arrow::ArrayBuilder* builder, bool whole)
      : builder_(static_cast<Builder*>(builder)), whole_(whole) {}
  std::string Append(Value value) override {
    if (!value || value->empty()) return Told(builder_->AppendNull());
    int32_t scale = 0;
    std::string_view unscaled;
    if (!TakeUnscaled(*value, whole_, &scale, &unscaled)) return WrongSize(value->size());
    const auto& type = static_cast<const arrow::DecimalType&>(*builder_->type());
    const auto unfit = [&] {
      return fmt::format("{}, which {} can't hold (numeric_as: text does)",
                         DecimalText(unscaled, scale), type.ToString());
    };
    while (unscaled.size() > 1 && (unscaled[0] == 0 || unscaled[0] == '\xFF') &&
           ((unscaled[0] ^ unscaled[1]) & 0x80) == 0) {
      unscaled.remove_prefix(1);
    }
    if (unscaled.size() > kBytes) return unfit();
    auto number = Decimal::FromBigEndian(reinterpret_cast<const uint8_t*>(unscaled.data()),
                                         static_cast<int32_t>(unscaled.size()));
    if (!number.ok()) return unfit();
    if (*number == Decimal(0)) return Told(builder_->Append(*number));
    if (scale < -2 * type.precision() || scale > 2 * type.precision()) return unfit();
    auto fitted = *number;
    if (scale != type.scale()) {
      if (!number->FitsInPrecision(type.precision())) return unfit();
      auto rescaled = number->Rescale(scale, type.scale());
      if (!rescaled.ok()) return unfit();
      fitted = *rescaled;
    }
    if (!fitted.FitsInPrecision(type.precision())) return unfit();
    return Told(builder_->Append(fitted));
  }

 private:
  Builder* builder_;
  bool whole_;
};

class ListDecoder final : public ValueDecoder {
 public:
  ListDecoder(arrow::ArrayBuilder* builder, std::unique_ptr<ValueDecoder> child)
      : builder_(static_cast<arrow::ListBuilder*>(builder)), child_(std::move(child)) {}
  std::string Append(Value value) override {
    if (!value || value->empty()) return Told(builder_->AppendNull());
    BodyReader reader(*value);
    const int32_t count = reader.Int();
    if (count < 0 || static_cast<size_t>(count) > reader.left() / 4) return "a list without end";
    if (auto wrong = Told(builder_->Append()); !wrong.empty()) return wrong;
    for (int32_t i = 0; i < count; ++i) {
      const Value element = reader.Bytes();
      if (!reader.ok()) return "a list that ends too early";
      if (auto wrong = child_->Append(element); !wrong.empty()) return wrong;
    }
    return reader.left() == 0 ? std::string() : "a list with something behind it";
  }

 private:
  arrow::ListBuilder* builder_;
  std::unique_ptr<ValueDecoder> child_;
};

class MapDecoder final : public ValueDecoder {
 public:
  MapDecoder(arrow::ArrayBuilder* builder, std::unique_ptr<ValueDecoder> key,
             std::unique_ptr<ValueDecoder> item)
      : builder_(static_cast<arrow::MapBuilder*>(builder)),
        key_(std::move(key)),
        item_(std::move(item)) {}
  std::string Append(Value value) override {
    if (!value || value->empty()) return Told(builder_->AppendNull());
    BodyReader reader(*value);
    const int32_t count = reader.Int();
    if (count < 0 || static_cast<size_t>(count) > reader.left() / 8) return "a map without end";
    if (auto wrong = Told(builder_->Append()); !wrong.empty()) return wrong;
    for (int32_t i = 0; i < count; ++i) {
      const Value key = reader.Bytes();
      const Value item = reader.Bytes();
      if (!reader.ok()) return "a map that ends too early";
      const int64_t nulls = builder_->key_builder()->null_count();
      if (auto wrong = key_->Append(key); !wrong.empty()) return wrong;
      if (builder_->key_builder()->null_count() != nulls) return "a map with a NULL key";
      if (auto wrong = item_->Append(item); !wrong.empty()) return wrong;
    }
    return reader.left() == 0 ? std::string() : "a map with something behind it";
  }

 private:
  arrow::MapBuilder* builder_;
  std::unique_ptr<ValueDecoder> key_;
  std::unique_ptr<ValueDecoder> item_;
};

/// Tuples and UDTs. Fields that were added after the value was written are not sent: NULL.
class StructDecoder final : public ValueDecoder {
 public:
  StructDecoder(arrow::ArrayBuilder* builder, const CqlType& type, NullBudget* budget,
                std::vector<std::unique_ptr<ValueDecoder>> children)
      : builder_(static_cast<arrow::StructBuilder*>(builder)),
        leaves_(Leaves(type)),
        budget_(budget),
        children_(std::move(children)) {}
  std::string Append(Value value) override {
    if (!value || value->empty()) {
      if (!budget_->Take(leaves_)) return std::string(kTooManyNulls);
      return Told(builder_->AppendNull());
    }
    if (auto wrong = Told(builder_->Append()); !wrong.empty()) return wrong;
    BodyReader reader(*value);
    for (const auto& child : children_) {
      const Value field = reader.left() == 0 ? std::nullopt : reader.Bytes();
      if (!reader.ok()) return "a tuple that ends too early";
      if (!field && !budget_->Take(1)) return std::string(kTooManyNulls);
      if (auto wrong = child->Append(field); !wrong.empty()) return wrong;
    }
    return reader.left() == 0 ? std::string() : "a tuple with more fields than its type";
  }

 private:
  arrow::StructBuilder* builder_;
  int64_t leaves_;
  NullBudget* budget_;
  std::vector<std::unique_ptr<ValueDecoder>> children_;
};

class VectorDecoder final : public ValueDecoder {
 public:
  VectorDecoder(arrow::ArrayBuilder* builder, const CqlType& type, NullBudget* budget,
                std::unique_ptr<ValueDecoder> child)
      : builder_(static_cast<arrow::FixedSizeListBuilder*>(builder)),
        leaves_(Leaves(type)),
        budget_(budget),
        width_(static_cast<size_t>(FixedSize(type.children[0]))),
        dimension_(static_cast<size_t>(type.dimension)),
        child_(std::move(child)) {}
  std::string Append(Value value) override {
    if (!value || value->empty()) {
      if (!budget_->Take(leaves_)) return std::string(kTooManyNulls);
      return Told(builder_->AppendNull());
    }
    if (width_ > 0 && value->size() != width_ * dimension_) return WrongSize(value->size());
    if (auto wrong = Told(builder_->Append()); !wrong.empty()) return wrong;
    BodyReader reader(*value);
    for (size_t i = 0; i < dimension_; ++i) {
      const uint64_t size = width_ > 0 ? width_ : reader.Vint();
      if (size > reader.left()) return "a vector that ends too early";
      if (auto wrong = child_->Append(reader.Take(size)); !wrong.empty()) return wrong;
      if (!reader.ok()) return "a vector that ends too early";
    }
    return reader.left() == 0 ? std::string() : "a vector with something behind it";
  }

 private:
  arrow::FixedSizeListBuilder* builder_;
  int64_t leaves_;
  NullBudget* budget_;
  size_t width_;
  size_t dimension_;
  std::unique_ptr<ValueDecoder> child_;
};

std::unique_ptr<ValueDecoder> NumberOf(bool whole, arrow::ArrayBuilder* builder,
                                       NumericAs numeric) {
  using Narrow = NumberDecoder<arrow::Decimal128, arrow::Decimal128Builder, 16>;
  using Wide = NumberDecoder<arrow::Decimal256, arrow::Decimal256Builder, 32>;
  if (numeric == NumericAs::kDecimal128) return std::make_unique<Narrow>(builder, whole);
  if (numeric == NumericAs::kDecimal256) return std::make_unique<Wide>(builder, whole);
  return std::make_unique<NumberTextDecoder>(builder, whole);
}

std::unique_ptr<ValueDecoder> DecoderOf(const CqlType& type, arrow::ArrayBuilder* builder,
                                        NumericAs numeric, NullBudget* budget);

std::unique_ptr<ValueDecoder> CompositeOf(const CqlType& type, arrow::ArrayBuilder* builder,
                                          NumericAs numeric, NullBudget* budget) {
  const auto child = [&](size_t i, arrow::ArrayBuilder* into) {
    return DecoderOf(type.children[i], into, numeric, budget);
  };
  switch (type.kind) {
    case kMap: {
      auto* map = static_cast<arrow::MapBuilder*>(builder);
      return std::make_unique<MapDecoder>(builder, child(0, map->key_builder()),
                                          child(1, map->item_builder()));
    }
    case kVector: {
      auto* list = static_cast<arrow::FixedSizeListBuilder*>(builder);
      return std::make_unique<VectorDecoder>(builder, type, budget,
                                             child(0, list->value_builder()));
    }
    case kTuple:
    case kUdt: {
      std::vector<std::unique_ptr<ValueDecoder>> children;
      children.reserve(type.children.size());
      for (size_t i = 0; i < type.children.size(); ++i) {
        children.push_back(child(i, builder->child(static_cast<int>(i))));
      }
      return std::make_unique<StructDecoder>(builder, type, budget, std::move(children));
    }
    default: {
      auto* list = static_cast<arrow::ListBuilder*>(builder);
      return std::make_unique<ListDecoder>(builder, child(0, list->value_builder()));
    }
  }
}

std::unique_ptr<ValueDecoder> DecoderOf(const CqlType& type, arrow::ArrayBuilder* builder,
                                        NumericAs numeric, NullBudget* budget) {
  switch (type.kind) {
    case kAscii:
    case kText:
      return std::make_unique<TextDecoder>(builder);
    case kInet:
      return std::make_unique<InetDecoder>(builder);
    case kCustom:
    case kBlob:
      return std::make_unique<BlobDecoder>(builder);
    case kBigint:
    case kCounter:
      return Fixed<arrow::Int64Builder>(builder, 8, std::bit_cast<int64_t, uint64_t>);
    case kTimestamp:
      return Fixed<arrow::TimestampBuilder>(builder, 8, std::bit_cast<int64_t, uint64_t>);
    case kBoolean:
      return Fixed<arrow::BooleanBuilder>(builder, 1, [](uint64_t v) { return v != 0; });
    case kDouble:
      return Fixed<arrow::DoubleBuilder>(builder, 8, std::bit_cast<double, uint64_t>);
    case kFloat:
      return Fixed<arrow::FloatBuilder>(
          builder, 4, [](uint64_t v) { return std::bit_cast<float>(static_cast<uint32_t>(v)); });
    case kInt:
      return Fixed<arrow::Int32Builder>(builder, 4,
                                        [](uint64_t v) { return static_cast<int32_t>(v); });
    case kSmallint:
      return Fixed<arrow::Int16Builder>(builder, 2,
                                        [](uint64_t v) { return static_cast<int16_t>(v); });
    case kTinyint:
      return Fixed<arrow::Int8Builder>(builder, 1,
                                       [](uint64_t v) { return static_cast<int8_t>(v); });
    case kDate:  // Day 2^31 is 1970-01-01.
      return Fixed<arrow::Date32Builder>(
          builder, 4, [](uint64_t v) { return static_cast<int32_t>(v ^ 0x8000'0000U); });
    case kTime:
      return std::make_unique<TimeDecoder>(builder);
    case kUuid:
    case kTimeuuid:
      return std::make_unique<UuidDecoder>(builder);
    case kDuration:
      return std::make_unique<DurationDecoder>(builder);
    case kDecimal:
    case kVarint:
      return NumberOf(type.kind == kVarint, builder, numeric);
    default:
      return CompositeOf(type, builder, numeric, budget);
  }
}

}  // namespace

std::unique_ptr<ValueDecoder> MakeDecoder(const CqlType& type, arrow::ArrayBuilder* builder,
                                          NumericAs numeric, NullBudget* budget) {
  return DecoderOf(type, builder, numeric, budget);
}

}  // namespace nstarx::connectors::cassandra
