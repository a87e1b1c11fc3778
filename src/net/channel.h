#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/context.h"
#include "base/status.h"
#include "model/connection.h"
#include "net/reach.h"

namespace nstarx::net {

struct ChannelOptions {
  connector::TlsPreface preface;  ///< before the handshake; empty: TLS from the first byte
  std::optional<ClientIdentity> identity;
};

/// A byte stream over TCP, or TLS when `ssl.enabled`, for protocols that we speak ourselves. Used
/// by one thread at a time. Every wait ends with the context: query.timeout, query.cancelled; after
/// that, or after connection.lost, what was on the wire is undefined: close it.
class Channel {
 public:
  /// Resolves, connects, shakes hands. The errors of Resolve, ConnectTcp and ProbeTls with their
  /// stages.
  static Result<std::unique_ptr<Channel>> Open(const Context& context,
                                               const model::Endpoint& endpoint,
                                               const model::Ssl& ssl,
                                               const ChannelOptions& options = {});
  /// A connected socket of any family, which it closes in the end.
  static std::unique_ptr<Channel> Adopt(int socket);
  virtual ~Channel() = default;

  /// At least one byte, at most all of `into`; 0 when the peer has closed.
  virtual Result<size_t> Read(const Context& context, std::span<char> into) = 0;
  virtual Status Write(const Context& context, std::string_view bytes) = 0;
  /// Whether the peer has hung up, or said something that nobody asked for; takes no time.
  virtual bool PeerGone() const = 0;
  /// What was negotiated; null without TLS.
  virtual const TlsFacts* tls() const = 0;

  /// Fills all of `into`; connection.lost when the peer closes before.
  Status ReadExactly(const Context& context, std::span<char> into);
};

}  // namespace nstarx::net
