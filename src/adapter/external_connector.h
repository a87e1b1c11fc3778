#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connector/connector.h"

namespace nstarx::adapter {

/// A connector that nobody compiled: a spec.json that names a driver. adapter.malformed_spec, or
/// what Spec::Parse finds.
Result<std::unique_ptr<connector::Connector>> LoadAdapter(const std::string& spec_file);

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
