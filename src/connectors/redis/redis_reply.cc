#include "connectors/redis/redis_reply.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "connectors/redis/redis_errors.h"

namespace nstarx::connectors::redis {
namespace {

using Kind = Reply::Kind;
constexpr size_t kReadBytes = 64 << 10;

Error Malformed(std::string_view what) {
  return Unavailable("connection.protocol_error",
                     fmt::format("The server's answer is not Redis protocol: {}", what))
      .WithStage("query")
      .WithConnector("redis");
}

bool ParseInteger(std::string_view text, int64_t* out) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return failure == std::errc() && end == text.data() + text.size();
}

bool ParseDouble(std::string_view text, double* out) {
  if (text == "inf") {
    *out = std::numeric_limits<double>::infinity();
    return true;
  }
  if (text == "-inf") {
    *out = -std::numeric_limits<double>::infinity();
    return true;
  }
  if (text == "nan" || text == "-nan") {
    *out = std::numeric_limits<double>::quiet_NaN();
    return true;
  }
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return failure == std::errc() && end == text.data() + text.size();
}

Result<ReplyHead> Aggregate(Kind kind, std::string_view count) {
  int64_t items = 0;
  if (!ParseInteger(count, &items) || items < -1) return Malformed("a bad count");
  ReplyHead head;
  if (items == -1) return head;
  if (kind == Kind::kMap) {
    if (items > std::numeric_limits<int64_t>::max() / 2) return Malformed("a count too large");
    items *= 2;
  }
  head.scalar.kind = kind;
  head.items = items;
  return head;
}

}  // namespace

size_t BytesOf(const Reply& reply) {
  size_t bytes = sizeof(Reply) + reply.text.size();
  for (const Reply& item : reply.items) bytes += BytesOf(item);
  return bytes;
}

void ScoreOf(Reply* reply) {
  if (reply->kind != Kind::kText || !ParseDouble(reply->text, &reply->number)) return;
  reply->kind = Kind::kDouble;
  reply->text.clear();
}

ReplyReader::ReplyReader(Source source, size_t max_reply_bytes)
    : source_(std::move(source)), max_reply_bytes_(max_reply_bytes) {}

Result<Reply> ReplyReader::Read(const Context& context) {
  NSTARX_TRY(ReplyHead head, ReadHead(context));
  if (head.scalar.IsAggregate()) {
    NSTARX_RETURN_IF_ERROR(Items(context, head.items, 1, &head.scalar));
  }
  return std::move(head.scalar);
}

Result<ReplyHead> ReplyReader::ReadHead(const Context& context) {
  for (;;) {
    charged_ = 0;
    NSTARX_TRY(ReplyHead head, Head(context));
    if (head.scalar.kind != Kind::kPush) return head;
    Reply dropped;
    NSTARX_RETURN_IF_ERROR(Items(context, head.items, 1, &dropped));
  }
}

Status ReplyReader::Items(const Context& context, int64_t count, int depth, Reply* out) {
  if (depth > kMaxDepth) return Malformed("it is nested too deep");
  for (int64_t number = 0; number < count; ++number) {
    NSTARX_RETURN_IF_ERROR(Charge(sizeof(Reply)));
    NSTARX_TRY(ReplyHead head, Head(context));
    if (head.scalar.IsAggregate()) {
      NSTARX_RETURN_IF_ERROR(Items(context, head.items, depth + 1, &head.scalar));
    }
    out->items.push_back(std::move(head.scalar));
  }
  return {};
}

Result<ReplyHead> ReplyReader::Head(const Context& context) {
  NSTARX_TRY(const std::string_view view, Line(context));
  if (view.empty()) return Malformed("an empty line");
  const std::string line(view);
  const std::string_view rest = std::string_view(line).substr(1);
  ReplyHead head;
  Reply& value = head.scalar;
  switch (line[0]) {
    case '+':
    case '(':
      value.kind = Kind::kText;
      value.text = rest;
      return head;
    case '-':
      value.kind = Kind::kError;
      value.text = rest;
      return head;
    case ':':
      value.kind = Kind::kInteger;
      if (!ParseInteger(rest, &value.integer)) return Malformed("a bad integer");
      return head;
    case ',':
      value.kind = Kind::kDouble;
      if (!ParseDouble(rest, &value.number)) return Malformed("a bad double");
      return head;
    case '#':
      value.kind = Kind::kBool;
      if (rest != "t" && rest != "f") return Malformed("a bad boolean");
      value.truth = rest == "t";
      return head;
    case '_':
      return head;
    case '$':
    case '!':
    case '=': {
      if (rest == "-1") return head;
      NSTARX_TRY(value.text, Bulk(context, rest));
      value.kind = line[0] == '!' ? Kind::kError : Kind::kText;
      if (line[0] == '=') {
        if (value.text.size() < 4 || value.text[3] != ':') return Malformed("a bad verbatim text");
        value.text.erase(0, 4);
      }
      return head;
    }
    case '*':
      return Aggregate(Kind::kArray, rest);
    case '~':
      return Aggregate(Kind::kSet, rest);
    case '%':
      return Aggregate(Kind::kMap, rest);
    case '>':
      return Aggregate(Kind::kPush, rest);
    default:
      return Malformed(fmt::format("a line that begins with byte {}",
                                   static_cast<unsigned>(static_cast<unsigned char>(line[0]))));
  }
}

Result<std::string> ReplyReader::Bulk(const Context& context, std::string_view length) {
  int64_t size = 0;
  if (!ParseInteger(length, &size) || size < 0) return Malformed("a bad length");
  NSTARX_RETURN_IF_ERROR(Charge(static_cast<size_t>(size)));
  NSTARX_TRY(std::string text, Bytes(context, static_cast<size_t>(size) + 2));
  if (!text.ends_with("\r\n")) return Malformed("a text longer than it said");
  text.resize(text.size() - 2);
  return text;
}

Status ReplyReader::Charge(size_t bytes) {
  if (bytes <= max_reply_bytes_ - charged_) {
    charged_ += bytes;
    return {};
  }
  return Error(ErrorKind::kResourceExhausted, "query.value_too_large",
               fmt::format("One value of the answer needs more than {} bytes", max_reply_bytes_))
      .WithStage("query")
      .WithConnector("redis");
}

Result<std::string_view> ReplyReader::Line(const Context& context) {
  size_t searched = at_;
  for (;;) {
    const size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos) {
      if (end == at_ || buffer_[end - 1] != '\r') return Malformed("a line without its end");
      const std::string_view line = std::string_view(buffer_).substr(at_, end - 1 - at_);
      at_ = end + 1;
      return line;
    }
    const size_t have = buffer_.size() - at_;
    if (have > kMaxLine) return Malformed("an endless line");
    if (have > 0 && std::string_view("+-:,#_$!=*~%>(").find(buffer_[at_]) == std::string::npos) {
      return Malformed(fmt::format("byte {}", static_cast<unsigned char>(buffer_[at_])));
    }
    NSTARX_RETURN_IF_ERROR(Fill(context));
    searched = at_ + have;
  }
}

Result<std::string> ReplyReader::Bytes(const Context& context, size_t count) {
  std::string out;
  // Grows with what really comes: a length alone takes no memory.
  while (out.size() < count) {
    if (at_ == buffer_.size()) NSTARX_RETURN_IF_ERROR(Fill(context));
    const size_t part = std::min(count - out.size(), buffer_.size() - at_);
    out.append(buffer_, at_, part);
    at_ += part;
  }
  return out;
}

Status ReplyReader::Fill(const Context& context) {
  if (at_ > 0) {
    buffer_.erase(0, at_);
    at_ = 0;
  }
  const size_t before = buffer_.size();
  buffer_.resize(before + kReadBytes);
  auto got = source_(context, std::span(buffer_).subspan(before));
  buffer_.resize(before + (got ? *got : 0));
  if (!got) return std::move(got).error();
  if (*got == 0) return ConnectionLost("the server closed it");
  return {};
}

void AppendCommand(std::span<const std::string> arguments, std::string* out) {
  fmt::format_to(std::back_inserter(*out), "*{}\r\n", arguments.size());
  for (const std::string& argument : arguments) {
    fmt::format_to(std::back_inserter(*out), "${}\r\n", argument.size());
    out->append(argument);
    out->append("\r\n");
  }
}

}  // namespace nstarx::connectors::redis
