#include "http/transport.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace nstarx::http {
namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

class Plain final : public Transport {
 public:
  explicit Plain(Tcp::socket socket) : socket_(std::move(socket)) {}

  asio::awaitable<boost::system::error_code> Handshake() override {
    co_return boost::system::error_code();
  }

  asio::awaitable<Transfer> Read(std::span<char> into) override {
    auto [error, bytes] =
        co_await socket_.async_read_some(asio::buffer(into.data(), into.size()), kAwait);
    co_return Transfer{error, bytes};
  }

  asio::awaitable<Transfer> Write(std::span<const asio::const_buffer> from) override {
    auto [error, bytes] = co_await socket_.async_write_some(from, kAwait);
    co_return Transfer{error, bytes};
  }

  Tcp::socket& socket() override { return socket_; }
  bool plain() const override { return true; }

 private:
  Tcp::socket socket_;
};

class Tls final : public Transport {
 public:
  Tls(Tcp::socket socket, asio::ssl::context& context) : stream_(std::move(socket), context) {}

  asio::awaitable<boost::system::error_code> Handshake() override {
    auto [error] = co_await stream_.async_handshake(asio::ssl::stream_base::server, kAwait);
    co_return error;
  }

  asio::awaitable<Transfer> Read(std::span<char> into) override {
    auto [error, bytes] =
        co_await stream_.async_read_some(asio::buffer(into.data(), into.size()), kAwait);
    co_return Transfer{error, bytes};
  }

  // TLS writes one record at a time and ignores all buffers but the first: gather small ones.
  asio::awaitable<Transfer> Write(std::span<const asio::const_buffer> from) override {
    asio::const_buffer piece = from.front();
    if (from.size() > 1 && piece.size() < kGather) {
      if (gathered_.empty()) gathered_.resize(kGather);
      const size_t bytes = asio::buffer_copy(asio::buffer(gathered_), from);
      piece = asio::buffer(gathered_.data(), bytes);
    }
    auto [error, bytes] = co_await stream_.async_write_some(piece, kAwait);
    co_return Transfer{error, bytes};
  }

  Tcp::socket& socket() override { return stream_.next_layer(); }
  bool plain() const override { return false; }

 private:
  static constexpr size_t kGather = 16 * 1024;
  asio::ssl::stream<Tcp::socket> stream_;
  std::vector<char> gathered_;
};

class FileIdentity final : public TlsIdentity {
 public:
  FileIdentity() : context_(asio::ssl::context::tls_server) {}

  Status Load(const std::string& certificate_file, const std::string& key_file) {
    using asio::ssl::context;
    boost::system::error_code error;
    context_.set_options(context::default_workarounds | context::no_sslv2 | context::no_sslv3 |
                         context::no_tlsv1 | context::no_tlsv1_1 | context::no_compression);
    context_.use_certificate_chain_file(certificate_file, error);
    if (error) {
      return InvalidArgument(
          "server.tls_certificate",
          "cannot read the server's certificate from " + certificate_file + ": " + error.message());
    }
    context_.use_private_key_file(key_file, context::pem, error);
    if (!error && SSL_CTX_check_private_key(context_.native_handle()) != 1) {
      error = asio::error::invalid_argument;
    }
    if (error) {
      return InvalidArgument("server.tls_key", "the key in " + key_file +
                                                   " cannot be read or does not belong to the "
                                                   "server's certificate");
    }
    return {};
  }

  std::unique_ptr<Transport> Wrap(Tcp::socket socket) override {
    return std::make_unique<Tls>(std::move(socket), context_);
  }

 private:
  asio::ssl::context context_;
};

}  // namespace

Result<std::unique_ptr<TlsIdentity>> TlsIdentity::Load(const std::string& certificate_file,
                                                       const std::string& key_file) {
  auto identity = std::make_unique<FileIdentity>();
  NSTARX_RETURN_IF_ERROR(identity->Load(certificate_file, key_file));
  return std::unique_ptr<TlsIdentity>(std::move(identity));
}

std::unique_ptr<Transport> PlainTransport(Tcp::socket socket) {
  return std::make_unique<Plain>(std::move(socket));
}

}  // namespace nstarx::http
