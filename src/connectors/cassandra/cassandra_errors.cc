#include "connectors/cassandra/cassandra_errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "connectors/cassandra/cql_wire.h"

namespace nstarx::connectors::cassandra {
namespace {

using enum ErrorKind;

struct Known {
  int32_t number;
  ErrorKind kind;
  std::string_view code;
};
constexpr int32_t kBadCredentials = 0x0100;
constexpr int32_t kSyntaxError = 0x2000;
constexpr int32_t kUnauthorized = 0x2100;
constexpr int32_t kInvalid = 0x2200;
constexpr Known kKnown[] = {
    {0x0000, kUnavailable, "query.server_error"},
    {0x000A, kUnavailable, "connection.protocol"},
    {kBadCredentials, kUnauthenticated, "login.wrong_password"},
    {0x1000, kUnavailable, "query.too_few_replicas"},
    {0x1001, kResourceExhausted, "query.overloaded"},
    {0x1002, kUnavailable, "query.node_starting"},
    {0x1003, kUnavailable, "query.server_error"},
    {0x1100, kUnavailable, "query.write_timeout"},
    {0x1200, kUnavailable, "query.read_timeout"},
    {0x1300, kUnavailable, "query.read_failed"},
    {0x1400, kInvalidArgument, "query.function_failed"},
    {0x1500, kUnavailable, "query.write_failed"},
    {0x1600, kUnavailable, "query.write_failed"},
    {0x1700, kUnavailable, "query.write_timeout"},
    {kSyntaxError, kInvalidArgument, "query.syntax_error"},
    {kUnauthorized, kPermissionDenied, "query.no_privilege"},
    {kInvalid, kInvalidArgument, "query.invalid"},
    {0x2300, kInvalidArgument, "query.invalid"},
    {0x2400, kAlreadyExists, "query.already_exists"},
    {0x2500, kUnavailable, "query.unprepared"},
};

struct Phrase {
  std::string_view words;  ///< in small letters
  ErrorKind kind;
  std::string_view code;
};
/// What an 'invalid query' is about, by the server's words.
constexpr Phrase kPhrases[] = {
    {"allow filtering", kInvalidArgument, "query.needs_filtering"},
    {"no keyspace has been specified", kInvalidArgument, "query.no_keyspace"},
    {"unconfigured table", kNotFound, "query.undefined_table"},
    {"undefined column", kInvalidArgument, "query.undefined_column"},
    {"unknown identifier", kInvalidArgument, "query.undefined_column"},
    {"unknown function", kInvalidArgument, "query.undefined_function"},
    {"batch too large", kResourceExhausted, "query.too_large"},
};

std::string Lowered(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
  });
  return out;
}

/// "line 1:9 …": 1-based offset of that place in characters; 0 when it is not said.
int64_t PositionOf(std::string_view message, std::string_view statement) {
  if (!message.starts_with("line ")) return 0;
  uint32_t line = 0;
  uint32_t column = 0;
  const char* end = message.data() + message.size();
  auto [next, code] = std::from_chars(message.data() + 5, end, line);
  if (code != std::errc() || next == end || *next != ':') return 0;
  if (std::from_chars(next + 1, end, column).ec != std::errc()) return 0;
  size_t begin = 0;
  for (uint32_t i = 1; i < line; ++i) {
    begin = statement.find('\n', begin);
    if (begin == std::string_view::npos) return 0;
    ++begin;
  }
  const std::string_view before = statement.substr(0, begin);
  const auto letters = std::ranges::count_if(before, [](char c) { return (c & 0xC0) != 0x80; });
  return letters + column + 1;
}

Error Invalid(const std::string& message, ErrorKind kind, std::string_view code) {
  const std::string words = Lowered(message);
  const bool missing = words.contains("does not exist") || words.contains("doesn't exist");
  if (missing && words.contains("keyspace")) {
    kind = kNotFound;
    code = "query.undefined_keyspace";
  } else if (missing && (words.starts_with("table") || words.contains(" table "))) {
    kind = kNotFound;
    code = "query.undefined_table";
  }
  for (const Phrase& phrase : kPhrases) {
    if (!words.contains(phrase.words)) continue;
    kind = phrase.kind;
    code = phrase.code;
    break;
  }
  return Error(kind, std::string(code), message);
}

/// What the server adds to some errors: how many answers it wanted and got.
void AddAnswers(BodyReader& reader, int32_t number, Error* error) {
  if (number != 0x1000 && number != 0x1100 && number != 0x1200 && number != 0x1300 &&
      number != 0x1500) {
    return;
  }
  reader.Short();  // consistency
  const int32_t first = reader.Int();
  const int32_t second = reader.Int();
  if (!reader.ok()) return;
  const bool unavailable = number == 0x1000;
  error->WithDetail("required", static_cast<int64_t>(unavailable ? first : second));
  error->WithDetail(unavailable ? "alive" : "received",
                    static_cast<int64_t>(unavailable ? second : first));
}

std::string Readable(std::string_view text) {
  std::string out(text.substr(0, 4096));
  for (char& letter : out) {
    if (static_cast<unsigned char>(letter) < 0x20 || (letter & 0x80) != 0) letter = ' ';
  }
  return out;
}

}  // namespace

Error Named(Error error, std::string_view stage) {
  error.WithConnector("cassandra");
  if (error.stage().empty()) error.WithStage(stage);
  return error;
}

Error Refuse(std::string_view code, std::string message) {
  return Named(InvalidArgument(std::string(code), std::move(message)), "query");
}

Error ProtocolError(std::string_view what) {
  return Named(Unavailable("connection.protocol",
                           fmt::format("The server's answer is not of the protocol: {}", what)),
               "query");
}

Error BadValue(std::string_view column, std::string_view what) {
  return Refuse("query.bad_value", fmt::format("Column '{}' has {}", column, what))
      .WithDetail("column", column);
}

Error ReadOnly(std::string_view what) {
  return Named(Error(kPermissionDenied, "query.read_only",
                     fmt::format("The connection is read-only, and {} writes", what)),
               "query");
}

Error NoSuchTable(std::string_view path) {
  return Named(NotFound("query.undefined_table", fmt::format("There is no table '{}'", path)),
               "query");
}

Error ServerError(std::string_view body, std::string_view statement) {
  BodyReader reader(body);
  const int32_t number = reader.Int();
  const std::string message = Readable(reader.String());
  if (!reader.ok()) return ProtocolError("an error without a text");
  const auto* known = std::ranges::find(kKnown, number, &Known::number);
  const bool found = known != std::end(kKnown);
  const ErrorKind kind = found ? known->kind : kUnavailable;
  const std::string_view code = found ? known->code : "query.server_error";
  Error error =
      number == kInvalid ? Invalid(message, kind, code) : Error(kind, std::string(code), message);
  if (number == kSyntaxError) {
    if (const int64_t position = PositionOf(message, statement); position > 0) {
      error.WithDetail("position", position);
    }
  }
  AddAnswers(reader, number, &error);
  error.WithVendorCode(fmt::format("0x{:04X}", static_cast<uint32_t>(number)));
  return Named(std::move(error), number == kBadCredentials ? "login" : "query");
}

Error LoginError(std::string_view body) {
  Error error = ServerError(body, {});
  BodyReader reader(body);
  const int32_t number = reader.Int();
  std::string_view code;
  if (Lowered(error.message()).contains("achieve consistency")) {
    // The node could not read its roles; some releases call that bad credentials.
    return Named(Error(kUnavailable, "login.roles_unreadable", error.message())
                     .WithVendorCode(error.vendor_code()),
                 "login");
  }
  if (number == kBadCredentials) {
    code = "login.wrong_password";
  } else if (number == kUnauthorized) {
    code = "login.not_allowed";
  } else if (number == 0x000A) {
    code = "login.protocol_unsupported";
  } else if (error.code() == "query.undefined_keyspace") {
    code = "login.unknown_keyspace";
  } else {
    return error.WithStage("login");
  }
  Error login(error.kind(), std::string(code), error.message());
  login.WithVendorCode(error.vendor_code());
  return Named(std::move(login), "login");
}

}  // namespace nstarx::connectors::cassandra
