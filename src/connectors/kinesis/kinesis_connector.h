#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::kinesis {

/// The connector for Amazon Kinesis Data Streams. Thread-safe.
std::unique_ptr<connector::Connector> MakeKinesisConnector();

/// spec.json, embedded in the program.
std::string_view SpecDocument();

}  // namespace nstarx::connectors::kinesis
