#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/connection.h"

namespace nstarx::connectors::mongodb {

/// What DNS says about a cluster that is named by mongodb+srv.
struct Seedlist {
  std::vector<model::Endpoint> endpoints;
  std::string replica_set;  ///< of the TXT record, or empty
  std::string auth_source;
};

/// Asks for _mongodb._tcp.HOST (SRV) and HOST (TXT), for some seconds at most. dns.not_found;
/// dns.bad_srv_record for a member outside of the host's own domain.
Result<Seedlist> LookUpSeedlist(const std::string& host);

/// Whether a record may name that member: both are of the same parent domain.
bool IsSiblingOf(std::string_view host, std::string_view member);

/// "a=b&c=d" of a TXT record; only replicaSet and authSource are allowed there.
void ReadTxtOptions(std::string_view text, Seedlist* out);

}  // namespace nstarx::connectors::mongodb
