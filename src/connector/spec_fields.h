#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "connector/spec.h"

namespace nstarx::connector {

// What reading and checking a spec's fields share.

/// Null when there is none.
const Field* FindField(const std::vector<Field>& fields, std::string_view name);

/// Whether "${NAME}" is in it, to be replaced when it is used.
bool HasVariable(const json::value& value);

/// Checks one value against its field; nullopt when it is fine. Secrets are never repeated in a
/// message.
std::optional<Error> CheckValue(const Field& field, std::string_view where,
                                const json::value& value);

}  // namespace nstarx::connector
