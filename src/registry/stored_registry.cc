#include <fmt/format.h>

#include <algorithm>

#include "base/id.h"
#include "registry/admission.h"
#include "registry/patching.h"
#include "registry/registry.h"

namespace nstarx::registry {
namespace {

using access::Permission;

constexpr int64_t kPageLimit = 1000;
constexpr int kRaceRetries = 20;

class StoredRegistry final : public Registry {
 public:
  StoredRegistry(store::Store& store, vault::Vault& vault,
                 const connector::ConnectorTable& connectors, audit::Journal& journal,
                 const Clock& clock)
      : store_(store), vault_(vault), connectors_(connectors), journal_(journal), clock_(clock) {}

  Result<model::Connection> Create(const Context& context,
                                   const model::ConnectionDraft& draft) override {
    NSTARX_RETURN_IF_ERROR(
        Allow(context, Permission::kCreate, nullptr, "connection.create", draft.name));
    NSTARX_RETURN_IF_ERROR(CheckName(draft.name));
    NSTARX_TRY(connector::Connector * connector, connectors_.Find(draft.type));
    NSTARX_TRY(connector::CheckedDraft checked, connector->spec().Check(draft));
    NSTARX_RETURN_IF_ERROR(CheckEndpoints(*connector, checked.configuration));

    model::Connection row;
    row.id = NewId("con");
    row.name = draft.name;
    row.type = draft.type;
    row.metadata.created = clock_.Now();
    row.metadata.owner = context.principal().name;
    row.metadata.owner_id = context.principal().id;
    row.metadata.tags = draft.tags;
    row.metadata.description = draft.description;
    std::vector<store::SealedSecret> sealed;
    NSTARX_RETURN_IF_ERROR(Fill(&row, std::move(checked), {}, &sealed));
    NSTARX_RETURN_IF_ERROR(store_.CreateConnection(row, sealed, context.principal().name));
    NSTARX_RETURN_IF_ERROR(Changed(context, "connection.create", row, {}));
    return row;
  }

  Result<ResolvedConnection> ResolveDraft(const Context& context,
                                          const model::ConnectionDraft& draft) override {
    NSTARX_RETURN_IF_ERROR(
        Allow(context, Permission::kCreate, nullptr, "connection.test", draft.name));
    NSTARX_TRY(connector::Connector * connector, connectors_.Find(draft.type));
    NSTARX_TRY(connector::CheckedDraft checked, connector->spec().Check(draft));
    model::Connection row;
    row.name = draft.name.empty() ? "unsaved" : draft.name;
    row.type = draft.type;
    row.configuration = std::move(checked.configuration);
    row.authentication.type = std::move(checked.auth_type);
    row.authentication.fields = std::move(checked.auth_fields);
    row.ssl = checked.ssl;
    row.pooling = checked.pooling;
    return MakeReady(std::move(row), connector, std::move(checked.secrets));
  }

  Result<model::Connection> Get(const Context& context, std::string_view ref) override {
    NSTARX_TRY(auto row, Load(ref));
    NSTARX_RETURN_IF_ERROR(Allow(context, Permission::kView, *row, "connection.get", ref));
    return *row;
  }

  Result<store::ConnectionPage> List(const Context& context,
                                     store::ConnectionFilter filter) override {
    if (!access::KeyCovers(context.principal(), Permission::kView)) {
      return Error(ErrorKind::kPermissionDenied, "access.denied",
                   "you may not view connections: the key's scopes lack connections:read")
          .WithHint("Use an API key with the scope connections:read.");
    }
    filter.limit = std::clamp<int64_t>(filter.limit, 1, kPageLimit);
    filter.visible_to = &context.principal();
    return store_.ListConnections(filter);
  }

  Result<model::Connection> Update(const Context& context, std::string_view ref,
                                   const json::object& patch, int64_t expected_version) override {
    auto updated = UpdateOnce(context, ref, patch, expected_version);
    // Who expects no version is not told of a race: the patch is laid over the newer row.
    for (int again = 0; again < kRaceRetries && expected_version == 0 && !updated &&
                        updated.error().code() == "connection.version_conflict";
         ++again) {
      updated = UpdateOnce(context, ref, patch, expected_version);
    }
    return updated;
  }

  Result<std::vector<store::ConnectionVersion>> Versions(const Context& context,
                                                         std::string_view ref) override {
    NSTARX_TRY(const auto row, Load(ref));
    NSTARX_RETURN_IF_ERROR(Allow(context, Permission::kView, *row, "connection.versions", ref));
    return store_.ListVersions(row->id);
  }

  Result<model::Connection> Rollback(const Context& context, std::string_view ref,
                                     int64_t version) override {
    NSTARX_TRY(const auto current, LoadFresh(ref));
    NSTARX_RETURN_IF_ERROR(Allow(context, Permission::kEdit, current, "connection.rollback", ref));
    NSTARX_TRY(const store::ConnectionVersion old, store_.GetVersion(current.id, version));
    model::Connection row = old.connection;
    row.id = current.id;
    row.version = current.version + 1;
    row.archived = current.archived;
    row.status = current.status;
    row.last_test = current.last_test;
    // Who may see it is no configuration: an old state never widens it without the right to share.
    row.sharing = current.sharing;
    row.metadata.owner = current.metadata.owner;
    row.metadata.owner_id = current.metadata.owner_id;
    row.metadata.modified = clock_.Now();
    row.authentication.secrets.clear();
    std::vector<std::string> removed;
    const bool same_method = row.authentication.type == current.authentication.type;
    for (const auto& secret : current.authentication.secrets) {
      if (same_method || secret.name.starts_with("additionalParams.")) {
        row.authentication.secrets.push_back(secret);
      } else {
        removed.push_back(secret.name);
      }
    }
    const std::string change = fmt::format("rolled back to {}", version);
    NSTARX_RETURN_IF_ERROR(
        store_.UpdateConnection(row, {}, removed, context.principal().name, change));
    NSTARX_RETURN_IF_ERROR(
        Changed(context, "connection.rollback", row, {{"to_version", version}}, current.name));
    return row;
  }

  Result<model::Connection> Archive(const Context& context, std::string_view ref) override {
    return SetArchived(context, ref, true);
  }
  Result<model::Connection> Restore(const Context& context, std::string_view ref) override {
    return SetArchived(context, ref, false);
  }

  Status Delete(const Context& context, std::string_view ref) override {
    NSTARX_TRY(const auto row, LoadFresh(ref));
    NSTARX_RETURN_IF_ERROR(Allow(context, Permission::kManage, row, "connection.delete", ref));
    NSTARX_RETURN_IF_ERROR(store_.DeleteConnection(row.id));
    return Changed(context, "connection.delete", row, {});
  }

  Status RecordTest(const Context& context, std::string_view id, bool passed,
                    const json::object& summary) override {
    const auto status = passed ? model::ConnectionStatus::kActive : model::ConnectionStatus::kError;
    NSTARX_RETURN_IF_ERROR(store_.RecordTest(id, status, summary));
    NSTARX_TRY(const model::Connection row, store_.GetConnection(id));
    Forget(row, row.name);
    return {};
  }

  Result<ResolvedConnection> Resolve(const Context& context, std::string_view ref,
                                     Permission permission) override {
    NSTARX_TRY(const auto admitted, Admit(context, ref, permission));
    NSTARX_TRY(connector::Connector * connector, connectors_.Find(admitted->type));
    NSTARX_TRY(SecretMap secrets, vault_.Reveal(context, admitted->id));
    return MakeReady(*admitted, connector, std::move(secrets));
  }

  Result<std::shared_ptr<const model::Connection>> Admit(const Context& context,
                                                         std::string_view ref,
                                                         Permission permission) override {
    NSTARX_TRY(auto row, Load(ref));
    NSTARX_RETURN_IF_ERROR(Allow(context, permission, *row, "connection.use", ref));
    if (row->archived && permission != Permission::kView) {
      return Error(ErrorKind::kConflict, "connection.archived",
                   fmt::format("the connection '{}' is archived", row->name))
          .WithAction(Action::kFixInput)
          .WithHint("Restore it first: POST /connections/{ref}/restore, or `nstarx restore`.");
    }
    return row;
  }

  Result<connector::Connector*> ConnectorOf(const model::Connection& connection) const override {
    return connectors_.Find(connection.type);
  }

 private:
  Result<model::Connection> UpdateOnce(const Context& context, std::string_view ref,
                                       const json::object& patch, int64_t expected_version) {
    NSTARX_TRY(const auto current, LoadFresh(ref));
    const bool shares = patch.contains("sharing");
    if (shares) {
      NSTARX_RETURN_IF_ERROR(Allow(context, Permission::kShare, current, "connection.update", ref));
    }
    if (!shares || patch.size() > 1) {
      NSTARX_RETURN_IF_ERROR(Allow(context, Permission::kEdit, current, "connection.update", ref));
    }
    NSTARX_RETURN_IF_ERROR(CheckVersion(current, expected_version));
    NSTARX_TRY(connector::Connector * connector, connectors_.Find(current.type));
    NSTARX_TRY(Patched patched, ApplyPatch(current, patch, connector->spec()));
    NSTARX_RETURN_IF_ERROR(CheckEndpoints(*connector, patched.checked.configuration));
    model::Connection row = current;
    row.name = patched.name;
    row.metadata.tags = std::move(patched.tags);
    row.metadata.description = std::move(patched.description);
    ++row.version;
    std::vector<store::SealedSecret> sealed;
    NSTARX_RETURN_IF_ERROR(Fill(&row, std::move(patched.checked), patched.kept_secrets, &sealed));
    NSTARX_RETURN_IF_ERROR(store_.UpdateConnection(row, sealed, patched.removed_secrets,
                                                   context.principal().name, "updated"));
    json::array fields;
    for (const auto& member : patch) fields.emplace_back(member.key());
    NSTARX_RETURN_IF_ERROR(
        Changed(context, "connection.update", row, {{"fields", std::move(fields)}}, current.name));
    return row;
  }

  /// Hosts and ports must at least read as such, before anything is saved.
  static Status CheckEndpoints(const connector::Connector& connector,
                               const json::object& configuration) {
    auto endpoints = connector.Endpoints(Filled(connector, configuration));
    return endpoints ? Status() : Status(endpoints.error());
  }

  /// What a name that is not there and one that the caller may not see have in common: every word.
  static Error NoConnection(std::string_view ref) {
    return NotFound("connection.not_found", fmt::format("there is no connection '{}'", ref))
        .WithHint("List connections to see the names you may use.");
  }

  /// Checks a row that `ref` named; what is not visible does not exist.
  Status Allow(const Context& context, Permission permission, const model::Connection& row,
               std::string_view action, std::string_view ref) {
    Status allowed = Allow(context, permission, &row, action, row.name);
    if (!allowed && allowed.error().kind() == ErrorKind::kNotFound) return NoConnection(ref);
    return allowed;
  }

  /// Checks and, when refused, writes the denial into the journal.
  Status Allow(const Context& context, Permission permission, const model::Connection* row,
               std::string_view action, std::string_view name) {
    Status allowed = access::Require(context.principal(), permission, row);
    if (allowed) return allowed;
    audit::Entry entry;
    entry.action = action;
    entry.outcome = "denied";
    entry.code = allowed.error().code();
    entry.connection_id = row != nullptr ? row->id : "";
    entry.connection = name.substr(0, 128);
    entry.details["permission"] = access::ToString(permission);
    journal_.Append(context, std::move(entry));
    return allowed;
  }

  /// After a durable change: nobody sees the old row any more, and the journal has the line before
  /// the caller knows.
  Status Changed(const Context& context, std::string_view action, const model::Connection& row,
                 json::object details, std::string_view old_name = {}) {
    Forget(row, old_name);
    audit::Entry entry;
    entry.action = action;
    entry.outcome = "ok";
    entry.connection_id = row.id;
    entry.connection = row.name;
    entry.details = std::move(details);
    entry.details["version"] = row.version;
    journal_.Append(context, std::move(entry));
    return journal_.Flush();
  }

  void Forget(const model::Connection& row, std::string_view old_name) {
    cache_.Forget(row.id);
    cache_.Forget(row.name);
    if (!old_name.empty()) cache_.Forget(old_name);
  }

  Result<AdmissionCache::Row> Load(std::string_view ref) {
    if (auto row = cache_.Find(ref)) return row;
    const uint64_t generation = cache_.Generation(ref);
    NSTARX_TRY(model::Connection read, LoadFresh(ref));
    auto row = std::make_shared<const model::Connection>(std::move(read));
    cache_.Keep(ref, row, generation);
    return AdmissionCache::Row(row);
  }

  /// The row as it is in the store now: what a change starts from.
  Result<model::Connection> LoadFresh(std::string_view ref) {
    auto row = store_.GetConnection(ref);
    if (!row && row.error().kind() == ErrorKind::kNotFound) return NoConnection(ref);
    return row;
  }

  Status CheckVersion(const model::Connection& current, int64_t expected) const {
    if (expected == 0 || expected == current.version) return {};
    return Error(ErrorKind::kConflict, "connection.version_conflict",
                 fmt::format("version {} was expected, but '{}' is at version {}", expected,
                             current.name, current.version))
        .WithDetail("version", current.version)
        .WithHint(
            "Read it again, look at what changed (GET …/versions) and send your change with the "
            "new ETag.");
  }

  static json::object Filled(const connector::Connector& connector, json::object configuration) {
    for (const auto& field : connector.spec().configuration()) {
      if (field.default_value && !configuration.contains(field.name))
        configuration[field.name] = *field.default_value;
    }
    return configuration;
  }

  /// Puts checked content into the row and seals its new secrets at the row's version.
  Status Fill(model::Connection* row, connector::CheckedDraft checked,
              const std::vector<std::string>& kept, std::vector<store::SealedSecret>* sealed) {
    std::vector<model::SecretField> shown;
    for (const auto& secret : row->authentication.secrets) {
      if (std::ranges::find(kept, secret.name) != kept.end()) shown.push_back(secret);
    }
    for (const auto& [field, plaintext] : checked.secrets) {
      int64_t version = 1;
      for (const auto& old : row->authentication.secrets) {
        if (old.name == field) version = old.version + 1;
      }
      NSTARX_TRY(store::SealedSecret secret, vault_.Seal(row->id, field, version, plaintext));
      shown.push_back({.name = field, .version = version, .rotated_at = secret.rotated_at});
      sealed->push_back(std::move(secret));
    }
    std::ranges::sort(shown, {}, &model::SecretField::name);
    row->configuration = std::move(checked.configuration);
    row->authentication = {.type = std::move(checked.auth_type),
                           .fields = std::move(checked.auth_fields),
                           .secrets = std::move(shown)};
    row->ssl = std::move(checked.ssl);
    row->pooling = checked.pooling;
    row->sharing = std::move(checked.sharing);
    row->metadata.modified = clock_.Now();
    return {};
  }

  Result<model::Connection> SetArchived(const Context& context, std::string_view ref,
                                        bool archived) {
    NSTARX_TRY(auto current, LoadFresh(ref));
    const std::string action = archived ? "connection.archive" : "connection.restore";
    NSTARX_RETURN_IF_ERROR(Allow(context, Permission::kEdit, current, action, ref));
    if (current.archived.has_value() == archived) return current;
    model::Connection row = current;
    ++row.version;
    row.archived = archived ? std::optional(clock_.Now()) : std::nullopt;
    row.status = archived ? model::ConnectionStatus::kInactive : model::ConnectionStatus::kActive;
    row.metadata.modified = clock_.Now();
    NSTARX_RETURN_IF_ERROR(store_.UpdateConnection(row, {}, {}, context.principal().name,
                                                   archived ? "archived" : "restored"));
    NSTARX_RETURN_IF_ERROR(Changed(context, action, row, {}));
    return row;
  }

  Result<ResolvedConnection> MakeReady(model::Connection row, connector::Connector* connector,
                                       SecretMap secrets) {
    ResolvedConnection out;
    out.connector = connector;
    NSTARX_TRY(out.configuration, connector->spec().Resolve(row.configuration));
    out.authentication["type"] = row.authentication.type;
    for (const auto& [key, value] : row.authentication.fields) {
      if (!value.is_string()) {
        out.authentication[key] = value;
        continue;
      }
      auto text = ResolveNamed("authentication." + std::string(key), value.get_string());
      if (!text) return text.error();
      out.authentication[key] = *text;
    }
    for (auto& [field, secret] : secrets) {
      if (secret.Reveal().find("${") == std::string_view::npos) continue;
      auto text = ResolveNamed("authentication." + field, secret.Reveal());
      if (!text) return text.error();
      secret = Secret::FromString(*std::move(text));
    }
    out.secrets = std::move(secrets);
    out.ssl = row.ssl;
    for (std::string* value : {&out.ssl.certificate, &out.ssl.server_name}) {
      auto text = ResolveNamed("ssl", *value);
      if (!text) return text.error();
      *value = *std::move(text);
    }
    NSTARX_TRY(out.endpoints, connector->Endpoints(out.configuration));
    out.connection = std::move(row);
    return out;
  }

  static Result<std::string> ResolveNamed(const std::string& field, std::string_view text) {
    auto resolved = connector::ResolveVariables(text);
    if (resolved) return resolved;
    Error error = resolved.error();
    return error.WithDetail("field", field);
  }

  store::Store& store_;
  vault::Vault& vault_;
  const connector::ConnectorTable& connectors_;
  audit::Journal& journal_;
  const Clock& clock_;
  AdmissionCache cache_;
};

}  // namespace

std::unique_ptr<Registry> Registry::Make(store::Store& store, vault::Vault& vault,
                                         const connector::ConnectorTable& connectors,
                                         audit::Journal& journal, const Clock& clock) {
  return std::make_unique<StoredRegistry>(store, vault, connectors, journal, clock);
}

}  // namespace nstarx::registry
