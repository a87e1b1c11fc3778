#include "connectors/documents/document_builder.h"

#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/utf8.h>
#include <fmt/format.h>

#include <map>
#include <unordered_map>

#include "connectors/documents/column_fit.h"
#include "connectors/documents/document_schema.h"

namespace nstarx::connectors::documents {

struct DocumentBuilder::Column {
  std::string name;
  arrow::Type::type type = arrow::Type::NA;
  bool json = false;
  std::shared_ptr<arrow::ArrayBuilder> builder;
  std::vector<std::unique_ptr<Column>> children;
  std::unordered_map<std::string_view, Column*> by_name;
  size_t next = 0;  ///< the child that probably comes next

  static std::unique_ptr<Column> Make(const arrow::Field& field, arrow::MemoryPool* pool);
  void Add(std::unique_ptr<Column> child) {
    by_name.emplace(child->name, child.get());
    children.push_back(std::move(child));
  }
  Column* Find(std::string_view key) {
    if (next >= children.size()) next = 0;
    if (next < children.size() && children[next]->name == key) return children[next++].get();
    const auto found = by_name.find(key);
    return found == by_name.end() ? nullptr : found->second;
  }
};

struct DocumentBuilder::Frame {
  Column* column = nullptr;
  bool object = true;
  int64_t length = 0;  ///< rows of the struct before this one
  int64_t index = -1;  ///< of the array's element at hand
  Column* member = nullptr;
  std::string unknown;  ///< the member's key when it has no column
};

std::unique_ptr<DocumentBuilder::Column> DocumentBuilder::Column::Make(const arrow::Field& field,
                                                                       arrow::MemoryPool* pool) {
  auto out = std::make_unique<Column>();
  out->name = field.name();
  out->type = field.type()->id();
  out->json = IsJsonText(field);
  if (out->type == arrow::Type::STRUCT) {
    std::vector<std::shared_ptr<arrow::ArrayBuilder>> builders;
    for (const auto& inner : field.type()->fields()) {
      out->Add(Make(*inner, pool));
      builders.push_back(out->children.back()->builder);
    }
    out->builder = std::make_shared<arrow::StructBuilder>(field.type(), pool, std::move(builders));
  } else if (out->type == arrow::Type::LIST) {
    out->Add(Make(*field.type()->field(0), pool));
    out->builder =
        std::make_shared<arrow::ListBuilder>(pool, out->children[0]->builder, field.type());
  } else {
    std::unique_ptr<arrow::ArrayBuilder> builder;
    const arrow::Status made = arrow::MakeBuilder(pool, field.type(), &builder);
    NSTARX_CHECK(made.ok());
    out->builder = std::move(builder);
  }
  return out;
}

DocumentBuilder::DocumentBuilder(std::shared_ptr<arrow::Schema> schema, arrow::MemoryPool* pool,
                                 BuilderOptions options)
    : schema_(std::move(schema)), options_(options), root_(std::make_unique<Column>()) {
  drift_position_ = schema_->GetFieldIndex(std::string(kDriftColumn));
  if (drift_position_ < 0) {
    auto fields = schema_->fields();
    drift_position_ = static_cast<int>(fields.size());
    fields.push_back(JsonTextField(std::string(kDriftColumn)));
    schema_ = arrow::schema(std::move(fields), schema_->metadata());
  }
  for (int i = 0; i < schema_->num_fields(); ++i) {
    auto column = Column::Make(*schema_->field(i), pool);
    if (i == drift_position_) {
      drift_column_ = std::move(column);
    } else {
      root_->Add(std::move(column));
    }
  }
}

DocumentBuilder::~DocumentBuilder() = default;

void DocumentBuilder::Note(const arrow::Status& status) {
  if (status.ok() || !failed_) return;
  failed_ = Error(ErrorKind::kResourceExhausted, "query.out_of_memory", status.message());
}

void DocumentBuilder::BeginDocument() {
  if (frames_.empty()) frames_.resize(8);
  depth_ = 1;
  frames_[0].column = root_.get();
  frames_[0].object = true;
  frames_[0].length = rows_;
  frames_[0].member = nullptr;
  frames_[0].unknown.clear();
  root_->next = 0;
  drift_.clear();
}

void DocumentBuilder::FillMissing(Column& parent, int64_t length) {
  for (const auto& child : parent.children) {
    if (child->builder->length() <= length) Note(child->builder->AppendNull());
  }
}

void DocumentBuilder::EndDocument() {
  if (depth_ == 0) return;
  if (capture_depth_ > 0) {
    capture_depth_ = 0;
    if (capture_column_ != nullptr) PutNull(*capture_column_);
  }
  while (depth_ > 1) End(frames_[depth_ - 1].object);
  FillMissing(*root_, rows_);
  if (drift_.empty()) {
    Note(drift_column_->builder->AppendNull());
  } else {
    drift_.push_back('}');
    PutText(*drift_column_, drift_);
    ++drifted_rows_;
  }
  depth_ = 0;
  ++rows_;
  size_bytes_ += 8;
}

void DocumentBuilder::Key(std::string_view name) {
  if (capture_depth_ > 0) {
    text_.Key(name);
    return;
  }
  if (depth_ == 0) return;
  Frame& frame = frames_[depth_ - 1];
  if (!frame.object) return;
  frame.member = frame.column->Find(name);
  // A key's second value has no column any more.
  if (frame.member != nullptr && frame.member->builder->length() > frame.length) {
    frame.member = nullptr;
  }
  if (frame.member == nullptr) frame.unknown = name;
}

DocumentBuilder::Column* DocumentBuilder::Target() {
  Frame& frame = frames_[depth_ - 1];
  if (frame.object) return frame.member;
  ++frame.index;
  return frame.column->children[0].get();
}

void DocumentBuilder::PutNull(Column& column) {
  Note(column.builder->AppendNull());
  size_bytes_ += 1;
}

void DocumentBuilder::PutText(Column& column, std::string_view text) {
  Note(static_cast<arrow::StringBuilder&>(*column.builder).Append(text));
  size_bytes_ += static_cast<int64_t>(text.size()) + 4;
}

void DocumentBuilder::Drift(std::string_view text) {
  std::string path;
  const auto add = [&path](std::string_view key) {
    path.push_back('/');
    for (const char letter : key) {
      if (letter == '~') {
        path.append("~0");
      } else if (letter == '/') {
        path.append("~1");
      } else {
        path.push_back(letter);
      }
    }
  };
  for (size_t i = 0; i < depth_; ++i) {
    const Frame& frame = frames_[i];
    if (frame.object) {
      add(frame.member != nullptr ? std::string_view(frame.member->name) : frame.unknown);
    } else {
      add(fmt::format_int(frame.index).c_str());
    }
  }
  drift_.push_back(drift_.empty() ? '{' : ',');
  AppendJsonString(path, &drift_);
  drift_.push_back(':');
  drift_.append(text);
}

template <class Fit, class Emit>
void DocumentBuilder::Put(Fit fit, Emit emit) {
  if (capture_depth_ > 0) {
    emit(text_);
    return;
  }
  if (depth_ == 0) return;
  Column* column = Target();
  if (column != nullptr && column->type == arrow::Type::LIST && options_.single_as_list) {
    Note(static_cast<arrow::ListBuilder&>(*column->builder).Append());
    column = column->children[0].get();
  }
  if (column != nullptr && !column->json) {
    arrow::Status appended;
    if (fit(*column, &appended)) {
      Note(appended);
      size_bytes_ += 8;
      return;
    }
    PutNull(*column);
  }
  text_.Clear();
  emit(text_);
  if (column != nullptr && column->json) {
    PutText(*column, text_.text());
  } else {
    Drift(text_.text());
  }
}

void DocumentBuilder::Begin(bool object) {
  const auto emit = [&] { object ? text_.BeginObject() : text_.BeginArray(); };
  if (capture_depth_ > 0) {
    emit();
    ++capture_depth_;
    return;
  }
  if (depth_ == 0) return;
  Column* column = Target();
  if (object && column != nullptr && column->type == arrow::Type::LIST && options_.single_as_list) {
    Note(static_cast<arrow::ListBuilder&>(*column->builder).Append());
    column = column->children[0].get();
  }
  const auto wanted = object ? arrow::Type::STRUCT : arrow::Type::LIST;
  if (column == nullptr || column->type != wanted) {
    capture_column_ = column != nullptr && column->json ? column : nullptr;
    if (column != nullptr && !column->json) PutNull(*column);
    text_.Clear();
    emit();
    capture_depth_ = 1;
    return;
  }
  if (depth_ == frames_.size()) frames_.resize(frames_.size() * 2);
  Frame& frame = frames_[depth_++];
  frame.column = column;
  frame.object = object;
  frame.length = object ? column->builder->length() : 0;
  frame.index = -1;
  frame.member = nullptr;
  frame.unknown.clear();
  column->next = 0;
  if (object) {
    Note(static_cast<arrow::StructBuilder&>(*column->builder).Append());
  } else {
    Note(static_cast<arrow::ListBuilder&>(*column->builder).Append());
  }
  size_bytes_ += 4;
}

void DocumentBuilder::End(bool object) {
  if (capture_depth_ > 0) {
    object ? text_.EndObject() : text_.EndArray();
    if (--capture_depth_ > 0) return;
    if (capture_column_ != nullptr) {
      PutText(*capture_column_, text_.text());
    } else {
      Drift(text_.text());
    }
    return;
  }
  if (depth_ <= 1) return;
  const Frame& frame = frames_[--depth_];
  if (frame.object) FillMissing(*frame.column, frame.length);
}

void DocumentBuilder::BeginObject() { Begin(true); }
void DocumentBuilder::EndObject() { End(true); }
void DocumentBuilder::BeginArray() { Begin(false); }
void DocumentBuilder::EndArray() { End(false); }

void DocumentBuilder::Null() {
  if (capture_depth_ > 0) {
    text_.Null();
  } else if (depth_ > 0) {
    Column* column = Target();
    if (column != nullptr) {
      PutNull(*column);
    } else {
      Drift("null");
    }
  }
}

void DocumentBuilder::Bool(bool value) {
  Put(
      [value](Column& column, arrow::Status* out) {
        if (column.type != arrow::Type::BOOL) return false;
        *out = static_cast<arrow::BooleanBuilder&>(*column.builder).Append(value);
        return true;
      },
      [value](JsonText& text) { text.Bool(value); });
}

void DocumentBuilder::Int(int64_t value) {
  Put([&](Column& column,
          arrow::Status* out) { return FitInt(*column.builder, value, options_.coerce, out); },
      [value](JsonText& text) { text.Int(value); });
}

void DocumentBuilder::Double(double value) {
  Put([&](Column& column,
          arrow::Status* out) { return FitDouble(*column.builder, value, options_.coerce, out); },
      [value](JsonText& text) { text.Double(value); });
}

void DocumentBuilder::Decimal(std::string_view decimal) {
  Put(
      [&](Column& column, arrow::Status* out) {
        return FitDecimal(*column.builder, decimal, options_.coerce, out);
      },
      [decimal](JsonText& text) { text.Decimal(decimal); });
}

void DocumentBuilder::String(std::string_view value) {
  if (!arrow::util::ValidateUTF8(value)) {
    Binary(value);
    return;
  }
  Put(
      [&](Column& column, arrow::Status* out) {
        if (column.type != arrow::Type::STRING) {
          return options_.coerce && FitText(*column.builder, value, out);
        }
        *out = static_cast<arrow::StringBuilder&>(*column.builder).Append(value);
        size_bytes_ += static_cast<int64_t>(value.size());
        return true;
      },
      [value](JsonText& text) { text.String(value); });
}

void DocumentBuilder::Binary(std::string_view value) {
  Put(
      [&](Column& column, arrow::Status* out) {
        if (column.type != arrow::Type::BINARY) return false;
        *out = static_cast<arrow::BinaryBuilder&>(*column.builder).Append(value);
        size_bytes_ += static_cast<int64_t>(value.size());
        return true;
      },
      [value](JsonText& text) { text.Binary(value); });
}

void DocumentBuilder::Timestamp(int64_t micros) {
  Put(
      [&](Column& column, arrow::Status* out) {
        const int64_t seconds = micros / 1'000'000 - (micros % 1'000'000 < 0 ? 1 : 0);
        return FitMoment(*column.builder, {seconds, (micros - seconds * 1'000'000) * 1000}, out);
      },
      [micros](JsonText& text) { text.Timestamp(micros); });
}

Result<std::shared_ptr<arrow::RecordBatch>> DocumentBuilder::Finish() {
  NSTARX_RETURN_IF_ERROR(failed_);
  arrow::ArrayVector arrays;
  size_t child = 0;
  for (int i = 0; i < schema_->num_fields(); ++i) {
    Column& column = i == drift_position_ ? *drift_column_ : *root_->children[child++];
    std::shared_ptr<arrow::Array> array;
    Note(column.builder->Finish(&array));
    arrays.push_back(std::move(array));
  }
  NSTARX_RETURN_IF_ERROR(failed_);
  auto batch = arrow::RecordBatch::Make(schema_, rows_, std::move(arrays));
  rows_ = 0;
  size_bytes_ = 0;
  return batch;
}

}  // namespace nstarx::connectors::documents
