#pragma once

#include <memory>
#include <string_view>

namespace nstarx::connector {
class Connector;
}

namespace nstarx::connectors::mongodb {

/// spec.json, embedded in the program.
std::string_view SpecDocument();

/// The door of this room.
std::unique_ptr<connector::Connector> MakeMongodbConnector();

}  // namespace nstarx::connectors::mongodb
