#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <functional>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace nstarx::http {

/// Beast's HTTP/1 grammar over a buffer of ours: fields are kept as views into the head, body bytes
/// go to a callback. One request each.
class RequestParser final : public boost::beast::http::basic_parser<true> {
 public:
  using ErrorCode = boost::beast::error_code;
  using BodySink = std::function<void(std::string_view)>;

  explicit RequestParser(size_t header_bytes_max) {
    header_limit(static_cast<std::uint32_t>(header_bytes_max));
    body_limit(boost::none);
  }

  /// Parses a head that ends with its empty line.
  ErrorCode ParseHead(std::string_view head) {
    ErrorCode error;
    eager(false);
    put(boost::asio::const_buffer(head.data(), head.size()), error);
    if (!error && !is_header_done()) error = boost::beast::http::error::bad_field;
    eager(true);
    return error;
  }

  /// Parses body bytes; returns how many were used. More are needed when it is not done().
  size_t ParseBody(std::string_view bytes, const BodySink& sink, ErrorCode& error) {
    size_t used = 0;
    sink_ = &sink;
    while (used < bytes.size() && !is_done()) {
      const size_t step =
          put(boost::asio::const_buffer(bytes.data() + used, bytes.size() - used), error);
      used += step;
      if (error == boost::beast::http::error::need_more) {
        error = {};
        break;
      }
      if (error || step == 0) break;
    }
    sink_ = nullptr;
    return used;
  }

  std::string_view method() const { return method_; }
  std::string_view target() const { return target_; }
  int version() const { return version_; }
  std::vector<HeaderField>& fields() { return fields_; }

 private:
  using View = boost::beast::string_view;
  static std::string_view Std(View view) { return {view.data(), view.size()}; }

  void on_request_impl(boost::beast::http::verb, View method, View target, int version,
                       ErrorCode&) override {
    method_ = Std(method);
    target_ = Std(target);
    version_ = version;
  }
  void on_response_impl(int, View, int, ErrorCode&) override {}
  void on_field_impl(boost::beast::http::field, View name, View value, ErrorCode&) override {
    if (!in_body_) fields_.push_back({Std(name), Std(value)});  // Trailers are dropped.
  }
  void on_header_impl(ErrorCode&) override { in_body_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) override {}
  std::size_t on_body_impl(View body, ErrorCode&) override {
    if (sink_ != nullptr) (*sink_)(Std(body));
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, View, ErrorCode&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, View body, ErrorCode&) override {
    if (sink_ != nullptr) (*sink_)(Std(body));
    return body.size();
  }
  void on_finish_impl(ErrorCode&) override {}

  std::string_view method_;
  std::string_view target_;
  int version_ = 11;
  bool in_body_ = false;
  std::vector<HeaderField> fields_;
  const BodySink* sink_ = nullptr;
};

}  // namespace nstarx::http
