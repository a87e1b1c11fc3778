#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/status.h"
#include "connector/facets.h"

namespace nstarx::drivers {

/// A member of a bundle: a small text, or a file on the disk.
struct BundleMember {
  std::string name;
  std::string text;
  std::string path;  ///< empty: `text`
  int64_t size = 0;
};

/// A TAR (ustar) of these members, made as it is read.
std::unique_ptr<connector::ByteStream> WriteBundle(std::vector<BundleMember> members);
/// Bytes of that TAR.
int64_t BundleBytes(const std::vector<BundleMember>& members);

/// Takes one member of a bundle: its size, and `read` for its bytes.
using TakeBytes = std::function<Status(std::span<const std::byte>)>;
using TakeMember = std::function<Result<TakeBytes>(const std::string& name, int64_t size)>;
/// Reads a TAR of plain files. Hostile input: driver.malformed_bundle, driver.unsafe_path,
/// driver.too_large; a TAR that ends without its end mark is malformed.
Status ReadBundle(const Context& context, connector::ByteStream& from, const TakeMember& take);

}  // namespace nstarx::drivers
