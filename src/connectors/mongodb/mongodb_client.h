#pragma once

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
#include "connectors/mongodb/mongodb_wire.h"
#include "model/connection.h"

typedef struct _bson_t bson_t;
typedef struct _mongoc_cursor_t mongoc_cursor_t;
typedef struct _mongoc_client_session_t mongoc_client_session_t;
typedef struct _mongoc_bulk_operation_t mongoc_bulk_operation_t;
typedef struct _mongoc_collection_t mongoc_collection_t;

namespace nstarx::connectors::mongodb {

template <auto Free>
struct DriverDeleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
void FreeBson(bson_t* document);
void FreeClient(mongoc_client_t* client);
void FreeCursor(mongoc_cursor_t* cursor);
void FreeSession(mongoc_client_session_t* session);
void FreeBulk(mongoc_bulk_operation_t* bulk);
void FreeCollection(mongoc_collection_t* collection);
using Bson = std::unique_ptr<bson_t, DriverDeleter<FreeBson>>;

struct LoginOptions {
  std::vector<model::Endpoint> endpoints;  ///< seeds; one of them when `direct`
  std::string replica_set;
  bool direct = true;
  model::Ssl ssl;
  std::string mechanism;  ///< empty: no login; DEFAULT: what the server prefers of SCRAM
  std::string user;
  Secret password;
  std::string auth_source;
  Secret client_certificate;
  Secret client_key;
  std::string read_preference;
  std::string program_name;
  std::chrono::milliseconds connect_timeout{10'000};
};

class Client;

/// A server-side cursor that is being read. Its documents live until the next call.
class Cursor {
 public:
  Cursor(Client& client, mongoc_cursor_t* cursor, mongoc_client_session_t* session);
  /// Tells the server to forget what was not read.
  ~Cursor();
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  /// The next document, null at the end.
  Result<const bson_t*> Next(const Context& context);
  /// 0 once the server has sent all.
  int64_t id() const;

 private:
  Client& client_;
  std::unique_ptr<mongoc_client_session_t, DriverDeleter<FreeSession>> session_;
  std::unique_ptr<mongoc_cursor_t, DriverDeleter<FreeCursor>> cursor_;
};

/// What a command gave: its reply, and the cursor when the reply opens one.
struct Answer {
  Bson reply;  ///< null when there is a cursor
  std::unique_ptr<Cursor> cursor;
};

/// One logged-in client of the driver. Used by one thread at a time.
class Client {
 public:
  static Result<std::unique_ptr<Client>> Connect(const Context& context,
                                                 const LoginOptions& options);
  ~Client();

  enum class Use { kRead, kWrite };
  /// Runs a command and opens the cursor that its reply may hold. Write errors in a reply are
  /// errors.
  Result<Answer> Run(const Context& context, const std::string& database, const bson_t& command,
                     Use use, int64_t batch_size = 0);
  /// Runs a command whose whole answer is its reply.
  Result<Bson> RunSimple(const Context& context, const std::string& database, const bson_t& command,
                         Use use = Use::kRead);
  /// The same from relaxed extended JSON that this program wrote.
  Result<Bson> RunJson(const Context& context, const std::string& database,
                       std::string_view command);

  Result<bool> HasCollection(const Context& context, const std::string& database,
                             const std::string& collection);

  /// Inserts that are sent together, in no order.
  class Bulk {
   public:
    Bulk(Client& client, const std::string& database, const std::string& collection);
    Status Add(const bson_t& document);
    /// Sends what was added and begins anew; the number of documents that were inserted.
    Result<int64_t> Execute(const Context& context);
    int64_t rows() const { return rows_; }
    int64_t bytes() const { return bytes_; }

   private:
    Client& client_;
    std::unique_ptr<mongoc_collection_t, DriverDeleter<FreeCollection>> collection_;
    std::unique_ptr<mongoc_bulk_operation_t, DriverDeleter<FreeBulk>> bulk_;
    int64_t rows_ = 0;
    int64_t bytes_ = 0;
  };

  /// True once the line is out of step: close it.
  bool broken() const { return broken_; }
  bool PeerGone() const { return wire_.PeerGone(); }
  json::object facts() const;

 private:
  friend class Cursor;
  friend class Bulk;
  Client(model::Ssl ssl, std::chrono::milliseconds connect_timeout)
      : wire_(std::move(ssl), connect_timeout) {}
  Status LogIn(const Context& context, const LoginOptions& options);
  /// The error of a call that failed: the wire's, if it has one.
  Error Failure(int64_t domain, int64_t code, std::string_view message, const bson_t* reply);

  Wire wire_;
  std::unique_ptr<mongoc_client_t, DriverDeleter<FreeClient>> client_;
  json::object facts_;
  bool broken_ = false;
  bool has_sessions_ = false;  ///< as its hello says
};

/// A document of relaxed extended JSON that this program wrote itself.
Bson FromJson(std::string_view text);
/// The document as canonical extended JSON.
std::string ToJsonText(const bson_t& document);
/// The same as our own JSON value, relaxed.
json::object ToJsonObject(const bson_t& document);

}  // namespace nstarx::connectors::mongodb
