#include "result/encode.h"

#include "result/sources.h"

namespace nstarx::result {

std::unique_ptr<ChunkSource> EncodeBatches(std::unique_ptr<connector::BatchStream> batches,
                                           Negotiated how) {
  switch (how.format) {
    case Format::kArrowStream:
      return MakeArrowSource(std::move(batches), how.compression);
    case Format::kParquet:
      return MakeParquetSource(std::move(batches));
    case Format::kJson:
    case Format::kNdjson:
    case Format::kCsv:
      break;
  }
  return MakeTextSource(std::move(batches), how.format);
}

}  // namespace nstarx::result
