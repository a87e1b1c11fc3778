#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::redshift {

/// The connector for Amazon Redshift, provisioned and serverless. Thread-safe; keeps the temporary
/// database logins that IAM gave.
std::unique_ptr<connector::Connector> MakeRedshiftConnector();

/// spec.json, embedded in the program.
std::string_view SpecDocument();

}  // namespace nstarx::connectors::redshift
