#pragma once

#include <memory>
#include <string_view>

#include "connector/connector.h"

namespace nstarx::connectors::cassandra {

/// Apache Cassandra and what speaks its native protocol, version 4.
std::unique_ptr<connector::Connector> MakeCassandraConnector();

/// spec.json of this room.
std::string_view SpecDocument();

}  // namespace nstarx::connectors::cassandra
