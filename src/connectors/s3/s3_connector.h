#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"
#include "connectors/s3/s3_settings.h"

namespace nstarx::connectors::s3 {

/// The connector for S3 and what speaks its protocol. Thread-safe; aws::S3Runtime must be open
/// while its sessions live.
std::unique_ptr<connector::Connector> MakeS3Connector();

/// The same for a system of the family with a spec of its own; its fields are those of S3's.
std::unique_ptr<connector::Connector> MakeS3LikeConnector(std::string_view spec_document,
                                                          Flavour flavour);

/// spec.json, embedded in the program.
std::string_view SpecDocument();

}  // namespace nstarx::connectors::s3
