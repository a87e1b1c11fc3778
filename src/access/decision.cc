#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "access/access.h"

namespace nstarx::access {
namespace {

/// What each permission asks of role and key.
struct Rule {
  Permission permission;
  std::string_view name;
  Role least;              ///< weakest role that may ever have it
  std::string_view area;   ///< of the key's scope
  std::string_view level;  ///< read, use or write
  bool by_sharing;         ///< team and organization scope give it
  bool on_connection;
};

constexpr std::array kRules = {
    Rule{Permission::kView, "view", Role::kViewer, "connections", "read", true, true},
    Rule{Permission::kUse, "use", Role::kUser, "data", "use", true, true},
    Rule{Permission::kEdit, "edit", Role::kEditor, "connections", "write", false, true},
    Rule{Permission::kTest, "test", Role::kUser, "connections", "use", true, true},
    Rule{Permission::kShare, "share", Role::kEditor, "connections", "write", false, true},
    Rule{Permission::kManage, "manage", Role::kEditor, "connections", "write", false, true},
    Rule{Permission::kCreate, "create", Role::kEditor, "connections", "write", false, false},
    Rule{Permission::kAdmin, "administer", Role::kAdmin, "keys", "write", false, false},
    Rule{Permission::kAudit, "read the audit of", Role::kAdmin, "audit", "read", false, false},
};

const Rule& RuleOf(Permission permission) {
  const auto* rule = std::ranges::find(kRules, permission, &Rule::permission);
  NSTARX_CHECK(rule != kRules.end());
  return *rule;
}

constexpr std::array<std::string_view, 4> kAreas = {"connections", "data", "keys", "audit"};
constexpr std::array<std::string_view, 3> kLevels = {"read", "use", "write"};

size_t LevelOf(std::string_view level) {
  return static_cast<size_t>(std::ranges::find(kLevels, level) - kLevels.begin());
}

/// Callers without a key are not capped.
bool RuleIsCovered(const Principal& principal, const Rule& rule) {
  if (principal.key_id.empty() && principal.scopes.empty()) return true;
  return std::ranges::any_of(principal.scopes, [&](const std::string& scope) {
    if (scope == "*") return true;
    if (!IsScope(scope)) return false;
    const size_t colon = scope.find(':');
    return std::string_view(scope).substr(0, colon) == rule.area &&
           LevelOf(std::string_view(scope).substr(colon + 1)) >= LevelOf(rule.level);
  });
}

/// What one may do with the connection, apart from role and key.
struct Standing {
  bool visible = false;
  bool granted = false;
  std::string reason;
};

bool IsMember(const Principal& principal, std::string_view team) {
  return std::ranges::find(principal.teams, team) != principal.teams.end();
}

bool IsSubject(const Principal& principal, std::string_view subject) {
  if (subject.starts_with("user:")) return subject.substr(5) == principal.name;
  return subject.starts_with("team:") && IsMember(principal, subject.substr(5));
}

Standing StandingOf(const Principal& principal, const Rule& rule,
                    const model::Connection& connection) {
  if (principal.role == Role::kAdmin) return {true, true, "role admin"};
  if (connection.metadata.owner_id == principal.id) return {true, true, "owner"};
  Standing out;
  const auto allow = [&](bool granted, std::string reason) {
    out.visible = true;
    if (granted && !out.granted) {
      out.granted = true;
      out.reason = std::move(reason);
    }
  };
  const model::Sharing& sharing = connection.sharing;
  if (sharing.scope == "organization") allow(rule.by_sharing, "shared with the organization");
  if (sharing.scope == "team" && IsMember(principal, sharing.team)) {
    allow(rule.by_sharing, fmt::format("shared with team {}", sharing.team));
  }
  for (const model::Grant& grant : sharing.permissions) {
    if (grant.permissions.empty() || !IsSubject(principal, grant.subject)) continue;
    const bool named = rule.permission == Permission::kView ||
                       std::ranges::find(grant.permissions, rule.name) != grant.permissions.end();
    std::string who = grant.subject;
    who.replace(who.find(':'), 1, " ");
    allow(named, fmt::format("{} ({})", who, rule.name));
  }
  if (!out.granted) out.reason = fmt::format("no grant to {}", rule.name);
  return out;
}

}  // namespace

std::string_view ToString(Permission permission) { return RuleOf(permission).name; }

bool KeyCovers(const Principal& principal, Permission permission) {
  return RuleIsCovered(principal, RuleOf(permission));
}

bool IsScope(std::string_view scope) {
  if (scope == "*") return true;
  const size_t colon = scope.find(':');
  if (colon == std::string_view::npos) return false;
  return std::ranges::find(kAreas, scope.substr(0, colon)) != kAreas.end() &&
         std::ranges::find(kLevels, scope.substr(colon + 1)) != kLevels.end();
}

Decision Decide(const Principal& principal, Permission permission,
                const model::Connection* connection) {
  const Rule& rule = RuleOf(permission);
  NSTARX_CHECK(rule.on_connection == (connection != nullptr));
  Decision out{.allowed = true, .visible = true};
  if (connection != nullptr) {
    Standing standing = StandingOf(principal, rule, *connection);
    out.visible = standing.visible;
    out.allowed = standing.granted;
    out.reason = standing.visible ? std::move(standing.reason) : "not shared with the caller";
  }
  if (out.allowed && principal.role < rule.least) {
    out.allowed = false;
    out.reason = fmt::format("role {} may not {}", ToString(principal.role), rule.name);
  }
  if (out.allowed && !RuleIsCovered(principal, rule)) {
    out.allowed = false;
    out.reason = fmt::format("the key's scopes lack {}:{}", rule.area, rule.level);
  }
  if (out.allowed && out.reason.empty()) {
    out.reason = fmt::format("role {}", ToString(principal.role));
  }
  return out;
}

Status Require(const Principal& principal, Permission permission,
               const model::Connection* connection) {
  const Decision decision = Decide(principal, permission, connection);
  if (decision.allowed) return {};
  if (!decision.visible) {
    // Says no more than the store does about a name that does not exist.
    return NotFound("connection.not_found", "there is no such connection")
        .WithHint("List connections to see the names you may use.");
  }
  const Rule& rule = RuleOf(permission);
  Error error(
      ErrorKind::kPermissionDenied, "access.denied",
      connection != nullptr
          ? fmt::format("you may not {} connection '{}': {}", rule.name, connection->name,
                        decision.reason)
          : fmt::format("you may not {} {}: {}", rule.name,
                        permission == Permission::kCreate ? "connections" : "this deployment",
                        decision.reason));
  error.WithDetail("permission", rule.name).WithDetail("reason", decision.reason);
  if (decision.reason.starts_with("the key's scopes")) {
    return error.WithHint(
        fmt::format("Use an API key with the scope {}:{}.", rule.area, rule.level));
  }
  if (decision.reason.starts_with("role ")) {
    return error.WithHint(
        fmt::format("It takes the role {}; ask an admin.", nstarx::ToString(rule.least)));
  }
  if (connection != nullptr && !connection->metadata.owner.empty()) {
    return error.WithHint(fmt::format("Ask its owner '{}' or an admin for the permission '{}'.",
                                      connection->metadata.owner, rule.name));
  }
  return error.WithHint("Ask an admin.");
}

}  // namespace nstarx::access
