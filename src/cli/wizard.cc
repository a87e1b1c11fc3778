#include "cli/wizard.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "cli/table.h"
#include "cli/test_checklist.h"

namespace nstarx::cli {
namespace {

constexpr int kAttemptsMax = 20;

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

std::string Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == text.npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(" \t") - begin + 1));
}

bool IsYes(std::string_view answer) {
  const std::string lower = Lower(answer);
  return lower == "y" || lower == "yes";
}

/// The index that `answer` names: a number from 1, a name, or the only one that contains it.
std::optional<size_t> Pick(const std::vector<std::string>& names, const std::string& answer) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (answer == std::to_string(i + 1) || Lower(answer) == Lower(names[i])) return i;
  }
  std::optional<size_t> only;
  for (size_t i = 0; i < names.size(); ++i) {
    if (Lower(names[i]).find(Lower(answer)) == std::string::npos) continue;
    if (only) return std::nullopt;
    only = i;
  }
  return only;
}

/// Fields that the failure of a stage is about.
std::vector<std::string> SuspectsOf(std::string_view stage, const Form& form,
                                    const std::string& method) {
  std::vector<std::string> names;
  const auto add = [&](std::string_view name) {
    const bool known =
        form.FindConfiguration(name) != nullptr || form.FindAuthentication(name, method) != nullptr;
    if (known && std::ranges::find(names, name) == names.end()) names.emplace_back(name);
  };
  if (stage == "resolve" || stage == "tcp" || stage == "tunnel") {
    for (const char* name : {"host", "port", "endpoint", "path"}) add(name);
  } else if (stage == "login" || stage == "privileges") {
    if (const FormMethod* found = form.FindMethod(method)) {
      for (const FormField& field : found->fields) add(field.name);
    }
    for (const char* name : {"database", "bucket", "path", "region"}) add(name);
  }
  if (names.empty() && stage != "tls") {
    for (const FormField& field : form.configuration) {
      if (field.group == "basic") add(field.name);
    }
  }
  return names;
}

}  // namespace

void Wizard::Say(std::string_view text) {
  // A terminal that has gone shows at the next question.
  (void)console_.Out(std::string(text) + "\n");
}

void Wizard::Heading(std::string_view text) { Say("\n" + console_.Paint(Tone::kBold, text)); }

json::object& Wizard::Part(std::string_view key) {
  json::value& part = draft_[key];
  if (!part.is_object()) part = json::object();
  return part.get_object();
}

Result<std::string> Wizard::Ask(const std::string& question, std::string_view fallback) {
  const std::string shown = fallback.empty() ? "" : fmt::format(" [{}]", CellText(fallback, 60));
  NSTARX_TRY(const std::string line, console_.ReadLine(question + shown + ": "));
  const std::string answer = Trimmed(line);
  return answer.empty() ? std::string(fallback) : answer;
}

Result<int> Wizard::Run(json::object draft) {
  draft_ = std::move(draft);
  const bool from_uri = draft_.contains("configuration");
  Say(console_.Paint(Tone::kDim,
                     "A new connection. Enter takes what is in [brackets], Ctrl-C leaves without "
                     "saving anything."));
  NSTARX_RETURN_IF_ERROR(PickType());
  if (!from_uri) NSTARX_RETURN_IF_ERROR(PickTemplate());
  NSTARX_RETURN_IF_ERROR(AskConfiguration());
  NSTARX_RETURN_IF_ERROR(AskAuthentication());
  NSTARX_RETURN_IF_ERROR(AskTls());
  NSTARX_TRY(const bool go_on, TestUntilGood());
  if (!go_on) {
    Say("Nothing was saved.");
    return kExitNo;
  }
  NSTARX_RETURN_IF_ERROR(AskMetadata());
  return Save();
}

Status Wizard::PickType() {
  std::string type(GetString(draft_, "type"));
  NSTARX_TRY(const json::object page, api_.Get("/connection-types"));
  std::vector<std::string> types;
  std::vector<std::string> shown;
  for (const json::value& item : Items(page)) {
    types.push_back(CellAt(item.get_object(), "type"));
    shown.push_back(fmt::format("{:<14} {}", types.back(), CellAt(item.get_object(), "title")));
  }
  if (types.empty()) return Internal("the server knows no types");
  if (type.empty()) {
    Heading("What to connect to");
    for (size_t i = 0; i < shown.size(); ++i) Say(fmt::format("  {:>2}  {}", i + 1, shown[i]));
  }
  while (type.empty()) {
    NSTARX_TRY(const std::string answer, Ask("Type (a number or a word from the list)"));
    if (answer.empty()) continue;
    if (const auto index = Pick(types, answer)) {
      type = types[*index];
    } else if (const auto titled = Pick(shown, answer)) {
      type = types[*titled];
    } else {
      std::string matching;
      for (size_t i = 0; i < shown.size(); ++i) {
        if (Lower(shown[i]).find(Lower(answer)) != std::string::npos) {
          matching += fmt::format("  {:>2}  {}\n", i + 1, shown[i]);
        }
      }
      const std::string_view close = ClosestWord(answer, types);
      Say(!matching.empty() ? matching.substr(0, matching.size() - 1)
          : close.empty()   ? "There is no such type."
                            : fmt::format("There is no such type. Did you mean {}?", close));
    }
  }
  draft_["type"] = type;
  NSTARX_TRY(form_, FetchForm(api_, type));
  return {};
}

Status Wizard::PickTemplate() {
  if (form_.templates.empty()) return {};
  const std::string wanted(GetString(draft_, "template"));
  for (const json::object& row : form_.templates) {
    if (wanted.empty() || (GetString(row, "id") != wanted && GetString(row, "name") != wanted)) {
      continue;
    }
    draft_.erase("template");
    Suggest(row);
    return {};
  }
  Heading("Variants");
  std::vector<std::string> names;
  for (size_t i = 0; i < form_.templates.size(); ++i) {
    const json::object& row = form_.templates[i];
    names.emplace_back(GetString(row, "title", GetString(row, "id", GetString(row, "name"))));
    Say(fmt::format("  {:>2}  {}", i + 1, CellText(names.back())));
  }
  while (true) {
    NSTARX_TRY(const std::string answer, Ask("Variant (Enter for none of them)"));
    if (answer.empty()) return {};
    const auto index = Pick(names, answer);
    if (!index) {
      Say("There is no such variant.");
      continue;
    }
    Suggest(form_.templates[*index]);
    return {};
  }
}

void Wizard::Suggest(const json::object& chosen) {
  for (const char* key : {"authentication", "ssl", "pooling"}) {
    const json::value* part = chosen.if_contains(key);
    if (part == nullptr || !part->is_object()) continue;
    for (const auto& [name, value] : part->get_object()) {
      if (!Part(key).contains(name)) Part(key)[name] = value;
    }
  }
  // Values of the configuration become the defaults of the questions.
  if (const json::value* part = chosen.if_contains("configuration"); part && part->is_object()) {
    for (const auto& [name, value] : part->get_object()) {
      const auto field = std::ranges::find(form_.configuration, name, &FormField::name);
      if (Part("configuration").contains(name)) continue;
      if (field == form_.configuration.end()) {
        Part("configuration")[name] = value;
      } else if (CellOf(value).find('<') != std::string::npos) {
        field->example = CellOf(value);  // <instance>.example.com shows the shape only.
      } else {
        field->default_value = value;
      }
    }
  }
  if (const json::value* hints = chosen.if_contains("hints"); hints && hints->is_array()) {
    for (const json::value& hint : hints->get_array()) Say("  • " + CellText(CellOf(hint)));
  }
}

Status Wizard::AskConfiguration() {
  Heading(fmt::format("{}: where it is", form_.title));
  json::object& configuration = Part("configuration");
  bool more = false;
  for (const FormField& field : form_.configuration) {
    if (field.type == "object") continue;
    if (field.group != "basic") {
      more = true;
    } else if (!configuration.contains(field.name)) {
      NSTARX_RETURN_IF_ERROR(AskInto(field, configuration));
    }
  }
  if (!more) return {};
  NSTARX_TRY(const std::string answer, Ask("Advanced settings too? (y or Enter to skip)"));
  for (const FormField& field : form_.configuration) {
    if (field.group == "basic" || field.type == "object" || configuration.contains(field.name)) {
      continue;
    }
    if (IsYes(answer)) {
      NSTARX_RETURN_IF_ERROR(AskInto(field, configuration));
    } else if (field.required && !field.default_value.is_null()) {
      configuration[field.name] = field.default_value;
    }
  }
  return {};
}

Status Wizard::AskInto(const FormField& field, json::object& part) {
  if (!field.description.empty()) {
    Say(console_.Paint(Tone::kDim, "  " + CellText(field.description)));
  }
  std::string question = fmt::format("{} ({})", CellText(field.title), field.name);
  if (!field.values.empty()) question += fmt::format(", one of {}", fmt::join(field.values, "/"));
  const std::string fallback = CellOf(field.default_value);
  if (fallback.empty() && !field.required) question += ", optional";
  if (fallback.empty() && !field.example.empty()) {
    question += fmt::format(", e.g. {}", CellText(field.example, 40));
  }
  if (!field.env.empty() && std::getenv(field.env.c_str()) != nullptr) {
    Say(console_.Paint(
        Tone::kDim, fmt::format("  ${{{}}} takes it from the server's environment.", field.env)));
  }
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    std::string answer;
    if (field.secret) {
      NSTARX_TRY(const Secret secret, console_.ReadSecret(question + " (not shown): "));
      answer = secret.Reveal();
    } else {
      NSTARX_TRY(answer, Ask(question, fallback));
    }
    if (answer.empty()) {
      if (!field.required) return {};
      Say("  It is needed.");
      continue;
    }
    if (!field.values.empty() && std::ranges::find(field.values, answer) == field.values.end() &&
        answer.find("${") == answer.npos) {
      const std::string_view close = ClosestWord(answer, field.values);
      Say(close.empty() ? "  That is none of the choices."
                        : fmt::format("  That is none of the choices. Did you mean {}?", close));
      continue;
    }
    auto value = ValueFor(field, answer);
    if (!value) {
      Say("  " + value.error().message() + ".");
      continue;
    }
    // What is as by default is left to the default.
    if (answer == fallback && !field.required) {
      if (part.contains(field.name)) part[field.name] = *value;
      const FormField* original = form_.FindConfiguration(field.name);
      if (original == nullptr || CellOf(original->default_value) == answer) return {};
    }
    part[field.name] = std::move(*value);
    return {};
  }
  return InvalidArgument("usage.missing_argument", field.name + " was not given");
}

Status Wizard::AskAuthentication() {
  json::object& authentication = Part("authentication");
  if (form_.methods.empty()) return {};
  Heading("How to log in");
  std::string method(GetString(authentication, "type"));
  if (method.empty() && form_.methods.size() == 1) method = form_.methods[0].type;
  if (method.empty()) {
    std::vector<std::string> names;
    for (const FormMethod& row : form_.methods) {
      names.push_back(row.type);
      Say(fmt::format("  {:>2}  {:<14} {}", names.size(), row.type, CellText(row.title)));
    }
    while (method.empty()) {
      NSTARX_TRY(const std::string answer, Ask("Method", names[0]));
      if (const auto index = Pick(names, answer)) {
        method = names[*index];
      } else {
        Say("There is no such method.");
      }
    }
  }
  authentication["type"] = method;
  const FormMethod* chosen = form_.FindMethod(method);
  if (chosen == nullptr) return {};
  for (const FormField& field : chosen->fields) {
    if (authentication.contains(field.name)) continue;
    NSTARX_RETURN_IF_ERROR(AskInto(field, authentication));
  }
  return {};
}

Status Wizard::AskTls() {
  if (!form_.tls || draft_.contains("ssl")) return {};
  Heading("Encryption");
  const std::vector<std::string> modes = {"disable", "require", "verify-ca", "verify-full"};
  const std::string fallback = form_.tls_default.empty() ? "disable" : form_.tls_default;
  while (true) {
    NSTARX_TRY(const std::string mode,
               Ask(fmt::format("TLS mode, one of {}", fmt::join(modes, "/")), fallback));
    if (std::ranges::find(modes, mode) == modes.end()) {
      Say("That is none of the modes.");
      continue;
    }
    json::object& ssl = Part("ssl");
    ssl["enabled"] = mode != "disable";
    if (mode == "disable") return {};
    ssl["mode"] = mode;
    if (!mode.starts_with("verify")) return {};
    NSTARX_TRY(const std::string path,
               Ask("PEM file of the CAs to trust (Enter for the server's)"));
    if (path.empty()) return {};
    auto pem = ReadIndirect(session_, "ssl-ca", "file:" + path);
    if (!pem) {
      Say("  " + pem.error().message() + ".");
      continue;
    }
    ssl["certificate"] = *pem;
    return {};
  }
}

Result<bool> Wizard::TestUntilGood() {
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    Heading("Test");
    Say(console_.Paint(Tone::kDim,
                       "  resolve, tcp, tls, login, privileges, query, latency, "
                       "discovery …"));
    json::object draft = draft_;
    if (!draft.contains("name")) draft["name"] = "unsaved";
    auto answer = api_.Call("POST", "/connections/test", draft);
    std::string stage;
    if (answer && answer->is_object()) {
      Say(TestChecklist(console_, answer->get_object()));
      if (GetString(answer->get_object(), "status") == "ok") return true;
      stage = FailedStage(answer->get_object());
    } else if (!answer) {
      if (answer.error().kind() != ErrorKind::kInvalidArgument) return std::move(answer).error();
      session_.PrintError(answer.error(), false);
      const json::value* field = answer.error().details().if_contains("field");
      if (field != nullptr) {
        std::string name = CellOf(*field);
        name = name.substr(name.rfind('.') + 1);
        if (form_.FindConfiguration(name) || form_.FindAuthentication(name, "")) {
          NSTARX_RETURN_IF_ERROR(AskField(name));
          continue;
        }
      }
    }
    NSTARX_TRY(const std::string choice,
               Ask("What now: fix, retry, save all the same, quit, or a field", "fix"));
    const std::string word = Lower(choice);
    if (word == "quit" || word == "q") return false;
    if (word == "save" || word == "s" || word == "y") return true;
    if (word == "retry" || word == "r") continue;
    if (word == "fix" || word == "f") {
      NSTARX_RETURN_IF_ERROR(FixAfter(stage));
    } else {
      NSTARX_RETURN_IF_ERROR(AskField(choice));
    }
  }
  return false;
}

Status Wizard::FixAfter(const std::string& stage) {
  if (stage == "tls") {
    draft_.erase("ssl");
    return AskTls();
  }
  for (const std::string& name : SuspectsOf(stage, form_, CellAt(Part("authentication"), "type"))) {
    NSTARX_RETURN_IF_ERROR(AskField(name));
  }
  return {};
}

// Asks again, with what was said before as the default; a secret's Enter keeps it.
Status Wizard::AskField(const std::string& name) {
  if (name == "tls" || name == "ssl" || name == "ssl-mode") {
    draft_.erase("ssl");
    return AskTls();
  }
  const std::string method = CellAt(Part("authentication"), "type");
  const FormField* known = form_.FindConfiguration(name);
  json::object& part = Part(known != nullptr ? "configuration" : "authentication");
  if (known == nullptr) known = form_.FindAuthentication(name, method);
  if (known == nullptr) {
    std::vector<std::string> names;
    for (const FormField& field : form_.configuration) names.push_back(field.name);
    if (const FormMethod* chosen = form_.FindMethod(method)) {
      for (const FormField& field : chosen->fields) names.push_back(field.name);
    }
    const std::string_view close = ClosestWord(name, names);
    Say(close.empty() ? fmt::format("The fields are {}.", fmt::join(names, ", "))
                      : fmt::format("There is no such field. Did you mean {}?", close));
    return {};
  }
  FormField field = *known;
  const json::value* before = part.if_contains(name);
  if (before != nullptr && field.secret) field.required = false;
  if (before != nullptr && !field.secret) field.default_value = *before;
  return AskInto(field, part);
}

Status Wizard::AskMetadata() {
  Heading("Save it");
  if (!draft_.contains("name")) {
    const json::object& configuration = Part("configuration");
    std::string suggestion(GetString(draft_, "type"));
    for (const char* key : {"database", "bucket"}) {
      const std::string_view value = GetString(configuration, key);
      if (!value.empty() && value.find_first_of("${/") == value.npos) suggestion = value;
    }
    NSTARX_TRY(draft_["name"], Ask("Name of the connection", suggestion));
  }
  json::object& metadata = Part("metadata");
  if (!metadata.contains("description")) {
    NSTARX_TRY(const std::string text, Ask("Description, optional"));
    if (!text.empty()) metadata["description"] = text;
  }
  if (!metadata.contains("tags")) {
    NSTARX_TRY(std::string text, Ask("Tags, comma-separated, optional"));
    json::array tags;
    std::string_view rest = text;
    while (!rest.empty()) {
      const size_t comma = rest.find(',');
      if (const std::string tag = Trimmed(rest.substr(0, comma)); !tag.empty())
        tags.emplace_back(tag);
      rest.remove_prefix(comma == rest.npos ? rest.size() : comma + 1);
    }
    if (!tags.empty()) metadata["tags"] = std::move(tags);
  }
  if (metadata.empty()) draft_.erase("metadata");
  if (draft_.contains("sharing")) return {};
  while (true) {
    NSTARX_TRY(const std::string scope,
               Ask("Who may use it, one of private/team/organization", "private"));
    if (scope == "private") return {};
    if (scope != "team" && scope != "organization") {
      Say("That is none of the choices.");
      continue;
    }
    Part("sharing")["scope"] = scope;
    if (scope == "team") {
      NSTARX_TRY(Part("sharing")["team"], Ask("Team"));
    }
    return {};
  }
}

Result<int> Wizard::Save() {
  NSTARX_TRY(const std::string sure, Ask("Save? (y/n)", "y"));
  if (!IsYes(sure)) {
    Say("Nothing was saved.");
    return kExitNo;
  }
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    auto made = api_.Call("POST", "/connections", draft_);
    if (made && made->is_object()) {
      const std::string name = CellAt(made->get_object(), "name");
      Say(console_.Paint(Tone::kGood, fmt::format("✓ {} is saved.", CellText(name))));
      Say(fmt::format("  Try it: nstarx browse '{}'", CellText(name)));
      return 0;
    }
    if (made) return Internal("the server's answer is no connection");
    const bool taken = made.error().kind() == ErrorKind::kAlreadyExists ||
                       made.error().code().find("name") != std::string::npos;
    if (!taken) return std::move(made).error();
    session_.PrintError(made.error(), false);
    NSTARX_TRY(draft_["name"], Ask("Another name for the connection"));
  }
  return kExitNo;
}

}  // namespace nstarx::cli
