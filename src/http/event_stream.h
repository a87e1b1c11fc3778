#pragma once

#include <memory>

#include "result/encode.h"

namespace nstarx::http {

/// Rows as server-sent events: one `data:` line of JSON each, and a comment now and then while
/// nothing comes.
std::unique_ptr<result::ChunkSource> EncodeEvents(std::unique_ptr<connector::BatchStream> batches);

}  // namespace nstarx::http
