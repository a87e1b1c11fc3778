#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/connection.h"
#include "store/sqlite/sqlite_database.h"
#include "store/store.h"

namespace nstarx::store {

// The tables of connections and their sealed secrets. Writing calls run inside a transaction of
// GroupCommit.

Status InsertConnection(Database& database, const model::Connection& connection,
                        const std::vector<SealedSecret>& secrets, std::string_view by);
Status ReplaceConnection(Database& database, const model::Connection& connection,
                         const std::vector<SealedSecret>& secrets,
                         const std::vector<std::string>& removed_fields, std::string_view by,
                         std::string_view change);
Status WriteTest(Database& database, std::string_view id, model::ConnectionStatus status,
                 const json::object& last_test);
Status RemoveConnection(Database& database, std::string_view id);
Result<model::Connection> FindConnection(Database& database, std::string_view ref);
Result<int64_t> CountAllConnections(Database& database);
/// Newest first; only `version` when it is given.
Result<std::vector<ConnectionVersion>> FindVersions(Database& database, std::string_view id,
                                                    std::optional<int64_t> version);

Result<std::vector<SealedSecret>> FindSecrets(Database& database, std::string_view owner_id);
Result<std::vector<SealedSecret>> FindSecretsNotWrappedBy(Database& database,
                                                          std::string_view kek_id, int64_t limit);
Result<int64_t> CountNotWrappedBy(Database& database, std::string_view kek_id);
Status RewrapRow(Database& database, const SealedSecret& secret);
Result<std::vector<KeyRecord>> FindKeys(Database& database);
Status PutKeyRow(Database& database, const KeyRecord& key);

}  // namespace nstarx::store
