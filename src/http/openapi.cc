#include "http/openapi.h"

#include "result/encode.h"

namespace nstarx::http {
namespace {

json::object Reference(std::string_view component) {
  return {{"$ref", "#/components/schemas/" + std::string(component)}};
}

json::object SchemaOf(const Parameter& parameter) {
  json::object schema;
  switch (parameter.type) {
    case ParameterType::kText:
      schema["type"] = "string";
      if (parameter.values.empty()) schema["maxLength"] = parameter.length_max;
      break;
    case ParameterType::kInteger:
      schema["type"] = "integer";
      break;
    case ParameterType::kBoolean:
      schema["type"] = "boolean";
      break;
    case ParameterType::kTime:
      schema["type"] = "string";
      schema["format"] = "date-time";
      break;
  }
  if (!parameter.values.empty()) {
    schema["enum"] = json::array(parameter.values.begin(), parameter.values.end());
  }
  if (parameter.minimum) schema["minimum"] = *parameter.minimum;
  if (parameter.maximum) schema["maximum"] = *parameter.maximum;
  if (parameter.default_value) {
    if (parameter.type == ParameterType::kInteger) {
      schema["default"] = std::stoll(*parameter.default_value);
    } else if (parameter.type == ParameterType::kBoolean) {
      schema["default"] = *parameter.default_value == "true";
    } else {
      schema["default"] = *parameter.default_value;
    }
  }
  return schema;
}

json::object HeaderParameter(std::string_view name, std::string_view description,
                             json::object schema) {
  schema["type"] = "string";
  return {{"name", name},
          {"in", "header"},
          {"required", false},
          {"description", description},
          {"schema", std::move(schema)}};
}

json::array ParametersOf(const Route& route) {
  json::array out;
  std::string_view path = route.path;
  for (size_t open = path.find('{'); open != path.npos; open = path.find('{', open + 1)) {
    std::string_view name = path.substr(open + 1, path.find('}', open) - open - 1);
    const bool tail = name.ends_with("...");
    if (tail) name.remove_suffix(3);
    json::object row{{"name", name},
                     {"in", "path"},
                     {"required", true},
                     {"schema", {{"type", "string"}, {"minLength", 1}}}};
    if (name == "ref") row["description"] = "id or name";
    if (tail) row["description"] = "the rest of the path; slashes may stand as they are";
    out.push_back(std::move(row));
  }
  for (const Parameter& parameter : route.parameters) {
    out.push_back({{"name", parameter.name},
                   {"in", "query"},
                   {"required", parameter.required},
                   {"description", parameter.description},
                   {"schema", SchemaOf(parameter)}});
  }
  if (route.idempotent_key) {
    out.push_back(HeaderParameter("Idempotency-Key",
                                  "A repeat with the same key gives the first answer, for 24 h.",
                                  {{"pattern", "^[!-~]+$"}, {"maxLength", 255}}));
  }
  if (route.preconditions && route.method == Method::kGet) {
    out.push_back(HeaderParameter("If-None-Match", "304 when the ETag is still this.", {}));
  } else if (route.preconditions) {
    out.push_back(HeaderParameter("If-Match", "412 when the ETag is no longer this.", {}));
  }
  return out;
}

json::object RequestBodyOf(const Route& route) {
  json::object content;
  if (route.body == BodyKind::kBytes) {
    for (const auto& media : route.request_media) {
      content[media] = json::object{{"schema", json::object()}};
    }
    if (!route.request_schema.empty()) {
      content["application/json"] = json::object{{"schema", Reference(route.request_schema)}};
    }
  } else {
    json::object media{{"schema", Reference(route.request_schema)}};
    json::object examples;
    for (const std::string& text : route.request_examples) {
      auto value = ParseJson(text);
      NSTARX_CHECK(value.has_value());
      const std::string_view name =
          value->is_object() ? GetString(value->get_object(), "name") : std::string_view();
      examples[name.empty() ? std::string("example") : std::string(name)] =
          json::object{{"value", *value}};
    }
    if (!examples.empty()) media["examples"] = std::move(examples);
    content["application/json"] = std::move(media);
  }
  return {{"required", true}, {"content", std::move(content)}};
}

json::object SuccessOf(const Route& route) {
  json::object response{{"description", route.summary}};
  json::object content;
  if (!route.response_schema.empty()) {
    content["application/json"] = json::object{{"schema", Reference(route.response_schema)}};
  }
  for (const auto& media : route.response_media) {
    content[media] = json::object{{"schema", json::object()}};
  }
  if (!content.empty() && route.method != Method::kHead) response["content"] = std::move(content);
  if (route.preconditions && route.method != Method::kDelete) {
    response["headers"] = json::object{
        {"ETag", {{"description", "the version, quoted"}, {"schema", {{"type", "string"}}}}}};
  }
  return response;
}

json::object ResponsesOf(const Route& route) {
  json::object out;
  out[std::to_string(route.success)] = SuccessOf(route);
  if (route.method == Method::kGet && route.path.ends_with("{key...}")) {
    json::object partial = SuccessOf(route);
    partial["description"] = "The part that Range asks for.";
    out["206"] = std::move(partial);
  }
  if (route.preconditions && route.method == Method::kGet) {
    out["304"] = json::object{{"description", "Not changed since the ETag in If-None-Match."}};
  }
  json::object problem{{"description", "What went wrong, with a stable code and what to do."}};
  if (route.method != Method::kHead) {
    problem["content"] =
        json::object{{"application/problem+json", {{"schema", Reference("Problem")}}}};
  }
  out["default"] = std::move(problem);
  return out;
}

std::string PathKey(const Route& route) {
  std::string path = route.path;
  if (const size_t dots = path.find("...}"); dots != path.npos) path.erase(dots, 3);
  return path;
}

std::string LowerCase(std::string_view method) {
  std::string out(method);
  for (char& c : out) c = static_cast<char>(c | 0x20);
  return out;
}

}  // namespace

json::object OpenApiDocument(const std::vector<Route>& table, const Schemas& schemas) {
  json::object paths;
  for (const Route& route : table) {
    json::object operation;
    operation["operationId"] = route.operation;
    operation["tags"] = json::array{route.tag};
    operation["summary"] = route.summary;
    std::string description = route.description;
    if (!route.permission.empty()) {
      description +=
          fmt::format("{}Permission: {}.", description.empty() ? "" : "\n\n", route.permission);
    }
    if (!description.empty()) operation["description"] = description;
    if (auto parameters = ParametersOf(route); !parameters.empty()) {
      operation["parameters"] = std::move(parameters);
    }
    if (route.body != BodyKind::kNone) operation["requestBody"] = RequestBodyOf(route);
    operation["responses"] = ResponsesOf(route);
    if (route.access == Access::kAnybody || route.access == Access::kLoopback) {
      operation["security"] = json::array();
    }
    json::value& item = paths[PathKey(route)];
    if (!item.is_object()) item = json::object();
    item.get_object()[LowerCase(ToString(route.method))] = std::move(operation);
  }
  json::object document;
  document["openapi"] = "3.1.0";
  document["info"] = json::object{
      {"title", "NStarX Connections"},
      {"version", NSTARX_VERSION},
      {"description",
       "Register a data source once, use it everywhere. Errors are RFC 9457 problem documents with "
       "a stable `code`. An answer that fails in mid-stream ends with the trailer `nstarx-error` "
       "(a percent-encoded problem document) for clients that send `TE: trailers`, and is cut off "
       "for all others."},
      {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}};
  document["servers"] = json::array{json::object{{"url", "/"}}};
  document["security"] = json::array{json::object{{"apiKey", json::array()}}};
  document["paths"] = std::move(paths);
  document["components"] = json::object{
      {"schemas", schemas.all()},
      {"securitySchemes",
       {{"apiKey",
         {{"type", "http"}, {"scheme", "bearer"}, {"description", "An API key: nsx_…"}}}}}};
  return document;
}

}  // namespace nstarx::http
