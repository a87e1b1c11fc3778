#pragma once

#include <memory>

#include "result/encode.h"

namespace nstarx::result {

/// Output is gathered until a chunk has so many bytes; a bigger record batch is its own chunk.
inline constexpr size_t kChunkTarget = 256 << 10;
/// A text chunk is cut at the first row after so many bytes.
inline constexpr size_t kTextChunkMax = 1 << 20;
/// A chunk that is not full is sent all the same when gathering took so long.
inline constexpr auto kGatherTime = std::chrono::milliseconds(50);
/// Input bytes of a Parquet row group.
inline constexpr int64_t kRowGroupBytes = 8 << 20;

std::unique_ptr<ChunkSource> MakeArrowSource(std::unique_ptr<connector::BatchStream> batches,
                                             Compression compression);
/// JSON, NDJSON or CSV.
std::unique_ptr<ChunkSource> MakeTextSource(std::unique_ptr<connector::BatchStream> batches,
                                            Format format);
std::unique_ptr<ChunkSource> MakeParquetSource(std::unique_ptr<connector::BatchStream> batches);

}  // namespace nstarx::result
