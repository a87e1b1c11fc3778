#include "connectors/mongodb/mongodb_statement.h"

#include <bson/bson.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/clock.h"
#include "connectors/mongodb/mongodb_errors.h"

namespace nstarx::connectors::mongodb {
namespace {

/// As deep as a server takes documents.
constexpr int kMaxDepth = 100;
constexpr size_t kMaxText = 48 << 20;

constexpr std::string_view kReading[] = {"find",
                                         "aggregate",
                                         "count",
                                         "distinct",
                                         "listCollections",
                                         "listDatabases",
                                         "listIndexes",
                                         "collStats",
                                         "dbStats",
                                         "dataSize",
                                         "ping",
                                         "hello",
                                         "isMaster",
                                         "ismaster",
                                         "buildInfo",
                                         "buildinfo",
                                         "connectionStatus",
                                         "explain",
                                         "serverStatus",
                                         "hostInfo",
                                         "currentOp",
                                         "usersInfo",
                                         "rolesInfo",
                                         "replSetGetStatus",
                                         "collstats",
                                         "dbstats",
                                         "listCommands",
                                         "whatsmyuri"};
/// Commands that take maxTimeMS on every server.
constexpr std::string_view kTimed[] = {"find",     "aggregate",     "count",
                                       "distinct", "findAndModify", "findandmodify"};

template <size_t N>
bool Among(const std::string_view (&list)[N], std::string_view word) {
  return std::ranges::find(list, word) != std::end(list);
}

Error BadValue(std::string message) {
  return InvalidArgument("query.bad_value", std::move(message))
      .WithStage("query")
      .WithConnector("mongodb");
}

Error WrongCount(std::string message) {
  return InvalidArgument("query.parameter_count", std::move(message))
      .WithStage("query")
      .WithConnector("mongodb");
}

/// Puts parameters in the place of their placeholders.
class Binder {
 public:
  explicit Binder(const json::array& parameters)
      : parameters_(parameters), used_(parameters.size(), false) {}

  Result<Bson> Bind(const bson_t& document) {
    Bson out(bson_new());
    bson_iter_t iter;
    if (!bson_iter_init(&iter, &document)) return BadValue("The statement is not a document");
    NSTARX_RETURN_IF_ERROR(Copy(&iter, out.get(), 0));
    if (const auto unused = std::ranges::find(used_, false); unused != used_.end()) {
      return WrongCount(fmt::format("Parameter {} has no placeholder {{\"$param\": {}}}",
                                    unused - used_.begin() + 1, unused - used_.begin() + 1));
    }
    return out;
  }

 private:
  Status Copy(bson_iter_t* from, bson_t* to, int depth) {
    if (depth > kMaxDepth) return BadValue("The statement is nested too deeply");
    while (bson_iter_next(from)) {
      const char* key = bson_iter_key(from);
      const auto length = static_cast<int>(bson_iter_key_len(from));
      if (const int64_t number = PlaceholderText(*from); number > 0) {
        NSTARX_RETURN_IF_ERROR(Append(to, key, length, number, {}));
        continue;
      }
      const bool document = BSON_ITER_HOLDS_DOCUMENT(from);
      if (!document && !BSON_ITER_HOLDS_ARRAY(from)) {
        bson_append_iter(to, key, length, from);
        continue;
      }
      bson_iter_t inner;
      bson_iter_recurse(from, &inner);
      if (document) {
        std::string type;
        if (const int64_t number = PlaceholderDocument(inner, &type); number > 0) {
          NSTARX_RETURN_IF_ERROR(Append(to, key, length, number, type));
          continue;
        }
      }
      bson_t child;
      document ? bson_append_document_begin(to, key, length, &child)
               : bson_append_array_begin(to, key, length, &child);
      Status copied = Copy(&inner, &child, depth + 1);
      document ? bson_append_document_end(to, &child) : bson_append_array_end(to, &child);
      NSTARX_RETURN_IF_ERROR(std::move(copied));
    }
    return {};
  }

  /// The n of a text "$n", else 0.
  int64_t PlaceholderText(const bson_iter_t& iter) const {
    if (parameters_.empty() || !BSON_ITER_HOLDS_UTF8(&iter)) return 0;
    uint32_t size = 0;
    const char* text = bson_iter_utf8(&iter, &size);
    if (size < 2 || size > 6 || text[0] != '$') return 0;
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text + 1, text + size, number);
    return error == std::errc() && end == text + size ? number : 0;
  }

  static int64_t PlaceholderDocument(const bson_iter_t& first, std::string* type) {
    bson_iter_t inner = first;
    if (!bson_iter_next(&inner) || std::string_view(bson_iter_key(&inner)) != "$param") return 0;
    const int64_t number = bson_iter_as_int64(&inner);
    if (bson_iter_next(&inner) && std::string_view(bson_iter_key(&inner)) == "as" &&
        BSON_ITER_HOLDS_UTF8(&inner)) {
      *type = bson_iter_utf8(&inner, nullptr);
    }
    return number;
  }

  Status Append(bson_t* to, const char* key, int length, int64_t number, std::string_view type) {
    if (number > static_cast<int64_t>(parameters_.size())) {
      return WrongCount(
          fmt::format("The statement has a placeholder {}, but there are {} parameters", number,
                      parameters_.size()));
    }
    used_[static_cast<size_t>(number - 1)] = true;
    const json::value& value = parameters_[static_cast<size_t>(number - 1)];
    if (!type.empty() && !value.is_null()) return AppendAs(to, key, length, value, type, number);
    switch (value.kind()) {
      case json::kind::null:
        bson_append_null(to, key, length);
        return {};
      case json::kind::bool_:
        bson_append_bool(to, key, length, value.get_bool());
        return {};
      case json::kind::int64:
        bson_append_int64(to, key, length, value.get_int64());
        return {};
      case json::kind::uint64:
        return BadValue(fmt::format("Parameter {} is beyond 64 bits", number));
      case json::kind::double_:
        bson_append_double(to, key, length, value.get_double());
        return {};
      case json::kind::string: {
        const auto& text = value.get_string();
        bson_append_utf8(to, key, length, text.data(), static_cast<int>(text.size()));
        return {};
      }
      default:
        return BadValue(fmt::format("Parameter {} is no single value", number));
    }
  }

  static Status AppendAs(bson_t* to, const char* key, int length, const json::value& value,
                         std::string_view type, int64_t number) {
    const auto bad = [&] {
      return BadValue(fmt::format("Parameter {} can't be read as {}", number, type));
    };
    if (type == "date" && value.is_int64()) {
      bson_append_date_time(to, key, length, value.get_int64());
      return {};
    }
    if (!value.is_string()) return bad();
    const std::string text(value.get_string());
    if (type == "objectId") {
      bson_oid_t id;
      if (!bson_oid_is_valid(text.data(), text.size())) return bad();
      bson_oid_init_from_string(&id, text.c_str());
      bson_append_oid(to, key, length, &id);
      return {};
    }
    if (type == "decimal") {
      bson_decimal128_t decimal;
      if (!bson_decimal128_from_string(text.c_str(), &decimal)) return bad();
      bson_append_decimal128(to, key, length, &decimal);
      return {};
    }
    if (type == "date") {
      const auto time = ParseTime(text);
      if (!time) return bad();
      bson_append_date_time(to, key, length, time->time_since_epoch().count());
      return {};
    }
    return BadValue(
        fmt::format("'{}' is no type of a placeholder (objectId, decimal, date)", type));
  }

  const json::array& parameters_;
  std::vector<bool> used_;
};

/// True when a stage that writes is anywhere in it.
bool HasWritingStage(const bson_iter_t& first, int depth) {
  bson_iter_t iter = first;
  while (bson_iter_next(&iter)) {
    const std::string_view key = bson_iter_key(&iter);
    if (key == "$out" || key == "$merge") return true;
    bson_iter_t inner;
    if ((BSON_ITER_HOLDS_DOCUMENT(&iter) || BSON_ITER_HOLDS_ARRAY(&iter)) && depth < kMaxDepth &&
        bson_iter_recurse(&iter, &inner) && HasWritingStage(inner, depth + 1)) {
      return true;
    }
  }
  return false;
}

AnswerShape ShapeOf(std::string_view name) {
  if (name == "count") return AnswerShape::kCount;
  if (name == "distinct") return AnswerShape::kValues;
  if (name == "insert" || name == "update" || name == "delete") return AnswerShape::kWrite;
  if (name == "findAndModify" || name == "findandmodify") return AnswerShape::kModify;
  if (name == "find" || name == "aggregate" || name == "listCollections" || name == "listIndexes") {
    return AnswerShape::kRows;
  }
  return AnswerShape::kReply;
}

}  // namespace

Error SyntaxError(std::string_view message, std::string_view statement, size_t offset) {
  offset = std::min(offset, statement.size());
  const auto characters = std::ranges::count_if(statement.substr(0, offset), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
  });
  return InvalidArgument("query.syntax_error", std::string(message))
      .WithStage("query")
      .WithConnector("mongodb")
      .WithDetail("position", static_cast<int64_t>(characters) + 1);
}

Result<Bson> ParseExtendedJson(std::string_view text, std::string_view statement, size_t offset) {
  if (text.size() > kMaxText) return BadValue("The statement is larger than a server takes");
  // The driver's reader says what is wrong with values; this one says where the syntax is wrong.
  json::stream_parser parser({}, {.max_depth = kMaxDepth});
  boost::system::error_code code;
  const size_t read = parser.write_some(text.data(), text.size(), code);
  if (!code && read == text.size()) parser.finish(code);
  if (code)
    return SyntaxError(fmt::format("Not JSON: {}", code.message()), statement, offset + read);
  if (text.substr(read).find_first_not_of(" \t\r\n;") != std::string_view::npos) {
    return SyntaxError("More text after the JSON value", statement, offset + read);
  }
  text = text.substr(0, read);
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || (text[first] != '{' && text[first] != '[')) {
    return SyntaxError("A command is a JSON object, like {\"find\": \"orders\"}", statement,
                       offset + (first == std::string_view::npos ? 0 : first));
  }
  bson_error_t error;
  Bson out(bson_new_from_json(reinterpret_cast<const uint8_t*>(text.data()),
                              static_cast<ssize_t>(text.size()), &error));
  if (out == nullptr) return BadValue(error.message);
  return out;
}

Result<Command> ParseCommand(const connector::Statement& statement,
                             std::string_view default_database) {
  const std::string_view text = statement.text;
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return SyntaxError("The statement is empty", text, 0);
  }
  NSTARX_TRY(Bson given, ParseShell(text));
  if (given == nullptr) {
    NSTARX_TRY(given, ParseExtendedJson(text, text, 0));
    if (text[text.find_first_not_of(" \t\r\n")] == '[') {
      return SyntaxError("A command is a JSON object, like {\"find\": \"orders\"}", text, 0);
    }
  }
  Binder binder(statement.parameters);
  NSTARX_TRY(given, binder.Bind(*given));
  Command out;
  out.database = default_database;
  out.document.reset(bson_new());
  bson_iter_t iter;
  bson_iter_init(&iter, given.get());
  while (bson_iter_next(&iter)) {
    const std::string_view key = bson_iter_key(&iter);
    if (key == "$db") {
      if (!BSON_ITER_HOLDS_UTF8(&iter)) return BadValue("'$db' is not a text");
      out.database = bson_iter_utf8(&iter, nullptr);
      continue;
    }
    if (out.name.empty()) {
      out.name = key;
      if (BSON_ITER_HOLDS_UTF8(&iter)) out.collection = bson_iter_utf8(&iter, nullptr);
    }
    bson_append_iter(out.document.get(), key.data(), static_cast<int>(key.size()), &iter);
  }
  if (out.name.empty()) return SyntaxError("The command is empty", text, 0);
  if (bson_iter_init_find(&iter, out.document.get(), "pipeline")) {
    bson_iter_t stages;
    if (bson_iter_recurse(&iter, &stages) && HasWritingStage(stages, 0)) out.reads_only = false;
  }
  if (out.database.empty()) {
    return InvalidArgument("query.no_database", "The command names no database")
        .WithStage("query")
        .WithConnector("mongodb");
  }
  out.shape = ShapeOf(out.name);
  if (!Among(kReading, out.name)) out.reads_only = false;
  if (!out.reads_only) out.use = Client::Use::kWrite;
  return out;
}

Bson Bounded(const Command& command, const SendOptions& options) {
  const bool find = command.name == "find";
  const bool aggregate = command.name == "aggregate";
  const bool explained = bson_has_field(command.document.get(), "explain");
  int64_t batch = options.batch_size;
  if (options.limit > 0 && (batch == 0 || options.limit < batch)) batch = options.limit;
  Bson out(bson_new());
  bson_iter_t iter;
  bson_iter_init(&iter, command.document.get());
  bool limited = false;
  while (bson_iter_next(&iter)) {
    const std::string_view key = bson_iter_key(&iter);
    if (find && key == "limit" && options.limit > 0) {
      const int64_t own = bson_iter_as_int64(&iter);
      limited = true;
      BSON_APPEND_INT64(out.get(), "limit", own > 0 ? std::min(own, options.limit) : options.limit);
      continue;
    }
    bson_append_iter(out.get(), key.data(), static_cast<int>(key.size()), &iter);
  }
  const auto absent = [&](const char* key) { return !bson_has_field(out.get(), key); };
  if (find && !limited && options.limit > 0) BSON_APPEND_INT64(out.get(), "limit", options.limit);
  if (find && batch > 0 && absent("batchSize")) {
    BSON_APPEND_INT32(out.get(), "batchSize", static_cast<int32_t>(batch));
  }
  if (aggregate && !explained && absent("cursor")) {
    bson_t cursor;
    BSON_APPEND_DOCUMENT_BEGIN(out.get(), "cursor", &cursor);
    if (batch > 0) BSON_APPEND_INT32(&cursor, "batchSize", static_cast<int32_t>(batch));
    bson_append_document_end(out.get(), &cursor);
  }
  if (options.max_time_ms > 0 && Among(kTimed, command.name) && absent("maxTimeMS")) {
    BSON_APPEND_INT64(out.get(), "maxTimeMS", options.max_time_ms);
  }
  if ((find || aggregate) && !options.comment.empty() && absent("comment")) {
    BSON_APPEND_UTF8(out.get(), "comment", options.comment.c_str());
  }
  return out;
}

}  // namespace nstarx::connectors::mongodb
