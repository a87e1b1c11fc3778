#pragma once

#include <memory>
#include <string_view>

namespace nstarx::connector {
class Connector;
}

namespace nstarx::connectors::elasticsearch {

/// The door of this room.
std::unique_ptr<connector::Connector> MakeElasticsearchConnector();

std::string_view SpecDocument();

}  // namespace nstarx::connectors::elasticsearch
