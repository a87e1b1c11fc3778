#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::dynamodb {

/// The connector for Amazon DynamoDB. Thread-safe.
std::unique_ptr<connector::Connector> MakeDynamodbConnector();

/// spec.json, embedded in the program.
std::string_view SpecDocument();

}  // namespace nstarx::connectors::dynamodb
