#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "connector/connector.h"

namespace nstarx::connectors::files {

/// Folders of the server's disk below the roots in NSTARX_FILES_ROOTS. Stateless, thread-safe.
std::unique_ptr<connector::Connector> MakeFilesConnector();
/// The same with roots given, for tests.
std::unique_ptr<connector::Connector> MakeFilesConnectorBelow(std::vector<std::string> roots);

}  // namespace nstarx::connectors::files
