#include <sys/socket.h>
#include <sys/uio.h>

#include <boost/asio/post.hpp>

#include "base/log.h"
#include "http/exchange.h"
#include "http/response_head.h"

// The second half of a connection's work: running the handler and writing what it answers.

namespace nstarx::http {
namespace {

constexpr size_t kGatherMax = 64;          // what one writev takes
constexpr size_t kWholeBelow = 64 * 1024;  // a first chunk this small is probably the only one

void AddParts(Gather& gather, const result::Chunk& chunk) {
  for (const auto& part : chunk.parts) {
    gather.Add({reinterpret_cast<const char*>(part.data()), part.size()});
  }
}

}  // namespace

// ---- Running ----

asio::awaitable<void> Connection::Run(Exchange& exchange) {
  if (exchange.refused) {
    exchange.response = core_.application.Refuse(exchange.request, *exchange.refused);
    exchange.keep_alive = exchange.keep_alive && exchange.parser.is_done();
    exchange.head = HeadOf(exchange, false, exchange.response.body.size());
    exchange.gather.Add(exchange.head);
    if (!exchange.head_only) exchange.gather.Add(exchange.response.body);
    co_return;
  }
  EnterPhase(Phase::kRunning, {});
  busy_since_ = exchange.started_ns;
  const auto executor = transport_->socket().get_executor();
  const bool streamed = exchange.plan.mode == BodyMode::kStreamed && !exchange.parser.is_done();
  if (exchange.plan.mode == BodyMode::kStreamed) {
    // Shared: a wake-up may still be on its way when the exchange is over.
    exchange.alive = std::make_shared<Exchange*>(&exchange);
    exchange.channel = std::make_shared<BodyChannel>([executor, alive = exchange.alive] {
      asio::post(executor, [alive] {
        if (*alive != nullptr) (*alive)->wake.Set();
      });
    });
    exchange.request.stream = exchange.channel.get();
    if (!streamed) exchange.channel->Finish();
  }
  const bool admitted = core_.workers.TrySubmit([this, &exchange, executor] {
    RunOnWorker(exchange);
    asio::post(executor, [this, &exchange] {
      exchange.done = true;
      if (exchange.reading) {
        boost::system::error_code ignored;
        transport_->socket().cancel(ignored);
      }
      exchange.wake.Set();  // Last: the exchange may be over when this returns.
    });
  });
  if (!admitted) {
    exchange.refused = Error(ErrorKind::kResourceExhausted, "server.busy",
                             "the server has as many requests as it can take")
                           .WithAction(Action::kRetry)
                           .WithHint("Try again in a second.");
    co_await Run(exchange);
    co_return;
  }
  if (streamed) co_await FeedBody(exchange);
  while (!exchange.done) {
    exchange.wake.Reset();
    co_await exchange.wake.Wait();
  }
  if (exchange.alive) *exchange.alive = nullptr;
}

void Connection::RunOnWorker(Exchange& exchange) {
  Request& request = exchange.request;
  const std::stop_token stop = exchange.stop.get_token();
  Response& response = exchange.response;
  try {
    response = core_.application.Answer(request, stop);
    size_t pulled = 0;
    exchange.whole = response.stream == nullptr || exchange.head_only;
    const size_t gathered = response.live ? 1 : 4;
    while (!exchange.whole && pulled < kWholeBelow && exchange.chunks.size() < gathered) {
      auto next = response.stream->Next(response.stream_context);
      if (!next) {
        if (!exchange.chunks.empty()) {
          exchange.stream_error = std::move(next).error();
          break;
        }
        response = core_.application.Refuse(request, next.error());
        exchange.whole = true;
      } else if (!*next) {
        exchange.whole = true;
      } else {
        pulled += (*next)->size();
        exchange.chunks.push_back(std::move(**next));
      }
    }
  } catch (const std::exception& e) {
    NSTARX_LOG(kError, "request_failed", {{"request_id", request.request_id}, {"what", e.what()}});
    response = core_.application.Refuse(request, Internal("the request failed unexpectedly"));
    exchange.chunks.clear();
    exchange.whole = true;
  }
  if (exchange.channel && !exchange.channel->finished()) exchange.keep_alive = false;
  const bool chunked = !exchange.whole && !response.length && exchange.parser.version() == 11;
  if (!exchange.whole && !response.length && !chunked) exchange.keep_alive = false;
  std::optional<int64_t> length = response.length;
  if (exchange.whole && (!length || response.stream)) {
    length = static_cast<int64_t>(response.body.size());
    for (const result::Chunk& chunk : exchange.chunks) {
      *length += static_cast<int64_t>(chunk.size());
    }
  }
  if (exchange.head_only && response.length) length = response.length;
  exchange.head = HeadOf(exchange, chunked, length);
  exchange.gather.Add(exchange.head);
  if (!exchange.head_only) exchange.gather.Add(response.body);
  if (exchange.whole) {
    for (const result::Chunk& chunk : exchange.chunks) AddParts(exchange.gather, chunk);
    if (transport_->plain() && !exchange.channel) SendDirectly(exchange.gather);
    response.stream.reset();  // Here: its end may wait for the data system.
    core_.application.Finished(request, response.status,
                               std::chrono::nanoseconds(Now() - exchange.started_ns));
  }
}

asio::awaitable<bool> Connection::Stream(Exchange& exchange) {
  struct Pull {
    Result<std::optional<result::Chunk>> next;
    Event ready;
  } pull;
  const auto executor = transport_->socket().get_executor();
  Response& response = exchange.response;
  const bool chunked = !response.length && exchange.parser.version() == 11;
  std::optional<Error> failure = std::move(exchange.stream_error);
  std::vector<result::Chunk> current = std::move(exchange.chunks);
  int64_t sent = 0;
  while (true) {
    const bool pulling = !failure;
    if (pulling) {  // The next chunk is made while this one is written.
      pull.ready.Reset();
      core_.workers.Submit([&response, &pull, executor] {
        try {
          pull.next = response.stream->Next(response.stream_context);
        } catch (const std::exception& e) {
          NSTARX_LOG(kError, "stream_failed", {{"what", e.what()}});
          pull.next = Internal("the answer failed unexpectedly");
        }
        asio::post(executor, [&pull] { pull.ready.Set(); });
      });
    }
    std::vector<std::string> frames;
    frames.reserve(current.size());  // The views in `gather` point into it.
    exchange.gather.Clear();
    for (const result::Chunk& chunk : current) {
      const size_t size = chunk.size();
      if (size == 0) continue;  // An empty chunk would end the body.
      sent += static_cast<int64_t>(size);
      if (chunked) exchange.gather.Add(frames.emplace_back(fmt::format("{:x}\r\n", size)));
      AddParts(exchange.gather, chunk);
      if (chunked) exchange.gather.Add("\r\n");
    }
    const bool too_much = response.length && sent > *response.length;
    const bool written = !too_much && co_await WriteAll(exchange.gather);
    if (!written) StopRequest();
    if (pulling) co_await pull.ready.Wait();
    if (!written) co_return false;
    if (failure) break;
    if (!pull.next) {
      failure = std::move(pull.next).error();
      break;
    }
    if (!*pull.next) break;
    current.clear();
    current.push_back(std::move(**pull.next));
  }
  if (failure) {
    NSTARX_LOG(kInfo, "answer_cut_short",
               {{"request_id", exchange.request.request_id}, {"code", failure->code()}});
  }
  if (!chunked) co_return !failure && (!response.length || *response.length == sent);
  // Who does not know trailers must not take a part for the whole: the body stays unfinished.
  if (failure && !exchange.reads_trailers) co_return false;
  const std::string end = ChunkedEnd(failure, exchange.request.request_id);
  exchange.gather.Clear();
  exchange.gather.Add(end);
  co_return co_await WriteAll(exchange.gather);
}

// ---- Writing ----

std::string Connection::HeadOf(const Exchange& exchange, bool chunked,
                               std::optional<int64_t> length) const {
  return ResponseHead(exchange.response, {.request_id = exchange.request.request_id,
                                          .http11 = exchange.parser.version() == 11,
                                          .keep_alive = exchange.keep_alive && !core_.stopping,
                                          .chunked = chunked,
                                          .length = length});
}

asio::awaitable<bool> Connection::WriteAll(Gather& gather) {
  while (!gather.empty()) {
    EnterPhase(Phase::kWriting, core_.options.write_timeout);
    const Transfer written = co_await transport_->Write(gather.front(kGatherMax));
    deadline_ = 0;
    if (written.error) co_return false;
    gather.Consume(written.bytes);
  }
  phase_ = Phase::kRunning;
  co_return true;
}

void Connection::SendDirectly(Gather& gather) const {
  while (!gather.empty()) {
    std::array<iovec, kGatherMax> pieces;
    const auto parts = gather.front(kGatherMax);
    for (size_t i = 0; i < parts.size(); ++i) {
      pieces[i] = {const_cast<void*>(parts[i].data()), parts[i].size()};
    }
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = parts.size();
    const ssize_t sent = ::sendmsg(handle_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) return;  // Would block, or broken: the I/O thread goes on with it.
    gather.Consume(static_cast<size_t>(sent));
  }
}

}  // namespace nstarx::http
