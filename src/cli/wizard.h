#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "cli/draft.h"
#include "cli/session.h"

namespace nstarx::cli {

/// `nstarx add` on a terminal: asks for one connection step by step from its type's spec, tests it,
/// lets the failing fields be fixed, and saves it at the end. Nothing is stored before that.
class Wizard {
 public:
  Wizard(Session& session, Api& api) : session_(session), console_(session.console()), api_(api) {}

  /// What is known from flags or a URI is taken over and not asked again.
  Result<int> Run(json::object draft);

 private:
  Status PickType();
  Status PickTemplate();
  /// Makes a template's values the defaults of the questions.
  void Suggest(const json::object& chosen);
  Status AskConfiguration();
  Status AskAuthentication();
  Status AskTls();
  /// Tests until it works, or the caller saves all the same; false: gives up.
  Result<bool> TestUntilGood();
  Status FixAfter(const std::string& stage);
  Status AskField(const std::string& name);
  Status AskMetadata();
  Result<int> Save();

  Status AskInto(const FormField& field, json::object& part);
  Result<std::string> Ask(const std::string& question, std::string_view fallback = {});
  void Say(std::string_view text);
  void Heading(std::string_view text);
  json::object& Part(std::string_view key);

  Session& session_;
  Console& console_;
  Api& api_;
  Form form_;
  json::object draft_;
};

}  // namespace nstarx::cli
