#include "store/sqlite/sqlite_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include "base/id.h"
#include "store/sqlite/connection_search.h"
#include "store/sqlite/sqlite_database.h"

namespace nstarx::store {
namespace {

using model::Connection;

TimePoint At(int64_t ms) { return TimePoint(std::chrono::milliseconds(1'790'000'000'000 + ms)); }

Connection MakeConnection(const std::string& name) {
  Connection out;
  out.id = NewId("con");
  out.name = name;
  out.type = "postgresql";
  out.configuration["host"] = "db.example.com";
  out.authentication.type = "basic";
  out.metadata = {.created = At(0), .modified = At(0), .owner = "ann", .owner_id = "usr_ann"};
  return out;
}

SealedSecret Sealed(const Connection& owner, std::string field, std::string kek = "kek_1") {
  return {.owner_id = owner.id,
          .field = std::move(field),
          .version = 1,
          .kek_id = std::move(kek),
          .wrapped_key = std::string("w\0w", 3),
          .nonce = "n",
          .ciphertext = std::string("\0c\xff", 3),
          .rotated_at = At(5)};
}

class SqliteStoreTest : public ::testing::Test {
 protected:
  SqliteStoreTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "nstarx-store-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
    path_ = root_ + "/data/store.db";
    Reopen();
  }
  ~SqliteStoreTest() override {
    store_.reset();
    std::filesystem::remove_all(root_);
  }
  void Reopen() {
    store_.reset();
    auto opened = OpenSqliteStore(path_);
    ASSERT_TRUE(opened) << opened.error().ToString();
    store_ = std::move(*opened);
  }
  Error OpenError() {
    auto opened = OpenSqliteStore(path_);
    return opened ? Internal("opened") : opened.error();
  }
  void RunSql(const std::string& sql) {
    auto database = Database::Open(path_, Database::Use::kWrite);
    ASSERT_TRUE(database);
    const Status done = (*database)->Execute(sql);
    ASSERT_TRUE(done) << done.error().ToString();
  }

  std::string root_;
  std::string path_;
  std::unique_ptr<Store> store_;
};

TEST_F(SqliteStoreTest, FilesAreForTheServersUserAlone) {
  struct stat facts;
  ASSERT_EQ(stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
  ASSERT_EQ(stat((path_ + "-wal").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
  ASSERT_EQ(stat((root_ + "/data").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0700u);
}

TEST_F(SqliteStoreTest, ConnectionLivesThroughItsWholeLife) {
  Connection made = MakeConnection("sales");
  made.metadata.tags = {"prod"};
  ASSERT_TRUE(store_->CreateConnection(made, {Sealed(made, "password")}, "ann"));
  Reopen();
  EXPECT_EQ(ToJson(*store_->GetConnection("sales")), ToJson(made));
  EXPECT_EQ(ToJson(*store_->GetConnection(made.id)), ToJson(made));
  const auto secrets = store_->GetSecrets(made.id);
  ASSERT_EQ(secrets->size(), 1u);
  EXPECT_EQ(secrets->front().ciphertext, std::string("\0c\xff", 3));
  EXPECT_EQ(secrets->front().rotated_at, At(5));

  Connection changed = made;
  changed.version = 2;
  changed.name = "sales2";
  changed.metadata.tags = {"test"};
  changed.metadata.modified = At(10);
  ASSERT_TRUE(
      store_->UpdateConnection(changed, {Sealed(made, "token")}, {"password"}, "bob", "updated"));
  EXPECT_EQ(store_->GetConnection("sales").error().code(), "connection.not_found");
  EXPECT_EQ(store_->GetSecrets(made.id)->front().field, "token");
  EXPECT_TRUE(store_->ListConnections({.tag = "prod"})->items.empty());
  EXPECT_EQ(store_->ListConnections({.query = "SALES2"})->items.size(), 1u);
  EXPECT_EQ(store_->ListConnections({.query = "prod"})->items.size(), 0u);

  const auto versions = store_->ListVersions(made.id);
  ASSERT_EQ(versions->size(), 2u);
  EXPECT_EQ(versions->at(0).by, "bob");
  EXPECT_EQ(versions->at(1).change, "created");
  EXPECT_EQ(ToJson(store_->GetVersion(made.id, 1)->connection), ToJson(made));
  EXPECT_EQ(store_->GetVersion(made.id, 9).error().code(), "connection.version_not_found");

  ASSERT_TRUE(store_->RecordTest(made.id, model::ConnectionStatus::kError, {{"code", "x"}}));
  EXPECT_EQ(store_->ListConnections({.status = "error"})->items.size(), 1u);
  EXPECT_EQ(store_->GetConnection(made.id)->version, 2);
  EXPECT_EQ(store_->GetConnection(made.id)->last_test->at("code").as_string(), "x");

  ASSERT_TRUE(store_->DeleteConnection(made.id));
  EXPECT_EQ(store_->GetConnection(made.id).error().kind(), ErrorKind::kNotFound);
  EXPECT_TRUE(store_->GetSecrets(made.id)->empty());
  EXPECT_EQ(*store_->CountConnections(), 0);
  EXPECT_TRUE(store_->ListConnections({.query = "sales2"})->items.empty());
  EXPECT_EQ(store_->DeleteConnection(made.id).error().code(), "connection.not_found");
}

TEST_F(SqliteStoreTest, RefusedWritesLeaveNoTrace) {
  Connection first = MakeConnection("one");
  Connection second = MakeConnection("two");
  ASSERT_TRUE(store_->CreateConnection(first, {}, "ann"));
  ASSERT_TRUE(store_->CreateConnection(second, {}, "ann"));
  Connection taken = MakeConnection("ONE");
  const Status refused = store_->CreateConnection(taken, {Sealed(taken, "password")}, "ann");
  EXPECT_EQ(refused.error().code(), "connection.name_taken");
  EXPECT_EQ(refused.error().kind(), ErrorKind::kAlreadyExists);
  EXPECT_EQ(*store_->CountConnections(), 2);
  EXPECT_TRUE(store_->GetSecrets(taken.id)->empty());

  second.version = 2;
  second.name = "one";
  EXPECT_EQ(store_->UpdateConnection(second, {}, {}, "ann", "updated").error().code(),
            "connection.name_taken");
  second.name = "two";
  second.version = 3;
  const Status stale = store_->UpdateConnection(second, {}, {}, "ann", "updated");
  EXPECT_EQ(stale.error().code(), "connection.version_conflict");
  EXPECT_EQ(stale.error().kind(), ErrorKind::kConflict);
  EXPECT_EQ(store_->GetConnection("two")->version, 1);
}

TEST_F(SqliteStoreTest, OneOfManyConcurrentUpdatesWins) {
  Connection made = MakeConnection("busy");
  ASSERT_TRUE(store_->CreateConnection(made, {}, "ann"));
  std::atomic<int> won = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        Connection mine = made;
        mine.version = 2;
        if (store_->UpdateConnection(mine, {}, {}, "ann", "updated")) ++won;
      });
    }
  }
  EXPECT_EQ(won, 1);
  EXPECT_EQ(store_->GetConnection("busy")->version, 2);
}

/// What ListConnections must give, worked out the slow way.
std::vector<std::string> Expected(const std::vector<Connection>& all, const ConnectionFilter& f) {
  std::vector<const Connection*> found;
  for (const auto& c : all) {
    const auto& tags = c.metadata.tags;
    if (f.archived != c.archived.has_value()) continue;
    if (!f.type.empty() && c.type != f.type) continue;
    if (!f.tag.empty() && std::ranges::find(tags, f.tag) == tags.end()) continue;
    if (!f.scope.empty() && c.sharing.scope != f.scope) continue;
    if (!f.status.empty() && ToString(c.status) != f.status) continue;
    if (!f.owner.empty() && c.metadata.owner != f.owner && c.metadata.owner_id != f.owner) continue;
    if (!f.query.empty() && SearchBody(c).find(FoldCase(f.query)) == std::string::npos) continue;
    if (f.visible_to != nullptr && f.visible_to->role != Role::kAdmin) {
      const Principal& p = *f.visible_to;
      const auto in_team = [&](const std::string& team) {
        return std::ranges::find(p.teams, team) != p.teams.end();
      };
      bool seen = c.metadata.owner_id == p.id || c.sharing.scope == "organization" ||
                  (c.sharing.scope == "team" && in_team(c.sharing.team));
      for (const auto& grant : c.sharing.permissions) {
        seen = seen || (grant.subject.starts_with("user:") && grant.subject.substr(5) == p.name) ||
               (grant.subject.starts_with("team:") && in_team(grant.subject.substr(5)));
      }
      if (!seen) continue;
    }
    found.push_back(&c);
  }
  const bool down = f.sort.starts_with('-');
  const std::string key = f.sort.substr(down ? 1 : 0);
  const auto less = [&](const Connection* a, const Connection* b) {
    if (key == "created" && a->metadata.created != b->metadata.created) {
      return a->metadata.created < b->metadata.created;
    }
    if (key == "modified" && a->metadata.modified != b->metadata.modified) {
      return a->metadata.modified < b->metadata.modified;
    }
    if (key == "type" && a->type != b->type) return a->type < b->type;
    if (key == "name" || key == "type") return FoldCase(a->name) < FoldCase(b->name);
    return a < b;  // the order of insertion
  };
  std::ranges::sort(found, [&](auto* a, auto* b) { return down ? less(b, a) : less(a, b); });
  std::vector<std::string> names;
  for (const auto* c : found) names.push_back(c->name);
  return names;
}

TEST_F(SqliteStoreTest, ListAgreesWithTheSlowWayForEveryFilterAndSort) {
  std::mt19937 random(7);
  const auto pick = [&](auto... words) {
    const std::vector<std::string> list = {words...};
    return list[random() % list.size()];
  };
  std::vector<Connection> all;
  for (int i = 0; i < 300; ++i) {
    Connection c = MakeConnection(
        fmt::format("{}-{}-{}", pick("Alpha", "beta", "GAMMA", "Zürich"), i, pick("x", "y\"q")));
    c.type = pick("postgresql", "mysql", "s3");
    c.sharing.scope = pick("private", "private", "team", "organization");
    if (c.sharing.scope == "team") c.sharing.team = pick("data", "ops");
    if (random() % 5 == 0) c.sharing.permissions = {{pick("user:bob", "team:ops"), {"view"}}};
    if (random() % 3 == 0) c.metadata.tags = {pick("prod", "test"), "eu"};
    if (random() % 9 == 0) c.archived = At(1);
    c.status = random() % 4 == 0 ? model::ConnectionStatus::kError : c.status;
    c.metadata.description = pick("orders of the shop", "Ereignisse ÄÖÜ", "");
    c.metadata.owner = pick("ann", "bob", "cid");
    c.metadata.owner_id = "usr_" + c.metadata.owner;
    c.metadata.created = At(static_cast<int64_t>(random() % 50));
    c.metadata.modified = At(static_cast<int64_t>(random() % 50));
    ASSERT_TRUE(store_->CreateConnection(c, {}, "ann"));
    all.push_back(std::move(c));
  }
  const Principal bob{.id = "usr_bob", .name = "bob", .role = Role::kUser, .teams = {"data"}};
  const Principal ops{.id = "usr_x", .name = "x", .role = Role::kViewer, .teams = {"ops", "z"}};
  const Principal admin{.id = "usr_y", .name = "y", .role = Role::kAdmin};
  const std::vector<const Principal*> callers = {nullptr, &bob, &ops, &admin};
  int rows = 0;
  for (int round = 0; round < 400; ++round) {
    ConnectionFilter filter;
    if (random() % 3 == 0) filter.type = pick("postgresql", "s3", "none");
    if (random() % 4 == 0) filter.tag = pick("prod", "eu", "nope");
    if (random() % 5 == 0) filter.scope = pick("private", "team", "organization");
    if (random() % 5 == 0) filter.status = pick("active", "error");
    if (random() % 5 == 0) filter.owner = pick("ann", "usr_bob");
    if (random() % 3 == 0) {
      filter.query = pick("alpha", "ORDERS", "äöü", "zÜRI", "-1", "y\"q", "%", "eu", "a' OR 1");
    }
    filter.archived = random() % 8 == 0;
    filter.sort =
        pick("name", "-name", "created", "-created", "modified", "-modified", "type", "-type");
    filter.limit = static_cast<int64_t>(1 + random() % 40);
    filter.visible_to = callers[random() % callers.size()];
    std::vector<std::string> names;
    while (true) {
      const auto page = store_->ListConnections(filter);
      ASSERT_TRUE(page) << page.error().ToString();
      ASSERT_LE(page->items.size(), static_cast<size_t>(filter.limit));
      for (const auto& c : page->items) names.push_back(c.name);
      if (page->next.empty()) break;
      ASSERT_EQ(page->items.size(), static_cast<size_t>(filter.limit)) << "a page is not full";
      filter.cursor = page->next;
    }
    ASSERT_EQ(names, Expected(all, filter)) << "sort " << filter.sort << " q " << filter.query;
    rows += static_cast<int>(names.size());
  }
  EXPECT_GT(rows, 5'000);
}

TEST_F(SqliteStoreTest, BadSortAndCursorAreRefused) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(store_->CreateConnection(MakeConnection(fmt::format("c{}", i)), {}, "ann"));
  }
  EXPECT_EQ(store_->ListConnections({.sort = "name; DROP"}).error().code(), "request.bad_sort");
  const auto page = store_->ListConnections({.sort = "name", .limit = 1});
  ASSERT_FALSE(page->next.empty());
  for (const std::string& bad : {std::string("x"), std::string("!!!!"), page->next + "A",
                                 std::string(5000, 'A'), std::string("W10")}) {
    EXPECT_EQ(store_->ListConnections({.sort = "name", .cursor = bad}).error().code(),
              "request.bad_cursor");
  }
  EXPECT_EQ(store_->ListConnections({.sort = "-name", .cursor = page->next}).error().code(),
            "request.bad_cursor");
}

TEST_F(SqliteStoreTest, SecretsAreRewrappedOnlyWhileTheyAreThatVersion) {
  Connection made = MakeConnection("s");
  ASSERT_TRUE(store_->CreateConnection(
      made, {Sealed(made, "a"), Sealed(made, "b"), Sealed(made, "c", "kek_2")}, "ann"));
  EXPECT_EQ(*store_->CountSecretsNotWrappedBy("kek_2"), 2);
  auto old = store_->SecretsNotWrappedBy("kek_2", 10);
  ASSERT_EQ(old->size(), 2u);
  for (auto& secret : *old) secret.kek_id = "kek_2", secret.wrapped_key = "new";
  old->at(1).version = 7;
  ASSERT_TRUE(store_->RewrapSecrets(*old));
  EXPECT_EQ(*store_->CountSecretsNotWrappedBy("kek_2"), 1);
  EXPECT_EQ(store_->GetSecrets(made.id)->at(0).wrapped_key, "new");
}

TEST_F(SqliteStoreTest, CallersKeysAndAnswersAreKept) {
  const User ann{.id = "usr_1", .name = "ann", .role = Role::kEditor, .teams = {"a", "b"}};
  ASSERT_TRUE(store_->PutUser(ann));
  EXPECT_EQ(store_->PutUser({.id = "usr_2", .name = "ann"}).error().code(), "user.name_taken");
  ApiKey key{.id = "k1", .name = "laptop", .user_id = "usr_1", .hash = "h", .scopes = {"*"}};
  key.expires = At(9);
  ASSERT_TRUE(store_->PutApiKey(key));
  EXPECT_EQ(store_->PutApiKey({.id = "k2", .user_id = "nobody"}).error().code(), "user.not_found");
  ASSERT_TRUE(store_->TouchApiKey("k1", At(3)));
  EXPECT_EQ(store_->TouchApiKey("k9", At(3)).error().code(), "key.not_found");
  Reopen();
  EXPECT_EQ(store_->GetUser("ann")->teams, ann.teams);
  EXPECT_EQ(store_->GetUser("usr_1")->role, Role::kEditor);
  EXPECT_EQ(store_->GetApiKey("k1")->expires, At(9));
  EXPECT_EQ(store_->GetApiKey("k1")->last_used, At(3));
  EXPECT_FALSE(store_->GetApiKey("k1")->revoked);
  EXPECT_EQ(store_->ListApiKeys()->size(), 1u);

  ASSERT_TRUE(store_->KeepAnswer("usr_1", "k", {.fingerprint = "f", .status = 201, .at = At(0)}));
  EXPECT_EQ((*store_->FindAnswer("usr_1", "k"))->status, 201);
  EXPECT_FALSE(*store_->FindAnswer("usr_2", "k"));
  ASSERT_TRUE(
      store_->KeepAnswer("usr_1", "l", {.status = 200, .at = At(0) + std::chrono::hours(25)}));
  EXPECT_FALSE(*store_->FindAnswer("usr_1", "k"));
}

TEST_F(SqliteStoreTest, NewerAlteredAndDamagedStoresAreRefused) {
  ASSERT_TRUE(store_->CreateConnection(MakeConnection("kept"), {}, "ann"));
  store_.reset();
  RunSql("CREATE INDEX mine ON connection(team)");
  EXPECT_EQ(OpenError().code(), "store.altered_schema");
  RunSql("DROP INDEX mine; UPDATE schema_version SET checksum = 'x'");
  EXPECT_EQ(OpenError().code(), "store.altered_schema");
  RunSql("INSERT INTO schema_version VALUES (99, '', '')");
  RunSql("DELETE FROM schema_version WHERE version < 99");
  EXPECT_EQ(OpenError().code(), "store.newer_schema");
  EXPECT_EQ(OpenError().message().find("99") != std::string::npos, true);

  std::ofstream(path_, std::ios::binary | std::ios::trunc) << std::string(8192, 'x');
  std::filesystem::remove(path_ + "-wal");
  EXPECT_EQ(OpenError().code(), "store.damaged");
  EXPECT_EQ(OpenError().kind(), ErrorKind::kDataLoss);
  EXPECT_FALSE(OpenError().hints().empty());
}

TEST_F(SqliteStoreTest, DamagedPagesAreDataLoss) {
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(store_->CreateConnection(MakeConnection(fmt::format("c{}", i)), {}, "ann"));
  }
  store_.reset();
  const auto size = std::filesystem::file_size(path_);
  std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
  // Every page but the first few, which hold the schema.
  file.seekp(8 * 4096);
  file << std::string(size - 8 * 4096, '\xee');
  file.close();
  auto opened = OpenSqliteStore(path_);
  const Error error = opened ? (*opened)->ListConnections({}).error() : opened.error();
  EXPECT_EQ(error.code(), "store.damaged") << error.ToString();
}

TEST_F(SqliteStoreTest, UnwritablePlaceIsNamed) {
  store_.reset();
  path_ = "/proc/nstarx/store.db";
  EXPECT_EQ(OpenError().code(), "store.not_writable");
  EXPECT_FALSE(OpenError().hints().empty());
}

}  // namespace
}  // namespace nstarx::store
