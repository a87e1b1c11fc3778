#pragma once

#include <string>

#include "base/context.h"
#include "net/http_request.h"

namespace nstarx::connectors::object_store {

/// True for failures of resolve, tcp and tls.
bool IsTransport(const Error& error);

/// libcurl only says that it failed: goes through the service's resolve, tcp and tls itself and
/// returns the first cause found, else `error`. An error with details.token_endpoint is looked into
/// there.
Error NameCause(const Context& context, const net::ServiceUrl& service, const std::string& ca_pem,
                Error error);

}  // namespace nstarx::connectors::object_store
