#include "connectors/aws/credentials.h"

#include <cstdlib>

namespace nstarx::connectors::aws {

Result<CredentialsPtr> CredentialsFromEnvironment() {
  const char* id = std::getenv("AWS_ACCESS_KEY_ID");
  const char* secret = std::getenv("AWS_SECRET_ACCESS_KEY");
  if (id == nullptr || secret == nullptr || *id == '\0' || *secret == '\0') {
    return Error(ErrorKind::kUnauthenticated, "login.no_credentials",
                 "Neither the connection nor the server's environment has an AWS access key")
        .WithStage("login")
        .WithHint(
            "Give access_key_id and secret_access_key, or start the server with AWS_ACCESS_KEY_ID "
            "and AWS_SECRET_ACCESS_KEY set.");
  }
  const char* token = std::getenv("AWS_SESSION_TOKEN");
  auto credentials = std::make_shared<Credentials>();
  credentials->access_key_id = id;
  credentials->secret_access_key = Secret(secret);
  credentials->session_token = Secret(token == nullptr ? "" : token);
  return CredentialsPtr(std::move(credentials));
}

}  // namespace nstarx::connectors::aws
