#pragma once

#include "base/secret.h"
#include "connector/connector.h"

namespace nstarx::connectors::catalogs {

/// The Authorization header of the login methods `token` (Bearer) and `basic`, or nothing.
Secret AuthorizationOf(const connector::OpenRequest& request);

}  // namespace nstarx::connectors::catalogs
