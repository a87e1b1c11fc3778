#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "cli/command.h"
#include "cli/session.h"

namespace nstarx::cli {

/// One field of a type's form, as GET /connection-types/{type} describes it.
struct FormField {
  std::string name;
  std::string type = "string";
  std::string title;
  std::string description;
  std::string group = "basic";
  std::string env;
  bool required = false;
  bool secret = false;
  int64_t order = 1000;
  json::value default_value;
  std::vector<std::string> values;
  std::string example;
};

struct FormMethod {
  std::string type;
  std::string title;
  std::vector<FormField> fields;
};

/// What the wizard asks and flags are checked against; read from the type's spec document.
struct Form {
  std::string type;
  std::string title;
  std::vector<FormField> configuration;  ///< by order
  std::vector<FormMethod> methods;
  std::vector<json::object> templates;
  bool tls = false;
  std::string tls_default;

  static Form FromSpec(const json::object& spec);
  const FormField* FindConfiguration(std::string_view name) const;
  /// In any method; `method` narrows it when it is not empty.
  const FormField* FindAuthentication(std::string_view name, std::string_view method) const;
  const FormMethod* FindMethod(std::string_view type) const;
};

Result<Form> FetchForm(Api& api, std::string_view type);

/// `text` as the field's type wants it; a ${VARIABLE} stays text. usage.wrong_value otherwise.
Result<json::value> ValueFor(const FormField& field, std::string_view text);

/// `env:NAME`, `file:PATH` and `-` (a line of standard input, or a hidden prompt on a terminal)
/// replaced by what they stand for; other text is itself.
Result<std::string> ReadIndirect(Session& session, std::string_view name, std::string_view text);

/// Puts the flags --set, --auth, --ssl-mode, --ssl-ca, --tag, --description, --scope, --team into
/// `draft`. Warns on a secret that stands on the command line.
Status ApplyFlags(Session& session, const Arguments& arguments, const Form& form,
                  json::object& draft);

/// The options that ApplyFlags reads.
std::vector<Option> DraftOptions();

/// --template of the commands that make drafts.
Option TemplateOption();

/// A draft from a URI and/or flags, with its form.
struct NamedDraft {
  json::object draft;
  Form form;
};
Result<NamedDraft> DraftFromArguments(Session& session, Api& api, const Arguments& arguments);

}  // namespace nstarx::cli
