#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "connector/spec.h"
#include "model/connection.h"

namespace nstarx::registry {

/// A patch laid over a stored row: the new public content and what happens to the secrets.
struct Patched {
  std::string name;
  connector::CheckedDraft checked;        ///< its secrets are the new ones only
  std::vector<std::string> kept_secrets;  ///< stay as they are
  std::vector<std::string> removed_secrets;
  std::vector<std::string> tags;
  std::string description;
};

/// RFC 7396 `patch` over what Get shows of `current`. Secrets that the patch does not name stay;
/// null removes one; a new authentication type drops the old type's. config.read_only_field for
/// what can't be changed.
Result<Patched> ApplyPatch(const model::Connection& current, const json::object& patch,
                           const connector::Spec& spec);

/// 1-128 characters: letters and digits of any script, space and . _ - : config.bad_name.
Status CheckName(std::string_view name);

}  // namespace nstarx::registry
