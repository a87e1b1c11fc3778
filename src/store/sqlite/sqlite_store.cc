#include "store/sqlite/sqlite_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "store/sqlite/caller_rows.h"
#include "store/sqlite/connection_rows.h"
#include "store/sqlite/connection_search.h"
#include "store/sqlite/group_commit.h"
#include "store/sqlite/migrations.h"
#include "store/sqlite/read_pool.h"
#include "store/sqlite/template_rows.h"

namespace nstarx::store {
namespace {

constexpr size_t kReaders = 4;

/// The Store over one SQLite file: writes go through the group commit, reads through the pool.
class SqliteStore final : public Store {
 public:
  SqliteStore(const std::string& path, std::unique_ptr<Database> writer)
      : readers_(path, kReaders), writer_(std::move(writer)) {}

  Status CreateConnection(const model::Connection& connection,
                          const std::vector<SealedSecret>& secrets, std::string_view by) override {
    return writer_.Run([&](Database& db) { return InsertConnection(db, connection, secrets, by); });
  }
  Status UpdateConnection(const model::Connection& connection,
                          const std::vector<SealedSecret>& secrets,
                          const std::vector<std::string>& removed_fields, std::string_view by,
                          std::string_view change) override {
    return writer_.Run([&](Database& db) {
      return ReplaceConnection(db, connection, secrets, removed_fields, by, change);
    });
  }
  Status RecordTest(std::string_view id, model::ConnectionStatus status,
                    const json::object& last_test) override {
    return writer_.Run([&](Database& db) { return WriteTest(db, id, status, last_test); });
  }
  Status DeleteConnection(std::string_view id) override {
    return writer_.Run([&](Database& db) { return RemoveConnection(db, id); });
  }
  Result<model::Connection> GetConnection(std::string_view ref) override {
    return readers_.Run([&](Database& db) { return FindConnection(db, ref); });
  }
  Result<ConnectionPage> ListConnections(const ConnectionFilter& filter) override {
    return readers_.Run([&](Database& db) { return ListPage(db, filter); });
  }
  Result<int64_t> CountConnections() override {
    return readers_.Run([&](Database& db) { return CountAllConnections(db); });
  }
  Result<std::vector<ConnectionVersion>> ListVersions(std::string_view id) override {
    return readers_.Run([&](Database& db) { return FindVersions(db, id, std::nullopt); });
  }
  Result<ConnectionVersion> GetVersion(std::string_view id, int64_t version) override {
    NSTARX_TRY(auto found,
               readers_.Run([&](Database& db) { return FindVersions(db, id, version); }));
    if (found.empty()) {
      return NotFound("connection.version_not_found",
                      fmt::format("the connection has no version {}", version))
          .WithHint("List its versions; the newest 1,000 are kept.");
    }
    return std::move(found.front());
  }

  Result<std::vector<SealedSecret>> GetSecrets(std::string_view owner_id) override {
    return readers_.Run([&](Database& db) { return FindSecrets(db, owner_id); });
  }
  Result<std::vector<SealedSecret>> SecretsNotWrappedBy(std::string_view kek_id,
                                                        int64_t limit) override {
    return readers_.Run([&](Database& db) { return FindSecretsNotWrappedBy(db, kek_id, limit); });
  }
  Result<int64_t> CountSecretsNotWrappedBy(std::string_view kek_id) override {
    return readers_.Run([&](Database& db) { return CountNotWrappedBy(db, kek_id); });
  }
  Status RewrapSecrets(const std::vector<SealedSecret>& secrets) override {
    return writer_.Run([&](Database& db) -> Status {
      for (const SealedSecret& secret : secrets) {
        NSTARX_RETURN_IF_ERROR(RewrapRow(db, secret));
      }
      return {};
    });
  }
  Result<std::vector<KeyRecord>> ListKeys() override {
    return readers_.Run([](Database& db) { return FindKeys(db); });
  }
  Status PutKey(const KeyRecord& key) override {
    return writer_.Run([&](Database& db) { return PutKeyRow(db, key); });
  }

  Status PutUser(const User& user) override {
    return writer_.Run([&](Database& db) { return PutUserRow(db, user); });
  }
  Result<User> GetUser(std::string_view ref) override {
    NSTARX_TRY(auto found, readers_.Run([&](Database& db) { return FindUsers(db, ref); }));
    if (found.empty()) {
      return NotFound("user.not_found", fmt::format("there is no user '{}'", ref));
    }
    return std::move(found.front());
  }
  Result<std::vector<User>> ListUsers() override {
    return readers_.Run([](Database& db) { return FindUsers(db, std::nullopt); });
  }
  Status PutTemplate(const Template& row) override {
    return writer_.Run([&](Database& db) { return PutTemplateRow(db, row); });
  }
  Result<Template> GetTemplate(std::string_view ref) override {
    NSTARX_TRY(auto found, readers_.Run([&](Database& db) { return FindTemplateRow(db, ref); }));
    if (found) return *std::move(found);
    return NotFound("template.not_found", fmt::format("there is no template '{}'", ref))
        .WithHint("GET /templates lists those that you may see.");
  }
  Result<std::vector<Template>> ListTemplates(std::string_view type) override {
    return readers_.Run([&](Database& db) { return ListTemplateRows(db, type); });
  }
  Status DeleteTemplate(std::string_view id) override {
    return writer_.Run([&](Database& db) { return DeleteTemplateRow(db, id); });
  }
  Status PutApiKey(const ApiKey& key) override {
    return writer_.Run([&](Database& db) { return PutApiKeyRow(db, key); });
  }
  Result<ApiKey> GetApiKey(std::string_view id) override {
    NSTARX_TRY(auto found, readers_.Run([&](Database& db) { return FindApiKeys(db, id); }));
    if (found.empty()) return NotFound("key.not_found", "there is no such API key");
    return std::move(found.front());
  }
  Result<std::vector<ApiKey>> ListApiKeys() override {
    return readers_.Run([](Database& db) { return FindApiKeys(db, std::nullopt); });
  }
  Status TouchApiKey(std::string_view id, TimePoint used) override {
    return writer_.Run([&](Database& db) { return TouchApiKeyRow(db, id, used); });
  }

  Result<std::optional<StoredAnswer>> FindAnswer(std::string_view caller,
                                                 std::string_view key) override {
    return readers_.Run([&](Database& db) { return FindAnswerRow(db, caller, key); });
  }
  Status KeepAnswer(std::string_view caller, std::string_view key,
                    const StoredAnswer& answer) override {
    return writer_.Run([&](Database& db) { return PutAnswerRow(db, caller, key, answer); });
  }

 private:
  ReadPool readers_;
  GroupCommit writer_;
};

Error NotWritable(std::string_view path, int reason) {
  return Unavailable("store.not_writable",
                     fmt::format("can't open the store '{}': {}", path, std::strerror(reason)))
      .WithAction(Action::kAskOperator)
      .WithHint("Check that the data directory exists and belongs to the server's user.");
}

/// Makes the folder (0700) and the file (0600); SQLite gives its side files the file's mode.
Status PrepareFile(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) {
    std::error_code error;
    std::filesystem::create_directories(folder.parent_path(), error);
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return NotWritable(path, errno);
  }
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return NotWritable(path, errno);
  const bool closed_up = fchmod(file, 0600) == 0;
  const int reason = errno;
  close(file);
  if (!closed_up) return NotWritable(path, reason);
  return {};
}

}  // namespace

Result<std::unique_ptr<Store>> OpenSqliteStore(std::string path) {
  NSTARX_RETURN_IF_ERROR(PrepareFile(path));
  NSTARX_TRY(auto writer, Database::Open(path, Database::Use::kWrite));
  NSTARX_RETURN_IF_ERROR(Migrate(*writer));
  return std::unique_ptr<Store>(std::make_unique<SqliteStore>(path, std::move(writer)));
}

}  // namespace nstarx::store
