#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"

namespace nstarx::connectors::rabbitmq {

/// What a reply code of connection.close or channel.close means; `text` is the server's.
Error MapReply(uint16_t code, std::string_view text);

}  // namespace nstarx::connectors::rabbitmq
