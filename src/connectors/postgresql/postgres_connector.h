#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::postgresql {

/// The connector for PostgreSQL and what speaks its protocol. Stateless, thread-safe.
std::unique_ptr<connector::Connector> MakePostgresqlConnector();

/// spec.json, embedded in the program.
std::string_view SpecDocument();

}  // namespace nstarx::connectors::postgresql
