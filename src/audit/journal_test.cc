#include "audit/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <sstream>
#include <thread>

#include "audit/line.h"
#include "audit/seal.h"
#include "audit/segments.h"

namespace nstarx::audit {
namespace {

namespace fs = std::filesystem;

Context Caller(const std::string& name) {
  return {
      Principal{.id = "usr_" + name, .name = name, .key_id = "key_1", .remote_address = "10.0.0.1"},
      "req-1"};
}

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() {
    std::string pattern = (fs::temp_directory_path() / "nstarx-audit-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
    directory_ = root_ + "/audit";
  }
  ~JournalTest() override { fs::remove_all(root_); }

  std::unique_ptr<Journal> Open() {
    auto opened = Journal::Open(directory_, clock_);
    EXPECT_TRUE(opened) << opened.error().ToString();
    return opened ? std::move(*opened) : nullptr;
  }
  void Write(int count, const std::string& user = "ann") {
    const auto journal = Open();
    for (int i = 0; i < count; ++i) {
      journal->Append(Caller(user), {.action = "query.run",
                                     .outcome = "ok",
                                     .connection_id = "con_1",
                                     .connection = "sales",
                                     .rows = i});
    }
    EXPECT_TRUE(journal->Flush());
  }
  std::string Path() const { return SegmentPath(directory_, 1); }
  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream out;
    out << file.rdbuf();
    return std::move(out).str();
  }
  static void Put(const std::string& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }
  void PutByte(size_t at, char byte) const {
    std::fstream file(Path(), std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
  }
  Verdict Check() {
    auto verdict = VerifyDirectory(directory_);
    EXPECT_TRUE(verdict) << verdict.error().ToString();
    return verdict ? *verdict : Verdict{.intact = false, .reason = "error"};
  }
  /// What Verify says after the lines were changed.
  Verdict After(const std::function<void(std::vector<std::string>&)>& change) {
    const std::string whole = Read(Path());
    std::vector<std::string> lines;
    std::istringstream in(whole);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    change(lines);
    std::string changed;
    for (const auto& line : lines) changed += line + "\n";
    Put(Path(), changed);
    const Verdict out = Check();
    Put(Path(), whole);
    return out;
  }

  ManualClock clock_{TimePoint(std::chrono::milliseconds(1'790'000'000'000))};
  std::string root_;
  std::string directory_;
};

std::string Says(const Verdict& verdict) {
  return verdict.intact ? fmt::format("intact {}", verdict.entries)
                        : fmt::format("{} {}", verdict.reason, verdict.first_broken);
}

/// The same line with other content, and hashes that fit it.
std::string Forge(const std::string& line, std::string_view prev) {
  const auto links = *ReadLinks(line);
  std::string out;
  WriteLine({.entry = {.action = "query.run", .outcome = "ok", .rows = 424242}, .user = "mallory"},
            links.seq, prev.empty() ? links.prev : prev, out);
  out.pop_back();
  return out;
}

TEST_F(JournalTest, EntriesAreWrittenAndListedNewestFirst) {
  Write(3, "ann");
  Write(2, "bob");
  const auto journal = Open();
  Entry entry{.action = "key.create", .outcome = "denied", .code = "access.denied", .ms = 1.5};
  entry.details["note"] = "tab\tquote\"";
  journal->Append(Context({.id = "usr_\xff", .name = "line\nfeed"}, "r"), entry);
  ASSERT_TRUE(journal->Flush());
  EXPECT_EQ(Says(*journal->Verify()), "intact 6");

  const auto all = journal->List({});
  ASSERT_EQ(all->size(), 6u);
  EXPECT_EQ(all->front().at("seq").as_int64(), 6);
  EXPECT_EQ(all->front().at("user").as_string(), "line\nfeed");
  EXPECT_EQ(all->front().at("user_id").as_string(), "usr_?");
  EXPECT_EQ(all->front().at("details").at("note").as_string(), "tab\tquote\"");
  EXPECT_EQ(all->front().at("ms").as_double(), 1.5);
  EXPECT_FALSE(all->front().contains("rows"));
  EXPECT_EQ(all->at(1).at("connection").as_string(), "sales");
  EXPECT_EQ(all->at(1).at("request_id").as_string(), "req-1");
  EXPECT_EQ(all->at(1).at("address").as_string(), "10.0.0.1");

  EXPECT_EQ(journal->List({.user = "ann"})->size(), 3u);
  EXPECT_EQ(journal->List({.user = "usr_bob"})->size(), 2u);
  EXPECT_EQ(journal->List({.action = "key.create"})->size(), 1u);
  EXPECT_EQ(journal->List({.connection = "sales"})->size(), 5u);
  EXPECT_EQ(journal->List({.limit = 2})->back().at("seq").as_int64(), 5);
  EXPECT_EQ(journal->List({.limit = 2, .before = 5})->front().at("seq").as_int64(), 4);
  EXPECT_EQ(journal->List({.since = clock_.Now() + std::chrono::seconds(1)})->size(), 0u);
  EXPECT_EQ(journal->List({.until = clock_.Now()})->size(), 6u);
}

TEST_F(JournalTest, KeysAreForTheServerAloneAndOneWriterHoldsTheJournal) {
  const auto journal = Open();
  struct stat facts;
  ASSERT_EQ(stat((directory_ + "/audit.key").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
  ASSERT_EQ(stat(directory_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0700u);
  EXPECT_EQ(Journal::Open(directory_, clock_).error().code(), "audit.in_use");
}

TEST_F(JournalTest, EveryFlippedByteNamesItsEntry) {
  Write(3);
  ASSERT_EQ(Says(Check()), "intact 3");
  const std::string whole = Read(Path());
  int64_t line = 1;
  for (size_t at = 0; at < whole.size(); ++at) {
    PutByte(at, static_cast<char>(whole[at] ^ 0x04));
    const Verdict verdict = Check();
    PutByte(at, whole[at]);
    ASSERT_FALSE(verdict.intact) << "byte " << at;
    ASSERT_EQ(verdict.first_broken, line) << "byte " << at << ": " << verdict.reason;
    if (whole[at] == '\n') ++line;
  }
}

TEST_F(JournalTest, RemovedReorderedInsertedAndForgedLinesAreNamed) {
  Write(8);
  using Lines = std::vector<std::string>;
  EXPECT_EQ(Says(After([](Lines&) {})), "intact 8");
  EXPECT_EQ(Says(After([](Lines& l) { l.erase(l.begin() + 3); })), "missing 4");
  EXPECT_EQ(Says(After([](Lines& l) { l.erase(l.begin()); })), "missing 1");
  EXPECT_EQ(Says(After([](Lines& l) { l.pop_back(); })), "truncated 8");
  EXPECT_EQ(Says(After([](Lines& l) { l.clear(); })), "truncated 1");
  EXPECT_EQ(Says(After([](Lines& l) { std::swap(l[2], l[4]); })), "reordered 3");
  EXPECT_EQ(Says(After([](Lines& l) { std::swap(l[6], l[7]); })), "reordered 7");
  EXPECT_EQ(Says(After([](Lines& l) { l.insert(l.begin() + 2, "{}"); })), "foreign line 3");
  EXPECT_EQ(Says(After([](Lines& l) { l.insert(l.begin() + 2, l[1]); })), "foreign line 3");
  EXPECT_EQ(Says(After([](Lines& l) { l.push_back("{\"seq\":9}"); })), "foreign line 9");
  EXPECT_EQ(Says(After([](Lines& l) { l[3] = "rubbish"; })), "changed 4");
  EXPECT_EQ(Says(After([](Lines& l) { l[3] = std::string(3 << 20, 'x'); })), "changed 4");
  // A forger who computes the right hashes.
  EXPECT_EQ(Says(After([](Lines& l) { l[3] = Forge(l[3], ""); })), "changed 4");
  EXPECT_EQ(Says(After([](Lines& l) { l[7] = Forge(l[7], ""); })), "changed 1")
      << "rewritten up to the head: nothing before it was proven by a checkpoint";
  EXPECT_EQ(Says(After([](Lines& l) {
              std::string prev(ReadLinks(l[2])->hash);
              for (size_t i = 3; i < l.size(); ++i) {
                l[i] = Forge(l[i], prev);
                prev = ReadLinks(l[i])->hash;
              }
            })),
            "changed 1");
  EXPECT_EQ(Says(After([](Lines& l) {
              std::string next;
              WriteLine({.user = "mallory"}, 9, ReadLinks(l.back())->hash, next);
              next.pop_back();
              l.push_back(next);
            })),
            "foreign line 9");
}

TEST_F(JournalTest, CheckpointsNarrowARewriteDown) {
  Write(4);
  Write(4);  // closing made a checkpoint at 4
  EXPECT_EQ(Says(After([](std::vector<std::string>& l) {
              std::string prev(ReadLinks(l[5])->prev);
              for (size_t i = 5; i < l.size(); ++i) {
                l[i] = Forge(l[i], prev);
                prev = ReadLinks(l[i])->hash;
              }
            })),
            "changed 5");
}

TEST_F(JournalTest, SideFilesCantBeForged) {
  Write(3);
  const auto after = [&](const std::string& name, std::string_view bytes) {
    const std::string path = directory_ + "/" + name;
    const std::string whole = Read(path);
    Put(path, bytes);
    const auto verdict = VerifyDirectory(directory_);
    Put(path, whole);
    return verdict ? Says(*verdict) : verdict.error().code();
  };
  EXPECT_EQ(after("audit.head", ""), "head missing 4");
  std::string head = Read(directory_ + "/audit.head");
  head.replace(head.find(":3"), 2, ":2");
  EXPECT_EQ(after("audit.head", head), "head missing 4");
  EXPECT_EQ(after("audit.pub", "junk"), "audit.key_missing");
  EXPECT_EQ(after("audit.pub", std::string(64, 'a')), "head missing 4");
  fs::remove(directory_ + "/audit.checkpoints");
  EXPECT_EQ(Says(Check()), "intact 3");
  EXPECT_EQ(VerifyDirectory(root_ + "/none").error().code(), "audit.not_found");
}

TEST_F(JournalTest, TornLastLineIsCutAndNothingElse) {
  Write(3);
  const std::string whole = Read(Path());
  // What a writer leaves that is killed in the middle of a group of two lines.
  const std::string third = whole.substr(whole.rfind("\n{", whole.size() - 2) + 1);
  const std::string hash3(ReadLinks(third.substr(0, third.size() - 1))->hash);
  std::string fourth;
  const std::string hash4 = WriteLine({.user = "ann"}, 4, hash3, fourth);
  std::string fifth;
  const std::string hash5 = WriteLine({.user = "ann"}, 5, hash4, fifth);
  ASSERT_TRUE((*Signer::Open(directory_, false))->WriteHead({3, hash3, 5, hash5}));
  for (size_t cut : {size_t{0}, size_t{1}, fifth.size() / 2, fifth.size() - 1}) {
    Put(Path(), whole + fourth + fifth.substr(0, cut));
    EXPECT_EQ(Says(Check()), "intact 4") << cut;
  }
  Write(1);
  EXPECT_EQ(Says(Check()), "intact 5");
  EXPECT_TRUE(Read(Path()).starts_with(whole + fourth));
  EXPECT_TRUE(Open()->List({.action = "audit.gap"})->empty());
}

TEST_F(JournalTest, TornLineOfAnAcknowledgedEntryIsTampering) {
  Write(3);
  const std::string whole = Read(Path());
  Put(Path(), whole + "{\"seq\":4,\"ti");
  EXPECT_EQ(Says(Check()), "foreign line 4");
  Put(Path(), whole.substr(0, whole.size() - 1));
  EXPECT_EQ(Says(Check()), "truncated 3");
}

TEST_F(JournalTest, TamperingBeforeAStartStaysVisibleAfterIt) {
  using Lines = std::vector<std::string>;
  const auto restarted = [&](const std::function<void(Lines&)>& change) {
    fs::remove_all(directory_);
    Write(5);
    std::vector<std::string> lines;
    std::istringstream in(Read(Path()));
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    change(lines);
    std::string changed;
    for (const auto& line : lines) changed += line + "\n";
    Put(Path(), changed);
    Write(3, "later");
    const auto journal = Open();
    const auto gaps = journal->List({.action = "audit.gap"});
    EXPECT_EQ(gaps->size(), 1u);
    EXPECT_EQ(journal->List({.user = "later"})->size(), 3u);
    return Says(*journal->Verify());
  };
  EXPECT_EQ(restarted([](Lines& l) { l.pop_back(); }), "missing 5");
  EXPECT_EQ(restarted([](Lines& l) { l.back()[30] ^= 4; }), "changed 5");
  EXPECT_EQ(restarted([](Lines& l) { l.back() = Forge(l.back(), ""); }), "changed 1")
      << "rewritten up to a signed point, from somewhere after the one before it";
  EXPECT_EQ(restarted([](Lines& l) {
              std::string next;
              WriteLine({.user = "mallory"}, 6, ReadLinks(l.back())->hash, next);
              next.pop_back();
              l.push_back(next);
            }),
            "changed 6");
}

TEST_F(JournalTest, LostSigningKeyIsOneClearError) {
  Write(2);
  fs::rename(directory_ + "/audit.key", root_ + "/key");
  auto opened = Journal::Open(directory_, clock_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), "audit.key_missing");
  fs::rename(root_ + "/key", directory_ + "/audit.key");
  chmod((directory_ + "/audit.key").c_str(), 0644);
  EXPECT_EQ(Journal::Open(directory_, clock_).error().code(), "audit.key_exposed");
}

TEST_F(JournalTest, SegmentsFollowEachOther) {
  {
    const auto journal = Open();
    Entry big{.action = "query.run", .outcome = "ok"};
    big.details["text"] = std::string(60'000, 'x');
    // In small groups: a segment ends between two groups.
    for (int i = 1; i <= 1'400; ++i) {
      journal->Append(Caller("ann"), big);
      if (i % 100 == 0) ASSERT_TRUE(journal->Flush());
    }
    EXPECT_EQ(Says(*journal->Verify()), "intact 1400");
    EXPECT_EQ(journal->List({.limit = 1000, .before = 1101})->back().at("seq").as_int64(), 101);
  }
  EXPECT_GE(ListSegments(directory_).size(), 2u);
  Write(1);
  EXPECT_EQ(Says(Check()), "intact 1401");
  fs::remove(SegmentPath(directory_, 1));
  EXPECT_EQ(Says(Check()), "missing 1");
}

TEST_F(JournalTest, ManyCallersAppendWithoutWaiting) {
  const auto journal = Open();
  constexpr int kThreads = 4;
  constexpr int kEach = 25'000;
  const auto begun = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        const Context context = Caller("ann");
        for (int i = 0; i < kEach; ++i) {
          journal->Append(context, {.action = "query.run",
                                    .outcome = "ok",
                                    .connection_id = "con_01",
                                    .connection = "sales",
                                    .fingerprint = "0123456789abcdef",
                                    .rows = i,
                                    .ms = 1.25});
        }
      });
    }
  }
  ASSERT_TRUE(journal->Flush());
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  std::printf("%d appends from %d threads, written and signed: %.0f/s\n", kThreads * kEach,
              kThreads, kThreads * kEach / seconds);
  EXPECT_EQ(Says(*journal->Verify()), fmt::format("intact {}", kThreads * kEach));
}

TEST_F(JournalTest, VerifyWhileWritingIsIntact) {
  const auto journal = Open();
  std::atomic<bool> done = false;
  std::jthread writer([&] {
    // Stops by itself should a check fail.
    for (int i = 0; i < 1'000'000 && !done; ++i)
      journal->Append(Caller("ann"), {.action = "a", .outcome = "ok"});
  });
  for (int64_t seen = 0; seen < 5'000;) {
    const Verdict verdict = Check();
    ASSERT_TRUE(verdict.intact) << verdict.reason << " " << verdict.first_broken;
    seen = verdict.entries;
  }
  done = true;
}

TEST_F(JournalTest, KillInALoopLosesNoFlushedEntry) {
  std::mt19937 random(3);
  int64_t flushed = 0;
  for (int round = 0; round < 15; ++round) {
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto journal = Journal::Open(directory_, clock_);
      if (!journal) _exit(3);
      for (int i = 0; i < 1'000'000; ++i) {
        const int burst = 1 + i % 50;
        for (int n = 0; n < burst; ++n) {
          (*journal)->Append(Caller("child"), {.action = "a", .outcome = "ok"});
        }
        if (!(*journal)->Flush()) _exit(4);
        const int64_t seq = (*journal)->List({.limit = 1})->front().at("seq").as_int64();
        if (write(ends[1], &seq, sizeof(seq)) != sizeof(seq)) _exit(5);
      }
      _exit(6);
    }
    close(ends[1]);
    int64_t seq = 0;
    for (unsigned i = 0; i < 1 + random() % 40; ++i) {
      if (read(ends[0], &seq, sizeof(seq)) == sizeof(seq)) flushed = seq;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 500));
    kill(child, SIGKILL);
    while (read(ends[0], &seq, sizeof(seq)) == sizeof(seq)) flushed = seq;
    close(ends[0]);
    int how = 0;
    ASSERT_EQ(waitpid(child, &how, 0), child);
    ASSERT_TRUE(WIFSIGNALED(how)) << "the writer failed by itself: " << WEXITSTATUS(how);
    const Verdict before = Check();
    ASSERT_TRUE(before.intact) << before.reason << " " << before.first_broken;
    const auto journal = Open();
    const auto verdict = journal->Verify();
    ASSERT_TRUE(verdict->intact) << verdict->reason << " " << verdict->first_broken;
    ASSERT_GE(verdict->entries, flushed);
    ASSERT_TRUE(journal->List({.action = "audit.gap"})->empty());
  }
  EXPECT_GT(flushed, 100);
}

TEST_F(JournalTest, FullDiskIsAnErrorAndHealsItself) {
  const auto journal = Open();
  journal->Append(Caller("ann"), {.action = "a", .outcome = "ok"});
  ASSERT_TRUE(journal->Flush());
  // Growing beyond this limit fails as a full disk does.
  signal(SIGXFSZ, SIG_IGN);
  rlimit old;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  rlimit small = old;
  small.rlim_cur = 1'000;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  for (int i = 0; i < 20; ++i) journal->Append(Caller("ann"), {.action = "b", .outcome = "ok"});
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    setrlimit(RLIMIT_FSIZE, &old);
  });
  const Status flushed = journal->Flush();
  later.join();
  EXPECT_TRUE(flushed) << flushed.error().ToString();
  EXPECT_EQ(Says(*journal->Verify()), "intact 21");
}

TEST(FingerprintTest, LiteralsCommentsAndSpaceDoNotMatter) {
  const std::vector<std::vector<std::string>> same = {
      {"SELECT * FROM t WHERE a = 1", "select  *\nfrom t where a=2.5e-3 -- why",
       "/* x */ SELECT "
       "* FROM t WHERE a = 'it''s'",
       "select * from t where a = \"secret\";", "select * from t where a = $tag$ text $tag$",
       "select * from t where a = E'x\\'y'", "select * from t where a = X'00ff'",
       "select * from t where a = 0xFF"},
      {"select 1", "select 'x'", "SELECT 12345"},
      {"select * from t where a in (1)", "select * from t where a in (1, 2,3)",
       "select * from t where a IN ( 'a', \"b\" )"},
      {"insert into t values (1, 'a')", "insert into t values (2, 'b')"},
      {"select \"a b\" from t", "select   \"a b\"   from t"},
  };
  std::vector<std::string> seen;
  for (const auto& group : same) {
    for (const auto& statement : group) {
      EXPECT_EQ(Fingerprint(statement), Fingerprint(group.front())) << statement;
    }
    for (const auto& other : seen) EXPECT_NE(Fingerprint(group.front()), other);
    seen.push_back(Fingerprint(group.front()));
    EXPECT_EQ(seen.back().size(), 16u);
  }
  EXPECT_NE(Fingerprint("select a from t"), Fingerprint("select b from t"));
  EXPECT_NE(Fingerprint("select \"a\" from t"), Fingerprint("select \"b\" from t"));
  for (const char* odd :
       {"", "'", "\"", "$", "$$", "$a$", "/*", "--", "`", "\\", "'\\", "1e", "("}) {
    EXPECT_EQ(Fingerprint(odd).size(), 16u) << odd;
  }
}

}  // namespace
}  // namespace nstarx::audit
