// Drafts come from the network: whatever JSON they are, the spec's check gives a result or an
// error, never a crash, and no secret in the error's text.
#include <cstdint>

#include "connector/spec.h"
#include "model/connection.h"

namespace {

constexpr std::string_view kSpec = R"({
  "type": "t", "title": "T", "family": "relational", "default_port": 1, "schemes": ["t"], "capabilities": [],
  "tls": {"default_mode": "require"},
  "configuration": {"required": ["host"], "properties": {
    "host": {"type": "string", "x-uri": "host", "pattern": "[a-z.]+"},
    "port": {"type": "integer", "minimum": 1, "maximum": 65535, "default": 1, "x-uri": "port"},
    "mode": {"type": "string", "enum": ["a", "b"]}, "flag": {"type": "boolean"},
    "ratio": {"type": "number"}, "list": {"type": "array"}}},
  "authentication": {"oneOf": [
    {"title": "A", "required": ["username", "password"], "properties": {"type": {"const": "basic"},
      "username": {"type": "string", "x-uri": "user"}, "password": {"type": "string", "x-secret": true, "x-uri": "password"}}},
    {"title": "B", "properties": {"type": {"const": "none"}}}]}})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nstarx;
  static const connector::Spec spec = *connector::Spec::Parse(kSpec);
  const auto body = ParseJson({reinterpret_cast<const char*>(data), size});
  if (!body || !body->is_object()) return 0;
  const auto draft = model::DraftFromJson(body->get_object());
  if (!draft) return 0;
  const auto checked = spec.Check(*draft);
  if (!checked) {
    if (checked.error().code().empty()) __builtin_trap();
    return 0;
  }
  (void)spec.Resolve(checked->configuration);
  (void)spec.ToUri(checked->configuration, checked->auth_fields);
  return 0;
}
