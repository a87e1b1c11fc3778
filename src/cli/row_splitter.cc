#include "cli/row_splitter.h"

namespace nstarx::cli {
namespace {

constexpr size_t kPieceMax = 256 << 20;

}  // namespace

Status RowSplitter::Feed(std::string_view piece) {
  for (const char c : piece) {
    if (place_ == Place::kRows && depth_ == 2 && (c == ',' || c == ' ' || c == '\n')) continue;
    if (place_ == Place::kRows && depth_ == 2 && c == ']') {
      place_ = Place::kTail;
      depth_ = 1;
      text_.clear();
      continue;
    }
    text_ += c;
    if (quoted_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        quoted_ = false;
      }
      continue;
    }
    if (c == '"') {
      quoted_ = true;
    } else if (c == '[' || c == '{') {
      ++depth_;
      if (place_ == Place::kHead && depth_ == 2 && text_.ends_with("\"rows\":[")) {
        NSTARX_RETURN_IF_ERROR(EndOfHead());
      }
    } else if (c == ']' || c == '}') {
      --depth_;
      if (place_ == Place::kRows && depth_ == 2) {
        NSTARX_RETURN_IF_ERROR(row_(text_));
        text_.clear();
      }
    }
    if (text_.size() > kPieceMax) {
      return Error(ErrorKind::kResourceExhausted, "client.answer_too_large",
                   "one row of the answer is larger than 256 MiB");
    }
  }
  return {};
}

Status RowSplitter::EndOfHead() {
  text_ += "]}";
  NSTARX_RETURN_IF_ERROR(head_(text_));
  text_.clear();
  place_ = Place::kRows;
  return {};
}

std::string RowSplitter::Tail() const {
  const size_t comma = text_.find(',');
  return "{" + (comma == std::string::npos ? std::string("}") : text_.substr(comma + 1));
}

}  // namespace nstarx::cli
