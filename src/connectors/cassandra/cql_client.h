#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/status.h"
#include "connectors/cassandra/cql_rows.h"
#include "connectors/cassandra/cql_wire.h"
#include "model/connection.h"

namespace nstarx::net {
class Channel;
}  // namespace nstarx::net

namespace nstarx::connectors::cassandra {

struct LoginOptions {
  model::Endpoint endpoint;
  model::Ssl ssl;
  std::string user;  ///< empty: the server must not ask for one
  Secret password;
  std::string client_certificate;  ///< PEM, or empty
  Secret client_key;
  std::string keyspace;
  std::string datacenter;  ///< that the node must belong to, or empty
  std::string program_name;
  std::chrono::milliseconds connect_timeout{10'000};
};

/// A frame that the server sent, without what v4 may put before its body (warnings, a trace).
struct Answer {
  int16_t stream = 0;
  Opcode opcode = Opcode::kError;
  std::string body;
};

/// A statement that can be sent again for each of its pages.
struct Request {
  Opcode opcode = Opcode::kQuery;
  std::string head;    ///< the text or the prepared id, with its length
  std::string values;  ///< their count and their bytes; empty for none
};
Request QueryRequest(std::string_view text);

struct PageOptions {
  uint16_t consistency = 0;
  int32_t page_size = 0;
  std::string_view paging_state;
};
std::string BodyOf(const Request& request, const PageOptions& options);

/// A RESULT frame; `rows` begins at `rows_at` of the body.
struct ResultHead {
  enum class Kind : int32_t {
    kVoid = 1,
    kRows = 2,
    kKeyspace = 3,
    kPrepared = 4,
    kSchemaChange = 5,
  };
  Kind kind = Kind::kVoid;
  Metadata metadata;  ///< of rows; of a prepared statement its markers
  int32_t row_count = 0;
  size_t rows_at = 0;
  std::string prepared_id;
};
Result<ResultHead> ParseResult(std::string_view body);

/// One connection: frames go out with a number each, and answers come back in any order.
class CqlClient {
 public:
  /// Resolves, connects, logs in. Errors have their stages.
  static Result<std::unique_ptr<CqlClient>> Connect(const Context& context,
                                                    const LoginOptions& options);
  ~CqlClient();

  static constexpr int kInFlightMax = 128;
  /// Sends a request and returns its number. There must be fewer than kInFlightMax in flight.
  Result<int16_t> Send(const Context& context, Opcode opcode, std::string_view body);
  /// The same, but the request goes out with later ones, when something is received at last.
  Result<int16_t> Queue(const Context& context, Opcode opcode, std::string_view body);
  /// The next answer to any request.
  Result<Answer> Receive(const Context& context);
  /// One request and its answer; nothing else may be in flight. The server's error is an error.
  Result<Answer> Call(const Context& context, Opcode opcode, std::string_view body,
                      std::string_view statement);
  /// All rows of a small statement as text cells; NULL is nothing.
  Result<std::vector<std::vector<std::optional<std::string>>>> Rows(const Context& context,
                                                                    const Request& request,
                                                                    uint16_t consistency);
  /// Waits until nothing is in flight; breaks the connection when that takes too long.
  void Quiesce();

  int in_flight() const { return in_flight_; }
  bool usable() const { return !broken_; }
  void Break() { broken_ = true; }
  bool PeerGone() const;
  const json::object& facts() const { return facts_; }
  /// Rows can be told apart by the tokens of Murmur3.
  bool has_murmur3() const { return murmur3_; }

 private:
  explicit CqlClient(std::unique_ptr<net::Channel> channel);
  Status LogIn(const Context& context, const LoginOptions& options);
  Status Authenticate(const Context& context, const LoginOptions& options,
                      std::string_view authenticator);
  Status LearnAboutNode(const Context& context, const LoginOptions& options);
  Status Flush(const Context& context);
  Status Fill(const Context& context, char* into, size_t count);
  Result<Answer> ReceiveFrame(const Context& context);

  std::unique_ptr<net::Channel> channel_;
  std::string queued_;  ///< frames that are not sent yet
  std::string buffer_;
  size_t buffer_begin_ = 0;
  size_t buffer_end_ = 0;
  std::vector<int16_t> free_streams_;
  std::vector<bool> used_streams_;
  int in_flight_ = 0;
  bool heard_ = false;  ///< the server has answered at least once
  bool murmur3_ = false;
  json::object facts_;
  std::atomic<bool> broken_ = false;
};

}  // namespace nstarx::connectors::cassandra
