#include "http/server.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <future>

#include "http/application.h"
#include "http/problem.h"
#include "http/raw_client.h"

namespace nstarx::http {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Answers by a function of the test; paths decide how a body is taken.
class Scripted final : public Application {
 public:
  using Script = std::function<Response(Request&, std::stop_token)>;
  explicit Scripted(Script script) : script_(std::move(script)) {}

  BodyPlan Plan(Request& request) override {
    if (request.path == "/echo") return {BodyMode::kBuffered, 1024};
    if (request.path == "/upload") return {BodyMode::kStreamed, 1 << 30};
    return {};
  }
  Response Answer(Request& request, std::stop_token stop) override {
    return script_(request, std::move(stop));
  }
  Response Refuse(const Request& request, const Error& error) override {
    return ProblemResponse(error, request.request_id);
  }
  void Finished(const Request&, int, std::chrono::nanoseconds) override { ++finished; }

  std::atomic<int> finished = 0;

 private:
  Script script_;
};

Response Text(std::string body) {
  Response response;
  response.content_type = "text/plain";
  response.body = std::move(body);
  return response;
}

/// Chunks by a function of the test.
class ScriptedChunks final : public result::ChunkSource {
 public:
  using Script = std::function<Result<std::optional<result::Chunk>>(int, const Context&)>;
  explicit ScriptedChunks(Script script, std::atomic<bool>* destroyed = nullptr)
      : script_(std::move(script)), destroyed_(destroyed) {}
  ~ScriptedChunks() override {
    if (destroyed_ != nullptr) *destroyed_ = true;
  }
  Result<std::optional<result::Chunk>> Next(const Context& context) override {
    return script_(calls_++, context);
  }

 private:
  Script script_;
  std::atomic<bool>* destroyed_;
  int calls_ = 0;
};

std::optional<result::Chunk> ChunkOf(size_t size, char fill) {
  auto text = std::make_shared<std::string>(size, fill);
  result::Chunk chunk;
  // Two parts, so that gathering is exercised.
  const auto bytes = std::as_bytes(std::span(*text));
  chunk.parts = {bytes.first(size / 3), bytes.subspan(size / 3)};
  chunk.keep_alive = text;
  return chunk;
}

Response Streamed(ScriptedChunks::Script script, std::stop_token stop,
                  std::atomic<bool>* destroyed = nullptr) {
  Response response;
  response.content_type = "application/octet-stream";
  response.stream = std::make_unique<ScriptedChunks>(std::move(script), destroyed);
  response.stream_context = Context().WithStop(std::move(stop));
  return response;
}

bool Eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit = 5s) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return condition();
}

class ServerTest : public testing::Test {
 protected:
  void Start(Scripted::Script script, ServerOptions options = {}) {
    application_ = std::make_unique<Scripted>(std::move(script));
    options.port = 0;
    auto started = Server::Start(std::move(options), *application_);
    ASSERT_TRUE(started) << started.error().ToString();
    server_ = std::move(*started);
  }
  int port() const { return server_->port(); }
  /// Stops the server before what its script refers to goes out of scope.
  struct StopFirst {
    ServerTest& test;
    ~StopFirst() {
      if (test.server_) test.server_->Stop(0ms);
    }
  };

  std::unique_ptr<Scripted> application_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, AnswersManyRequestsOnOneConnection) {
  Start([](Request& request, std::stop_token) { return Text(std::string(request.target)); });
  RawClient client(port());
  for (int i = 0; i < 3; ++i) {
    const auto answer =
        client.Ask("GET /a/" + std::to_string(i) + "?b=c HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "/a/" + std::to_string(i) + "?b=c");
    EXPECT_FALSE(answer.fields.at("x-request-id").empty());
    EXPECT_EQ(answer.fields.at("cache-control"), "no-store");
  }
  EXPECT_TRUE(Eventually([&] { return application_->finished == 3; }));
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  Start([](Request& request, std::stop_token) {
    if (request.path == "/1") std::this_thread::sleep_for(50ms);
    return Text(std::string(request.path) + request.body);
  });
  RawClient client(port());
  client.Send(
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
      "chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n"
      "GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(client.Read().body, "/1");
  EXPECT_EQ(client.Read().body, "/echoabc");
  EXPECT_EQ(client.Read().body, "/echodef");
  const auto last = client.Read();
  EXPECT_EQ(last.body, "/3");
  EXPECT_EQ(last.fields.at("connection"), "close");
  EXPECT_TRUE(client.ClosedByServer());
}

TEST_F(ServerTest, TakesRequestsByteByByte) {
  Start([](Request& request, std::stop_token) { return Text(request.body); });
  RawClient client(port());
  for (const char c : std::string_view("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                                       "chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: v\r\n\r\n")) {
    ASSERT_TRUE(client.Send(std::string_view(&c, 1)));
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_EQ(client.Read().body, "hello");
  EXPECT_EQ(client.Ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nz").body, "z");
}

TEST_F(ServerTest, HeadHasTheLengthAndNoBody) {
  Start([](Request&, std::stop_token) { return Text("twelve bytes"); });
  RawClient client(port());
  client.Send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.Read(true).fields.at("content-length"), "12");
  EXPECT_EQ(client.Ask(kGet).body, "twelve bytes");
}

TEST_F(ServerTest, KeepsSaneRequestIdsOnly) {
  Start([](Request& request, std::stop_token) { return Text(request.request_id); });
  RawClient client(port());
  EXPECT_EQ(client.Ask("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: job-7.a\r\n\r\n").body,
            "job-7.a");
  const auto odd = client.Ask("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: a b\"\r\n\r\n");
  EXPECT_TRUE(odd.body.starts_with("req_")) << odd.body;
  EXPECT_EQ(odd.fields.at("x-request-id"), odd.body);
}

TEST_F(ServerTest, Http10ClosesUnlessAskedNotTo) {
  Start([](Request&, std::stop_token) { return Text("x"); });
  RawClient plain(port());
  EXPECT_EQ(plain.Ask("GET / HTTP/1.0\r\n\r\n").body, "x");
  EXPECT_TRUE(plain.ClosedByServer());
  RawClient kept(port());
  EXPECT_EQ(kept.Ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").fields.at("connection"),
            "keep-alive");
  EXPECT_EQ(kept.Ask("GET / HTTP/1.0\r\n\r\n").body, "x");
}

TEST_F(ServerTest, ContinuesOnExpectation) {
  Start([](Request& request, std::stop_token) { return Text(request.body); });
  RawClient client(port());
  client.Send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.Read().status, 100);
  EXPECT_EQ(client.Ask("ok").body, "ok");
  client.Send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: magic\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.Read().status, 417);
}

TEST_F(ServerTest, RefusesBodiesOverTheLimit) {
  Start([](Request& request, std::stop_token) { return Text(request.body); });
  RawClient known(port());
  const auto early =
      known.Ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n");
  EXPECT_EQ(early.status, 413);
  EXPECT_NE(early.body.find("request.body_too_large"), std::string::npos);
  EXPECT_EQ(early.fields.at("connection"), "close");
  RawClient chunked(port());
  chunked.Send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 4; ++i) chunked.Send("200\r\n" + std::string(512, 'x') + "\r\n");
  EXPECT_EQ(chunked.Read().status, 413);
}

struct Broken {
  std::string bytes;
  int status;
};

TEST_F(ServerTest, RefusesBrokenRequests) {
  Start([](Request&, std::stop_token) { return Text("fine"); });
  const Broken table[] = {
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"GET / HTTP/9.9\r\nHost: a\r\n\r\n", 505},
      {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: a\x01z\r\n\r\n", 400},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
       400},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", 400},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", 400},
      {std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15), 400},
      {"GET /" + std::string(20'000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(60'000, 'x') + "\r\n\r\n", 431},
  };
  for (const Broken& row : table) {
    RawClient client(port());
    const auto answer = client.Ask(row.bytes);
    EXPECT_EQ(answer.status, row.status) << row.bytes.substr(0, 100) << " → " << answer.body;
    EXPECT_TRUE(client.ClosedByServer()) << row.bytes.substr(0, 100);
  }
  EXPECT_EQ(RawClient(port()).Ask(kGet).body, "fine");
}

TEST_F(ServerTest, SlowSendersAreTimedOut) {
  ServerOptions options;
  options.header_timeout = 200ms;
  options.body_timeout = 200ms;
  options.idle_timeout = 200ms;
  Start([](Request& request, std::stop_token) { return Text(request.body); }, options);
  RawClient head(port());
  EXPECT_EQ(head.Ask("GET / HTTP/1.1\r\nHos").status, 408);
  RawClient body(port());
  EXPECT_EQ(body.Ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab").status, 408);
  RawClient silent(port());
  EXPECT_TRUE(silent.ClosedByServer());
}

TEST_F(ServerTest, HangUpStopsTheHandler) {
  std::atomic<bool> running = false;
  std::atomic<bool> stopped = false;
  const StopFirst stop_first{*this};
  Start([&](Request&, std::stop_token stop) {
    running = true;
    stopped = Eventually([&] { return stop.stop_requested(); });
    return Text("late");
  });
  RawClient client(port());
  // A pipelined request must not hide the hang-up.
  client.Send(std::string(kGet) + std::string(kGet));
  ASSERT_TRUE(Eventually([&] { return running.load(); }));
  const auto begun = std::chrono::steady_clock::now();
  client.Close();
  EXPECT_TRUE(Eventually([&] { return stopped.load(); }));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 1s);
}

TEST_F(ServerTest, SlowCancelsDoNotHoldEachOtherUp) {
  std::atomic<int> stopped = 0;
  std::atomic<int> running = 0;
  const StopFirst stop_first{*this};
  Start([&](Request&, std::stop_token stop) {
    std::stop_callback slow(stop, [] { std::this_thread::sleep_for(500ms); });
    ++running;
    if (Eventually([&] { return stop.stop_requested(); })) ++stopped;
    return Text("");
  });
  {
    RawClient a(port()), b(port()), c(port()), d(port());
    for (RawClient* client : {&a, &b, &c, &d}) client->Send(kGet);
    ASSERT_TRUE(Eventually([&] { return running == 4; }));
  }
  EXPECT_TRUE(Eventually([&] { return stopped == 4; }, 800ms)) << stopped;
}

TEST_F(ServerTest, StreamsManyChunks) {
  Start([](Request&, std::stop_token stop) {
    return Streamed(
        [](int call, const Context&) -> Result<std::optional<result::Chunk>> {
          if (call == 20) return std::optional<result::Chunk>();
          return ChunkOf(300'000, static_cast<char>('a' + call));
        },
        stop);
  });
  RawClient client(port());
  for (int round = 0; round < 2; ++round) {
    const auto answer = client.Ask(kGet);
    EXPECT_EQ(answer.fields.at("trailer"), "nstarx-error");
    ASSERT_TRUE(answer.complete);
    ASSERT_EQ(answer.body.size(), 6'000'000);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(answer.body[300'000 * i + 299'999], 'a' + i);
    EXPECT_TRUE(answer.trailer.empty());
  }
}

TEST_F(ServerTest, SmallStreamsComeWhole) {
  Start([](Request&, std::stop_token stop) {
    return Streamed(
        [](int call, const Context&) -> Result<std::optional<result::Chunk>> {
          if (call == 1) return std::optional<result::Chunk>();
          return ChunkOf(100, 'x');
        },
        stop);
  });
  const auto answer = RawClient(port()).Ask(kGet);
  EXPECT_EQ(answer.fields.at("content-length"), "100");
  EXPECT_EQ(answer.body, std::string(100, 'x'));
}

TEST_F(ServerTest, FailureBeforeTheFirstByteIsAProblem) {
  Start([](Request&, std::stop_token stop) {
    return Streamed(
        [](int, const Context&) -> Result<std::optional<result::Chunk>> {
          return InvalidArgument("query.syntax", "no such thing");
        },
        stop);
  });
  const auto answer = RawClient(port()).Ask(kGet);
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.fields.at("content-type"), "application/problem+json");
  EXPECT_NE(answer.body.find("query.syntax"), std::string::npos);
}

TEST_F(ServerTest, FailureInMidStreamIsATrailerOrACut) {
  Start([](Request&, std::stop_token stop) {
    return Streamed(
        [](int call, const Context&) -> Result<std::optional<result::Chunk>> {
          if (call == 3) return InvalidArgument("query.division_by_zero", "50% done; \"then\" ☹");
          return ChunkOf(200'000, 'x');
        },
        stop);
  });
  RawClient knows(port());
  const auto told = knows.Ask("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n");
  EXPECT_EQ(told.status, 200);
  EXPECT_TRUE(told.complete);
  EXPECT_EQ(told.body.size(), 600'000);
  const auto problem = PercentDecode(told.trailer.at("nstarx-error"), false);
  ASSERT_TRUE(problem);
  const auto parsed = ParseJson(*problem);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(GetString(parsed->get_object(), "code"), "query.division_by_zero");
  EXPECT_EQ(knows.Ask("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n").status, 200);
  RawClient does_not(port());
  const auto cut = does_not.Ask(kGet);
  EXPECT_FALSE(cut.complete);
  EXPECT_TRUE(does_not.ClosedByServer());
}

TEST_F(ServerTest, SlowReaderHoldsTheProducerBack) {
  std::atomic<int> produced = 0;
  std::atomic<bool> destroyed = false;
  const StopFirst stop_first{*this};
  Start([&](Request&, std::stop_token stop) {
    return Streamed(
        [&](int, const Context&) -> Result<std::optional<result::Chunk>> {
          ++produced;
          return ChunkOf(1 << 20, 'x');
        },
        stop, &destroyed);
  });
  RawClient client(port());
  client.Send(kGet);
  ASSERT_TRUE(Eventually([&] { return produced > 2; }));
  std::this_thread::sleep_for(300ms);
  const int before = produced;
  EXPECT_LT(before, 20) << "a megabyte each: what the kernel's buffers hold, and two";
  std::this_thread::sleep_for(200ms);
  EXPECT_LE(produced, before + 1);
  client.Close();
  EXPECT_TRUE(Eventually([&] { return destroyed.load(); }));
}

TEST_F(ServerTest, HangUpStopsAStreamThatWaits) {
  std::atomic<bool> stopped = false;
  std::atomic<bool> destroyed = false;
  const StopFirst stop_first{*this};
  Start([&](Request&, std::stop_token stop) {
    return Streamed(
        [&](int call, const Context& context) -> Result<std::optional<result::Chunk>> {
          if (call == 0) return ChunkOf(100'000, 'x');
          stopped = Eventually([&] { return context.stop_requested(); });
          return Cancelled("the client has gone");
        },
        stop, &destroyed);
  });
  RawClient client(port());
  client.Send(kGet);
  std::this_thread::sleep_for(100ms);
  client.Close();
  EXPECT_TRUE(Eventually([&] { return destroyed.load(); }));
  EXPECT_TRUE(stopped);
}

TEST_F(ServerTest, LargeBodiesReachSlowReaders) {
  const std::string large(20'000'000, 'y');
  const StopFirst stop_first{*this};
  Start([&](Request&, std::stop_token) { return Text(large); });
  RawClient client(port());
  client.Send(kGet);
  std::this_thread::sleep_for(50ms);
  const auto answer = client.Read();
  EXPECT_TRUE(answer.complete);
  EXPECT_TRUE(answer.body == large);
}

TEST_F(ServerTest, UploadsStreamIntoTheHandler) {
  Start([&](Request& request, std::stop_token) {
    std::vector<std::byte> piece(100'000);
    size_t total = 0;
    while (true) {
      auto read = request.stream->Read(Context().WithTimeout(5s), piece);
      if (!read) return ProblemResponse(read.error(), request.request_id);
      if (*read == 0) break;
      total += *read;
      if (total < 3'000'000) std::this_thread::sleep_for(2ms);
    }
    return Text(std::to_string(total));
  });
  RawClient client(port());
  client.Send("PUT /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n");
  client.Send(std::string(20'000'000, 'z'));
  EXPECT_EQ(client.Read().body, "20000000");
  client.Send("PUT /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 50; ++i) client.Send("186a0\r\n" + std::string(100'000, 'z') + "\r\n");
  client.Send("0\r\n\r\n");
  EXPECT_EQ(client.Read().body, "5000000");
  EXPECT_EQ(client.Ask("PUT /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").body, "0");
  client.Send(
      "PUT /upload HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.Read().status, 100);
  EXPECT_EQ(client.Ask("ab").body, "2");
}

TEST_F(ServerTest, AnUploadThatBreaksOffFails) {
  std::promise<std::string> seen;
  const StopFirst stop_first{*this};
  Start([&](Request& request, std::stop_token) {
    std::byte piece[100];
    Result<size_t> read = size_t{1};
    while (read && *read > 0) read = request.stream->Read(Context().WithTimeout(5s), piece);
    seen.set_value(read ? "end" : read.error().code());
    return Text("");
  });
  RawClient client(port());
  client.Send("PUT /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nonly this");
  std::this_thread::sleep_for(50ms);
  client.Close();
  EXPECT_EQ(seen.get_future().get(), "request.incomplete_body");
}

TEST_F(ServerTest, AnUnreadUploadIsAnsweredAndClosed) {
  Start([](Request& request, std::stop_token) {
    return ProblemResponse(NotFound("connection.not_found", "none"), request.request_id);
  });
  RawClient client(port());
  client.Send("PUT /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n");
  client.Send(std::string(3'000'000, 'z'));
  const auto answer = client.Read();
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.fields.at("connection"), "close");
}

TEST_F(ServerTest, FullServerSaysSo) {
  ServerOptions options;
  options.worker_threads = 1;
  options.worker_queue = 1;
  std::promise<void> go;
  auto released = go.get_future().share();
  std::atomic<int> running = 0;
  const StopFirst stop_first{*this};
  Start(
      [&](Request&, std::stop_token) {
        ++running;
        released.wait();
        return Text("done");
      },
      options);
  RawClient first(port()), second(port()), third(port());
  first.Send(kGet);
  ASSERT_TRUE(Eventually([&] { return running == 1; }));
  second.Send(kGet);
  std::this_thread::sleep_for(50ms);
  const auto refused = third.Ask(kGet);
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.fields.at("retry-after"), "1");
  EXPECT_NE(refused.body.find("server.busy"), std::string::npos);
  go.set_value();
  EXPECT_EQ(first.Read().body, "done");
  EXPECT_EQ(second.Read().body, "done");
  EXPECT_EQ(third.Ask(kGet).body, "done");
}

TEST_F(ServerTest, StopLetsRunningRequestsFinish) {
  std::atomic<bool> running = false;
  const StopFirst stop_first{*this};
  Start([&](Request&, std::stop_token) {
    running = true;
    std::this_thread::sleep_for(300ms);
    return Text("finished");
  });
  RawClient idle(port());
  EXPECT_EQ(idle.Ask("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
  running = false;
  RawClient busy(port());
  busy.Send(kGet);
  ASSERT_TRUE(Eventually([&] { return running.load(); }));
  const auto begun = std::chrono::steady_clock::now();
  server_->Stop(5s);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 2s);
  const auto answer = busy.Read();
  EXPECT_EQ(answer.body, "finished");
  EXPECT_EQ(answer.fields.at("connection"), "close");
  EXPECT_TRUE(idle.ClosedByServer());
  EXPECT_FALSE(RawClient(port()).connected());
}

TEST_F(ServerTest, StopCancelsWhatTakesTooLong) {
  std::atomic<bool> running = false;
  const StopFirst stop_first{*this};
  Start([&](Request&, std::stop_token stop) {
    running = true;
    Eventually([&] { return stop.stop_requested(); }, 10s);
    return Text(stop.stop_requested() ? "stopped" : "forgotten");
  });
  RawClient client(port());
  client.Send(kGet);
  ASSERT_TRUE(Eventually([&] { return running.load(); }));
  const auto begun = std::chrono::steady_clock::now();
  server_->Stop(100ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 3s);
  EXPECT_EQ(client.Read().body, "stopped");
}

TEST_F(ServerTest, ServesAThousandConnections) {
  rlimit files{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  files.rlim_cur = files.rlim_max;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
  Start([](Request& request, std::stop_token) { return Text(std::string(request.path)); });
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 1000; ++i) {
    clients.push_back(std::make_unique<RawClient>(port()));
    ASSERT_TRUE(clients.back()->connected()) << i;
  }
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 1000; ++i) {
      ASSERT_TRUE(clients[i]->Send("GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(clients[i]->Read().body, "/" + std::to_string(i));
  }
}

TEST_F(ServerTest, ClosesConnectionsOverTheLimit) {
  ServerOptions options;
  options.connections_max = 2;
  Start([](Request&, std::stop_token) { return Text("in"); }, options);
  RawClient first(port()), second(port());
  EXPECT_EQ(first.Ask(kGet).body, "in");
  EXPECT_EQ(second.Ask(kGet).body, "in");
  RawClient third(port());
  EXPECT_TRUE(third.ClosedByServer());
  first.Close();
  EXPECT_TRUE(Eventually([&] { return RawClient(port()).Ask(kGet).body == "in"; }));
}

TEST(ServerStart, RefusesWhatItCannotServe) {
  Scripted application([](Request&, std::stop_token) { return Text(""); });
  const auto code = [&](ServerOptions options) {
    auto started = Server::Start(std::move(options), application);
    return started ? std::string("started") : started.error().code();
  };
  EXPECT_EQ(code({.address = "0.0.0.0", .port = 0}), "server.tls_required");
  EXPECT_EQ(code({.address = "example", .port = 0}), "server.bad_address");
  EXPECT_EQ(code({.address = "127.0.0.1", .port = 70000}), "server.bad_address");
  EXPECT_EQ(code({.address = "127.0.0.1", .port = 0, .tls_certificate_file = "/nonexistent.pem"}),
            "server.tls_certificate");
  auto first = Server::Start({.port = 0}, application);
  ASSERT_TRUE(first);
  EXPECT_EQ(code({.port = (*first)->port()}), "server.cannot_listen");
}

}  // namespace
}  // namespace nstarx::http
