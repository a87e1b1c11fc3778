#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "connectors/object_store/signing_key.h"
#include "net/http_client.h"
#include "net/http_request.h"

namespace nstarx::connectors::snowflake {

/// How values become Arrow, where the system leaves a choice.
struct ValueSettings {
  bool wide_integers_as_int64 = false;  ///< NUMBER(19…38, 0) too; what does not fit is an error
  bool microseconds = false;            ///< every timestamp; what is finer is an error
};

/// Where an account is and what its sessions begin with. Shared by a session and what downloads
/// for it.
struct Account {
  std::string
      name;  ///< as it was given, without the domain: "myorg-myaccount", "xy12345.eu-west-1"
  net::ServiceUrl service;
  net::HttpOptions http;
  std::string database;
  std::string schema;
  std::string warehouse;
  std::string role;
  json::object session_parameters;
  ValueSettings values;
  int download_threads = 2;
};

/// Reads the configuration. Errors: config.malformed_account, config.malformed_endpoint,
/// config.malformed_parameters.
Result<Account> ReadAccount(const json::object& configuration);

/// The account as tokens name it: in capitals, without region.
std::string AccountInTokens(const Account& account);

/// The token that proves `user` by its key, good for a minute.
Result<std::string> KeyPairToken(const Account& account, std::string_view user,
                                 const object_store::SigningKey& key, TimePoint now);

}  // namespace nstarx::connectors::snowflake
