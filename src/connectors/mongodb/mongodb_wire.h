#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "model/connection.h"
#include "net/reach.h"

typedef struct _mongoc_client_t mongoc_client_t;

namespace nstarx::connectors::mongodb {

/// What lies beneath the driver: every connection that it makes is a net::Channel, so each wait
/// ends with the context of the call, and failures carry our own codes instead of the driver's
/// text.
class Wire {
 public:
  Wire(model::Ssl ssl, std::chrono::milliseconds connect_timeout)
      : ssl_(std::move(ssl)), connect_timeout_(connect_timeout) {}
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  /// The driver's client makes all its streams here; this outlives the client.
  void Serve(mongoc_client_t* client);
  void set_client_certificate(std::string certificate, Secret key);

  const model::Ssl& ssl() const { return ssl_; }
  std::chrono::milliseconds connect_timeout() const { return connect_timeout_; }
  const net::ClientIdentity* identity() const { return identity_ ? &*identity_ : nullptr; }

  /// Until when the driver may wait; none between calls.
  const Context& context() const { return context_ != nullptr ? *context_ : background_; }
  void set_context(const Context* context) {
    context_ = context;
    error_.reset();
  }
  /// The first failure since set_context().
  void Note(Error error) {
    if (!error_) error_ = std::move(error);
  }
  const std::optional<Error>& error() const { return error_; }
  void NoteTls(const net::TlsFacts* facts);
  const std::optional<net::TlsFacts>& tls() const { return tls_; }
  void set_driver_stream(void* stream) { stream_ = stream; }
  void* driver_stream() const { return stream_; }
  /// Whether the latest stream's peer has hung up.
  bool PeerGone() const;

 private:
  model::Ssl ssl_;
  std::chrono::milliseconds connect_timeout_;
  std::optional<net::ClientIdentity> identity_;
  Secret key_;
  const Context* context_ = nullptr;
  const Context background_ = Context();
  std::optional<Error> error_;
  std::optional<net::TlsFacts> tls_;
  void* stream_ = nullptr;  ///< the latest that is alive
};

/// Sets the wire's context for one call into the driver.
class Patience {
 public:
  Patience(Wire& wire, const Context& context) : wire_(wire) { wire_.set_context(&context); }
  ~Patience() { wire_.set_context(nullptr); }
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;

 private:
  Wire& wire_;
};

}  // namespace nstarx::connectors::mongodb
