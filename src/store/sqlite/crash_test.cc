#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <map>
#include <random>
#include <thread>

#include "base/id.h"
#include "store/sqlite/sqlite_store.h"

namespace nstarx::store {
namespace {

// A fixed-size line, so that concurrent writes to the pipe stay whole.
struct Acknowledged {
  char id[40];
  int64_t version;
};

/// Writes as fast as it can from several threads until it is killed; tells what was acknowledged.
[[noreturn]] void WriteUntilKilled(const std::string& path, int report) {
  auto store = OpenSqliteStore(path);
  if (!store) _exit(3);
  std::vector<std::thread> threads;
  for (int worker = 0; worker < 4; ++worker) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1'000'000; ++i) {
        model::Connection c;
        c.id = NewId("con");
        c.name = c.id;
        c.type = "sqlite";
        c.metadata.owner_id = "usr_1";
        for (c.version = 1; c.version <= 3; ++c.version) {
          c.metadata.description = fmt::format("version {}", c.version);
          const SealedSecret secret{.owner_id = c.id,
                                    .field = "password",
                                    .version = c.version,
                                    .ciphertext = c.metadata.description};
          const Status done = c.version == 1
                                  ? (*store)->CreateConnection(c, {secret}, "a")
                                  : (*store)->UpdateConnection(c, {secret}, {}, "a", "updated");
          if (!done) _exit(4);
          Acknowledged line{.version = c.version};
          std::strncpy(line.id, c.id.c_str(), sizeof(line.id) - 1);
          if (write(report, &line, sizeof(line)) != sizeof(line)) _exit(5);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  _exit(6);
}

TEST(CrashTest, KillInALoopLosesNoAcknowledgedWrite) {
  std::string pattern = (std::filesystem::temp_directory_path() / "nstarx-crash-XXXXXX").string();
  const std::string root = mkdtemp(pattern.data());
  const std::string path = root + "/store.db";
  std::mt19937 random(11);
  std::map<std::string, int64_t> acknowledged;
  for (int round = 0; round < 12; ++round) {
    std::array<int, 2> pipe_ends;
    ASSERT_EQ(pipe2(pipe_ends.data(), O_CLOEXEC), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) WriteUntilKilled(path, pipe_ends[1]);
    close(pipe_ends[1]);
    // Killed after a random number of acknowledgements, at whatever point it is then.
    const int until = static_cast<int>(random() % 300);
    Acknowledged line;
    int seen = 0;
    bool killed = false;
    while (read(pipe_ends[0], &line, sizeof(line)) == sizeof(line)) {
      acknowledged[line.id] = std::max(acknowledged[line.id], line.version);
      if (++seen > until && !killed) {
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 3'000));
        kill(child, SIGKILL);
        killed = true;
      }
    }
    close(pipe_ends[0]);
    int how = 0;
    ASSERT_EQ(waitpid(child, &how, 0), child);
    ASSERT_TRUE(WIFSIGNALED(how)) << "the writer failed by itself: " << WEXITSTATUS(how);

    auto store = OpenSqliteStore(path);
    ASSERT_TRUE(store) << store.error().ToString();
    for (const auto& [id, version] : acknowledged) {
      const auto found = (*store)->GetConnection(id);
      ASSERT_TRUE(found) << "lost " << id << " in round " << round;
      ASSERT_GE(found->version, version);
      // All or nothing: the document, its secret and its history belong together.
      const auto secrets = (*store)->GetSecrets(id);
      ASSERT_EQ(secrets->size(), 1u);
      ASSERT_EQ(secrets->front().version, found->version);
      ASSERT_EQ(secrets->front().ciphertext, found->metadata.description);
      ASSERT_EQ((*store)->ListVersions(id)->size(), static_cast<size_t>(found->version));
    }
  }
  EXPECT_GT(acknowledged.size(), 100u);
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace nstarx::store
