#pragma once

#include <chrono>
#include <string>

#include "base/clock.h"
#include "connectors/google/service_account.h"
#include "net/http_request.h"

namespace nstarx::connectors::gcs {

/// The request as a V4 signed URL of the account.
Result<std::string> SignUrl(const google::ServiceAccount& account, const net::HttpRequest& request,
                            TimePoint now, std::chrono::seconds expires);

}  // namespace nstarx::connectors::gcs
