#include "connectors/redis/redis_commands.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/redis/redis_errors.h"
#include "connectors/redis/redis_statement.h"

namespace nstarx::connectors::redis {
namespace {

using enum ErrorKind;
using Kind = Reply::Kind;

constexpr std::string_view kRefused[] = {
    "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "MONITOR", "SYNC",   "PSYNC",    "REPLCONF",
    "QUIT",      "RESET",      "AUTH",       "HELLO",   "ASKING", "READONLY", "READWRITE"};
constexpr std::string_view kRefusedClient[] = {"REPLY",   "TRACKING", "CACHING",
                                               "SETNAME", "NO-EVICT", "NO-TOUCH"};

struct Harmless {
  std::string_view name;
  std::string_view parts;  ///< separated by blanks; empty: all
};
constexpr Harmless kHarmless[] = {
    {"PING", ""},
    {"ECHO", ""},
    {"INFO", ""},
    {"TIME", ""},
    {"SELECT", ""},
    {"COMMAND", ""},
    {"LASTSAVE", ""},
    {"ROLE", ""},
    {"MULTI", ""},
    {"EXEC", ""},
    {"DISCARD", ""},
    {"WATCH", ""},
    {"UNWATCH", ""},
    {"CONFIG", "GET"},
    {"CLIENT", "LIST ID INFO GETNAME"},
    {"ACL", "WHOAMI LIST GETUSER USERS CAT DRYRUN"},
    {"SLOWLOG", "GET LEN"},
    {"LATENCY", "LATEST HISTORY DOCTOR GRAPH HISTOGRAM"},
    {"MEMORY", "USAGE STATS DOCTOR"},
    {"MODULE", "LIST"},
    {"CLUSTER", "INFO NODES SLOTS SHARDS KEYSLOT MYID LINKS COUNTKEYSINSLOT GETKEYSINSLOT"},
    {"PUBSUB", ""},
    {"SCRIPT", "EXISTS"},
    {"FUNCTION", "LIST STATS DUMP"},
};

bool HasWord(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const size_t end = std::min(words.find(' '), words.size());
    if (words.substr(0, end) == word) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

template <class List>
bool Has(const List& list, std::string_view word) {
  return std::ranges::find(list, word) != std::end(list);
}

/// Whether the reply of COMMAND INFO has the flag `readonly`; known is false when the command is
/// not.
bool SaysReading(const Reply& reply, bool* known) {
  *known = false;
  if (reply.items.empty() || reply.items[0].items.size() < 3) return false;
  *known = true;
  return std::ranges::any_of(reply.items[0].items[2].items,
                             [](const Reply& flag) { return flag.text == "readonly"; });
}

}  // namespace

bool IsHarmless(std::string_view name, std::string_view part) {
  return std::ranges::any_of(kHarmless, [&](const Harmless& entry) {
    return entry.name == name && (entry.parts.empty() || HasWord(entry.parts, part));
  });
}

Status CheckCommands(const std::vector<Arguments>& commands) {
  bool open = false;
  bool watching = false;
  for (const Arguments& command : commands) {
    const std::string name = Upper(command[0]);
    const std::string part = command.size() > 1 ? Upper(command[1]) : "";
    if (Has(kRefused, name) || (name == "CLIENT" && Has(kRefusedClient, part)) ||
        (name == "SCRIPT" && part == "DEBUG")) {
      return QueryError(kInvalidArgument, "query.unsupported_command",
                        fmt::format("{} changes the connection itself, which is shared", name));
    }
    if (name == "MULTI") open = true;
    if (name == "WATCH") watching = true;
    if (name == "EXEC" || name == "DISCARD") open = watching = false;
    if (name == "UNWATCH") watching = false;
  }
  if (!open && !watching) return {};
  return QueryError(kInvalidArgument, "query.syntax_error",
                    "A transaction must end, with EXEC or DISCARD, in the request it begins in");
}

Result<bool> ReadOnlyGuard::Reads(const Context& context, Client& client, const std::string& name,
                                  const std::string& part) {
  if (IsHarmless(name, part)) return true;
  const std::string both = part.empty() ? name : name + "|" + part;
  for (const std::string& asked : {both, name}) {
    if (const auto found = known_.find(asked); found != known_.end()) return found->second;
    NSTARX_TRY(const Reply reply, client.Run(context, {"COMMAND", "INFO", asked}));
    bool known = false;
    const bool reads = SaysReading(reply, &known);
    if (!known && asked != name) continue;
    // What the server does not know is not kept: it is the caller's text.
    if (known) known_.emplace(asked, reads);
    return reads;
  }
  return false;
}

Status ReadOnlyGuard::Check(const Context& context, Client& client, const Arguments& command) {
  const std::string name = Upper(command[0]);
  if (const auto found = known_.find(name); found != known_.end() && found->second) return {};
  // Subcommands are short words; anything else is an argument.
  std::string part = command.size() > 1 && command[1].size() <= 20 ? Upper(command[1]) : "";
  const bool word = std::ranges::all_of(
      part, [](char c) { return (c >= 'A' && c <= 'Z') || c == '-' || c == '_'; });
  if (!word) part.clear();
  NSTARX_TRY(const bool reads, Reads(context, client, name, part));
  if (reads) return {};
  return QueryError(kPermissionDenied, "query.read_only",
                    fmt::format("The connection is read-only, and {} is no command that only reads",
                                IsUtf8(name) ? name.substr(0, 40) : "this"));
}

}  // namespace nstarx::connectors::redis
