#include "adapter/jvm_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <vector>

#include "adapter/host_main.h"

namespace nstarx::adapter {
namespace {

/// The jar of jvm/; empty when no JDK was there at the build.
constexpr unsigned char kHostJar[] = {
#include "adapter/jvm_host_jar.inc"
};
constexpr size_t kHostJarSize = sizeof(kHostJar) - 1;  // a closing zero, so that none is no error

constexpr std::string_view kMainClass = "nstarx.jdbc.Host";

Error JavaMissing(std::string message) {
  return InvalidArgument("adapter.java_missing", std::move(message))
      .WithStage("login")
      .WithHint("Install a Java runtime of version 17 or later where the server runs.")
      .WithHint("Put `java` on the server's PATH, or set JAVA_HOME for the server.");
}

/// $JAVA_HOME/bin/java, or the first on PATH; empty when there is none.
std::string FindJava() {
  const auto runs = [](const std::string& file) { return access(file.c_str(), X_OK) == 0; };
  if (const char* home = std::getenv("JAVA_HOME"); home != nullptr && *home != '\0') {
    if (std::string file = std::string(home) + "/bin/java"; runs(file)) return file;
  }
  const char* path = std::getenv("PATH");
  std::string_view left = path == nullptr ? "" : path;
  while (!left.empty()) {
    const size_t colon = left.find(':');
    const std::string file = std::string(left.substr(0, colon)) + "/java";
    if (file.starts_with('/') && runs(file)) return file;
    left.remove_prefix(colon == std::string_view::npos ? left.size() : colon + 1);
  }
  return {};
}

/// The jar as a file in memory; -1 when there is no memory.
int HostJar() {
  const int file = memfd_create("nstarx-jdbc", MFD_CLOEXEC);
  if (file < 0) return -1;
  size_t at = 0;
  while (at < kHostJarSize) {
    const ssize_t written = write(file, kHostJar + at, kHostJarSize - at);
    if (written <= 0) {
      close(file);
      return -1;
    }
    at += static_cast<size_t>(written);
  }
  return file;
}

bool IsThere(std::string_view part) {
  std::error_code code;
  if (!part.ends_with("/*")) return std::filesystem::exists(part, code);
  part.remove_suffix(2);
  for (const auto& entry : std::filesystem::directory_iterator(part, code)) {
    if (entry.path().extension() == ".jar") return true;
  }
  return false;
}

Status CheckJars(std::string_view class_path) {
  while (!class_path.empty()) {
    const size_t colon = class_path.find(':');
    const std::string_view part = class_path.substr(0, colon);
    if (!IsThere(part)) {
      return InvalidArgument("adapter.driver_missing", fmt::format("there is no {}", part))
          .WithStage("login")
          .WithHint("Put the driver's jar beside the spec.json, or give its absolute path.");
    }
    class_path.remove_prefix(colon == std::string_view::npos ? class_path.size() : colon + 1);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<HostProcess>> StartJvm(const std::string& class_path, int64_t memory_mb) {
  if (kHostJarSize == 0) {
    return JavaMissing("this build has no JDBC: there was no JDK where it was made");
  }
  const std::string java = FindJava();
  if (java.empty()) return JavaMissing("a JDBC driver needs Java, and there is none");
  NSTARX_RETURN_IF_ERROR(CheckJars(class_path));
  const int jar = HostJar();
  if (jar < 0) return Unavailable("adapter.start_failed", "no memory for the driver's process");
  // A small machine: one thread collects garbage, one compiler, nothing is left in files.
  std::vector<std::string> arguments = {
      "java",
      fmt::format("-Xmx{}m", memory_mb),
      fmt::format("-XX:MaxDirectMemorySize={}m", memory_mb),
      "-Xms8m",
      "-Xss512k",
      "-XX:+UseSerialGC",
      "-XX:TieredStopAtLevel=1",
      "-XX:ReservedCodeCacheSize=64m",
      "-XX:MaxMetaspaceSize=256m",
      "-XX:+SuppressFatalErrorMessage",
      "-XX:-UsePerfData",
      "-XX:+DisableAttachMechanism",
      "-Xrs",
      "-Xshare:auto",
      "-Dfile.encoding=UTF-8",
      "-Duser.timezone=UTC",
      "-Duser.language=en",
      "-Djava.awt.headless=true",
      "-cp",
      fmt::format("/proc/self/fd/{}:{}", kHostSocket, class_path),
      std::string(kMainClass),
  };
  auto host = HostProcess::StartProgram(java, std::move(arguments), jar);
  close(jar);
  return host;
}

Error JvmRefused() { return JavaMissing("the Java runtime is older than version 17"); }

}  // namespace nstarx::adapter
