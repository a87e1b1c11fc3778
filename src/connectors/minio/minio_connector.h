#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::minio {

/// The S3 connector with MinIO's defaults. Thread-safe; aws::S3Runtime must be open while its
/// sessions live.
std::unique_ptr<connector::Connector> MakeMinioConnector();

/// spec.json, embedded in the program.
std::string_view SpecDocument();

}  // namespace nstarx::connectors::minio
