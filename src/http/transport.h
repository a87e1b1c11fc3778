#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <span>
#include <string>

#include "base/status.h"

namespace nstarx::http {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;

struct Transfer {
  boost::system::error_code error;
  size_t bytes = 0;
};

/// A connected byte stream, plain or TLS. Used on its I/O thread only.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual asio::awaitable<boost::system::error_code> Handshake() = 0;
  virtual asio::awaitable<Transfer> Read(std::span<char> into) = 0;
  /// Writes some of the buffers, in order.
  virtual asio::awaitable<Transfer> Write(std::span<const asio::const_buffer> from) = 0;
  virtual Tcp::socket& socket() = 0;
  /// The bytes on the wire are the bytes written: a worker may send(2) on the socket itself while
  /// the I/O thread waits for it.
  virtual bool plain() const = 0;
};

/// The server's certificate and key. Thread-safe once loaded.
class TlsIdentity {
 public:
  static Result<std::unique_ptr<TlsIdentity>> Load(const std::string& certificate_file,
                                                   const std::string& key_file);
  virtual ~TlsIdentity() = default;
  virtual std::unique_ptr<Transport> Wrap(Tcp::socket socket) = 0;
};

std::unique_ptr<Transport> PlainTransport(Tcp::socket socket);

}  // namespace nstarx::http
