#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "connector/connector.h"

namespace nstarx::daemon {

/// One connector of every room under src/connectors/; written by CMake.
std::vector<std::unique_ptr<connector::Connector>> AllConnectors();

/// A type whose spec.json names a driver of others; there is no code of ours for it.
struct DriverType {
  std::string_view type;
  std::string_view spec;
};
/// Those of src/connectors/ that say nstarx_driver_connector(); written by CMake.
std::vector<DriverType> AllDriverTypes();

}  // namespace nstarx::daemon
