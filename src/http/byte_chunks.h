#pragma once

#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "connector/facets.h"
#include "result/encode.h"

namespace nstarx::http {

/// The bytes of a stream as an answer's body, a piece at a time.
class ByteChunks final : public result::ChunkSource {
 public:
  explicit ByteChunks(std::unique_ptr<connector::ByteStream> bytes) : bytes_(std::move(bytes)) {}

  Result<std::optional<result::Chunk>> Next(const Context& context) override {
    constexpr size_t kPieceBytes = 256 * 1024;
    auto piece = std::make_shared<std::vector<std::byte>>(kPieceBytes);
    size_t filled = 0;
    while (filled < kPieceBytes && !ended_) {
      NSTARX_TRY(const size_t read, bytes_->Read(context, std::span(*piece).subspan(filled)));
      ended_ = read == 0;
      filled += read;
    }
    if (filled == 0) return std::optional<result::Chunk>();
    result::Chunk chunk;
    chunk.parts = {std::span<const std::byte>(*piece).first(filled)};
    chunk.keep_alive = std::move(piece);
    return std::optional(std::move(chunk));
  }

 private:
  std::unique_ptr<connector::ByteStream> bytes_;
  bool ended_ = false;
};

}  // namespace nstarx::http
