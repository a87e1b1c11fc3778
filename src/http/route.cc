#include "http/route.h"

#include <charconv>

namespace nstarx::http {
namespace {

Error InvalidParameter(std::string_view name, std::string message) {
  return InvalidArgument("request.invalid_parameter", std::move(message))
      .WithDetail("parameter", name);
}

std::optional<int64_t> ParseInteger(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

Status CheckArgument(const Parameter& parameter, const std::string& value) {
  const std::string& name = parameter.name;
  switch (parameter.type) {
    case ParameterType::kInteger: {
      const auto number = ParseInteger(value);
      const int64_t low = parameter.minimum.value_or(INT64_MIN);
      const int64_t high = parameter.maximum.value_or(INT64_MAX);
      if (!number || *number < low || *number > high) {
        return InvalidParameter(
                   name, fmt::format("'{}' must be a whole number from {} to {}", name, low, high))
            .WithHint(fmt::format("Give {}={} or leave it out.", name,
                                  parameter.default_value.value_or(std::to_string(low))));
      }
      return {};
    }
    case ParameterType::kBoolean:
      if (value == "true" || value == "false") return {};
      return InvalidParameter(name, fmt::format("'{}' must be true or false", name))
          .WithHint(fmt::format("Write {0}=true or {0}=false.", name));
    case ParameterType::kTime:
      if (ParseTime(value)) return {};
      return InvalidParameter(name, fmt::format("'{}' must be a time as of RFC 3339", name))
          .WithHint("For example 2026-11-23T06:00:00Z.");
    case ParameterType::kText:
      break;
  }
  if (CountCharacters(value) > parameter.length_max) {
    return InvalidParameter(
               name, fmt::format("'{}' is longer than {} characters", name, parameter.length_max))
        .WithHint("Shorten it.");
  }
  if (!parameter.values.empty() &&
      std::ranges::find(parameter.values, value) == parameter.values.end()) {
    Error error = InvalidParameter(
        name, fmt::format("'{}' must be one of {}", name, fmt::join(parameter.values, ", ")));
    const auto close = ClosestWord(value, parameter.values);
    error.WithHint(close.empty()
                       ? fmt::format("Known values: {}.", fmt::join(parameter.values, ", "))
                       : fmt::format("Did you mean '{}'?", close));
    return error;
  }
  return {};
}

Error UnknownParameter(const Route& route, std::string_view name) {
  std::vector<std::string> known;
  for (const Parameter& parameter : route.parameters) known.push_back(parameter.name);
  Error error = InvalidArgument("request.unknown_parameter",
                                fmt::format("unknown query parameter '{}'", name))
                    .WithDetail("parameter", name);
  const auto close = ClosestWord(name, known);
  if (!close.empty()) {
    error.WithHint(fmt::format("Did you mean '{}'?", close)).WithDetail("suggestion", close);
  } else if (known.empty()) {
    error.WithHint("This operation takes no query parameters.");
  } else {
    error.WithHint(fmt::format("Known parameters: {}.", fmt::join(known, ", ")));
  }
  return error;
}

}  // namespace

std::string_view Call::Text(std::string_view name) const {
  for (const auto& [key, value] : arguments) {
    if (key == name) return value;
  }
  return {};
}

bool Call::Has(std::string_view name) const {
  return std::ranges::any_of(arguments, [&](const auto& pair) { return pair.first == name; });
}

int64_t Call::Integer(std::string_view name, int64_t fallback) const {
  return ParseInteger(Text(name)).value_or(fallback);
}

bool Call::Boolean(std::string_view name) const { return Text(name) == "true"; }

std::optional<TimePoint> Call::Time(std::string_view name) const {
  if (!Has(name)) return std::nullopt;
  auto time = ParseTime(Text(name));
  return time ? std::optional(*time) : std::nullopt;
}

Result<Arguments> ReadArguments(const Route& route, std::string_view query) {
  Arguments out;
  const auto has = [&](std::string_view name) {
    return std::ranges::find(out, name, &Arguments::value_type::first) != out.end();
  };
  std::string_view rest = query;
  while (!rest.empty()) {
    const size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    auto name = PercentDecode(pair.substr(0, equals), true);
    auto value =
        PercentDecode(equals == pair.npos ? std::string_view() : pair.substr(equals + 1), true);
    if (!name || !value) {
      return InvalidArgument("request.malformed_target",
                             "the query string has a broken escape or is not UTF-8")
          .WithHint("Percent-encode the values as UTF-8.");
    }
    const auto& known = route.parameters;
    const auto parameter = std::ranges::find(known, *name, &Parameter::name);
    if (parameter == known.end()) return UnknownParameter(route, *name);
    if (has(*name)) {
      return InvalidArgument("request.repeated_parameter",
                             fmt::format("query parameter '{}' is there twice", *name))
          .WithDetail("parameter", *name)
          .WithHint("Give each parameter once.");
    }
    NSTARX_RETURN_IF_ERROR(CheckArgument(*parameter, *value));
    out.emplace_back(std::move(*name), std::move(*value));
  }
  for (const Parameter& parameter : route.parameters) {
    if (has(parameter.name)) continue;
    if (parameter.required) {
      return InvalidArgument("request.missing_parameter",
                             fmt::format("query parameter '{}' is missing", parameter.name))
          .WithDetail("parameter", parameter.name)
          .WithHint(fmt::format("Add ?{}=…: {}", parameter.name, parameter.description));
    }
    if (parameter.default_value) {
      out.emplace_back(parameter.name, *parameter.default_value);
    }
  }
  return out;
}

Response JsonResponse(int status, const json::value& value) {
  Response response;
  response.status = status;
  response.content_type = "application/json";
  response.body = json::serialize(value);
  return response;
}

Response NoContent() {
  Response response;
  response.status = 204;
  return response;
}

std::vector<Route> AllRoutes() {
  std::vector<Route> table;
  AddConnectionRoutes(table);
  AddDataRoutes(table);
  AddStreamRoutes(table);
  AddMetadataRoutes(table);
  AddObjectRoutes(table);
  AddTemplateRoutes(table);
  AddDriverRoutes(table);
  AddCallerRoutes(table);
  AddSystemRoutes(table);
  return table;
}

}  // namespace nstarx::http
