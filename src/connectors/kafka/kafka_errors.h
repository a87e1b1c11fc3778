#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace nstarx::connectors::kafka {

/// The error of one of librdkafka's codes (rd_kafka_resp_err_t); `message` is what it says, or
/// empty for the code's own text.
Error MapCode(int code, std::string_view message);

/// True for codes after which no broker can be reached at all, or the login is refused.
bool EndsSession(int code);

}  // namespace nstarx::connectors::kafka
