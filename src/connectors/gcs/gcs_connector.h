#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::gcs {

/// The connector for Google Cloud Storage. Thread-safe; libcurl must be initialised while its
/// sessions live (aws::S3Runtime does it for the program).
std::unique_ptr<connector::Connector> MakeGcsConnector();

/// spec.json, embedded in the program.
std::string_view SpecDocument();

}  // namespace nstarx::connectors::gcs
