#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::s3 {

/// The connector for S3 and what speaks its protocol. Thread-safe; aws::S3Runtime must be open
/// while its sessions live.
std::unique_ptr<connector::Connector> MakeS3Connector();

/// spec.json, embedded in the program.
std::string_view SpecDocument();

}  // namespace nstarx::connectors::s3
