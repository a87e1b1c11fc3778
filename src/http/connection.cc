#include "http/connection.h"

#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>

#include "base/log.h"
#include "http/exchange.h"
#include "http/problem.h"
#include "http/response_head.h"

namespace nstarx::http {
namespace {

constexpr size_t kFirstRead = 4 * 1024;
constexpr size_t kBodyRead = 64 * 1024;
constexpr int64_t kDroppedBodyMax = 64 * 1024;
constexpr auto kLingerTime = std::chrono::seconds(2);
constexpr size_t kLingerBytes = 64 * 1024 * 1024;

Error MalformedRequest(std::string_view why) {
  return InvalidArgument("request.malformed", fmt::format("not an HTTP/1.1 request: {}", why))
      .WithHint("Check the client or the proxy in between.");
}

Error BodyTooLarge(int64_t limit) {
  return InvalidArgument("request.body_too_large",
                         fmt::format("the body is larger than the {} bytes allowed here", limit))
      .WithDetail("limit", limit);
}

}  // namespace

// ---- Event and Gather ----

void Event::Set() {
  set_ = true;
  if (waiter_) std::exchange(waiter_, nullptr)();
}

asio::awaitable<void> Event::Wait() {
  if (set_) co_return;
  co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
      [this](auto handler) {
        waiter_ = [handler = std::move(handler)]() mutable { std::move(handler)(); };
      },
      asio::use_awaitable);
}

void Gather::Consume(size_t bytes) {
  while (bytes > 0 && first_ < parts_.size()) {
    asio::const_buffer& part = parts_[first_];
    if (bytes < part.size()) {
      part += bytes;
      return;
    }
    bytes -= part.size();
    ++first_;
  }
}

Connection::Connection(Core& core, std::unique_ptr<Transport> transport)
    : core_(core), transport_(std::move(transport)), handle_(transport_->socket().native_handle()) {
  boost::system::error_code error;
  const auto peer = transport_->socket().remote_endpoint(error);
  if (!error) {
    auto address = peer.address();
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
      address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    }
    remote_address_ = address.to_string();
    loopback_ = address.is_loopback();
  }
}

// ---- What the watch calls ----

Connection::Nanoseconds Connection::Now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void Connection::EnterPhase(Phase phase, std::chrono::milliseconds limit) {
  deadline_ = limit.count() > 0
                  ? Now() + std::chrono::duration_cast<std::chrono::nanoseconds>(limit).count()
                  : 0;
  phase_ = phase;
}

void Connection::ExpireIfLate(Nanoseconds now) {
  const Nanoseconds deadline = deadline_;
  if (deadline == 0 || now < deadline) return;
  deadline_ = 0;
  expired_ = true;
  // A late sender may still be told so; a late reader may not.
  ::shutdown(handle_, phase_ == Phase::kWriting ? SHUT_RDWR : SHUT_RD);
}

bool Connection::BusySince(Nanoseconds since) const {
  const Nanoseconds busy = busy_since_;
  return busy != 0 && busy < since;
}

void Connection::StopRequest() {
  std::lock_guard guard(stop_lock_);
  if (std::exchange(stop_sent_, true)) return;
  core_.stoppers.Submit([stop = stop_]() mutable { stop.request_stop(); });
}

void Connection::CloseNow() { ::shutdown(handle_, SHUT_RDWR); }

// ---- The connection's life ----

asio::awaitable<void> Connection::Serve() {
  auto self = shared_from_this();
  EnterPhase(Phase::kReading, core_.options.header_timeout);
  if (!co_await transport_->Handshake()) co_await ServeRequests();
  {
    std::lock_guard guard(core_.lock);
    core_.open.erase(this);
    if (core_.open.empty()) core_.all_gone.notify_all();
  }
  boost::system::error_code ignored;
  transport_->socket().close(ignored);
}

asio::awaitable<void> Connection::ServeRequests() {
  Next next = Next::kGoOn;
  while (next == Next::kGoOn) {
    size_t head_size = 0;
    if (!co_await ReadHead(head_size)) co_return;
    next = co_await Handle(head_size);
  }
  boost::system::error_code ignored;
  if (next == Next::kLinger) co_await Linger();
  if (next == Next::kAbort) {
    // The answer is not whole: a reset says so where the protocol cannot.
    transport_->socket().set_option(asio::socket_base::linger(true, 0), ignored);
    co_return;
  }
  transport_->socket().shutdown(Tcp::socket::shutdown_send, ignored);
}

asio::awaitable<bool> Connection::ReadHead(size_t& head_size) {
  const ServerOptions& options = core_.options;
  size_t searched = 0;
  while (true) {
    // An empty line before a request is forgiven (RFC 9112, 2.2).
    if (searched == 0) {
      size_t blank = 0;
      while (blank + 1 < filled_ && input_[blank] == '\r' && input_[blank + 1] == '\n') blank += 2;
      if (blank > 0) {
        std::memmove(input_.data(), input_.data() + blank, filled_ - blank);
        filled_ -= blank;
      }
    }
    const std::string_view have(input_.data(), filled_);
    const size_t end = have.find("\r\n\r\n", searched);
    if (end != std::string_view::npos && end + 4 <= options.header_bytes_max) {
      head_size = end + 4;
      co_return true;
    }
    searched = filled_ < 3 ? 0 : filled_ - 3;
    const bool no_line = have.find('\n') == std::string_view::npos;
    if (no_line && filled_ > options.target_bytes_max + 64) {
      co_await RefuseEarly(
          InvalidArgument("request.target_too_long", "the request's target is too long"));
      co_return false;
    }
    if (filled_ >= options.header_bytes_max) {
      co_await RefuseEarly(
          InvalidArgument("request.header_too_large", "the request's header fields are too large")
              .WithDetail("limit", options.header_bytes_max));
      co_return false;
    }
    if (core_.stopping && filled_ == 0) co_return false;
    if (filled_ == 0) {
      EnterPhase(Phase::kIdle, options.idle_timeout);
    } else if (phase_ != Phase::kReading) {
      EnterPhase(Phase::kReading, options.header_timeout);
    }
    if (input_.size() - filled_ < kFirstRead / 4) {
      input_.resize(
          std::min(std::max(kFirstRead, input_.size() * 2), options.header_bytes_max + kFirstRead));
    }
    const Transfer read =
        co_await transport_->Read(std::span(input_.data() + filled_, input_.size() - filled_));
    if (read.error) {
      if (expired_ && filled_ > 0) {
        co_await RefuseEarly(
            DeadlineExceeded("request.timeout", "the request's head did not arrive in time"));
      }
      co_return false;
    }
    filled_ += read.bytes;
  }
}

asio::awaitable<Connection::Next> Connection::Handle(size_t head_size) {
  Exchange exchange(core_.options.header_bytes_max);
  exchange.started_ns = Now();
  const std::string_view head(input_.data(), head_size);
  const auto error = exchange.parser.ParseHead(head);
  Request& request = exchange.request;
  request.target = exchange.parser.target();
  request.headers = std::move(exchange.parser.fields());
  if (error == boost::beast::http::error::bad_version) {
    co_await RefuseEarly(InvalidArgument("request.unsupported_version",
                                         "only HTTP/1.1 and HTTP/1.0 are spoken here"));
    co_return Next::kClose;
  }
  std::string_view wrong;
  if (error) {
    wrong = "malformed request line or header field";
  } else if (head.find("\r\n ") != head.npos || head.find("\r\n\t") != head.npos) {
    wrong = "folded header field";
  } else if (exchange.parser.version() == 11 &&
             std::ranges::count_if(request.headers, [](const HeaderField& field) {
               return SameToken(field.name, "host");
             }) != 1) {
    wrong = "exactly one Host field is needed";
  }
  if (!wrong.empty()) {
    co_await RefuseEarly(MalformedRequest(wrong));
    co_return Next::kClose;
  }
  if (request.target.size() > core_.options.target_bytes_max) {
    co_await RefuseEarly(
        InvalidArgument("request.target_too_long", "the request's target is too long"));
    co_return Next::kClose;
  }
  request.method = ParseMethod(exchange.parser.method());
  std::string_view target = request.target;
  if (target.starts_with("http://") || target.starts_with("https://")) {  // absolute form
    const size_t slash = target.find('/', target.find("//") + 2);
    target = slash == target.npos ? std::string_view("/") : target.substr(slash);
  }
  const size_t mark = target.find('?');
  request.path = target.substr(0, mark);
  if (mark != target.npos) request.query = target.substr(mark + 1);
  request.remote_address = remote_address_;
  request.loopback = loopback_;
  request.tls = !transport_->plain();
  request.request_id = RequestIdOf(request.Header("X-Request-Id"));
  const auto length = exchange.parser.content_length();
  if (length) request.content_length = static_cast<int64_t>(*length);
  exchange.keep_alive = exchange.parser.keep_alive();
  exchange.head_only = request.method == Method::kHead;
  exchange.reads_trailers = request.Header("TE").find("trailers") != std::string_view::npos;
  exchange.plan = core_.application.Plan(request);

  // Body bytes that came with the head are parsed from where they are; the head must not move.
  body_filled_ = filled_ - head_size;
  if (body_filled_ > 0) {
    if (body_raw_.size() < body_filled_) body_raw_.resize(std::max(body_filled_, kFirstRead));
    std::memcpy(body_raw_.data(), input_.data() + head_size, body_filled_);
  }

  const std::string_view expect = request.Header("Expect");
  if (!expect.empty() && !SameToken(expect, "100-continue")) {
    exchange.refused =
        InvalidArgument("request.expectation_failed", "only the expectation 100-continue is known");
  }
  exchange.expects_continue = !expect.empty() && !exchange.refused;
  {
    std::lock_guard guard(stop_lock_);
    stop_ = exchange.stop;
    stop_sent_ = false;
  }
  if (!exchange.refused && !exchange.parser.is_done() &&
      exchange.plan.mode != BodyMode::kStreamed && !co_await ReadWholeBody(exchange)) {
    if (!exchange.refused) co_return Next::kClose;
  }
  if (!exchange.refused && request.content_length.value_or(0) > exchange.plan.max_bytes &&
      exchange.plan.mode == BodyMode::kStreamed) {
    exchange.refused = BodyTooLarge(exchange.plan.max_bytes);
  }
  co_await Run(exchange);
  bool written = co_await WriteAll(exchange.gather);
  if (written && !exchange.whole) written = co_await Stream(exchange);
  busy_since_ = 0;
  if (exchange.response.stream) co_await Release(exchange, written);
  if (!exchange.whole || exchange.refused) {
    core_.application.Finished(request, exchange.response.status,
                               std::chrono::nanoseconds(Now() - exchange.started_ns));
  }
  if (!written) co_return Next::kAbort;
  if (!exchange.parser.is_done()) co_return Next::kLinger;
  if (!exchange.keep_alive || core_.stopping) co_return Next::kClose;
  KeepPipelined();
  co_return Next::kGoOn;
}

asio::awaitable<void> Connection::Release(Exchange& exchange, bool written) {
  // Stopping and the stream's destructor may wait for the data system: a worker does both.
  Event gone;
  core_.workers.Submit([&, executor = transport_->socket().get_executor()] {
    if (!written) exchange.stop.request_stop();
    exchange.response.stream.reset();
    asio::post(executor, [&gone] { gone.Set(); });
  });
  co_await gone.Wait();
}

void Connection::KeepPipelined() {
  // What was read beyond this request is the beginning of the next one.
  filled_ = body_filled_;
  if (input_.size() < filled_) input_.resize(filled_);
  if (filled_ > 0) std::memcpy(input_.data(), body_raw_.data(), filled_);
  body_filled_ = 0;
  if (body_raw_.size() > kFirstRead) body_raw_ = {};
  if (input_.size() > 2 * kFirstRead && filled_ == 0) input_ = {};
  phase_ = Phase::kIdle;
}

// ---- Bodies ----

asio::awaitable<bool> Connection::PullBody(Exchange& exchange, size_t limit, const BodySink& sink) {
  boost::beast::error_code error;
  if (body_filled_ > 0) {
    const size_t used = exchange.parser.ParseBody({body_raw_.data(), body_filled_}, sink, error);
    body_filled_ -= used;
    if (body_filled_ > 0 && used > 0) {
      std::memmove(body_raw_.data(), body_raw_.data() + used, body_filled_);
    }
    if (error) {
      exchange.refused = MalformedRequest("the body's framing is wrong");
      co_return false;
    }
    if (used > 0 || exchange.parser.is_done()) co_return true;
  }
  if (body_raw_.size() < kBodyRead) body_raw_.resize(kBodyRead);
  const size_t room = std::min(limit, body_raw_.size() - body_filled_);
  if (room == 0) {
    exchange.refused = MalformedRequest("a chunk's header is too long");
    co_return false;
  }
  EnterPhase(Phase::kReading, core_.options.body_timeout);
  exchange.reading = true;
  const Transfer read = co_await transport_->Read(std::span(body_raw_.data() + body_filled_, room));
  exchange.reading = false;
  deadline_ = 0;
  if (read.error) {
    if (expired_) {
      exchange.refused = DeadlineExceeded("request.timeout", "the body did not arrive in time");
    }
    co_return false;
  }
  body_filled_ += read.bytes;
  co_return true;
}

asio::awaitable<bool> Connection::ReadWholeBody(Exchange& exchange) {
  Request& request = exchange.request;
  const bool keep = exchange.plan.mode == BodyMode::kBuffered;
  const int64_t limit = keep ? exchange.plan.max_bytes : kDroppedBodyMax;
  if (request.content_length && *request.content_length > limit) {
    exchange.refused = BodyTooLarge(limit);
    co_return false;
  }
  if (keep && request.content_length) {
    request.body.reserve(static_cast<size_t>(*request.content_length));
  }
  int64_t taken = 0;
  const BodySink sink = [&](std::string_view bytes) {
    taken += static_cast<int64_t>(bytes.size());
    if (keep && taken <= limit) request.body.append(bytes);
  };
  while (!exchange.parser.is_done()) {
    if (exchange.expects_continue && body_filled_ == 0) {
      exchange.expects_continue = false;
      Gather gather;
      gather.Add("HTTP/1.1 100 Continue\r\n\r\n");
      if (!co_await WriteAll(gather)) co_return false;
    }
    if (!co_await PullBody(exchange, kBodyRead, sink)) co_return false;
    if (taken > limit) {
      exchange.refused = BodyTooLarge(limit);
      co_return false;
    }
  }
  co_return true;
}

asio::awaitable<void> Connection::FeedBody(Exchange& exchange) {
  BodyChannel& channel = *exchange.channel;
  int64_t taken = 0;
  const BodySink sink = [&](std::string_view bytes) {
    taken += static_cast<int64_t>(bytes.size());
    channel.Push(bytes);
  };
  while (!exchange.done && !exchange.parser.is_done()) {
    if (!channel.wanted() || channel.room() < kBodyRead) {
      exchange.wake.Reset();
      if (!channel.wanted() || channel.room() < kBodyRead) co_await exchange.wake.Wait();
      continue;
    }
    if (exchange.expects_continue) {
      exchange.expects_continue = false;
      Gather gather;
      gather.Add("HTTP/1.1 100 Continue\r\n\r\n");
      if (!co_await WriteAll(gather)) break;
      phase_ = Phase::kRunning;
    }
    if (!co_await PullBody(exchange, kBodyRead, sink)) break;
    if (taken > exchange.plan.max_bytes) {
      channel.Fail(BodyTooLarge(exchange.plan.max_bytes));
      co_return;
    }
  }
  if (exchange.parser.is_done()) {
    channel.Finish();
  } else if (!exchange.done) {
    channel.Fail(exchange.refused
                     ? *exchange.refused
                     : InvalidArgument("request.incomplete_body",
                                       "the client stopped in the middle of the body"));
  }
  exchange.refused.reset();  // The handler's answer says it.
}

// ---- Refusing ----

asio::awaitable<void> Connection::RefuseEarly(const Error& error) {
  const std::string id = RequestIdOf({});
  const Response response = ProblemResponse(error, id);
  const std::string head =
      ResponseHead(response, {.request_id = id,
                              .keep_alive = false,
                              .length = static_cast<int64_t>(response.body.size())});
  Gather gather;
  gather.Add(head);
  gather.Add(response.body);
  if (co_await WriteAll(gather)) co_await Linger();
}

asio::awaitable<void> Connection::Linger() {
  // Closing with unread input would reset the connection before the client has read the answer.
  boost::system::error_code ignored;
  transport_->socket().shutdown(Tcp::socket::shutdown_send, ignored);
  EnterPhase(Phase::kReading, kLingerTime);
  std::vector<char> dropped(kBodyRead);
  size_t total = 0;
  while (total < kLingerBytes) {
    const Transfer read = co_await transport_->Read(dropped);
    if (read.error) break;
    total += read.bytes;
  }
  deadline_ = 0;
}

}  // namespace nstarx::http
