#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "connector/facets.h"
#include "net/http_request.h"

namespace nstarx::net {

struct HttpReply {
  int status = 0;
  HttpFields headers;  ///< names in lower case
  std::string body;

  std::string_view Header(std::string_view lower_name) const;
};

struct HttpOptions {
  std::string ca_pem;  ///< trusted CAs instead of the system's; empty: the system's
  bool verify_chain = true;
  bool verify_name = true;
  std::string connect_to;          ///< "host:port" to dial instead of the URL's; empty: the URL's
  std::string client_certificate;  ///< PEM that is shown to the server; empty: none
  std::shared_ptr<const Secret> client_key;  ///< its PEM key
  std::chrono::milliseconds connect_timeout{10'000};
  /// At most so long without a byte, and for a whole reply that is not streamed.
  std::chrono::milliseconds request_timeout{60'000};
};

/// HTTP towards one service over kept-alive connections. Used by one thread at a time. Never
/// follows redirects, never retries (but see HttpRequest::fresh). Errors: dns.not_found,
/// tcp.refused, tcp.timeout, tls.unknown_ca, tls.handshake_failed, request.timeout,
/// connection.lost, query.timeout, query.cancelled; an HTTP status is no error here.
class HttpClient {
 public:
  static Result<std::unique_ptr<HttpClient>> Open(HttpOptions options);
  ~HttpClient();

  /// Sends and reads the whole reply; a body above `body_max` bytes is response.too_large.
  Result<HttpReply> Send(const Context& context, const HttpRequest& request, size_t body_max);

  /// Sends and returns when the reply's head is there. `reply.body` is then filled only if the
  /// status is not 2xx (cut at 64 KiB); else the body is read from the stream, which buffers at
  /// most 1 MiB and must die before the client.
  Result<std::unique_ptr<connector::ByteStream>> Start(const Context& context,
                                                       const HttpRequest& request,
                                                       HttpReply& reply);

  struct Impl;

 private:
  explicit HttpClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace nstarx::net
