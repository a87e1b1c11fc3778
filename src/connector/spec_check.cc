#include <fmt/format.h>

#include <algorithm>
#include <regex>

#include "connector/spec.h"
#include "connector/spec_fields.h"

namespace nstarx::connector {
namespace {

std::string_view NameOf(FieldType type) {
  switch (type) {
    case FieldType::kString:
      return "a string";
    case FieldType::kInteger:
      return "a whole number";
    case FieldType::kNumber:
      return "a number";
    case FieldType::kBoolean:
      return "true or false";
    case FieldType::kArray:
      return "a list";
    case FieldType::kObject:
      return "an object";
  }
  return "a string";
}

bool Fits(FieldType type, const json::value& value) {
  switch (type) {
    case FieldType::kString:
      return value.is_string();
    case FieldType::kInteger:
      return value.is_int64();
    case FieldType::kNumber:
      return value.is_number();
    case FieldType::kBoolean:
      return value.is_bool();
    case FieldType::kArray:
      return value.is_array();
    case FieldType::kObject:
      return value.is_object();
  }
  return false;
}

}  // namespace

bool HasVariable(const json::value& value) {
  return value.is_string() &&
         std::string_view(value.get_string()).find("${") != std::string_view::npos;
}

const Field* FindField(const std::vector<Field>& fields, std::string_view name) {
  for (const auto& field : fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

std::optional<Error> CheckValue(const Field& field, std::string_view where,
                                const json::value& value) {
  const std::string path = fmt::format("{}.{}", where, field.name);
  constexpr size_t kLongest = 1 << 18;
  if (HasVariable(value) && value.get_string().size() < 4096)
    return std::nullopt;  // Checked when it is used.
  if (!Fits(field.type, value)) {
    return InvalidArgument("config.wrong_type",
                           fmt::format("'{}' must be {}", path, NameOf(field.type)))
        .WithDetail("field", path)
        .WithHint(fmt::format("Give {}, or ${{NAME}} to take it from the server's environment.",
                              NameOf(field.type)));
  }
  if (value.is_string() && value.get_string().size() > kLongest) {
    return InvalidArgument("config.out_of_range", fmt::format("'{}' is longer than 256 KiB", path))
        .WithDetail("field", path);
  }
  if (value.is_string() &&
      std::string_view(value.get_string()).find('\0') != std::string_view::npos) {
    return InvalidArgument("config.wrong_type",
                           fmt::format("'{}' must not hold a NUL character", path))
        .WithDetail("field", path);
  }
  if (value.is_string() && field.required && value.get_string().empty()) {
    return InvalidArgument("config.missing_field", fmt::format("'{}' must not be empty", path))
        .WithDetail("field", path)
        .WithHint(fmt::format("{}: {}", field.title, field.description));
  }
  if (value.is_int64()) {
    const int64_t number = value.get_int64();
    if ((field.minimum && number < *field.minimum) || (field.maximum && number > *field.maximum)) {
      const std::string range =
          field.minimum && field.maximum
              ? fmt::format("between {} and {}", *field.minimum, *field.maximum)
          : field.minimum ? fmt::format("at least {}", *field.minimum)
                          : fmt::format("at most {}", *field.maximum);
      return InvalidArgument("config.out_of_range", fmt::format("'{}' must be {}", path, range))
          .WithDetail("field", path)
          .WithHint(fmt::format("Give a value {}.", range));
    }
  }
  if (value.is_string() && !field.values.empty() &&
      std::ranges::find(field.values, std::string(value.get_string())) == field.values.end()) {
    Error error = InvalidArgument("config.wrong_type", fmt::format("'{}' must be one of {}", path,
                                                                   fmt::join(field.values, ", ")));
    if (const auto close = ClosestWord(value.get_string(), field.values); !close.empty()) {
      error.WithHint(fmt::format("Did you mean '{}'?", close));
    }
    return error.WithDetail("field", path);
  }
  if (value.is_string() && !field.pattern.empty() && value.get_string().size() < 1024) {
    try {
      if (!std::regex_match(value.get_string().begin(), value.get_string().end(),
                            std::regex(field.pattern))) {
        Error error =
            InvalidArgument("config.wrong_type", fmt::format("'{}' has not the right form", path));
        if (!field.examples.empty())
          error.WithHint(fmt::format("Example: {}", field.examples.front()));
        return error.WithDetail("field", path);
      }
    } catch (const std::regex_error&) {
      return Internal(fmt::format("the pattern of '{}' in the spec is malformed", path));
    }
  }
  return std::nullopt;
}

namespace {

bool LooksSecret(std::string_view key) {
  std::string lower;
  for (const char c : key) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const std::string_view word :
       {"password", "passwd", "secret", "token", "credential", "private_key", "privatekey",
        "api_key", "apikey", "access_key", "passphrase", "pwd"}) {
    if (lower.find(word) != std::string::npos) return true;
  }
  return false;
}

Error UnknownField(std::string_view where, std::string_view key, const std::vector<Field>& fields) {
  std::vector<std::string> names;
  names.reserve(fields.size());
  for (const auto& field : fields) names.push_back(field.name);
  const std::string path = fmt::format("{}.{}", where, key);
  Error error = InvalidArgument("config.unknown_field", fmt::format("unknown field '{}'", path));
  error.WithDetail("field", path);
  if (const auto close = ClosestWord(key, names); !close.empty()) {
    error.WithHint(fmt::format("Did you mean '{}'?", close)).WithDetail("suggestion", close);
  } else {
    error.WithHint(fmt::format("Fields here: {}.", fmt::join(names, ", ")));
  }
  if (where == "configuration") {
    error.WithHint("What the driver knows beyond the spec goes into 'additionalParams'.");
  }
  return error;
}

/// Collects every problem of a draft; the first one decides the code.
class Problems {
 public:
  void Add(Error error) { errors_.push_back(std::move(error)); }
  bool any() const { return !errors_.empty(); }
  Error Take(std::string_view type) {
    json::array list;
    for (const auto& error : errors_) {
      json::object row;
      row["field"] = GetString(error.details(), "field");
      row["code"] = error.code();
      row["message"] = error.message();
      list.push_back(std::move(row));
    }
    Error first = errors_.front();
    first.WithDetail("problems", std::move(list)).WithConnector(type);
    return first;
  }

 private:
  std::vector<Error> errors_;
};

/// The method that `authentication` means: by its type, else by the fields that are there.
const AuthMethod* PickMethod(const std::vector<AuthMethod>& methods,
                             const json::object& authentication, Problems* problems) {
  const std::string_view type = GetString(authentication, "type");
  if (!type.empty()) {
    std::vector<std::string> names;
    for (const auto& method : methods) {
      if (method.type == type) return &method;
      names.push_back(method.type);
    }
    Error error = InvalidArgument("config.unknown_auth_type",
                                  fmt::format("this type has no authentication method '{}'", type));
    problems->Add(error.WithDetail("field", "authentication.type")
                      .WithHint(fmt::format("Methods: {}.", fmt::join(names, ", "))));
    return nullptr;
  }
  const AuthMethod* best = nullptr;
  int best_score = -1;
  for (const auto& method : methods) {
    int score = 0;
    for (const auto& [key, value] : authentication) {
      if (key != "type" && FindField(method.fields, key) != nullptr) score += 2;
    }
    const bool complete = std::ranges::all_of(method.fields, [&](const Field& field) {
      return !field.required || authentication.contains(field.name);
    });
    score += complete ? 1 : 0;
    if (score > best_score) {
      best = &method;
      best_score = score;
    }
  }
  return best;
}

void CheckMethod(const AuthMethod& method, const json::object& authentication, CheckedDraft* out,
                 Problems* problems) {
  out->auth_type = method.type;
  for (const auto& [key, value] : authentication) {
    if (key == "type" || value.is_null()) continue;
    const Field* field = FindField(method.fields, key);
    if (field == nullptr) {
      problems->Add(UnknownField("authentication", key, method.fields));
      continue;
    }
    if (auto error = CheckValue(*field, "authentication", value)) {
      problems->Add(*std::move(error));
    } else if (field->secret && value.is_string()) {
      out->secrets[field->name] = Secret(std::string_view(value.get_string()));
    } else {
      out->auth_fields[key] = value;
    }
  }
  for (const auto& field : method.fields) {
    if (!field.required || authentication.contains(field.name)) continue;
    const std::string path = "authentication." + field.name;
    problems->Add(InvalidArgument("config.missing_field", fmt::format("'{}' is missing", path))
                      .WithDetail("field", path)
                      .WithHint(fmt::format("{}: {}", field.title, field.description)));
  }
}

}  // namespace

Result<CheckedDraft> Spec::Check(const model::ConnectionDraft& draft) const {
  json::object configuration = draft.configuration;
  json::object authentication = draft.authentication;
  std::optional<json::object> ssl = draft.ssl;
  if (const json::value* uri = configuration.if_contains("uri");
      uri != nullptr && FindField(configuration_, "uri") == nullptr) {
    if (!uri->is_string()) {
      return InvalidArgument("config.wrong_type", "'configuration.uri' must be a string")
          .WithDetail("field", "configuration.uri");
    }
    NSTARX_TRY(const json::object parts, FromUri(uri->get_string()));
    configuration.erase("uri");
    // What is given beside the URI wins over what the URI says.
    for (const auto& [key, value] : parts.at("configuration").as_object()) {
      if (!configuration.contains(key)) configuration[key] = value;
    }
    for (const auto& [key, value] : parts.at("authentication").as_object()) {
      if (!authentication.contains(key)) authentication[key] = value;
    }
    if (!ssl && parts.contains("ssl")) ssl = parts.at("ssl").as_object();
  }

  CheckedDraft out;
  Problems problems;
  for (const auto& [key, value] : configuration) {
    if (value.is_null()) continue;
    if (key == "additionalParams") {
      if (!value.is_object()) {
        problems.Add(InvalidArgument("config.wrong_type",
                                     "'configuration.additionalParams' must be an object")
                         .WithDetail("field", "configuration.additionalParams"));
        continue;
      }
      json::object open;
      for (const auto& [name, param] : value.get_object()) {
        if (LooksSecret(name) && param.is_string()) {
          out.secrets["additionalParams." + std::string(name)] =
              Secret(std::string_view(param.get_string()));
        } else {
          open[name] = param;
        }
      }
      out.configuration[key] = std::move(open);
      continue;
    }
    const Field* field = FindField(configuration_, key);
    if (field == nullptr) {
      problems.Add(UnknownField("configuration", key, configuration_));
    } else if (auto error = CheckValue(*field, "configuration", value)) {
      problems.Add(*std::move(error));
    } else {
      out.configuration[key] = value;
    }
  }
  for (const auto& field : configuration_) {
    if (!field.required || configuration.contains(field.name) || field.default_value) continue;
    const std::string path = "configuration." + field.name;
    problems.Add(InvalidArgument("config.missing_field", fmt::format("'{}' is missing", path))
                     .WithDetail("field", path)
                     .WithHint(fmt::format("{}: {}", field.title, field.description)));
  }
  if (const AuthMethod* method = PickMethod(auth_methods_, authentication, &problems);
      method != nullptr) {
    CheckMethod(*method, authentication, &out, &problems);
  }
  model::Ssl ssl_defaults;
  if (has_tls_ && !default_ssl_mode_.empty()) {
    ssl_defaults.enabled = true;
    ssl_defaults.mode = default_ssl_mode_;
  }
  if (auto read = model::SslFromJson(ssl.value_or(json::object()), ssl_defaults)) {
    out.ssl = *std::move(read);
  } else {
    problems.Add(read.error());
  }
  if (auto read = model::PoolingFromJson(draft.pooling.value_or(json::object()), {})) {
    out.pooling = *std::move(read);
  } else {
    problems.Add(read.error());
  }
  if (auto read = model::SharingFromJson(draft.sharing.value_or(json::object()), {})) {
    out.sharing = *std::move(read);
  } else {
    problems.Add(read.error());
  }
  if (problems.any()) return problems.Take(type_);
  return out;
}

namespace {

/// "<account>.example.com": the shape of a value that is asked later.
bool IsPlaceholder(const json::value& value) {
  if (!value.is_string()) return false;
  const std::string_view text = value.get_string();
  const size_t open = text.find('<');
  return open != text.npos && text.find('>', open) != text.npos;
}

Error SecretInTemplate(std::string path) {
  return InvalidArgument("config.secret_in_template",
                         fmt::format("'{}' is a secret: a template holds none", path))
      .WithDetail("field", path)
      .WithHint("Leave it out; it is asked when a connection is made from the template.");
}

void CheckTemplatePart(std::string_view where, const json::object& part,
                       const std::vector<Field>& fields, Problems* problems) {
  for (const auto& [key, value] : part) {
    if (value.is_null() || (where == "authentication" && key == "type")) continue;
    const Field* field = FindField(fields, key);
    if (field == nullptr) {
      problems->Add(UnknownField(where, key, fields));
    } else if (field->secret) {
      problems->Add(SecretInTemplate(fmt::format("{}.{}", where, field->name)));
    } else if (!IsPlaceholder(value)) {
      if (auto error = CheckValue(*field, where, value)) problems->Add(*std::move(error));
    }
  }
}

}  // namespace

Status Spec::CheckTemplate(const model::ConnectionDraft& draft) const {
  Problems problems;
  json::object configuration = draft.configuration;
  if (const json::value* more = configuration.if_contains("additionalParams");
      more != nullptr && more->is_object()) {
    for (const auto& [name, value] : more->get_object()) {
      if (LooksSecret(name)) {
        problems.Add(
            SecretInTemplate(fmt::format("configuration.additionalParams.{}", std::string(name))));
      }
    }
    configuration.erase("additionalParams");
  }
  CheckTemplatePart("configuration", configuration, configuration_, &problems);
  if (!draft.authentication.empty()) {
    if (const AuthMethod* method = PickMethod(auth_methods_, draft.authentication, &problems)) {
      CheckTemplatePart("authentication", draft.authentication, method->fields, &problems);
    }
  }
  if (auto read = model::SslFromJson(draft.ssl.value_or(json::object()), {}); !read) {
    problems.Add(read.error());
  }
  if (auto read = model::PoolingFromJson(draft.pooling.value_or(json::object()), {}); !read) {
    problems.Add(read.error());
  }
  if (auto read = model::SharingFromJson(draft.sharing.value_or(json::object()), {}); !read) {
    problems.Add(read.error());
  }
  if (problems.any()) return problems.Take(type_);
  return {};
}

std::vector<std::string> PlaceholdersIn(const json::object& draft) {
  std::vector<std::string> out;
  for (const char* where : {"configuration", "authentication"}) {
    const json::value* part = draft.if_contains(where);
    if (part == nullptr || !part->is_object()) continue;
    for (const auto& [key, value] : part->get_object()) {
      if (IsPlaceholder(value)) out.push_back(fmt::format("{}.{}", where, std::string(key)));
    }
  }
  return out;
}

}  // namespace nstarx::connector
