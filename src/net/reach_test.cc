#include "net/reach.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/test_listener.h"

namespace nstarx::net {
namespace {

TEST(ReachTest, ResolvesAndConnects) {
  const Listener listener;
  const auto addresses = Resolve(Soon(), "localhost");
  ASSERT_TRUE(addresses) << addresses.error().ToString();
  const auto socket = ConnectTcp(Soon(), {{.ip = "127.0.0.1", .family = AF_INET}}, listener.port);
  ASSERT_TRUE(socket) << socket.error().ToString();
  ::close(*socket);
}

TEST(ReachTest, NamesTheCause) {
  EXPECT_EQ(Resolve(Soon(), "no-such-host.invalid").error().code(), "dns.not_found");
  int port = 0;
  {
    const Listener listener;
    port = listener.port;
  }
  const auto refused = ConnectTcp(Soon(), {{.ip = "127.0.0.1", .family = AF_INET}}, port);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), "tcp.refused");
  EXPECT_EQ(refused.error().stage(), "tcp");
}

TEST(ReachTest, SilentPeerIsATimeoutNotAHang) {
  const Listener listener;  // Accepts in the kernel, never answers.
  const auto tls = ProbeTls(Context().WithTimeout(std::chrono::milliseconds(200)),
                            {.host = "127.0.0.1", .port = listener.port}, {.enabled = true}, {});
  ASSERT_FALSE(tls);
  EXPECT_EQ(tls.error().code(), "tls.timeout");
}

TEST(ReachTest, BadTrustIsNamed) {
  const Listener listener;
  const auto tls = ProbeTls(Soon(), {.host = "127.0.0.1", .port = listener.port},
                            {.enabled = true, .mode = "verify-ca", .certificate = "not pem"}, {});
  EXPECT_EQ(tls.error().code(), "tls.bad_certificate");
}

TEST(PemFileTest, IsPrivateAndRemoved) {
  std::string path;
  {
    auto file = PemFile::Write("pem");
    ASSERT_TRUE(file);
    path = file->path();
    struct stat facts{};
    ASSERT_EQ(stat(path.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0600u);
  }
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace nstarx::net
