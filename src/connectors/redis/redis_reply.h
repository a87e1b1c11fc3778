#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/status.h"

namespace nstarx::connectors::redis {

/// One reply, whole. Of a map, `items` alternates keys and values.
struct Reply {
  enum class Kind { kNull, kText, kError, kInteger, kDouble, kBool, kArray, kSet, kMap, kPush };
  Kind kind = Kind::kNull;
  std::string text;  ///< kText (simple, bulk, verbatim, big number) and kError
  int64_t integer = 0;
  double number = 0;
  bool truth = false;
  std::vector<Reply> items;

  bool IsAggregate() const { return kind >= Kind::kArray; }
};

/// The memory that it takes, about.
size_t BytesOf(const Reply& reply);

/// Makes a score, which RESP2 gives as text, the number it is.
void ScoreOf(Reply* reply);

/// What a reply begins with: a scalar as a whole, or an aggregate without its items.
struct ReplyHead {
  Reply scalar;
  int64_t items = 0;  ///< values that follow: of a map twice its size
};

/// Reads RESP2 and RESP3 from a byte source that nobody trusts: lengths, depth and the memory of a
/// reply are bounded. After connection.protocol_error the source is unusable.
class ReplyReader {
 public:
  /// At least one byte, at most all; 0 at the end.
  using Source = std::function<Result<size_t>(const Context&, std::span<char>)>;
  static constexpr int kMaxDepth = 32;
  static constexpr size_t kMaxLine = 64 << 10;

  explicit ReplyReader(Source source, size_t max_reply_bytes = 64 << 20);

  /// A whole reply. Pushes and attributes before it are dropped.
  Result<Reply> Read(const Context& context);
  /// For replies that are read item by item, each with Read().
  Result<ReplyHead> ReadHead(const Context& context);
  /// The first bytes that came, if any; to tell what is not Redis.
  std::string_view buffered() const { return std::string_view(buffer_).substr(at_); }

 private:
  Result<ReplyHead> Head(const Context& context);
  Status Items(const Context& context, int64_t count, int depth, Reply* out);
  Result<std::string_view> Line(const Context& context);
  Result<std::string> Bytes(const Context& context, size_t count);
  Result<std::string> Bulk(const Context& context, std::string_view length);
  Status Fill(const Context& context);
  Status Charge(size_t bytes);

  Source source_;
  const size_t max_reply_bytes_;
  size_t charged_ = 0;
  std::string buffer_;
  size_t at_ = 0;
};

/// Appends one command as RESP: an array of bulk strings.
void AppendCommand(std::span<const std::string> arguments, std::string* out);

}  // namespace nstarx::connectors::redis
