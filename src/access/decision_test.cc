#include <fmt/format.h>
#include <gtest/gtest.h>

#include "access/access.h"

namespace nstarx::access {
namespace {

using model::Connection;

constexpr std::string_view kNames = "view use edit test share manage";

Connection Shared(std::string scope, std::string team = "", std::vector<model::Grant> grants = {}) {
  Connection out;
  out.name = "sales";
  out.metadata.owner = "olga";
  out.metadata.owner_id = "usr_olga";
  out.sharing = {
      .scope = std::move(scope), .team = std::move(team), .permissions = std::move(grants)};
  return out;
}

Principal Caller(std::string name, Role role, std::vector<std::string> teams = {}) {
  return {.id = "usr_" + name, .name = name, .role = role, .teams = std::move(teams)};
}

/// What is allowed, as letters in the order view, use, edit, test, share, manage; "hidden" when the
/// connection is not visible.
std::string Allowed(const Principal& principal, const Connection& connection) {
  std::string out;
  bool visible = false;
  for (auto permission : {Permission::kView, Permission::kUse, Permission::kEdit, Permission::kTest,
                          Permission::kShare, Permission::kManage}) {
    const Decision decision = Decide(principal, permission, &connection);
    EXPECT_FALSE(decision.reason.empty());
    EXPECT_TRUE(decision.visible || !decision.allowed);
    visible = visible || decision.visible;
    if (decision.allowed) out += ToString(permission)[0];
  }
  return visible ? out : "hidden";
}

TEST(DecisionTest, TableOfRolesAndSharing) {
  const std::vector<std::string> data = {"data"};
  struct Case {
    std::string_view what;
    Connection connection;
    std::string_view owner[4];  // viewer, user, editor, admin
    std::string_view other[4];
    std::string_view member[4];  // of team data
  };
  const Case cases[] = {
      {"private",
       Shared("private"),
       {"v", "vut", "vuetsm", "vuetsm"},
       {"hidden", "hidden", "hidden", "vuetsm"},
       {"hidden", "hidden", "hidden", "vuetsm"}},
      {"team",
       Shared("team", "data"),
       {"v", "vut", "vuetsm", "vuetsm"},
       {"hidden", "hidden", "hidden", "vuetsm"},
       {"v", "vut", "vut", "vuetsm"}},
      {"organization",
       Shared("organization"),
       {"v", "vut", "vuetsm", "vuetsm"},
       {"v", "vut", "vut", "vuetsm"},
       {"v", "vut", "vut", "vuetsm"}},
      {"grant to team",
       Shared("private", "", {{"team:data", {"use", "edit"}}}),
       {"v", "vut", "vuetsm", "vuetsm"},
       {"hidden", "hidden", "hidden", "vuetsm"},
       {"v", "vu", "vue", "vuetsm"}},
      {"grant to user",
       Shared("private", "", {{"user:other", {"view", "manage", "share"}}}),
       {"v", "vut", "vuetsm", "vuetsm"},
       {"v", "v", "vsm", "vuetsm"},
       {"hidden", "hidden", "hidden", "vuetsm"}},
      {"empty grant",
       Shared("private", "", {{"user:other", {}}}),
       {"v", "vut", "vuetsm", "vuetsm"},
       {"hidden", "hidden", "hidden", "vuetsm"},
       {"hidden", "hidden", "hidden", "vuetsm"}},
      {"team and wider grant",
       Shared("team", "data", {{"team:data", {"edit"}}}),
       {"v", "vut", "vuetsm", "vuetsm"},
       {"hidden", "hidden", "hidden", "vuetsm"},
       {"v", "vut", "vuet", "vuetsm"}},
      {"team of a like name",
       Shared("team", "dat"),
       {"v", "vut", "vuetsm", "vuetsm"},
       {"hidden", "hidden", "hidden", "vuetsm"},
       {"hidden", "hidden", "hidden", "vuetsm"}},
  };
  for (const Case& one : cases) {
    for (int role = 0; role < 4; ++role) {
      SCOPED_TRACE(fmt::format("{} as {}", one.what, nstarx::ToString(static_cast<Role>(role))));
      const Role as = static_cast<Role>(role);
      EXPECT_EQ(Allowed(Caller("olga", as), one.connection), one.owner[role]);
      EXPECT_EQ(Allowed(Caller("other", as), one.connection), one.other[role]);
      EXPECT_EQ(Allowed(Caller("member", as, data), one.connection), one.member[role]);
    }
  }
}

TEST(DecisionTest, ScopesOfTheKeyCapEverything) {
  const Connection own = Shared("private");
  const auto with = [&](std::vector<std::string> scopes) {
    Principal out = Caller("olga", Role::kEditor);
    out.key_id = "key_1";
    out.scopes = std::move(scopes);
    return out;
  };
  EXPECT_EQ(Allowed(with({"*"}), own), "vuetsm");
  EXPECT_EQ(Allowed(with({"connections:read"}), own), "v");
  EXPECT_EQ(Allowed(with({"connections:use"}), own), "vt");
  EXPECT_EQ(Allowed(with({"connections:write"}), own), "vetsm");
  EXPECT_EQ(Allowed(with({"data:use"}), own), "u");
  EXPECT_EQ(Allowed(with({"data:read"}), own), "");
  EXPECT_EQ(Allowed(with({"connections:read", "data:write"}), own), "vu");
  EXPECT_EQ(Allowed(with({}), own), "");
  EXPECT_EQ(Allowed(with({"connections", "connections:all", "connections:writ"}), own), "");
  EXPECT_TRUE(Decide(with({"connections:write"}), Permission::kCreate, nullptr).allowed);
  EXPECT_FALSE(Decide(with({"connections:use"}), Permission::kCreate, nullptr).allowed);
}

TEST(DecisionTest, DeploymentPermissionsFollowTheRole) {
  for (Role role : {Role::kViewer, Role::kUser, Role::kEditor, Role::kAdmin}) {
    const Principal caller = Caller("x", role);
    EXPECT_EQ(Decide(caller, Permission::kCreate, nullptr).allowed, role >= Role::kEditor);
    EXPECT_EQ(Decide(caller, Permission::kAdmin, nullptr).allowed, role == Role::kAdmin);
    EXPECT_EQ(Decide(caller, Permission::kAudit, nullptr).allowed, role == Role::kAdmin);
  }
  Principal auditor = Caller("x", Role::kAdmin);
  auditor.key_id = "key_1";
  auditor.scopes = {"audit:read"};
  EXPECT_TRUE(Decide(auditor, Permission::kAudit, nullptr).allowed);
  EXPECT_FALSE(Decide(auditor, Permission::kAdmin, nullptr).allowed);
}

TEST(DecisionTest, RequireExplainsOrHides) {
  const Connection own = Shared("organization");
  const Status denied = Require(Caller("other", Role::kUser), Permission::kEdit, &own);
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code(), "access.denied");
  EXPECT_EQ(denied.error().kind(), ErrorKind::kPermissionDenied);
  EXPECT_NE(denied.error().hints().front().find("olga"), std::string::npos);
  const Connection hidden = Shared("private");
  const Status missing = Require(Caller("other", Role::kUser), Permission::kEdit, &hidden);
  EXPECT_EQ(missing.error().code(), "connection.not_found");
  EXPECT_EQ(missing.error().ToString().find("sales"), std::string::npos);
  EXPECT_EQ(missing.error().ToString().find("olga"), std::string::npos);
  EXPECT_TRUE(Require(Caller("olga", Role::kEditor), Permission::kManage, &hidden));
  EXPECT_EQ(Decide(Caller("olga", Role::kUser), Permission::kEdit, &hidden).reason,
            "role user may not edit");
}

TEST(DecisionTest, NamesAreThoseOfGrants) {
  for (auto permission : {Permission::kView, Permission::kUse, Permission::kEdit, Permission::kTest,
                          Permission::kShare, Permission::kManage}) {
    EXPECT_NE(kNames.find(ToString(permission)), std::string_view::npos);
  }
}

}  // namespace
}  // namespace nstarx::access
