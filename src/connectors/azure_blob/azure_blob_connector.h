#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::azure_blob {

/// The connector for Azure Blob Storage. Thread-safe; libcurl must be initialised while its
/// sessions live (aws::S3Runtime does it for the program).
std::unique_ptr<connector::Connector> MakeAzureBlobConnector();

/// spec.json, embedded in the program.
std::string_view SpecDocument();

}  // namespace nstarx::connectors::azure_blob
