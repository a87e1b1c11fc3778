#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "connector/connector.h"

namespace nstarx::adapter {

/// A connector that nobody compiled: a spec.json that names a driver. adapter.malformed_spec, or
/// what Spec::Parse finds.
Result<std::unique_ptr<connector::Connector>> LoadAdapter(const std::string& spec_file);

/// The same of a spec.json's text. `folder` is where the spec.json lies, or would lie: its driver
/// is looked up from there.
Result<std::unique_ptr<connector::Connector>> MakeAdapter(std::string_view text,
                                                          const std::string& folder);

/// A folder's spec.json that could not be taken.
struct RefusedAdapter {
  std::string file;
  Error error;
};
struct Adapters {
  std::vector<std::unique_ptr<connector::Connector>> connectors;
  std::vector<RefusedAdapter> refused;
};
/// All of `folder`/*/spec.json; a missing folder holds none. One that can't be taken, or whose type
/// `taken` has, does not keep the others from being there.
Adapters LoadAdapters(const std::string& folder, const std::vector<std::string>& taken);

}  // namespace nstarx::adapter
