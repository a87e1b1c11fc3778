#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "connector/connector.h"
#include "connectors/hdfs/hdfs_settings.h"
#include "connectors/object_store/bearer_token.h"

namespace nstarx::connectors::hdfs {

/// What a connection says or proves about who asks.
struct HdfsLogin {
  std::string user;  ///< of simple authentication; empty: the cluster's static user
  std::shared_ptr<object_store::TokenSource> token;  // shared with the pool's sessions
};

/// A login from the connection's authentication. Kerberos takes a delegation token with the ticket
/// of this process, once for all sessions of a cluster. Errors of stage login:
/// login.kerberos_failed, login.no_kerberos, login.token_refused, name_node.standby and the
/// transport's.
Result<HdfsLogin> LogIn(const Context& context, const connector::OpenRequest& request,
                        const HdfsSettings& settings, object_store::TokenCache& tokens,
                        const Clock& clock);

/// Reads {"Token": {"urlString": …}}; login.no_kerberos when the cluster gives none.
Result<Secret> ReadDelegationToken(std::string_view body);

}  // namespace nstarx::connectors::hdfs
