#pragma once

#include <vector>

#include "http/route.h"
#include "http/schema.h"

namespace nstarx::http {

/// The OpenAPI 3.1 document of the table that routes the requests.
json::object OpenApiDocument(const std::vector<Route>& table, const Schemas& schemas);

}  // namespace nstarx::http
