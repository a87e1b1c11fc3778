#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/status.h"
#include "connector/facets.h"

namespace nstarx::result {

enum class Format { kArrowStream, kJson, kNdjson, kCsv, kParquet };
enum class Compression { kNone, kLz4, kZstd };

/// The media type of a format, e.g. application/vnd.apache.arrow.stream.
std::string_view MediaType(Format format);

struct Negotiated {
  Format format = Format::kJson;
  Compression compression = Compression::kNone;  ///< of Arrow IPC buffers
};
/// Picks by an Accept header: q-values, wildcards (JSON), `;compression=zstd|lz4` on the Arrow
/// type. request.not_acceptable lists what there is.
Result<Negotiated> Negotiate(std::string_view accept);

/// A piece of an answer: parts to be written one after the other, without copying; `keep_alive`
/// owns them.
struct Chunk {
  std::vector<std::span<const std::byte>> parts;
  std::shared_ptr<const void> keep_alive;
  size_t size() const;
};

/// Produces an answer piece by piece at the reader's pace. Not thread-safe.
class ChunkSource {
 public:
  virtual ~ChunkSource() = default;
  /// The next piece (about 256 KiB to 4 MiB), nullopt at the end.
  virtual Result<std::optional<Chunk>> Next(const Context& context) = 0;
};

/// Rows as bytes. JSON: {"columns": [{"name","type"}], "rows": [[…]], "row_count": n[,
/// "rows_affected": n]}; NDJSON: an object a line; CSV: RFC 4180 with a header, NULL as nothing and
/// an empty string as ""; decimals, 64-bit integers beyond 2^53 and binary (base64) as strings in
/// JSON. A failure in mid-stream is returned by Next.
std::unique_ptr<ChunkSource> EncodeBatches(std::unique_ptr<connector::BatchStream> batches,
                                           Negotiated how);

/// The inverse, for uploads: Arrow IPC stream, NDJSON, CSV (with header) or Parquet (buffered to a
/// bounded temporary file). request.unsupported_media_type otherwise; hostile input gives
/// request.malformed_data.
Result<std::unique_ptr<connector::BatchStream>> DecodeBatches(
    const Context& context, std::unique_ptr<connector::ByteStream> body,
    std::string_view content_type);

}  // namespace nstarx::result
