#include "connectors/messages/avro_decoder.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <array>
#include <bit>
#include <limits>

#include "base/json.h"

namespace nstarx::connectors::messages {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr int64_t kValueMax = int64_t{64} << 20;
constexpr int64_t kDayMillis = 86'400'000;

/// Why a value can't be taken, and where in it.
struct Trouble {
  bool too_large = false;
  bool memory = false;
  std::string_view what;
  std::string path;
};

/// The bytes of one value, from front to back.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : rest_(bytes) {}
  size_t size() const { return rest_.size(); }

  bool Take(int64_t count, std::string_view* out) {
    if (count < 0 || static_cast<uint64_t>(count) > rest_.size()) return false;
    *out = rest_.substr(0, static_cast<size_t>(count));
    rest_.remove_prefix(static_cast<size_t>(count));
    return true;
  }

  /// A zig-zag number of 64 bits in at most ten bytes.
  bool Long(int64_t* out) {
    uint64_t bits = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) return false;
      const auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      if (shift == 63 && byte > 1) return false;
      bits |= static_cast<uint64_t>(byte & 0x7fU) << shift;
      if ((byte & 0x80U) == 0) {
        *out = static_cast<int64_t>((bits >> 1U) ^ (~(bits & 1U) + 1U));
        return true;
      }
    }
    return false;
  }

  template <class T>
  bool Raw(T* out) {
    std::string_view bytes;
    if (!Take(sizeof(T), &bytes)) return false;
    bytes.copy(reinterpret_cast<char*>(out), sizeof(T));
    return true;
  }

 private:
  std::string_view rest_;
};

/// The 36 characters of a UUID.
std::string UuidText(std::string_view bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += fmt::format("{:02x}", static_cast<uint8_t>(bytes[i]));
  }
  return out;
}

/// The number in big-endian bytes without what only repeats the sign.
std::string_view Significant(std::string_view bytes) {
  while (bytes.size() > 1) {
    const auto first = static_cast<uint8_t>(bytes[0]);
    const bool next_negative = (static_cast<uint8_t>(bytes[1]) & 0x80U) != 0;
    if (!(first == 0 && !next_negative) && !(first == 0xff && next_negative)) break;
    bytes.remove_prefix(1);
  }
  return bytes;
}

/// Goes through one value of a schema. With `kAppend` it fills the builders, and the value was
/// checked before: what can fail then is memory.
template <bool kAppend>
class Walk {
 public:
  Walk(std::string_view bytes, Trouble& trouble) : bytes_(bytes), trouble_(trouble) {}

  int64_t cost() const { return cost_; }
  size_t rest() const { return bytes_.size(); }

  bool Value(const AvroType& type, arrow::ArrayBuilder* to) {
    switch (type.kind) {
      case AvroKind::kNull:
        return Store([&] { return to->AppendNull(); });
      case AvroKind::kBoolean:
        return Boolean(to);
      case AvroKind::kInt:
        return Int<arrow::Int32Builder>(to, std::numeric_limits<int32_t>::min(),
                                        std::numeric_limits<int32_t>::max());
      case AvroKind::kLong:
        return Long<arrow::Int64Builder>(to);
      case AvroKind::kDate:
        return Int<arrow::Date32Builder>(to, std::numeric_limits<int32_t>::min(),
                                         std::numeric_limits<int32_t>::max());
      case AvroKind::kTimeMillis:
        return Int<arrow::Time32Builder>(to, 0, kDayMillis - 1);
      case AvroKind::kTimeMicros:
        return Int<arrow::Time64Builder>(to, 0, kDayMillis * 1000 - 1);
      case AvroKind::kTimestamp:
        return Long<arrow::TimestampBuilder>(to);
      case AvroKind::kFloat:
        return Raw<float, arrow::FloatBuilder>(to);
      case AvroKind::kDouble:
        return Raw<double, arrow::DoubleBuilder>(to);
      default:
        return Wide(type, to);
    }
  }

 private:
  bool Fail(std::string_view what) {
    trouble_.what = what;
    return false;
  }

  template <class F>
  bool Store(F&& append) {
    if constexpr (kAppend) {
      if (append().ok()) return true;
      trouble_.memory = true;
      return Fail("memory gave out");
    }
    return true;
  }

  bool Charge(int64_t bytes) {
    cost_ += bytes;
    if (cost_ <= kValueMax) return true;
    trouble_.too_large = true;
    return Fail("it takes more than 64 MiB");
  }

  bool Wide(const AvroType& type, arrow::ArrayBuilder* to) {
    switch (type.kind) {
      case AvroKind::kBytes:
      case AvroKind::kFixed:
        return Binary(type, to);
      case AvroKind::kString:
        return String(to);
      case AvroKind::kEnum:
        return Enum(type, to);
      case AvroKind::kDecimal:
        return Decimal(type, to);
      case AvroKind::kDuration:
        return Duration(to);
      case AvroKind::kUuid:
        return Uuid(to);
      case AvroKind::kArray:
        return Array(type, to);
      case AvroKind::kMap:
        return Map(type, to);
      case AvroKind::kOptional:
        return Optional(type, to);
      case AvroKind::kUnion:
        return Union(type, to);
      default:
        return Record(type, to);
    }
  }

  bool Boolean(arrow::ArrayBuilder* to) {
    uint8_t byte = 0;
    if (!bytes_.Raw(&byte)) return Fail("it ends within a boolean");
    if (byte > 1) return Fail("a boolean is neither 0 nor 1");
    return Store([&] { return static_cast<arrow::BooleanBuilder*>(to)->Append(byte == 1); });
  }

  template <class Builder>
  bool Int(arrow::ArrayBuilder* to, int64_t least, int64_t most) {
    int64_t number = 0;
    if (!bytes_.Long(&number)) return Fail("it ends within a number, or the number is too long");
    if (number < least || number > most) return Fail("a number is out of its type's range");
    return Store([&] {
      return static_cast<Builder*>(to)->Append(static_cast<typename Builder::value_type>(number));
    });
  }

  template <class Builder>
  bool Long(arrow::ArrayBuilder* to) {
    return Int<Builder>(to, std::numeric_limits<int64_t>::min(),
                        std::numeric_limits<int64_t>::max());
  }

  template <class T, class Builder>
  bool Raw(arrow::ArrayBuilder* to) {
    T number = 0;
    if (!bytes_.Raw(&number)) return Fail("it ends within a number");
    return Store([&] { return static_cast<Builder*>(to)->Append(number); });
  }

  /// Bytes with their length in front, or of a fixed one.
  bool Content(int64_t fixed_size, std::string_view* out) {
    int64_t size = fixed_size;
    if (size < 0 && (!bytes_.Long(&size) || size < 0)) return Fail("a length makes no sense");
    if (!bytes_.Take(size, out)) return Fail("it ends within text or bytes");
    return Charge(size);
  }

  bool Binary(const AvroType& type, arrow::ArrayBuilder* to) {
    std::string_view content;
    if (!Content(type.fixed_size, &content)) return false;
    return Store([&] { return static_cast<arrow::BinaryBuilder*>(to)->Append(content); });
  }

  bool String(arrow::ArrayBuilder* to) {
    std::string_view content;
    if (!Content(-1, &content)) return false;
    if (!kAppend && !IsUtf8(content)) return Fail("text is not UTF-8");
    return Store([&] { return static_cast<arrow::StringBuilder*>(to)->Append(content); });
  }

  bool Enum(const AvroType& type, arrow::ArrayBuilder* to) {
    int64_t index = 0;
    if (!bytes_.Long(&index) || index < 0 || static_cast<uint64_t>(index) >= type.names.size()) {
      return Fail("an enum has no such symbol");
    }
    const std::string& symbol = type.names[static_cast<size_t>(index)];
    if (!Charge(static_cast<int64_t>(symbol.size()))) return false;
    return Store([&] { return static_cast<arrow::StringBuilder*>(to)->Append(symbol); });
  }

  bool Uuid(arrow::ArrayBuilder* to) {
    std::string_view content;
    if (!Content(16, &content) || !Charge(20)) return false;
    return Store([&] { return static_cast<arrow::StringBuilder*>(to)->Append(UuidText(content)); });
  }

  template <class Number, class Builder>
  bool DecimalAs(const AvroType& type, std::string_view content, arrow::ArrayBuilder* to) {
    const auto number = Number::FromBigEndian(reinterpret_cast<const uint8_t*>(content.data()),
                                              static_cast<int32_t>(content.size()));
    if (!number.ok() || !number->FitsInPrecision(type.precision)) {
      return Fail("a decimal has more digits than its type");
    }
    return Store([&] { return static_cast<Builder*>(to)->Append(*number); });
  }

  bool Decimal(const AvroType& type, arrow::ArrayBuilder* to) {
    std::string_view content;
    if (!Content(type.fixed_size, &content)) return false;
    if (content.empty()) return Fail("a decimal has no bytes");
    content = Significant(content);
    const bool narrow = type.precision <= 38;
    if (content.size() > (narrow ? 16 : 32)) {
      return Fail("a decimal has more digits than its type");
    }
    return narrow ? DecimalAs<arrow::Decimal128, arrow::Decimal128Builder>(type, content, to)
                  : DecimalAs<arrow::Decimal256, arrow::Decimal256Builder>(type, content, to);
  }

  bool Duration(arrow::ArrayBuilder* to) {
    std::array<uint32_t, 3> parts{};
    if (!bytes_.Raw(&parts)) return Fail("it ends within a duration");
    constexpr uint32_t kMost = std::numeric_limits<int32_t>::max();
    if (parts[0] > kMost || parts[1] > kMost) return Fail("a duration is out of range");
    return Store([&] {
      arrow::MonthDayNanoIntervalType::MonthDayNanos value{};
      value.months = static_cast<int32_t>(parts[0]);
      value.days = static_cast<int32_t>(parts[1]);
      value.nanoseconds = int64_t{parts[2]} * 1'000'000;
      return static_cast<arrow::MonthDayNanoIntervalBuilder*>(to)->Append(value);
    });
  }

  /// The items of an array or map: blocks with their counts in front, until a count of 0.
  template <class F>
  bool Blocks(int64_t item_cost, F&& item) {
    while (true) {
      int64_t count = 0;
      if (!bytes_.Long(&count)) return Fail("it ends within a list, or a count is too long");
      if (count == 0) return true;
      if (count < 0) {
        int64_t size = 0;
        if (count == std::numeric_limits<int64_t>::min() || !bytes_.Long(&size) || size < 0 ||
            static_cast<uint64_t>(size) > bytes_.size()) {
          return Fail("a block's size makes no sense");
        }
        count = -count;
      }
      // Before the loop: items of no bytes at all would make it endless.
      if (count > kValueMax / item_cost) {
        trouble_.too_large = true;
        return Fail("it takes more than 64 MiB");
      }
      if (!Charge(count * item_cost)) return false;
      for (int64_t i = 0; i < count; ++i) {
        if (!item()) return false;
      }
    }
  }

  bool Array(const AvroType& type, arrow::ArrayBuilder* to) {
    const AvroType& item = *type.children[0];
    auto* list = kAppend ? static_cast<arrow::ListBuilder*>(to) : nullptr;
    if (!Store([&] { return list->Append(); })) return false;
    arrow::ArrayBuilder* items = kAppend ? list->value_builder() : nullptr;
    return Blocks(item.slot_bytes, [&] { return Value(item, items) || At("[]"); });
  }

  bool Map(const AvroType& type, arrow::ArrayBuilder* to) {
    const AvroType& item = *type.children[0];
    auto* map = kAppend ? static_cast<arrow::MapBuilder*>(to) : nullptr;
    if (!Store([&] { return map->Append(); })) return false;
    arrow::ArrayBuilder* keys = kAppend ? map->key_builder() : nullptr;
    arrow::ArrayBuilder* items = kAppend ? map->item_builder() : nullptr;
    return Blocks(item.slot_bytes + 8,
                  [&] { return (String(keys) && Value(item, items)) || At("{}"); });
  }

  bool Branch(const AvroType& type, int64_t* branch) {
    if (!bytes_.Long(branch) || *branch < 0 ||
        static_cast<uint64_t>(*branch) >= type.children.size()) {
      return Fail("a union has no such branch");
    }
    return true;
  }

  bool Optional(const AvroType& type, arrow::ArrayBuilder* to) {
    int64_t branch = 0;
    if (!Branch(type, &branch)) return false;
    if (branch == type.null_branch) return Store([&] { return to->AppendNull(); });
    return Value(*type.children[static_cast<size_t>(branch)], to);
  }

  bool Union(const AvroType& type, arrow::ArrayBuilder* to) {
    int64_t branch = 0;
    if (!Branch(type, &branch)) return false;
    auto* parts = kAppend ? static_cast<arrow::StructBuilder*>(to) : nullptr;
    if (branch == type.null_branch) return Store([&] { return parts->AppendNull(); });
    const auto chosen = static_cast<int>(branch);
    // Names and fields leave null out; the field before them holds the name.
    const int at = type.null_branch >= 0 && chosen > type.null_branch ? chosen - 1 : chosen;
    const std::string& name = type.names[static_cast<size_t>(at)];
    if (!Charge(static_cast<int64_t>(name.size()))) return false;
    if constexpr (kAppend) {
      const bool stored = Store([&]() -> arrow::Status {
        ARROW_RETURN_NOT_OK(parts->Append());
        ARROW_RETURN_NOT_OK(
            static_cast<arrow::StringBuilder*>(parts->field_builder(0))->Append(name));
        for (int i = 1; i < parts->num_fields(); ++i) {
          if (i != at + 1) ARROW_RETURN_NOT_OK(parts->field_builder(i)->AppendNull());
        }
        return arrow::Status::OK();
      });
      if (!stored) return false;
    }
    return Value(*type.children[static_cast<size_t>(branch)],
                 kAppend ? parts->field_builder(at + 1) : nullptr) ||
           At(name);
  }

  bool Record(const AvroType& type, arrow::ArrayBuilder* to) {
    auto* parts = kAppend ? static_cast<arrow::StructBuilder*>(to) : nullptr;
    if (!Store([&] { return parts->Append(); })) return false;
    for (size_t i = 0; i < type.children.size(); ++i) {
      arrow::ArrayBuilder* part = kAppend ? parts->field_builder(static_cast<int>(i)) : nullptr;
      if (!Value(*type.children[i], part)) return At(type.names[i]);
    }
    return true;
  }

  /// Puts a step in front of the path to what is wrong.
  bool At(std::string_view step) {
    if (!trouble_.path.empty()) trouble_.path.insert(0, 1, '.');
    trouble_.path.insert(0, step.substr(0, 80));
    return false;
  }

  Bytes bytes_;
  Trouble& trouble_;
  int64_t cost_ = 0;
};

Error Refused(const Trouble& trouble) {
  const bool named = !trouble.path.empty();
  Error error = InvalidArgument(
      trouble.too_large ? "stream.value_too_large" : "stream.not_avro",
      fmt::format("{}{}{}", trouble.what, named ? ", in the field " : "", trouble.path));
  error.WithStage("query");
  return named ? error.WithDetail("field", trouble.path) : error;
}

}  // namespace

AvroDecoder::AvroDecoder(std::shared_ptr<arrow::DataType> type) : type_(std::move(type)) {
  auto made = arrow::MakeBuilder(type_, arrow::default_memory_pool());
  if (made.ok()) builder_ = std::move(*made);
}

AvroDecoder::~AvroDecoder() = default;

Result<int64_t> AvroDecoder::Append(const AvroType& schema, std::string_view bytes) {
  if (builder_ == nullptr || broken_) return Internal("the builder of Avro values is not usable");
  Trouble trouble;
  Walk<false> check(bytes, trouble);
  if (!check.Value(schema, nullptr)) return Refused(trouble);
  if (check.rest() > 0) {
    trouble.what = "there are bytes after its end";
    return Refused(trouble);
  }
  Walk<true> append(bytes, trouble);
  if (!append.Value(schema, builder_.get())) {
    broken_ = true;
    return Internal(fmt::format("appending an Avro value failed: {}", trouble.what));
  }
  return schema.slot_bytes + check.cost();
}

Status AvroDecoder::AppendNull() {
  if (builder_ == nullptr || broken_) return Internal("the builder of Avro values is not usable");
  if (builder_->AppendNull().ok()) return {};
  broken_ = true;
  return Internal("appending an empty Avro value failed");
}

Result<std::shared_ptr<arrow::Array>> AvroDecoder::Finish() {
  if (builder_ == nullptr || broken_) return Internal("the builder of Avro values is not usable");
  std::shared_ptr<arrow::Array> out;
  const arrow::Status finished = builder_->Finish(&out);
  if (!finished.ok()) return Internal("building Avro values failed: " + finished.ToString());
  return out;
}

}  // namespace nstarx::connectors::messages
