#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/connection.h"
#include "http/request_parser.h"

namespace nstarx::http {

/// One request and its answer. Lives in the connection's coroutine.
struct Connection::Exchange {
  explicit Exchange(size_t header_bytes_max) : parser(header_bytes_max) {}

  RequestParser parser;
  Request request;
  BodyPlan plan;
  std::shared_ptr<BodyChannel> channel;
  Response response;
  std::vector<result::Chunk> chunks;  ///< pulled so far and not written
  bool whole = true;                  ///< the answer is complete in `response.body` or `chunks`
  Gather gather;
  std::string head;
  Event wake;                         ///< the worker is through, or the body is wanted or has room
  bool done = false;                  ///< the worker is through
  std::shared_ptr<Exchange*> alive;   ///< for late calls of the channel; null when this is over
  std::optional<Error> stream_error;  ///< after the chunks pulled so far
  std::stop_source stop;
  bool head_only = false;
  bool keep_alive = true;
  bool expects_continue = false;
  bool reading = false;
  bool reads_trailers = false;
  std::optional<Error> refused;
  int64_t started_ns = 0;
};

}  // namespace nstarx::http
