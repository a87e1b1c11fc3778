#include "connectors/redis/redis_column.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/json.h"
#include "connectors/redis/redis_errors.h"

namespace nstarx::connectors::redis {
namespace {

using Kind = Reply::Kind;

std::shared_ptr<arrow::DataType> ArrowType(ReplyType type) {
  switch (type) {
    case ReplyType::kBinary:
      return arrow::binary();
    case ReplyType::kInteger:
      return arrow::int64();
    case ReplyType::kDouble:
      return arrow::float64();
    case ReplyType::kBool:
      return arrow::boolean();
    case ReplyType::kTextMap:
      return arrow::map(arrow::utf8(), arrow::utf8());
    case ReplyType::kBinaryMap:
      return arrow::map(arrow::binary(), arrow::binary());
    default:
      return arrow::utf8();
  }
}

std::string Base64(std::string_view bytes) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    uint32_t group = 0;
    const size_t have = std::min<size_t>(3, bytes.size() - at);
    for (size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < have ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    }
    for (size_t i = 0; i < 4; ++i) {
      out.push_back(i <= have ? kLetters[group >> (18 - 6 * i) & 63] : '=');
    }
  }
  return out;
}

Status Check(const arrow::Status& status) {
  if (status.ok()) return {};
  return QueryError(ErrorKind::kResourceExhausted, "query.value_too_large", status.message());
}

bool MapFits(const Reply& map, ReplyType type) {
  if (map.items.size() % 2 != 0) return false;
  for (const Reply& item : map.items) {
    if (item.kind != Kind::kText) return false;
    if (type == ReplyType::kTextMap && !IsUtf8(item.text)) return false;
  }
  return true;
}

}  // namespace

ReplyType MapTypeOf(std::span<const Reply* const> values, bool binary) {
  for (const Reply* value : values) {
    if (!binary && !MapFits(*value, ReplyType::kTextMap)) return ReplyType::kBinaryMap;
  }
  return binary ? ReplyType::kBinaryMap : ReplyType::kTextMap;
}

Status ReplyColumn::AppendMap(const Reply& map) {
  auto& builder = static_cast<arrow::MapBuilder&>(*builder_);
  NSTARX_RETURN_IF_ERROR(Check(builder.Append()));
  auto& keys = static_cast<arrow::BinaryBuilder&>(*builder.key_builder());
  auto& items = static_cast<arrow::BinaryBuilder&>(*builder.item_builder());
  for (size_t at = 0; at < map.items.size(); at += 2) {
    NSTARX_RETURN_IF_ERROR(Check(keys.Append(map.items[at].text)));
    NSTARX_RETURN_IF_ERROR(Check(items.Append(map.items[at + 1].text)));
  }
  return {};
}

ReplyType TypeOf(std::span<const Reply* const> values, bool binary) {
  bool texts = false;
  bool integers = false;
  bool doubles = false;
  bool bools = false;
  bool utf8 = true;
  for (const Reply* value : values) {
    switch (value->kind) {
      case Kind::kNull:
        break;
      case Kind::kText:
        texts = true;
        utf8 = utf8 && IsUtf8(value->text);
        break;
      case Kind::kInteger:
        integers = true;
        break;
      case Kind::kDouble:
        doubles = true;
        break;
      case Kind::kBool:
        bools = true;
        break;
      default:
        return ReplyType::kJson;
    }
  }
  const int kinds = static_cast<int>(texts) + static_cast<int>(integers) +
                    static_cast<int>(doubles) + static_cast<int>(bools);
  if (kinds > 1) return ReplyType::kJson;
  if (integers) return ReplyType::kInteger;
  if (doubles) return ReplyType::kDouble;
  if (bools) return ReplyType::kBool;
  return binary || !utf8 ? ReplyType::kBinary : ReplyType::kText;
}

ReplyColumn::ReplyColumn(ReplyType type) : type_(type) {
  auto made = arrow::MakeBuilder(ArrowType(type));
  NSTARX_CHECK(made.ok());
  builder_ = std::move(*made);
}
ReplyColumn::~ReplyColumn() = default;
ReplyColumn::ReplyColumn(ReplyColumn&&) noexcept = default;

std::shared_ptr<arrow::DataType> ReplyColumn::type() const { return builder_->type(); }

Status ReplyColumn::Append(const Reply& value, std::string_view column, int64_t row) {
  if (value.kind == Kind::kNull && type_ != ReplyType::kJson) return Check(builder_->AppendNull());
  switch (type_) {
    case ReplyType::kJson: {
      if (value.kind == Kind::kNull) return Check(builder_->AppendNull());
      std::string text;
      AppendJson(value, &text);
      return Check(static_cast<arrow::StringBuilder&>(*builder_).Append(text));
    }
    case ReplyType::kText:
      if (value.kind != Kind::kText || !IsUtf8(value.text)) break;
      return Check(static_cast<arrow::StringBuilder&>(*builder_).Append(value.text));
    case ReplyType::kBinary:
      if (value.kind != Kind::kText) break;
      return Check(static_cast<arrow::BinaryBuilder&>(*builder_).Append(value.text));
    case ReplyType::kInteger:
      if (value.kind != Kind::kInteger) break;
      return Check(static_cast<arrow::Int64Builder&>(*builder_).Append(value.integer));
    case ReplyType::kDouble:
      if (value.kind != Kind::kDouble) break;
      return Check(static_cast<arrow::DoubleBuilder&>(*builder_).Append(value.number));
    case ReplyType::kTextMap:
    case ReplyType::kBinaryMap:
      if (value.kind != Kind::kMap || !MapFits(value, type_)) break;
      return AppendMap(value);
    case ReplyType::kBool:
      if (value.kind != Kind::kBool) break;
      return Check(static_cast<arrow::BooleanBuilder&>(*builder_).Append(value.truth));
  }
  return QueryError(ErrorKind::kInvalidArgument, "query.type_mismatch",
                    fmt::format("Column '{}', row {}: the value is no {}, as those before it were",
                                column, row, builder_->type()->ToString()))
      .WithDetail("column", column)
      .WithDetail("row", row);
}

Result<std::shared_ptr<arrow::Array>> ReplyColumn::Finish() {
  std::shared_ptr<arrow::Array> out;
  NSTARX_RETURN_IF_ERROR(Check(builder_->Finish(&out)));
  return out;
}

void AppendJsonText(std::string_view text, std::string* out) {
  if (IsUtf8(text)) {
    out->append(json::serialize(json::string_view(text)));
  } else {
    fmt::format_to(std::back_inserter(*out), R"({{"$base64":"{}"}})", Base64(text));
  }
}

void AppendJson(const Reply& value, std::string* out) {
  switch (value.kind) {
    case Kind::kNull:
      out->append("null");
      return;
    case Kind::kInteger:
      out->append(std::to_string(value.integer));
      return;
    case Kind::kBool:
      out->append(value.truth ? "true" : "false");
      return;
    case Kind::kDouble:
      if (std::isfinite(value.number)) {
        fmt::format_to(std::back_inserter(*out), "{}", value.number);
      } else {
        fmt::format_to(std::back_inserter(*out), "\"{}\"", value.number);
      }
      return;
    case Kind::kText:
      AppendJsonText(value.text, out);
      return;
    case Kind::kError:
      out->append(R"({"$error":)");
      AppendJsonText(value.text, out);
      out->push_back('}');
      return;
    default:
      break;
  }
  out->push_back('[');
  // Maps may have keys that are no text and come twice: pairs keep both.
  const size_t step = value.kind == Kind::kMap ? 2 : 1;
  for (size_t at = 0; at < value.items.size(); at += step) {
    if (at > 0) out->push_back(',');
    if (step == 2) out->push_back('[');
    AppendJson(value.items[at], out);
    if (step == 2 && at + 1 < value.items.size()) {
      out->push_back(',');
      AppendJson(value.items[at + 1], out);
    }
    if (step == 2) out->push_back(']');
  }
  out->push_back(']');
}

bool ExactInteger(std::string_view text, int64_t* out) {
  if (text.empty() || text.size() > 20) return false;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return failure == std::errc() && end == text.data() + text.size() && std::to_string(*out) == text;
}

bool ExactDouble(std::string_view text, double* out) {
  if (text.empty() || text.size() > 32) return false;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return failure == std::errc() && end == text.data() + text.size() && std::isfinite(*out) &&
         fmt::format("{}", *out) == text;
}

}  // namespace nstarx::connectors::redis
