#include "cli/draft.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/percent.h"

namespace nstarx::cli {
namespace {

FormField ReadField(std::string_view name, const json::object& row) {
  FormField field{.name = std::string(name)};
  field.type = GetString(row, "type", "string");
  field.title = GetString(row, "title", name);
  field.description = GetString(row, "description");
  field.group = GetString(row, "x-group", "basic");
  field.env = GetString(row, "x-env");
  field.secret = GetBool(row, "x-secret", false);
  field.order = GetInt(row, "x-order", 1000);
  if (const json::value* value = row.if_contains("default")) field.default_value = *value;
  for (const char* key : {"enum", "examples"}) {
    const json::value* list = row.if_contains(key);
    if (list == nullptr || !list->is_array()) continue;
    for (const json::value& item : list->get_array()) {
      if (std::string_view(key) == "enum") {
        field.values.push_back(CellOf(item));
      } else if (field.example.empty()) {
        field.example = CellOf(item);
      }
    }
  }
  return field;
}

std::vector<FormField> ReadFields(const json::object& section) {
  std::vector<FormField> fields;
  const json::value* properties = section.if_contains("properties");
  if (properties == nullptr || !properties->is_object()) return fields;
  std::vector<std::string> required;
  if (const json::value* list = section.if_contains("required"); list && list->is_array()) {
    for (const json::value& item : list->get_array()) required.push_back(CellOf(item));
  }
  for (const auto& [name, row] : properties->get_object()) {
    if (!row.is_object() || row.get_object().contains("const")) continue;
    FormField field = ReadField(name, row.get_object());
    field.required = std::ranges::find(required, field.name) != required.end();
    fields.push_back(std::move(field));
  }
  std::ranges::stable_sort(fields, {}, &FormField::order);
  return fields;
}

FormMethod ReadMethod(const json::object& row) {
  FormMethod method{.title = std::string(GetString(row, "title")), .fields = ReadFields(row)};
  if (const json::value* properties = row.if_contains("properties");
      properties && properties->is_object()) {
    method.type = CellAt(properties->get_object(), "type.const");
  }
  return method;
}

bool IsReference(std::string_view text) { return text.find("${") != text.npos; }

json::object& Part(json::object& draft, std::string_view key) {
  json::value& part = draft[key];
  if (!part.is_object()) part = json::object();
  return part.get_object();
}

struct Assignment {
  std::string name;
  std::string value;
};

Result<Assignment> ReadAssignment(std::string_view text, std::string_view flag) {
  const size_t equals = text.find('=');
  if (equals == text.npos || equals == 0) {
    return InvalidArgument("usage.wrong_value",
                           fmt::format("{} takes KEY=VALUE, not '{}'", flag, text));
  }
  return Assignment{std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

void WarnOfSecret(Session& session, std::string_view name) {
  session.Note(fmt::format(
      "note: the value of {0} is visible in the process list and in your shell's history; "
      "{0}=env:NAME, {0}=file:PATH or {0}=- keep it out.",
      name));
}

Status SetAuthentication(Session& session, const Form& form, const Assignment& given,
                         json::object& draft) {
  json::object& authentication = Part(draft, "authentication");
  NSTARX_TRY(std::string text, ReadIndirect(session, given.name, given.value));
  const std::string method(GetString(authentication, "type"));
  const FormField* field = form.FindAuthentication(given.name, method);
  const bool plain = text == given.value && !IsReference(text);
  if (field == nullptr) {
    authentication[given.name] = text;  // the server knows what is near to it
    return {};
  }
  if (field->secret && plain && !text.empty()) WarnOfSecret(session, given.name);
  NSTARX_TRY(authentication[given.name], ValueFor(*field, text));
  return {};
}

Status SetField(Session& session, const Form& form, const Assignment& given, json::object& draft) {
  const FormField* field = form.FindConfiguration(given.name);
  if (field == nullptr && form.FindAuthentication(given.name, "") != nullptr) {
    return SetAuthentication(session, form, given, draft);
  }
  if (given.name.starts_with("pooling.") || given.name.starts_with("ssl.")) {
    const size_t dot = given.name.find('.');
    auto parsed = ParseJson(given.value);
    const bool scalar = parsed && (parsed->is_number() || parsed->is_bool());
    Part(draft, given.name.substr(0, dot))[given.name.substr(dot + 1)] =
        scalar ? *parsed : json::value(given.value);
    return {};
  }
  json::object& configuration = Part(draft, "configuration");
  if (field == nullptr) {
    configuration[given.name] = given.value;
    return {};
  }
  NSTARX_TRY(configuration[given.name], ValueFor(*field, given.value));
  return {};
}

}  // namespace

Form Form::FromSpec(const json::object& spec) {
  Form form{.type = std::string(GetString(spec, "type")),
            .title = std::string(GetString(spec, "title"))};
  if (const json::value* section = spec.if_contains("configuration");
      section && section->is_object()) {
    form.configuration = ReadFields(section->get_object());
  }
  if (const json::value* section = spec.if_contains("authentication");
      section && section->is_object()) {
    const json::value* methods = section->get_object().if_contains("oneOf");
    if (methods != nullptr && methods->is_array()) {
      for (const json::value& row : methods->get_array()) {
        if (row.is_object()) form.methods.push_back(ReadMethod(row.get_object()));
      }
    }
  }
  if (const json::value* templates = spec.if_contains("templates");
      templates && templates->is_array()) {
    for (const json::value& row : templates->get_array()) {
      if (row.is_object()) form.templates.push_back(row.get_object());
    }
  }
  if (const json::value* tls = spec.if_contains("tls"); tls && tls->is_object()) {
    form.tls = true;
    form.tls_default = GetString(tls->get_object(), "default_mode");
  }
  return form;
}

const FormField* Form::FindConfiguration(std::string_view name) const {
  const auto found = std::ranges::find(configuration, name, &FormField::name);
  return found == configuration.end() ? nullptr : &*found;
}

const FormField* Form::FindAuthentication(std::string_view name, std::string_view method) const {
  for (const FormMethod& row : methods) {
    if (!method.empty() && row.type != method) continue;
    const auto found = std::ranges::find(row.fields, name, &FormField::name);
    if (found != row.fields.end()) return &*found;
  }
  return nullptr;
}

const FormMethod* Form::FindMethod(std::string_view wanted) const {
  const auto found = std::ranges::find(methods, wanted, &FormMethod::type);
  return found == methods.end() ? nullptr : &*found;
}

Result<Form> FetchForm(Api& api, std::string_view type) {
  NSTARX_TRY(const json::object spec, api.Get("/connection-types/" + PercentEncode(type)));
  return Form::FromSpec(spec);
}

Result<json::value> ValueFor(const FormField& field, std::string_view text) {
  if (field.type == "string" || IsReference(text)) return json::value(text);
  const auto wrong = [&](std::string_view what) {
    return InvalidArgument("config.wrong_type", fmt::format("{} takes {}, not '{}'", field.name,
                                                            what, field.secret ? "…" : text))
        .WithDetail("field", field.name)
        .WithHint(
            fmt::format("Give {}, or ${{NAME}} to take it from the server's environment.", what));
  };
  if (field.type == "integer") {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return wrong("a whole number");
    return json::value(number);
  }
  if (field.type == "boolean") {
    for (const char* yes : {"true", "yes", "y", "on", "1"}) {
      if (text == yes) return json::value(true);
    }
    for (const char* no : {"false", "no", "n", "off", "0"}) {
      if (text == no) return json::value(false);
    }
    return wrong("yes or no");
  }
  auto parsed = ParseJson(text);
  if (field.type == "number") {
    if (!parsed || !parsed->is_number()) return wrong("a number");
    return std::move(*parsed);
  }
  if (field.type == "array" && (!parsed || !parsed->is_array())) {
    json::array items;  // a,b,c
    while (!text.empty()) {
      const size_t comma = text.find(',');
      items.emplace_back(text.substr(0, comma));
      text.remove_prefix(comma == text.npos ? text.size() : comma + 1);
    }
    return json::value(std::move(items));
  }
  if (field.type == "object" && (!parsed || !parsed->is_object())) return wrong("a JSON object");
  return std::move(*parsed);
}

Result<std::string> ReadIndirect(Session& session, std::string_view name, std::string_view text) {
  if (text.starts_with("env:")) {
    const std::string variable(text.substr(4));
    const char* value = std::getenv(variable.c_str());
    if (value == nullptr) {
      return InvalidArgument("config.unset_variable",
                             fmt::format("the environment variable {} is not set", variable));
    }
    return std::string(value);
  }
  if (text.starts_with("file:")) {
    const std::string path(text.substr(5));
    std::ifstream file(path);
    std::stringstream content;
    content << file.rdbuf();
    if (!file) {
      return InvalidArgument("client.file_unreadable",
                             fmt::format("cannot read the file {}", path));
    }
    std::string value = std::move(content).str();
    // The line end that editors add is no part of a password; a PEM file keeps its lines.
    if (value.ends_with('\n') && value.find('\n') == value.size() - 1) value.pop_back();
    if (value.ends_with('\r')) value.pop_back();
    return value;
  }
  if (text == "-") {
    Console& console = session.console();
    if (console.input_is_terminal()) {
      NSTARX_TRY(const Secret secret, console.ReadSecret(fmt::format("{}: ", name)));
      return std::string(secret.Reveal());
    }
    return console.ReadLine("");
  }
  return std::string(text);
}

Status ApplyFlags(Session& session, const Arguments& arguments, const Form& form,
                  json::object& draft) {
  // The method first: its fields are looked up by it.
  for (const std::string& given : arguments.All("auth")) {
    if (given.find('=') != given.npos) continue;
    if (form.FindMethod(given) == nullptr && !form.methods.empty()) {
      std::vector<std::string> known;
      for (const FormMethod& method : form.methods) known.push_back(method.type);
      return InvalidArgument("usage.wrong_value",
                             fmt::format("{} has no authentication method '{}'", form.type, given))
          .WithHint(fmt::format("It has: {}.", fmt::join(known, ", ")));
    }
    Part(draft, "authentication")["type"] = given;
  }
  for (const std::string& given : arguments.All("set")) {
    NSTARX_TRY(const Assignment assignment, ReadAssignment(given, "--set"));
    NSTARX_RETURN_IF_ERROR(SetField(session, form, assignment, draft));
  }
  for (const std::string& given : arguments.All("auth")) {
    if (given.find('=') == given.npos) continue;
    NSTARX_TRY(const Assignment assignment, ReadAssignment(given, "--auth"));
    NSTARX_RETURN_IF_ERROR(SetAuthentication(session, form, assignment, draft));
  }
  if (arguments.Has("ssl-mode")) {
    const std::string mode = arguments.Text("ssl-mode");
    json::object& ssl = Part(draft, "ssl");
    ssl["enabled"] = mode != "disable";
    if (mode == "disable") {
      ssl.erase("mode");
    } else {
      ssl["mode"] = mode;
    }
  }
  if (arguments.Has("ssl-ca")) {
    NSTARX_TRY(const std::string pem,
               ReadIndirect(session, "ssl-ca", "file:" + arguments.Text("ssl-ca")));
    Part(draft, "ssl")["certificate"] = pem;
  }
  if (arguments.Has("tag")) {
    json::array tags;
    for (const std::string& tag : arguments.All("tag")) tags.emplace_back(tag);
    Part(draft, "metadata")["tags"] = std::move(tags);
  }
  if (arguments.Has("description")) {
    Part(draft, "metadata")["description"] = arguments.Text("description");
  }
  if (arguments.Has("scope")) Part(draft, "sharing")["scope"] = arguments.Text("scope");
  if (arguments.Has("team")) Part(draft, "sharing")["team"] = arguments.Text("team");
  return {};
}

Option TemplateOption() {
  return {.name = "template",
          .flags = "--template",
          .value = "TEMPLATE",
          .help = "Begin with these values: a template's name, or TYPE/VARIANT."};
}

std::vector<Option> DraftOptions() {
  return {
      {.name = "set",
       .flags = "--set",
       .value = "KEY=VALUE",
       .help = "A field of the configuration or the authentication; ${NAME} is resolved by the "
               "server on use. pooling.KEY and ssl.KEY reach those parts.",
       .kind = OptionKind::kList},
      {.name = "auth",
       .flags = "--auth",
       .value = "METHOD|KEY=VALUE",
       .help = "The authentication method, or one of its fields; a value may be env:NAME, "
               "file:PATH or - (standard input).",
       .kind = OptionKind::kList},
      {.name = "ssl-mode",
       .flags = "--ssl-mode",
       .value = "MODE",
       .help = "TLS to the system.",
       .choices = {"disable", "require", "verify-ca", "verify-full"}},
      {.name = "ssl-ca",
       .flags = "--ssl-ca",
       .value = "FILE",
       .help = "PEM file of the CAs to trust.",
       .completes = "files"},
      {.name = "tag",
       .flags = "--tag",
       .value = "TAG",
       .help = "A tag.",
       .kind = OptionKind::kList},
      {.name = "description", .flags = "--description", .value = "TEXT", .help = "What it is for."},
      {.name = "scope",
       .flags = "--scope",
       .value = "SCOPE",
       .help = "Who sees it.",
       .choices = {"private", "team", "organization"}},
      {.name = "team", .flags = "--team", .value = "TEAM", .help = "The team of --scope team."},
  };
}

Result<NamedDraft> DraftFromArguments(Session& session, Api& api, const Arguments& arguments) {
  NamedDraft named;
  std::string type = arguments.Text("type");
  const std::string uri = arguments.Text("uri");
  if (!uri.empty()) {
    NSTARX_TRY(json::value parts, api.Call("POST", "/connections/uri", json::object{{"uri", uri}}));
    if (!parts.is_object()) return Internal("the server took the URI apart in an unknown way");
    named.draft = std::move(parts.get_object());
    if (!type.empty()) named.draft["type"] = type;
    type = GetString(named.draft, "type");
  }
  if (arguments.Has("template")) {
    const std::string ref = arguments.Text("template");
    NSTARX_TRY(const json::object beneath, api.Get("/templates/" + PercentEncode(ref)));
    named.draft["template"] = ref;
    if (type.empty()) type = GetString(beneath, "type");
  }
  if (type.empty()) {
    return InvalidArgument("usage.missing_argument", "say what to connect to")
        .WithHint("A URI: nstarx add postgresql://user@host/database --name NAME")
        .WithHint("Or flags: nstarx add --type postgresql --set host=db.example.com …");
  }
  NSTARX_TRY(named.form, FetchForm(api, type));
  named.draft["type"] = type;
  if (arguments.Has("name")) named.draft["name"] = arguments.Text("name");
  if (const json::value* authentication = named.draft.if_contains("authentication");
      authentication != nullptr && authentication->is_object()) {
    for (const auto& [key, value] : authentication->get_object()) {
      const FormField* field = named.form.FindAuthentication(key, "");
      if (field != nullptr && field->secret && !IsReference(CellOf(value)))
        WarnOfSecret(session, key);
    }
  }
  NSTARX_RETURN_IF_ERROR(ApplyFlags(session, arguments, named.form, named.draft));
  return named;
}

}  // namespace nstarx::cli
