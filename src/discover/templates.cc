#include "discover/templates.h"

#include <fmt/format.h>

#include "access/access.h"
#include "base/id.h"
#include "registry/patching.h"

namespace nstarx::discover {
namespace {

using access::Permission;

constexpr size_t kTemplatesMax = 10'000;
constexpr std::array kDraftParts = {"configuration", "authentication", "ssl", "pooling"};
constexpr std::array kContent = {"title", "description",    "hints",   "tags",   "configuration",
                                 "ssl",   "authentication", "pooling", "sharing"};

Error NoTemplate(std::string_view ref) {
  return NotFound("template.not_found",
                  fmt::format("there is no template '{}'", ref.substr(0, 300)))
      .WithHint("GET /templates (nstarx templates list) shows those that you may use.");
}

Error BuiltIn(std::string_view ref) {
  return InvalidArgument("template.built_in",
                         fmt::format("'{}' is a variant of the type itself", ref))
      .WithHint("Make a template of your own with the same values and change that.");
}

/// The row as access::Decide sees a connection.
Result<model::Connection> Guarded(const store::Template& row) {
  model::Connection out;
  out.id = row.id;
  out.name = row.name;
  out.metadata.owner_id = row.owner_id;
  out.metadata.owner = row.owner;
  const json::value* sharing = row.content.if_contains("sharing");
  if (sharing != nullptr && sharing->is_object()) {
    NSTARX_TRY(out.sharing, model::SharingFromJson(sharing->get_object(), {}));
  }
  return out;
}

json::object Show(const store::Template& row) {
  json::object out = row.content;
  out["id"] = row.id;
  out["name"] = row.name;
  out["type"] = row.type;
  out["owner"] = row.owner;
  out["created"] = FormatTime(row.created);
  out["modified"] = FormatTime(row.modified);
  out["version"] = row.version;
  out["built_in"] = false;
  if (!out.contains("title")) out["title"] = row.name;
  return out;
}

json::object ShowVariant(const connector::Spec& spec, const json::object& variant) {
  json::object out;
  for (const auto& [key, value] : variant) {
    if (key != "id") out[key] = value;
  }
  const std::string name = fmt::format("{}/{}", spec.type(), GetString(variant, "id"));
  out["id"] = name;
  out["name"] = name;
  out["type"] = spec.type();
  out["built_in"] = true;
  return out;
}

/// Null when the type has no such variant.
const json::object* FindVariant(const connector::Spec& spec, std::string_view id) {
  const json::value* list = spec.document().if_contains("templates");
  if (list == nullptr || !list->is_array()) return nullptr;
  for (const json::value& item : list->get_array()) {
    if (item.is_object() && GetString(item.get_object(), "id") == id) return &item.get_object();
  }
  return nullptr;
}

/// What a connection shows of itself, as the content of a template: no names of secrets.
json::object ContentOf(const model::Connection& connection) {
  json::object authentication = connection.authentication.fields;
  if (!connection.authentication.type.empty()) {
    authentication["type"] = connection.authentication.type;
  }
  return {{"configuration", connection.configuration},
          {"authentication", std::move(authentication)},
          {"ssl", model::ToJson(connection.ssl)},
          {"pooling", model::ToJson(connection.pooling)}};
}

model::ConnectionDraft DraftOf(const json::object& content) {
  model::ConnectionDraft draft;
  const auto part = [&](std::string_view key) {
    const json::value* value = content.if_contains(key);
    return value != nullptr && value->is_object() ? std::optional(value->get_object())
                                                  : std::nullopt;
  };
  draft.configuration = part("configuration").value_or(json::object());
  draft.authentication = part("authentication").value_or(json::object());
  draft.ssl = part("ssl");
  draft.pooling = part("pooling");
  draft.sharing = part("sharing");
  return draft;
}

/// The member of `draft` laid over the template's.
void LayOver(std::string_view key, const json::object& beneath, json::object& draft) {
  const json::value* below = beneath.if_contains(key);
  if (below == nullptr || !below->is_object()) return;
  const std::string_view alias = key == "configuration"    ? "config"
                                 : key == "authentication" ? "auth"
                                                           : key;
  const json::value* given = draft.if_contains(key);
  if (given == nullptr) given = draft.if_contains(alias);
  // A value of another shape is refused later, by the check of the draft.
  if (given != nullptr && !given->is_object()) return;
  json::value merged = *below;
  if (given != nullptr) {
    const std::string_view method = GetString(given->get_object(), "type");
    const bool other = key == "authentication" && !method.empty() &&
                       method != GetString(below->get_object(), "type");
    if (other) merged = json::object();
    MergePatch(merged, *given);
  }
  draft.erase(alias);
  draft[key] = std::move(merged);
}

class StoredTemplates final : public Templates {
 public:
  StoredTemplates(store::Store& store, registry::Registry& registry,
                  const connector::ConnectorTable& connectors, audit::Journal& journal,
                  const Clock& clock)
      : store_(store),
        registry_(registry),
        connectors_(connectors),
        journal_(journal),
        clock_(clock) {}

  Result<json::object> Create(const Context& context, const json::object& body) override {
    return Noted(context, "template.create", GetString(body, "name"), Made(context, body));
  }

  Result<json::object> Get(const Context& context, std::string_view ref) override {
    if (ref.find('/') != ref.npos) return Variant(ref);
    NSTARX_TRY(const store::Template row, Load(context, ref, Permission::kView));
    return Show(row);
  }

  Result<json::array> List(const Context& context, std::string_view type) override {
    json::array out;
    NSTARX_TRY(const auto rows, store_.ListTemplates(type));
    for (const store::Template& row : rows) {
      NSTARX_TRY(const model::Connection guarded, Guarded(row));
      const auto decision = access::Decide(context.principal(), Permission::kView, &guarded);
      if (decision.allowed) out.push_back(Show(row));
    }
    for (const auto& connector : connectors_.all()) {
      const connector::Spec& spec = connector->spec();
      if (!type.empty() && type != spec.type()) continue;
      const json::value* list = spec.document().if_contains("templates");
      if (list == nullptr || !list->is_array()) continue;
      for (const json::value& item : list->get_array()) {
        if (item.is_object()) out.push_back(ShowVariant(spec, item.get_object()));
      }
    }
    return out;
  }

  Result<json::object> Update(const Context& context, std::string_view ref,
                              const json::object& patch, int64_t expected_version) override {
    return Noted(context, "template.update", ref, Changed(context, ref, patch, expected_version));
  }

  Status Delete(const Context& context, std::string_view ref) override {
    auto row = Load(context, ref, Permission::kManage);
    if (row) {
      if (const Status gone = store_.DeleteTemplate(row->id); !gone) row = gone.error();
    }
    const auto noted = Noted(context, "template.delete", ref, std::move(row));
    if (!noted) return noted.error();
    return {};
  }

  Result<json::object> Apply(const Context& context, json::object draft) override {
    const json::value* named = draft.if_contains("template");
    if (named == nullptr) return draft;
    if (!named->is_string()) {
      return InvalidArgument("config.wrong_type", "'template' must be the name of a template")
          .WithDetail("field", "template");
    }
    const std::string ref(named->get_string());
    NSTARX_TRY(const json::object beneath, Get(context, ref));
    const std::string_view type = GetString(beneath, "type");
    if (const json::value* given = draft.if_contains("type");
        given != nullptr && (!given->is_string() || given->get_string() != type)) {
      return InvalidArgument("template.other_type",
                             fmt::format("the template '{}' is for {}", ref, type))
          .WithDetail("field", "type")
          .WithHint("Leave 'type' out, or choose a template of that type.");
    }
    draft.erase("template");
    draft["type"] = type;
    for (const char* part : kDraftParts) LayOver(part, beneath, draft);
    const json::value* metadata = draft.if_contains("metadata");
    for (const char* key : {"tags", "description"}) {
      const bool given = draft.contains(key) || (metadata != nullptr && metadata->is_object() &&
                                                 metadata->get_object().contains(key));
      if (!given && beneath.contains(key)) draft[key] = beneath.at(key);
    }
    if (const auto left = connector::PlaceholdersIn(draft); !left.empty()) {
      return InvalidArgument("template.placeholder_left",
                             fmt::format("'{}' must be given: the template only shows its shape",
                                         fmt::join(left, "', '")))
          .WithDetail("field", left.front());
    }
    return draft;
  }

 private:
  Result<json::object> Variant(std::string_view ref) const {
    const size_t slash = ref.find('/');
    const auto connector = connectors_.Find(ref.substr(0, slash));
    if (!connector) return NoTemplate(ref);
    const json::object* found = FindVariant((*connector)->spec(), ref.substr(slash + 1));
    if (found == nullptr) return NoTemplate(ref);
    return ShowVariant((*connector)->spec(), *found);
  }

  Result<store::Template> Load(const Context& context, std::string_view ref,
                               Permission permission) const {
    if (ref.find('/') != ref.npos) {
      NSTARX_TRY(const json::object variant, Variant(ref));
      return BuiltIn(ref);
    }
    NSTARX_TRY(store::Template row, store_.GetTemplate(ref));
    NSTARX_TRY(const model::Connection guarded, Guarded(row));
    const auto decision = access::Decide(context.principal(), permission, &guarded);
    if (!decision.visible) return NoTemplate(ref);
    if (decision.allowed) return row;
    return Error(ErrorKind::kPermissionDenied, "access.denied",
                 fmt::format("you may not {} the template '{}': {}", access::ToString(permission),
                             row.name, decision.reason))
        .WithHint("Ask its owner or an admin.");
  }

  /// The content checked against the type's spec; unknown members are refused.
  Status Fill(const json::object& body, store::Template& row) const {
    NSTARX_TRY(connector::Connector * connector, connectors_.Find(row.type));
    for (const char* key : kContent) {
      if (const json::value* value = body.if_contains(key); value && !value->is_null()) {
        row.content[key] = *value;
      } else {
        row.content.erase(key);
      }
    }
    return connector->spec().CheckTemplate(DraftOf(row.content));
  }

  Result<json::object> Made(const Context& context, const json::object& body) {
    NSTARX_RETURN_IF_ERROR(access::Require(context.principal(), Permission::kCreate, nullptr));
    store::Template row{.id = NewId("tpl"),
                        .name = std::string(GetString(body, "name")),
                        .type = std::string(GetString(body, "type")),
                        .owner_id = context.principal().id,
                        .owner = context.principal().name,
                        .created = clock_.Now(),
                        .modified = clock_.Now()};
    NSTARX_RETURN_IF_ERROR(registry::CheckName(row.name));
    json::value content = json::object();
    if (const std::string_view from = GetString(body, "connection"); !from.empty()) {
      NSTARX_TRY(const model::Connection model, registry_.Get(context, from));
      if (!row.type.empty() && row.type != model.type) {
        return InvalidArgument("template.other_type",
                               fmt::format("the connection '{}' is of type {}", from, model.type))
            .WithDetail("field", "type");
      }
      row.type = model.type;
      content = ContentOf(model);
    }
    if (row.type.empty()) {
      return InvalidArgument("config.missing_field", "'type' is missing")
          .WithDetail("field", "type")
          .WithHint("Name the type, or a connection to start from.");
    }
    MergePatch(content, body);
    NSTARX_RETURN_IF_ERROR(Fill(content.as_object(), row));
    NSTARX_TRY(const auto all, store_.ListTemplates(""));
    if (all.size() >= kTemplatesMax) {
      return Error(ErrorKind::kResourceExhausted, "template.too_many",
                   fmt::format("there are {} templates already", all.size()))
          .WithHint("Delete those that nobody uses.");
    }
    NSTARX_RETURN_IF_ERROR(store_.PutTemplate(row));
    return Show(row);
  }

  Result<json::object> Changed(const Context& context, std::string_view ref,
                               const json::object& patch, int64_t expected_version) {
    NSTARX_TRY(store::Template row, Load(context, ref, Permission::kEdit));
    if (patch.contains("sharing")) {
      NSTARX_TRY(row, Load(context, ref, Permission::kShare));
    }
    if (expected_version != 0 && expected_version != row.version) {
      return Error(ErrorKind::kConflict, "template.version_conflict",
                   fmt::format("the template is at version {}, not {}", row.version,
                               expected_version))
          .WithDetail("version", row.version)
          .WithHint("Read it again and repeat the change.");
    }
    json::value content = row.content;
    MergePatch(content, patch);
    if (patch.contains("name")) {
      row.name = GetString(patch, "name");
      NSTARX_RETURN_IF_ERROR(registry::CheckName(row.name));
    }
    NSTARX_RETURN_IF_ERROR(Fill(content.as_object(), row));
    row.modified = clock_.Now();
    ++row.version;
    NSTARX_RETURN_IF_ERROR(store_.PutTemplate(row));
    return Show(row);
  }

  /// Writes how a change ended into the journal and hands it on.
  template <typename T>
  Result<T> Noted(const Context& context, std::string action, std::string_view ref,
                  Result<T> done) {
    audit::Entry entry{.action = std::move(action), .outcome = done ? "ok" : "failed"};
    if (!done) {
      entry.code = done.error().code();
      if (done.error().kind() == ErrorKind::kPermissionDenied) entry.outcome = "denied";
    }
    entry.details["template"] = ref.substr(0, 128);
    journal_.Append(context, std::move(entry));
    return done;
  }

  store::Store& store_;
  registry::Registry& registry_;
  const connector::ConnectorTable& connectors_;
  audit::Journal& journal_;
  const Clock& clock_;
};

}  // namespace

std::unique_ptr<Templates> Templates::Make(store::Store& store, registry::Registry& registry,
                                           const connector::ConnectorTable& connectors,
                                           audit::Journal& journal, const Clock& clock) {
  return std::make_unique<StoredTemplates>(store, registry, connectors, journal, clock);
}

}  // namespace nstarx::discover
