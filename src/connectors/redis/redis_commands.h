#pragma once

#include <map>
#include <string>
#include <string_view>

#include "connectors/redis/redis_client.h"

namespace nstarx::connectors::redis {

/// query.unsupported_command for what would change the session for those who use it next, or whose
/// answers never end; query.syntax_error for transactions that are not closed.
Status CheckCommands(const std::vector<Arguments>& commands);

/// Keeps a session to commands that read. Redis has no read-only sessions: the server is asked once
/// for the flags of each command, and what it does not call reading is refused before it is sent.
class ReadOnlyGuard {
 public:
  /// query.read_only naming the command.
  Status Check(const Context& context, Client& client, const Arguments& command);

 private:
  Result<bool> Reads(const Context& context, Client& client, const std::string& name,
                     const std::string& part);
  std::map<std::string, bool, std::less<>> known_;
};

/// Commands that have no reading flag and change nothing all the same. `part` is the second word.
bool IsHarmless(std::string_view name, std::string_view part);

}  // namespace nstarx::connectors::redis
