#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/context.h"

// For this room's tests.

namespace nstarx::net {

/// A listening loopback socket on a free port.
struct Listener {
  int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  int port = 0;
  Listener() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address);
    listen(socket, 8);
    socklen_t size = sizeof address;
    getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
  }
  ~Listener() { ::close(socket); }
  int Accept() const { return ::accept(socket, nullptr, nullptr); }
};

inline Context Soon() { return Context().WithTimeout(std::chrono::seconds(3)); }

}  // namespace nstarx::net
