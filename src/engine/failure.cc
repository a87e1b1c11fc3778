#include "engine/failure.h"

#include <charconv>

namespace nstarx::engine {
namespace {

using Kind = EngineFailure::Kind;

bool Has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// The first paragraph: what follows repeats the statement.
std::string FirstParagraph(std::string_view message) {
  for (const std::string_view end : {"\n\nLINE ", "\nLINE "}) {
    message = message.substr(0, message.find(end));
  }
  std::string text(message.substr(0, 1000));
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

bool RepeatsParameter(std::string_view message, const json::array& parameters) {
  return std::ranges::any_of(parameters, [&](const json::value& value) {
    return value.is_string() && !value.get_string().empty() &&
           Has(message, std::string_view(value.get_string()));
  });
}

struct Named {
  ErrorKind kind;
  const char* code;
};

Named NameOf(const EngineFailure& failure) {
  const std::string_view text = failure.message;
  constexpr auto kInput = ErrorKind::kInvalidArgument;
  switch (failure.kind) {
    case Kind::kParser:
      return {kInput, "query.syntax_error"};
    case Kind::kCatalog:
    case Kind::kBinder:
      if (Has(text, "Table with name")) return {ErrorKind::kNotFound, "query.undefined_table"};
      if (Has(text, "Function with name") || Has(text, "No function matches")) {
        return {kInput, "query.undefined_function"};
      }
      if (Has(text, "Referenced column") || Has(text, "does not have a column named")) {
        return {kInput, "query.undefined_column"};
      }
      return {kInput, failure.kind == Kind::kCatalog ? "query.undefined_object"
                                                     : "query.invalid_statement"};
    case Kind::kIo:
      if (Has(text, "No files found")) return {ErrorKind::kNotFound, "query.undefined_table"};
      return {kInput, "query.unreadable_file"};
    case Kind::kValue:
      return {kInput, "query.invalid_value"};
    case Kind::kPermission:
      return {ErrorKind::kPermissionDenied, "query.not_allowed"};
    case Kind::kMemory:
      return {ErrorKind::kResourceExhausted, "query.out_of_memory"};
    case Kind::kInterrupt:
      return {ErrorKind::kCancelled, "query.cancelled"};
    case Kind::kUnsupported:
      return {kInput, "query.not_supported"};
    case Kind::kParameters:
      return {kInput, "query.invalid_parameters"};
    case Kind::kInternal:
      return {ErrorKind::kInternal, "query.engine_failed"};
    case Kind::kOther:
      break;
  }
  return {kInput, "query.failed"};
}

}  // namespace

Error FromEngineFailure(const EngineFailure& failure, const connector::Statement& statement) {
  const Named named = NameOf(failure);
  std::string message = FirstParagraph(failure.message);
  if (failure.kind == Kind::kInterrupt) message = "The query was cancelled";
  if (failure.kind == Kind::kPermission && Has(message, "xtension")) {
    message = "Only the connection's own files can be read, and no extension can be loaded";
  }
  if (message.empty()) message = "The query failed";
  if (RepeatsParameter(message, statement.parameters)) {
    message = "A parameter's value does not fit where it is used";
  }
  Error error(named.kind, named.code, std::move(message));
  error.WithStage("query");
  int64_t offset = -1;
  const char* end = failure.position.data() + failure.position.size();
  const auto read = std::from_chars(failure.position.data(), end, offset);
  if (read.ec == std::errc() && read.ptr == end && offset >= 0 &&
      offset <= static_cast<int64_t>(statement.text.size())) {
    // Characters, not bytes, from 1, as other systems count.
    int64_t position = 1;
    for (int64_t i = 0; i < offset; ++i) {
      if ((static_cast<unsigned char>(statement.text[static_cast<size_t>(i)]) & 0xC0) != 0x80) {
        ++position;
      }
    }
    error.WithDetail("position", position);
  }
  return error;
}

}  // namespace nstarx::engine
