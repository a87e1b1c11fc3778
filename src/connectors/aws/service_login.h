#pragma once

#include <memory>
#include <string>

#include "connector/connector.h"
#include "connectors/aws/assumed_role.h"
#include "connectors/aws/credentials.h"
#include "net/http_request.h"

namespace nstarx::connectors::aws {

/// Where a service of AWS is and how to reach it, from the fields that all specs of the family
/// have. Plain value.
struct ServiceSettings {
  std::string region;
  net::ServiceUrl endpoint;
  net::ServiceUrl sts;
  std::string ca_pem;
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds request_timeout{30'000};

  /// The endpoint is the configuration's, else that of AWS_ENDPOINT_URL_<variable> or
  /// AWS_ENDPOINT_URL, else https://<host>.<region>.amazonaws.com. config.malformed_endpoint.
  static Result<ServiceSettings> Read(const json::object& configuration, std::string_view host,
                                      std::string_view variable);
  Result<std::unique_ptr<net::HttpClient>> OpenHttp() const;
};

/// Finds the keys of a connection: those given, those of the environment, or a role's, which the
/// sessions of a pool share. Thread-safe.
class ServiceLogin {
 public:
  explicit ServiceLogin(const Clock& clock) : clock_(clock) {}

  /// `facts` gets user and role. login.no_credentials and AssumeRole's errors.
  Result<std::shared_ptr<CredentialSource>> Find(const Context& context,
                                                 const connector::OpenRequest& request,
                                                 const ServiceSettings& settings,
                                                 json::object& facts);

 private:
  std::shared_ptr<AssumedRole> FindRole(const connector::OpenRequest& request,
                                        const ServiceSettings& settings, const CredentialsPtr& base,
                                        bool own_keys);
  const Clock& clock_;
  AssumedRoleCache roles_;
};

}  // namespace nstarx::connectors::aws
