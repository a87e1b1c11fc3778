#pragma once

#include <cstdint>

namespace nstarx::connectors::file_tables {

/// Decodes one ORC file of `size` bytes for the engine at the other end of `socket`, until that is
/// closed. Runs in a process of its own: the ORC library takes lengths from the file on trust, so
/// that a hostile file can end the process that reads it. Uses no thread and nothing of the process
/// that it was forked from but this socket.
void DecodeOrc(int socket, int64_t size) noexcept;

}  // namespace nstarx::connectors::file_tables
