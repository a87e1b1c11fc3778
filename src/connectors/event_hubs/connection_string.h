#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"
#include "base/status.h"

namespace nstarx::connectors::event_hubs {

/// Checks an Event Hubs connection string ("Endpoint=sb://<host>/;SharedAccessKeyName=…;
/// SharedAccessKey=…[;EntityPath=<hub>]") against the host that is dialled:
/// login.malformed_connection_string, login.other_namespace. No part of a key is in an error.
Status CheckConnectionString(const Secret& text, std::string_view host);

/// The connection string of a shared access policy.
Secret ConnectionStringOf(std::string_view host, std::string_view policy, const Secret& key);

}  // namespace nstarx::connectors::event_hubs
