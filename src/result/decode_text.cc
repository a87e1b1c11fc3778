#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/csv/api.h>
#include <arrow/io/memory.h>
#include <arrow/json/api.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>

#include <cstring>
#include <set>

#include "base/json.h"
#include "result/arrow_status.h"
#include "result/decoders.h"

namespace nstarx::result {
namespace {

std::string_view NameOf(Format format) { return format == Format::kCsv ? "CSV" : "NDJSON"; }

/// Cuts an upload into blocks of whole rows.
class RowBlocks {
 public:
  RowBlocks(std::unique_ptr<connector::ByteStream> body, Format format)
      : body_(std::move(body)), format_(format) {}

  /// The next rows, nullptr at the end.
  Result<std::shared_ptr<arrow::Buffer>> Next(const Context& context) {
    while (!ended_ && row_end_ < kTextBlock) {
      if (text_.size() - row_end_ > kTextRowMax) {
        return Error(ErrorKind::kResourceExhausted, "request.too_large",
                     "a row of the upload has more than 16 MiB")
            .WithAction(Action::kFixInput)
            .WithHint("Check the quotes: an unclosed one makes everything after it one row.");
      }
      NSTARX_RETURN_IF_ERROR(context.Check());
      const size_t before = text_.size();
      text_.resize(before + (256 << 10));
      auto count = body_->Read(context, std::as_writable_bytes(std::span(text_)).subspan(before));
      text_.resize(before + (count ? *count : 0));
      if (!count) return std::move(count).error();
      ended_ = *count == 0;
      NSTARX_RETURN_IF_ERROR(Scan(before));
    }
    if (ended_) row_end_ = text_.size();
    if (row_end_ == 0) return std::shared_ptr<arrow::Buffer>();
    std::string rows = text_.substr(0, row_end_);
    text_.erase(0, row_end_);
    row_end_ = 0;
    return arrow::Buffer::FromString(std::move(rows));
  }

 private:
  // Finds the last end of a row from `from` on; JSON's depth is bounded on the way.
  Status Scan(size_t from) {
    for (size_t i = from; i < text_.size(); ++i) {
      const char c = text_[i];
      if (format_ == Format::kCsv) {
        if (c == '"') quoted_ = !quoted_;
        if (c == '\n' && !quoted_) row_end_ = i + 1;
        continue;
      }
      if (c == '\n') {  // never inside a JSON string
        row_end_ = i + 1;
        quoted_ = escaped_ = false;
        depth_ = 0;
      } else if (quoted_) {
        if (escaped_) {
          escaped_ = false;
        } else if (c == '\\') {
          escaped_ = true;
        } else if (c == '"') {
          quoted_ = false;
        }
      } else if (c == '"') {
        quoted_ = true;
      } else if (c == '{' || c == '[') {
        if (++depth_ > kDepthMax) {
          return InvalidArgument("request.malformed_data",
                                 "the uploaded NDJSON data is nested more than 32 levels deep");
        }
      } else if (c == '}' || c == ']') {
        --depth_;
      }
    }
    return {};
  }

  const std::unique_ptr<connector::ByteStream> body_;
  const Format format_;
  std::string text_;
  size_t row_end_ = 0;  ///< of the last whole row in text_
  int64_t depth_ = 0;
  bool quoted_ = false;
  bool escaped_ = false;
  bool ended_ = false;
};

/// CSV or NDJSON. The first block decides the types; a value that does not fit them later is an
/// error.
class TextUpload : public DecodedStream {
 public:
  TextUpload(std::unique_ptr<connector::ByteStream> body, Format format)
      : blocks_(std::move(body), format), format_(format) {}

  Status Open(const Context& context) {
    NSTARX_TRY(auto block, blocks_.Next(context));
    if (block == nullptr) {
      return InvalidArgument("request.empty_body", "the upload is empty")
          .WithHint("CSV needs at least a header line, NDJSON at least one object.");
    }
    NSTARX_TRY(first_, Parse(block));
    std::set<std::string_view> names;
    for (const auto& field : schema_->fields()) {
      if (names.insert(field->name()).second) continue;
      return InvalidArgument("request.malformed_data",
                             "the column " + field->name() + " is there twice in the upload")
          .WithHint("Give every column a name of its own.");
    }
    return {};
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context& context) override {
    NSTARX_RETURN_IF_ERROR(context.Check());
    while (true) {
      auto table = std::exchange(first_, nullptr);
      if (table == nullptr) {
        NSTARX_TRY(auto block, blocks_.Next(context));
        if (block == nullptr) return std::shared_ptr<arrow::RecordBatch>();
        NSTARX_TRY(table, Parse(block));
      }
      if (table->num_rows() == 0) continue;
      auto batch = table->CombineChunksToBatch(&pool());
      if (!batch.ok()) return DecodeError(batch.status(), NameOf(format_));
      return Admit(std::move(*batch), NameOf(format_));
    }
  }

 private:
  using TableResult = arrow::Result<std::shared_ptr<arrow::Table>>;

  Result<std::shared_ptr<arrow::Table>> Parse(const std::shared_ptr<arrow::Buffer>& block) {
    const bool first = schema_ == nullptr;
    TableResult table = Read(block);
    if (table.ok() && first) table = SettleTypes(block, *table);
    if (!table.ok()) {
      Error error = DecodeError(table.status(), NameOf(format_));
      if (!first) error.WithHint("The types of the columns come from the first 4 MiB of rows.");
      return error;
    }
    return *table;
  }

  TableResult Read(const std::shared_ptr<arrow::Buffer>& block) {
    return format_ == Format::kCsv ? ReadCsv(block) : ReadJson(block);
  }

  TableResult ReadCsv(const std::shared_ptr<arrow::Buffer>& block) {
    auto read = arrow::csv::ReadOptions::Defaults();
    read.use_threads = false;
    read.block_size = static_cast<int32_t>(block->size() + 1);
    auto parse = arrow::csv::ParseOptions::Defaults();
    parse.newlines_in_values = true;
    auto convert = arrow::csv::ConvertOptions::Defaults();
    convert.null_values = {""};
    convert.strings_can_be_null = true;
    convert.quoted_strings_can_be_null = false;
    if (schema_ != nullptr) {
      if (!header_read_) {
        header_read_ = true;
      } else {
        read.column_names = schema_->field_names();
      }
      for (const auto& field : schema_->fields()) {
        convert.column_types[field->name()] = field->type();
      }
    }
    ARROW_ASSIGN_OR_RAISE(
        auto reader, arrow::csv::TableReader::Make(arrow::io::IOContext(&pool()),
                                                   std::make_shared<arrow::io::BufferReader>(block),
                                                   read, parse, convert));
    return reader->Read();
  }

  TableResult ReadJson(const std::shared_ptr<arrow::Buffer>& block) {
    auto read = arrow::json::ReadOptions::Defaults();
    read.use_threads = false;
    read.block_size = static_cast<int32_t>(block->size() + 1);
    auto parse = arrow::json::ParseOptions::Defaults();
    if (schema_ != nullptr) {
      parse.explicit_schema = schema_;
      parse.unexpected_field_behavior = arrow::json::UnexpectedFieldBehavior::Error;
    }
    ARROW_ASSIGN_OR_RAISE(
        auto reader, arrow::json::TableReader::Make(
                         &pool(), std::make_shared<arrow::io::BufferReader>(block), read, parse));
    return reader->Read();
  }

  // Columns of nothing but NULL become strings, and so do numbers in CSV whose text would change
  // ("007" is no 7); then the first block is read again if that changed anything.
  TableResult SettleTypes(const std::shared_ptr<arrow::Buffer>& block,
                          const std::shared_ptr<arrow::Table>& inferred) {
    std::vector<std::shared_ptr<arrow::Field>> fields = inferred->schema()->fields();
    std::set<int> padded;
    if (format_ == Format::kCsv) {
      ARROW_ASSIGN_OR_RAISE(padded, PaddedNumbers(block, *inferred));
    }
    bool changed = false;
    for (size_t i = 0; i < fields.size(); ++i) {
      const bool to_text =
          fields[i]->type()->id() == arrow::Type::NA || padded.contains(static_cast<int>(i));
      if (!to_text) continue;
      fields[i] = fields[i]->WithType(arrow::utf8());
      changed = true;
    }
    schema_ = arrow::schema(std::move(fields));
    header_read_ = !changed;
    return changed ? Read(block) : TableResult(inferred);
  }

  arrow::Result<std::set<int>> PaddedNumbers(const std::shared_ptr<arrow::Buffer>& block,
                                             const arrow::Table& inferred) {
    std::set<int> padded;
    std::vector<std::shared_ptr<arrow::Field>> as_text;
    for (const auto& field : inferred.schema()->fields()) {
      as_text.push_back(field->WithType(arrow::utf8()));
    }
    const auto is_number = [](const auto& field) { return arrow::is_numeric(field->type()->id()); };
    if (std::ranges::none_of(inferred.schema()->fields(), is_number)) return padded;
    schema_ = arrow::schema(as_text);
    header_read_ = false;
    TableResult texts = Read(block);
    schema_ = nullptr;
    ARROW_RETURN_NOT_OK(texts.status());
    for (int i = 0; i < inferred.num_columns() && i < (*texts)->num_columns(); ++i) {
      if (!is_number(inferred.schema()->field(i))) continue;
      for (const auto& chunk : (*texts)->column(i)->chunks()) {
        const auto& strings = static_cast<const arrow::StringArray&>(*chunk);
        for (int64_t row = 0; row < strings.length(); ++row) {
          std::string_view text = strings.GetView(row);
          if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
          if (text.size() > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9') {
            padded.insert(i);
            break;
          }
        }
      }
    }
    return padded;
  }

  RowBlocks blocks_;
  const Format format_;
  std::shared_ptr<arrow::Table> first_;
  bool header_read_ = false;
};

}  // namespace

Result<std::unique_ptr<connector::BatchStream>> DecodeText(
    const Context& context, std::unique_ptr<connector::ByteStream> body, Format format) {
  auto stream = std::make_unique<TextUpload>(std::move(body), format);
  NSTARX_RETURN_IF_ERROR(stream->Open(context));
  return std::unique_ptr<connector::BatchStream>(std::move(stream));
}

}  // namespace nstarx::result
