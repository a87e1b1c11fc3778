#pragma once

#include <string>
#include <string_view>

#include "base/context.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/status.h"

namespace nstarx::connectors::rabbitmq {

/// Where the management plugin answers.
struct Management {
  std::string host;
  int port = 0;  ///< 0: not used
  bool https = false;
  std::string ca_pem;
  std::string user;
  Secret password;
};

/// GET /api/<path>; the segments of `path` are encoded already. management.forbidden,
/// management.not_found, management.failed and the errors of HTTP.
Result<json::value> AskManagement(const Context& context, const Management& management,
                                  std::string_view path);

}  // namespace nstarx::connectors::rabbitmq
