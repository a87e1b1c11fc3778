#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::hdfs {

/// The connector for Hadoop HDFS by WebHDFS. Thread-safe; libcurl must be initialised while its
/// sessions live (aws::S3Runtime does it for the program).
std::unique_ptr<connector::Connector> MakeHdfsConnector();

/// spec.json, embedded in the program.
std::string_view SpecDocument();

}  // namespace nstarx::connectors::hdfs
