#include "store/sqlite/caller_rows.h"

#include <fmt/format.h>

namespace nstarx::store {
namespace {

constexpr std::chrono::hours kAnswerLife(24);
constexpr int64_t kAnswersMax = 100'000;

Error Unreadable(std::string_view what) {
  return {ErrorKind::kDataLoss, "store.damaged", fmt::format("a stored {} can't be read", what)};
}

std::string WriteList(const std::vector<std::string>& words) {
  return json::serialize(json::array(words.begin(), words.end()));
}

Result<std::vector<std::string>> ReadList(const std::string& text) {
  boost::system::error_code error;
  const json::value parsed = json::parse(text, error);
  if (error || !parsed.is_array()) return Unreadable("list");
  std::vector<std::string> out;
  for (const auto& item : parsed.get_array()) {
    if (!item.is_string()) return Unreadable("list");
    out.emplace_back(item.get_string());
  }
  return out;
}

Result<Role> ReadRole(const std::string& text) {
  Result<Role> role = ParseRole(text);
  if (!role) return Unreadable("role");
  return role;
}

}  // namespace

Status PutUserRow(Database& database, const User& user) {
  {
    NSTARX_TRY(Statement find, database.Prepare("SELECT 1 FROM user WHERE name = ? AND id <> ?"));
    NSTARX_TRY(const bool taken, find.Bind(user.name).Bind(user.id).Step());
    if (taken) {
      return Error(ErrorKind::kAlreadyExists, "user.name_taken",
                   fmt::format("a user named '{}' exists already", user.name))
          .WithHint("Choose another name, or update the existing user.");
    }
  }
  const std::string teams = WriteList(user.teams);
  // Not INSERT OR REPLACE: that would delete the row that API keys point to.
  NSTARX_TRY(Statement put,
             database.Prepare("INSERT INTO user VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE "
                              "SET name = excluded.name, role = excluded.role, teams = "
                              "excluded.teams"));
  return put.Bind(user.id)
      .Bind(user.name)
      .Bind(ToString(user.role))
      .Bind(teams)
      .Bind(user.created)
      .Run();
}

Result<std::vector<User>> FindUsers(Database& database, std::optional<std::string_view> ref) {
  NSTARX_TRY(Statement select,
             database.Prepare(ref ? "SELECT id, name, role, teams, created FROM user WHERE id = ?1 "
                                    "OR name = ?1 ORDER BY id = ?1 DESC LIMIT 1"
                                  : "SELECT id, name, role, teams, created FROM user ORDER BY "
                                    "name"));
  if (ref) select.Bind(*ref);
  std::vector<User> out;
  while (true) {
    NSTARX_TRY(const bool row, select.Step());
    if (!row) return out;
    User user{.id = select.Text(0), .name = select.Text(1), .created = select.Time(4)};
    NSTARX_TRY(user.role, ReadRole(select.Text(2)));
    NSTARX_TRY(user.teams, ReadList(select.Text(3)));
    out.push_back(std::move(user));
  }
}

Status PutApiKeyRow(Database& database, const ApiKey& key) {
  const std::string scopes = WriteList(key.scopes);
  {
    NSTARX_TRY(Statement find, database.Prepare("SELECT 1 FROM user WHERE id = ?"));
    NSTARX_TRY(const bool known, find.Bind(key.user_id).Step());
    if (!known) return NotFound("user.not_found", "the key's user does not exist");
  }
  NSTARX_TRY(Statement put,
             database.Prepare("INSERT OR REPLACE INTO api_key (id, name, user_id, hash, prefix, "
                              "role, scopes, expires, revoked, last_used, created) VALUES (?, ?, "
                              "?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  return put.Bind(key.id)
      .Bind(key.name)
      .Bind(key.user_id)
      .Bind(key.hash)
      .Bind(key.prefix)
      .Bind(ToString(key.role))
      .Bind(scopes)
      .Bind(key.expires)
      .Bind(key.revoked)
      .Bind(key.last_used)
      .Bind(key.created)
      .Run();
}

Result<std::vector<ApiKey>> FindApiKeys(Database& database, std::optional<std::string_view> id) {
  NSTARX_TRY(Statement select,
             database.Prepare(fmt::format("SELECT id, name, user_id, hash, prefix, role, scopes, "
                                          "expires, revoked, last_used, created FROM api_key {} "
                                          "ORDER BY created, id",
                                          id ? "WHERE id = ?" : "")));
  if (id) select.Bind(*id);
  std::vector<ApiKey> out;
  while (true) {
    NSTARX_TRY(const bool row, select.Step());
    if (!row) return out;
    ApiKey key{.id = select.Text(0),
               .name = select.Text(1),
               .user_id = select.Text(2),
               .hash = select.Text(3),
               .prefix = select.Text(4),
               .expires = select.OptionalTime(7),
               .revoked = select.OptionalTime(8),
               .last_used = select.OptionalTime(9),
               .created = select.Time(10)};
    NSTARX_TRY(key.role, ReadRole(select.Text(5)));
    NSTARX_TRY(key.scopes, ReadList(select.Text(6)));
    out.push_back(std::move(key));
  }
}

Status TouchApiKeyRow(Database& database, std::string_view id, TimePoint used) {
  NSTARX_TRY(Statement update,
             database.Prepare("UPDATE api_key SET last_used = max(coalesce(last_used, 0), ?) WHERE "
                              "id = ?"));
  NSTARX_RETURN_IF_ERROR(update.Bind(used).Bind(id).Run());
  if (database.changes() == 0) return NotFound("key.not_found", "there is no such API key");
  return {};
}

Result<std::optional<StoredAnswer>> FindAnswerRow(Database& database, std::string_view caller,
                                                  std::string_view key) {
  NSTARX_TRY(Statement select,
             database.Prepare("SELECT fingerprint, status, body, at FROM answer WHERE caller = ? "
                              "AND key = ?"));
  NSTARX_TRY(const bool row, select.Bind(caller).Bind(key).Step());
  if (!row) return std::optional<StoredAnswer>();
  return std::optional<StoredAnswer>({.fingerprint = select.Text(0),
                                      .status = static_cast<int>(select.Int(1)),
                                      .body = select.Text(2),
                                      .at = select.Time(3)});
}

Status PutAnswerRow(Database& database, std::string_view caller, std::string_view key,
                    const StoredAnswer& answer) {
  {
    NSTARX_TRY(Statement put,
               database.Prepare("INSERT OR REPLACE INTO answer (caller, key, fingerprint, status, "
                                "body, at) VALUES (?, ?, ?, ?, ?, ?)"));
    NSTARX_RETURN_IF_ERROR(put.Bind(caller)
                               .Bind(key)
                               .Bind(answer.fingerprint)
                               .Bind(int64_t{answer.status})
                               .Bind(answer.body)
                               .Bind(answer.at)
                               .Run());
  }
  const int64_t newest = database.last_insert_id();
  {
    NSTARX_TRY(Statement prune, database.Prepare("DELETE FROM answer WHERE at < ?"));
    NSTARX_RETURN_IF_ERROR(prune.Bind(answer.at - kAnswerLife).Run());
  }
  NSTARX_TRY(Statement prune, database.Prepare("DELETE FROM answer WHERE seq <= ?"));
  return prune.Bind(newest - kAnswersMax).Run();
}

}  // namespace nstarx::store
