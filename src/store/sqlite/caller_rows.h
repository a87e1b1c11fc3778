#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "store/sqlite/sqlite_database.h"
#include "store/store.h"

namespace nstarx::store {

// The tables of users, API keys and kept answers. Writing calls run inside a transaction of
// GroupCommit.

Status PutUserRow(Database& database, const User& user);
/// By id or name; all when `ref` is empty.
Result<std::vector<User>> FindUsers(Database& database, std::optional<std::string_view> ref);
Status PutApiKeyRow(Database& database, const ApiKey& key);
Result<std::vector<ApiKey>> FindApiKeys(Database& database, std::optional<std::string_view> id);
Status TouchApiKeyRow(Database& database, std::string_view id, TimePoint used);
Result<std::optional<StoredAnswer>> FindAnswerRow(Database& database, std::string_view caller,
                                                  std::string_view key);
/// Also forgets answers older than a day before this one, and all but the newest 100,000.
Status PutAnswerRow(Database& database, std::string_view caller, std::string_view key,
                    const StoredAnswer& answer);

}  // namespace nstarx::store
