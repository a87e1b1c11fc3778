#include "connectors/mongodb/mongodb_client.h"

#include <fmt/format.h>
#include <mongoc/mongoc.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdlib>
#include <mutex>

#include "base/percent.h"
#include "connectors/mongodb/mongodb_errors.h"

namespace nstarx::connectors::mongodb {
namespace {

constexpr size_t kMaxProgramName = 120;
constexpr std::chrono::milliseconds kTidyTimeout{2000};

/// The driver starts itself in a constructor and keeps counters in a file in /dev/shm that outlives
/// a killed process. Nobody reads them; this runs before that constructor (101 is the first
/// priority an application may take).
[[gnu::constructor(101)]] void KeepCountersPrivate() { ::setenv("MONGOC_DISABLE_SHM", "1", 0); }

/// The driver's process-wide set-up, at the first use. Its log would go to stderr.
void StartDriver() {
  static std::once_flag once;
  std::call_once(once, [] {
    mongoc_log_set_handler(nullptr, nullptr);
    mongoc_init();
  });
}

struct UriDeleter {
  void operator()(mongoc_uri_t* uri) const { mongoc_uri_destroy(uri); }
};
using Uri = std::unique_ptr<mongoc_uri_t, UriDeleter>;

/// The subject of a PEM certificate as the server names its user (RFC 2253).
Result<std::string> SubjectOf(std::string_view pem) {
  BIO* memory = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* certificate = PEM_read_bio_X509(memory, nullptr, nullptr, nullptr);
  BIO_free(memory);
  if (certificate == nullptr) {
    return InvalidArgument("tls.bad_client_certificate", "The client certificate is not PEM text")
        .WithStage("tls")
        .WithConnector("mongodb");
  }
  BIO* out = BIO_new(BIO_s_mem());
  X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const auto size = static_cast<size_t>(BIO_get_mem_data(out, &text));
  std::string subject(text, size);
  BIO_free(out);
  X509_free(certificate);
  return subject;
}

std::string Seeds(const LoginOptions& options) {
  std::string out;
  for (const auto& endpoint : options.endpoints) {
    if (!out.empty()) out += ',';
    const bool six = endpoint.host.find(':') != std::string::npos;
    out += six ? fmt::format("[{}]", endpoint.host) : PercentEncode(endpoint.host);
    out += fmt::format(":{}", endpoint.port);
  }
  return out;
}

Status SetLogin(const LoginOptions& options, mongoc_uri_t* uri) {
  if (options.mechanism.empty()) return {};
  std::string user = options.user;
  if (options.mechanism == "MONGODB-X509" && user.empty()) {
    NSTARX_TRY(user, SubjectOf(options.client_certificate.Reveal()));
  }
  if (!user.empty()) mongoc_uri_set_username(uri, user.c_str());
  if (!options.password.empty()) {
    std::string password(options.password.Reveal());
    mongoc_uri_set_password(uri, password.c_str());
    WipeString(password);
  }
  if (options.mechanism != "DEFAULT") {
    mongoc_uri_set_auth_mechanism(uri, options.mechanism.c_str());
  }
  std::string source = options.auth_source.empty() ? "admin" : options.auth_source;
  if (options.mechanism == "MONGODB-X509" || options.mechanism == "PLAIN") source = "$external";
  mongoc_uri_set_auth_source(uri, source.c_str());
  return {};
}

Result<Uri> MakeUri(const LoginOptions& options) {
  bson_error_t error;
  const std::string text =
      fmt::format("mongodb://{}/?{}", Seeds(options),
                  options.direct ? "directConnection=true" : "directConnection=false");
  Uri uri(mongoc_uri_new_with_error(text.c_str(), &error));
  if (uri == nullptr) {
    return InvalidArgument("config.malformed_uri", error.message)
        .WithStage("login")
        .WithConnector("mongodb");
  }
  const auto timeout = static_cast<int32_t>(options.connect_timeout.count());
  mongoc_uri_set_option_as_int32(uri.get(), MONGOC_URI_CONNECTTIMEOUTMS, timeout);
  mongoc_uri_set_option_as_int32(uri.get(), MONGOC_URI_SERVERSELECTIONTIMEOUTMS, timeout);
  // The context of each call ends a wait, not the driver.
  mongoc_uri_set_option_as_int32(uri.get(), MONGOC_URI_SOCKETTIMEOUTMS, 86'400'000);
  if (!options.replica_set.empty()) {
    mongoc_uri_set_option_as_utf8(uri.get(), MONGOC_URI_REPLICASET, options.replica_set.c_str());
  }
  const std::pair<std::string_view, mongoc_read_mode_t> modes[] = {
      {"primaryPreferred", MONGOC_READ_PRIMARY_PREFERRED},
      {"secondary", MONGOC_READ_SECONDARY},
      {"secondaryPreferred", MONGOC_READ_SECONDARY_PREFERRED},
      {"nearest", MONGOC_READ_NEAREST}};
  for (const auto& [name, mode] : modes) {
    if (options.read_preference != name) continue;
    mongoc_read_prefs_t* preference = mongoc_read_prefs_new(mode);
    mongoc_uri_set_read_prefs_t(uri.get(), preference);
    mongoc_read_prefs_destroy(preference);
  }
  NSTARX_RETURN_IF_ERROR(SetLogin(options, uri.get()));
  return uri;
}

/// The first of a reply's writeErrors, or its writeConcernError.
std::optional<Error> WriteErrorOf(const bson_t& reply) {
  bson_iter_t iter;
  bson_iter_t item;
  bson_iter_t field;
  if (bson_iter_init_find(&iter, &reply, "writeErrors") && BSON_ITER_HOLDS_ARRAY(&iter) &&
      bson_iter_recurse(&iter, &item) && bson_iter_next(&item) && BSON_ITER_HOLDS_DOCUMENT(&item) &&
      bson_iter_recurse(&item, &field)) {
    int64_t code = 0;
    std::string message;
    while (bson_iter_next(&field)) {
      const std::string_view key = bson_iter_key(&field);
      if (key == "code") code = bson_iter_as_int64(&field);
      if (key == "errmsg" && BSON_ITER_HOLDS_UTF8(&field))
        message = bson_iter_utf8(&field, nullptr);
    }
    return MapError(code, {}, message);
  }
  if (bson_iter_init_find(&iter, &reply, "writeConcernError") && BSON_ITER_HOLDS_DOCUMENT(&iter) &&
      bson_iter_recurse(&iter, &field)) {
    std::string message = "The write was not acknowledged as asked";
    while (bson_iter_next(&field)) {
      if (std::string_view(bson_iter_key(&field)) == "errmsg" && BSON_ITER_HOLDS_UTF8(&field)) {
        message = bson_iter_utf8(&field, nullptr);
      }
    }
    return Unavailable("query.write_concern", message).WithStage("query").WithConnector("mongodb");
  }
  return std::nullopt;
}

std::string NameOf(const bson_t* reply) {
  bson_iter_t iter;
  if (reply == nullptr || !bson_iter_init_find(&iter, reply, "codeName") ||
      !BSON_ITER_HOLDS_UTF8(&iter)) {
    return {};
  }
  return bson_iter_utf8(&iter, nullptr);
}

bool HasCursor(const bson_t& reply) {
  bson_iter_t iter;
  bson_iter_t id;
  return bson_iter_init_find(&iter, &reply, "cursor") && BSON_ITER_HOLDS_DOCUMENT(&iter) &&
         bson_iter_recurse(&iter, &id) && bson_iter_find(&id, "id");
}

}  // namespace

void FreeBson(bson_t* document) { bson_destroy(document); }
void FreeClient(mongoc_client_t* client) { mongoc_client_destroy(client); }
void FreeCursor(mongoc_cursor_t* cursor) { mongoc_cursor_destroy(cursor); }
void FreeSession(mongoc_client_session_t* session) { mongoc_client_session_destroy(session); }
void FreeBulk(mongoc_bulk_operation_t* bulk) { mongoc_bulk_operation_destroy(bulk); }
void FreeCollection(mongoc_collection_t* collection) { mongoc_collection_destroy(collection); }

Bson FromJson(std::string_view text) {
  bson_error_t error;
  Bson out(bson_new_from_json(reinterpret_cast<const uint8_t*>(text.data()),
                              static_cast<ssize_t>(text.size()), &error));
  NSTARX_CHECK(out != nullptr);
  return out;
}

std::string ToJsonText(const bson_t& document) {
  size_t size = 0;
  char* text = bson_as_canonical_extended_json(&document, &size);
  if (text == nullptr) return {};
  std::string out(text, size);
  bson_free(text);
  return out;
}

json::object ToJsonObject(const bson_t& document) {
  size_t size = 0;
  char* text = bson_as_relaxed_extended_json(&document, &size);
  if (text == nullptr) return {};
  boost::system::error_code code;
  json::value value = json::parse(std::string_view(text, size), code, {}, {.max_depth = 100});
  bson_free(text);
  return !code && value.is_object() ? std::move(value.get_object()) : json::object();
}

Result<std::unique_ptr<Client>> Client::Connect(const Context& context,
                                                const LoginOptions& options) {
  NSTARX_RETURN_IF_ERROR(context.Check());
  StartDriver();
  NSTARX_TRY(Uri uri, MakeUri(options));
  std::unique_ptr<Client> client(new Client(options.ssl, options.connect_timeout));
  if (!options.client_certificate.empty()) {
    client->wire_.set_client_certificate(std::string(options.client_certificate.Reveal()),
                                         options.client_key.Clone());
  }
  client->client_.reset(mongoc_client_new_from_uri(uri.get()));
  if (client->client_ == nullptr) return Internal("The driver refuses the connection's options");
  client->wire_.Serve(client->client_.get());
  mongoc_client_set_error_api(client->client_.get(), MONGOC_ERROR_API_VERSION_2);
  mongoc_client_set_appname(client->client_.get(),
                            options.program_name.substr(0, kMaxProgramName).c_str());
  NSTARX_RETURN_IF_ERROR(client->LogIn(context, options));
  return client;
}

Client::~Client() {
  if (client_ == nullptr) return;
  // Sessions are ended with the server's knowledge, which must not take long.
  const Context tidy = Context().WithTimeout(kTidyTimeout);
  const Patience patience(wire_, tidy);
  client_.reset();
}

Status Client::LogIn(const Context& context, const LoginOptions& options) {
  auto hello = RunJson(context, "admin", R"({"isMaster": 1})");
  if (!hello) {
    Error error = std::move(hello).error();
    if (error.stage().empty() || error.stage() == "query") error.WithStage("login");
    return error;
  }
  has_sessions_ = bson_has_field(hello->get(), "logicalSessionTimeoutMinutes");
  json::object reply = ToJsonObject(**hello);
  facts_["topology"] = reply.contains("setName")               ? "replica set"
                       : GetString(reply, "msg") == "isdbgrid" ? "sharded cluster"
                                                               : "single server";
  if (reply.contains("setName")) facts_["replica_set"] = GetString(reply, "setName");
  facts_["max_wire_version"] = GetInt(reply, "maxWireVersion", 0);
  auto build = RunJson(context, "admin", R"({"buildInfo": 1})");
  if (build) facts_["server_version"] = GetString(ToJsonObject(**build), "version");
  if (!options.endpoints.empty()) {
    facts_["address"] =
        fmt::format("{}:{}", options.endpoints.front().host, options.endpoints.front().port);
  }
  if (const auto& tls = wire_.tls()) {
    facts_["tls"] = json::object{{"version", tls->version}, {"cipher", tls->cipher}};
  }
  return context.Check();
}

json::object Client::facts() const { return facts_; }

Error Client::Failure(int64_t domain, int64_t code, std::string_view message, const bson_t* reply) {
  const bool of_server = domain == MONGOC_ERROR_SERVER || domain == MONGOC_ERROR_WRITE_CONCERN ||
                         domain == MONGOC_ERROR_QUERY || domain == MONGOC_ERROR_WRITE_CONCERN;
  if (of_server) return MapError(code, NameOf(reply), message);
  if (wire_.error()) {
    broken_ = true;
    Error error = *wire_.error();
    if (error.stage().empty()) error.WithStage("query");
    return error.WithConnector("mongodb");
  }
  if (domain == MONGOC_ERROR_CLIENT && code == MONGOC_ERROR_CLIENT_AUTHENTICATE) {
    return MapError(18, "AuthenticationFailed", message);
  }
  if (domain == MONGOC_ERROR_SERVER_SELECTION) {
    broken_ = true;
    return Unavailable("connection.no_server", std::string(message))
        .WithStage("login")
        .WithConnector("mongodb");
  }
  if (domain == MONGOC_ERROR_STREAM || domain == MONGOC_ERROR_PROTOCOL) {
    broken_ = true;
    return Unavailable("connection.lost", std::string(message))
        .WithStage("query")
        .WithConnector("mongodb");
  }
  return InvalidArgument("query.bad_value", std::string(message))
      .WithStage("query")
      .WithConnector("mongodb");
}

Result<Answer> Client::Run(const Context& context, const std::string& database,
                           const bson_t& command, Use use, int64_t batch_size) {
  NSTARX_RETURN_IF_ERROR(context.Check());
  const Patience patience(wire_, context);
  bson_error_t error = {};
  const mongoc_read_prefs_t* preference =
      use == Use::kRead ? mongoc_client_get_read_prefs(client_.get()) : nullptr;
  mongoc_server_description_t* server = mongoc_client_select_server(
      client_.get(), use == Use::kWrite, use == Use::kRead ? preference : nullptr, &error);
  if (server == nullptr) return Failure(error.domain, error.code, error.message, nullptr);
  const auto server_id = static_cast<int32_t>(mongoc_server_description_id(server));
  mongoc_server_description_destroy(server);
  Bson options(bson_new());
  BSON_APPEND_INT32(options.get(), "serverId", server_id);
  std::unique_ptr<mongoc_client_session_t, DriverDeleter<FreeSession>> session;
  if (has_sessions_ && use == Use::kRead) {
    // A cursor belongs to the session that opened it.
    session.reset(mongoc_client_start_session(client_.get(), nullptr, &error));
    if (session == nullptr || !mongoc_client_session_append(session.get(), options.get(), &error)) {
      return Failure(error.domain, error.code, error.message, nullptr);
    }
  }
  bson_t raw;
  const bool done = mongoc_client_command_with_opts(client_.get(), database.c_str(), &command,
                                                    preference, options.get(), &raw, &error);
  if (done && HasCursor(raw)) {
    if (batch_size > 0) BSON_APPEND_INT64(options.get(), "batchSize", batch_size);
    // The driver takes the reply over.
    auto cursor = std::make_unique<Cursor>(
        *this, mongoc_cursor_new_from_command_reply_with_opts(client_.get(), &raw, options.get()),
        session.release());
    return Answer{.reply = nullptr, .cursor = std::move(cursor)};
  }
  Bson reply(bson_copy(&raw));
  bson_destroy(&raw);
  if (!done) return Failure(error.domain, error.code, error.message, reply.get());
  if (auto failed = WriteErrorOf(*reply)) return *failed;
  return Answer{.reply = std::move(reply), .cursor = nullptr};
}

Result<Bson> Client::RunSimple(const Context& context, const std::string& database,
                               const bson_t& command, Use use) {
  NSTARX_TRY(Answer answer, Run(context, database, command, use));
  if (answer.reply == nullptr) return Internal("A cursor where a reply was expected");
  return std::move(answer.reply);
}

Result<Bson> Client::RunJson(const Context& context, const std::string& database,
                             std::string_view command) {
  return RunSimple(context, database, *FromJson(command));
}

Result<bool> Client::HasCollection(const Context& context, const std::string& database,
                                   const std::string& collection) {
  Bson command(bson_new());
  bson_t filter;
  BSON_APPEND_INT32(command.get(), "listCollections", 1);
  BSON_APPEND_DOCUMENT_BEGIN(command.get(), "filter", &filter);
  BSON_APPEND_UTF8(&filter, "name", collection.c_str());
  bson_append_document_end(command.get(), &filter);
  BSON_APPEND_BOOL(command.get(), "nameOnly", true);
  NSTARX_TRY(Answer answer, Run(context, database, *command, Use::kRead));
  if (answer.cursor == nullptr) return false;
  // A server may pass over the filter and list them all.
  while (true) {
    NSTARX_TRY(const bson_t* found, answer.cursor->Next(context));
    if (found == nullptr) return false;
    bson_iter_t name;
    if (bson_iter_init_find(&name, found, "name") && BSON_ITER_HOLDS_UTF8(&name) &&
        collection == bson_iter_utf8(&name, nullptr)) {
      return true;
    }
  }
}

Client::Bulk::Bulk(Client& client, const std::string& database, const std::string& collection)
    : client_(client),
      collection_(mongoc_client_get_collection(client.client_.get(), database.c_str(),
                                               collection.c_str())) {}

Status Client::Bulk::Add(const bson_t& document) {
  if (bulk_ == nullptr) {
    Bson options(bson_new());
    BSON_APPEND_BOOL(options.get(), "ordered", false);
    bulk_.reset(
        mongoc_collection_create_bulk_operation_with_opts(collection_.get(), options.get()));
  }
  bson_error_t error = {};
  if (!mongoc_bulk_operation_insert_with_opts(bulk_.get(), &document, nullptr, &error)) {
    return client_.Failure(error.domain, error.code, error.message, nullptr);
  }
  ++rows_;
  bytes_ += document.len;
  return {};
}

Result<int64_t> Client::Bulk::Execute(const Context& context) {
  if (bulk_ == nullptr) return 0;
  NSTARX_RETURN_IF_ERROR(context.Check());
  const Patience patience(client_.wire_, context);
  bson_error_t error = {};
  bson_t reply;
  const bool done = mongoc_bulk_operation_execute(bulk_.get(), &reply, &error) != 0;
  Bson owned(bson_copy(&reply));
  bson_destroy(&reply);
  bulk_.reset();
  const int64_t rows = std::exchange(rows_, 0);
  bytes_ = 0;
  if (auto failed = WriteErrorOf(*owned)) return *failed;
  if (!done) return client_.Failure(error.domain, error.code, error.message, owned.get());
  return rows;
}

Cursor::Cursor(Client& client, mongoc_cursor_t* cursor, mongoc_client_session_t* session)
    : client_(client), session_(session), cursor_(cursor) {}

Cursor::~Cursor() {
  const Context tidy = Context().WithTimeout(kTidyTimeout);
  const Patience patience(client_.wire_, tidy);
  cursor_.reset();
  session_.reset();
  if (client_.wire_.error()) client_.broken_ = true;
}

int64_t Cursor::id() const { return mongoc_cursor_get_id(cursor_.get()); }

Result<const bson_t*> Cursor::Next(const Context& context) {
  const Patience patience(client_.wire_, context);
  const bson_t* document = nullptr;
  if (mongoc_cursor_next(cursor_.get(), &document)) return document;
  bson_error_t error = {};
  const bson_t* reply = nullptr;
  if (mongoc_cursor_error_document(cursor_.get(), &error, &reply)) {
    return client_.Failure(error.domain, error.code, error.message, reply);
  }
  return nullptr;
}

}  // namespace nstarx::connectors::mongodb
