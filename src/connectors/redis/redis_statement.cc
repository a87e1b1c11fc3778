#include "connectors/redis/redis_statement.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "connectors/redis/redis_errors.h"

namespace nstarx::connectors::redis {
namespace {

using enum ErrorKind;
constexpr size_t kMaxCommands = 10'000;
constexpr size_t kMaxArguments = 1'000'000;

struct Token {
  std::string text;
  size_t position = 0;  ///< byte offset
  bool quoted = false;
};

using Line = std::vector<Token>;

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Error SyntaxError(std::string_view text, size_t at, std::string_view what) {
  const auto characters = std::count_if(text.begin(), text.begin() + static_cast<ptrdiff_t>(at),
                                        [](char c) { return (c & 0xC0) != 0x80; });
  return QueryError(kInvalidArgument, "query.syntax_error", std::string(what))
      .WithDetail("position", static_cast<int64_t>(characters) + 1);
}

/// Cuts a text into lines of tokens.
class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  Result<std::vector<Line>> Split() {
    std::vector<Line> lines;
    size_t arguments = 0;
    while (at_ < text_.size()) {
      NSTARX_TRY(Line line, OneLine());
      arguments += line.size();
      if (!line.empty()) lines.push_back(std::move(line));
      if (lines.size() > kMaxCommands || arguments > kMaxArguments) {
        return QueryError(kInvalidArgument, "query.too_large", "The request has too many commands");
      }
    }
    return lines;
  }

 private:
  Result<Line> OneLine() {
    Line line;
    for (;;) {
      while (at_ < text_.size() && IsBlank(text_[at_])) ++at_;
      if (at_ == text_.size()) return line;
      if (text_[at_] == '\n') {
        ++at_;
        return line;
      }
      if (line.empty() && (text_[at_] == '#' || text_.substr(at_).starts_with("--"))) {
        at_ = std::min(text_.find('\n', at_), text_.size());
        continue;
      }
      NSTARX_TRY(Token token, OneToken());
      line.push_back(std::move(token));
    }
  }

  Result<Token> OneToken() {
    Token token;
    token.position = at_;
    while (at_ < text_.size() && !IsBlank(text_[at_]) && text_[at_] != '\n') {
      const char c = text_[at_];
      if (c != '"' && c != '\'') {
        token.text.push_back(c);
        ++at_;
        continue;
      }
      token.quoted = true;
      NSTARX_RETURN_IF_ERROR(Quoted(c, &token.text));
    }
    return token;
  }

  Status Quoted(char quote, std::string* out) {
    const size_t begin = at_++;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == quote) {
        ++at_;
        const bool ends = at_ == text_.size() || IsBlank(text_[at_]) || text_[at_] == '\n';
        if (ends) return {};
        return SyntaxError(text_, at_, "A blank must follow the closing quote");
      }
      if (c == '\\' && at_ + 1 < text_.size()) {
        Escape(quote, out);
      } else {
        out->push_back(c);
      }
    }
    return SyntaxError(text_, begin, "This quote is never closed");
  }

  void Escape(char quote, std::string* out) {
    const char next = text_[at_ + 1];
    if (quote == '\'') {
      if (next == '\'') ++at_;
      out->push_back(text_[at_]);
      return;
    }
    if (next == 'x' && at_ + 3 < text_.size() && HexDigit(text_[at_ + 2]) >= 0 &&
        HexDigit(text_[at_ + 3]) >= 0) {
      out->push_back(static_cast<char>(HexDigit(text_[at_ + 2]) * 16 + HexDigit(text_[at_ + 3])));
      at_ += 3;
      return;
    }
    ++at_;
    constexpr std::string_view kLetters = "nrtba";
    constexpr std::string_view kBytes = "\n\r\t\b\a";
    const size_t known = kLetters.find(next);
    out->push_back(known == std::string_view::npos ? next : kBytes[known]);
  }

  std::string_view text_;
  size_t at_ = 0;
};

Result<std::string> ParameterText(const json::value& value, size_t number) {
  switch (value.kind()) {
    case json::kind::bool_:
      return std::string(value.get_bool() ? "1" : "0");
    case json::kind::int64:
      return std::to_string(value.get_int64());
    case json::kind::uint64:
      return std::to_string(value.get_uint64());
    case json::kind::double_:
      return fmt::format("{}", value.get_double());
    case json::kind::string:
      return std::string(value.get_string());
    default:
      return QueryError(
          kInvalidArgument, "query.parameter_type",
          fmt::format("Parameter {} is no boolean, number or text; Redis has no NULL", number + 1));
  }
}

/// Puts the parameters into the places of the tokens that stand for them.
class Binder {
 public:
  explicit Binder(const json::array& parameters)
      : parameters_(parameters), used_(parameters.size(), false) {}

  /// The parameter of that number (from 1).
  Result<std::string> Take(int64_t number) {
    if (number < 1 || number > std::ssize(used_)) return WrongCount();
    const auto at = static_cast<size_t>(number - 1);
    used_[at] = true;
    return ParameterText(parameters_[at], at);
  }

  Result<std::string> Bind(Token& token) {
    if (parameters_.empty() || token.quoted) return std::move(token.text);
    size_t number = 0;
    if (token.text == "?") {
      number = next_++;
    } else if (token.text.size() > 1 && token.text[0] == '$') {
      const char* end = token.text.data() + token.text.size();
      const auto [stop, failure] = std::from_chars(token.text.data() + 1, end, number);
      if (failure != std::errc() || stop != end || number == 0) return std::move(token.text);
      --number;
    } else {
      return std::move(token.text);
    }
    if (number >= parameters_.size()) return WrongCount();
    used_[number] = true;
    return ParameterText(parameters_[number], number);
  }

  Status Finish() const {
    if (std::ranges::find(used_, false) != used_.end()) return WrongCount();
    return {};
  }

 private:
  Error WrongCount() const {
    return QueryError(kInvalidArgument, "query.parameter_count",
                      fmt::format("{} parameters were given, but the statement uses another number",
                                  parameters_.size()));
  }
  const json::array& parameters_;
  std::vector<bool> used_;
  size_t next_ = 0;
};

Result<Line> JsonLine(std::string_view text, const json::array& words, Binder* binder) {
  Line line;
  for (const json::value& word : words) {
    Token token;
    const json::object* object = word.if_object();
    const json::value* number = object == nullptr ? nullptr : object->if_contains("$param");
    if (number != nullptr && number->is_int64() && object->size() == 1) {
      NSTARX_TRY(token.text, binder->Take(number->get_int64()));
    } else if (word.is_structured() || word.is_null()) {
      return SyntaxError(text, 0,
                         "Words of a command are text, numbers, booleans or {\"$param\": n}");
    } else {
      NSTARX_TRY(token.text, ParameterText(word, 0));
    }
    line.push_back(std::move(token));
  }
  if (line.empty()) return SyntaxError(text, 0, "A command needs a name");
  return line;
}

/// ["GET", "key"], or an array of such arrays.
Result<std::vector<Line>> JsonLines(std::string_view text, Binder* binder) {
  auto parsed = ParseJson(text);
  if (!parsed) {
    const json::value* offset = parsed.error().details().if_contains("offset");
    const auto at = offset == nullptr ? 0 : offset->to_number<size_t>();
    return SyntaxError(text, std::min(at, text.size()), parsed.error().message());
  }
  const json::array& top = parsed->as_array();
  std::vector<Line> lines;
  const bool several = !top.empty() && top[0].is_array();
  if (top.size() > (several ? kMaxCommands : kMaxArguments)) {
    return QueryError(kInvalidArgument, "query.too_large", "The request has too many commands");
  }
  if (!several) {
    NSTARX_TRY(Line line, JsonLine(text, top, binder));
    lines.push_back(std::move(line));
    return lines;
  }
  for (const json::value& command : top) {
    if (!command.is_array()) return SyntaxError(text, 0, "Each command must be an array");
    NSTARX_TRY(Line line, JsonLine(text, command.get_array(), binder));
    lines.push_back(std::move(line));
  }
  return lines;
}

Result<TableField> ParseField(std::string_view text, std::string_view whole, size_t at) {
  constexpr std::pair<std::string_view, ColumnType> kTypes[] = {{":int", ColumnType::kInteger},
                                                                {":double", ColumnType::kDouble},
                                                                {":text", ColumnType::kText},
                                                                {":binary", ColumnType::kBinary}};
  TableField field;
  for (const auto& [suffix, type] : kTypes) {
    if (!text.ends_with(suffix)) continue;
    field.type = type;
    text.remove_suffix(suffix.size());
    break;
  }
  if (text.empty()) return SyntaxError(whole, at, "FIELDS needs names, as in FIELDS id:int,name");
  field.name = text;
  return field;
}

Result<TableScan> ParseTable(std::string_view whole, const Line& line, const Arguments& arguments) {
  if (arguments.size() < 2) {
    return SyntaxError(whole, line[0].position, "TABLE needs a pattern, as in TABLE user:*");
  }
  TableScan scan;
  scan.pattern = arguments[1];
  for (size_t at = 2; at < arguments.size(); ++at) {
    const std::string word = Upper(arguments[at]);
    if (word == "SORTED") {
      scan.sorted = true;
      continue;
    }
    const size_t place = line[at].position;
    if (word != "DB" && word != "TYPE" && word != "FIELDS") {
      return SyntaxError(whole, place, "TABLE knows DB, TYPE, FIELDS and SORTED");
    }
    if (++at == arguments.size()) return SyntaxError(whole, place, word + " needs a value");
    const std::string& value = arguments[at];
    if (word == "TYPE") {
      scan.type = value;
    } else if (word == "DB") {
      int64_t number = -1;
      const auto [end, failure] =
          std::from_chars(value.data(), value.data() + value.size(), number);
      if (failure != std::errc() || end != value.data() + value.size() || number < 0) {
        return SyntaxError(whole, line[at].position, "DB needs a number");
      }
      scan.database = number;
    } else {
      size_t begin = 0;
      while (begin <= value.size()) {
        const size_t end = std::min(value.find(',', begin), value.size());
        NSTARX_TRY(TableField field, ParseField(std::string_view(value).substr(begin, end - begin),
                                                whole, line[at].position));
        scan.fields.push_back(std::move(field));
        begin = end + 1;
      }
    }
  }
  return scan;
}

}  // namespace

std::string Upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

std::string EscapePattern(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("*?[]\\^").find(c) != std::string_view::npos) out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

std::string UnescapePattern(std::string_view pattern) {
  std::string out;
  for (size_t at = 0; at < pattern.size(); ++at) {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
    out.push_back(pattern[at]);
  }
  return out;
}

Result<Parsed> ParseStatement(std::string_view text, const json::array& parameters) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  const bool is_json = begin != std::string_view::npos && text[begin] == '[';
  Parsed parsed;
  Binder binder(parameters);
  std::vector<Line> lines;
  if (is_json) {
    NSTARX_TRY(lines, JsonLines(text, &binder));
  } else {
    NSTARX_TRY(lines, Splitter(text).Split());
  }
  if (lines.empty()) return SyntaxError(text, 0, "The statement is empty");
  for (Line& line : lines) {
    if (parsed.table) {
      return SyntaxError(text, line[0].position, "TABLE must be the only statement");
    }
    parsed.binary = line.size() > 1 && !line[0].quoted && Upper(line[0].text) == "BINARY";
    if (parsed.binary) line.erase(line.begin());
    Arguments arguments;
    for (Token& token : line) {
      if (is_json) {
        arguments.push_back(std::move(token.text));
        continue;
      }
      NSTARX_TRY(std::string argument, binder.Bind(token));
      arguments.push_back(std::move(argument));
    }
    if (Upper(arguments[0]) != "TABLE") {
      parsed.commands.push_back(std::move(arguments));
      continue;
    }
    if (!parsed.commands.empty()) {
      return SyntaxError(text, line[0].position, "TABLE must be the only statement");
    }
    NSTARX_TRY(parsed.table, ParseTable(text, line, arguments));
  }
  NSTARX_RETURN_IF_ERROR(binder.Finish());
  return parsed;
}

}  // namespace nstarx::connectors::redis
