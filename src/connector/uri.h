#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace nstarx::connector {

/// A connection URI taken apart (RFC 3986, plus the comma lists of hosts that databases allow),
/// percent-decoded.
struct UriParts {
  std::string scheme;  ///< lower case
  bool has_authority = false;
  std::string user;
  bool has_password = false;
  std::string password;  ///< plaintext: the caller moves it into a Secret or a draft at once
  std::vector<std::pair<std::string, int>> hosts;  ///< port 0: none given
  std::string path;                                ///< with its leading slash, if any
  std::vector<std::pair<std::string, std::string>> query;
};

/// config.malformed_uri says what is wrong without repeating the text (it may hold a password).
Result<UriParts> ParseUri(std::string_view uri);

}  // namespace nstarx::connector
