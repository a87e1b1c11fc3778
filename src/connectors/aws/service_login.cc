#include "connectors/aws/service_login.h"

#include <fmt/format.h>

#include <cstdlib>

#include "connectors/aws/sigv4.h"

namespace nstarx::connectors::aws {
namespace {

/// New sessions share temporary credentials that are at most so old.
constexpr std::chrono::seconds kSharedFor{60};

std::string FirstOf(std::string_view given, std::initializer_list<std::string> variables) {
  if (!given.empty()) return std::string(given);
  for (const std::string& name : variables) {
    const char* value = std::getenv(name.c_str());
    if (value != nullptr && *value != '\0') return value;
  }
  return {};
}

std::string HostOf(std::string_view service, std::string_view region) {
  return fmt::format("{}.{}.{}", service, region,
                     region.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com");
}

/// The keys that the connection itself holds, or null.
CredentialsPtr GivenKeys(const connector::OpenRequest& request) {
  const std::string_view id = GetString(request.authentication, "access_key_id");
  const auto secret = request.secrets.find("secret_access_key");
  if (id.empty() || secret == request.secrets.end()) return nullptr;
  auto credentials = std::make_shared<Credentials>();
  credentials->access_key_id = id;
  credentials->secret_access_key = secret->second.Clone();
  const auto token = request.secrets.find("session_token");
  if (token != request.secrets.end()) credentials->session_token = token->second.Clone();
  return credentials;
}

}  // namespace

Result<ServiceSettings> ServiceSettings::Read(const json::object& configuration,
                                              std::string_view host, std::string_view variable) {
  ServiceSettings out;
  out.region = GetString(configuration, "region", "us-east-1");
  out.ca_pem = GetString(configuration, "tls_ca");
  out.connect_timeout =
      std::chrono::milliseconds(GetInt(configuration, "connect_timeout_ms", 5000));
  out.request_timeout =
      std::chrono::milliseconds(GetInt(configuration, "request_timeout_ms", 30'000));
  const std::string url =
      FirstOf(GetString(configuration, "endpoint"),
              {fmt::format("AWS_ENDPOINT_URL_{}", variable), "AWS_ENDPOINT_URL"});
  if (url.empty()) {
    out.endpoint.host = HostOf(host, out.region);
  } else {
    NSTARX_TRY(out.endpoint, net::ServiceUrl::Parse(url));
  }
  const std::string sts = FirstOf(GetString(configuration, "sts_endpoint"),
                                  {"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"});
  if (sts.empty()) {
    out.sts.host = HostOf("sts", out.region);
  } else {
    NSTARX_TRY(out.sts, net::ServiceUrl::Parse(sts));
  }
  return out;
}

Result<std::unique_ptr<net::HttpClient>> ServiceSettings::OpenHttp() const {
  return net::HttpClient::Open(
      {.ca_pem = ca_pem, .connect_timeout = connect_timeout, .request_timeout = request_timeout});
}

Result<std::shared_ptr<CredentialSource>> ServiceLogin::Find(const Context& context,
                                                             const connector::OpenRequest& request,
                                                             const ServiceSettings& settings,
                                                             json::object& facts) {
  CredentialsPtr base = GivenKeys(request);
  const bool own_keys = base != nullptr;
  if (!own_keys) {
    NSTARX_TRY(base, CredentialsFromEnvironment());
  }
  facts["user"] = base->access_key_id;
  const std::string_view role = GetString(request.authentication, "role_arn");
  if (GetString(request.authentication, "type") != "iam" || role.empty()) {
    return std::shared_ptr<CredentialSource>(std::make_shared<FixedCredentials>(std::move(base)));
  }
  facts["role"] = role;
  auto source = FindRole(request, settings, base, own_keys);
  const auto temporary = source->GetFresh(context, kSharedFor);
  if (!temporary) return temporary.error();
  return std::shared_ptr<CredentialSource>(std::move(source));
}

std::shared_ptr<AssumedRole> ServiceLogin::FindRole(const connector::OpenRequest& request,
                                                    const ServiceSettings& settings,
                                                    const CredentialsPtr& base, bool own_keys) {
  const json::object& given = request.authentication;
  const RoleRequest wanted{.sts = settings.sts,
                           .region = settings.region,
                           .role_arn = std::string(GetString(given, "role_arn")),
                           .external_id = std::string(GetString(given, "external_id")),
                           .session_name = std::string(GetString(given, "session_name", "nstarx"))};
  const std::string sts = settings.sts.Origin();
  std::string all;
  for (const std::string_view part :
       {std::string_view(sts), std::string_view(settings.ca_pem), std::string_view(wanted.region),
        std::string_view(wanted.role_arn), std::string_view(wanted.external_id),
        std::string_view(wanted.session_name), std::string_view(base->access_key_id),
        base->secret_access_key.Reveal(), base->session_token.Reveal()}) {
    all += part;
    all += '\0';
  }
  const std::string key = Sha256Hex(all);
  WipeString(all);
  return roles_.Find(key, [&] {
    const auto renew = [this, wanted, settings, base,
                        own_keys](const Context& context) -> Result<CredentialsPtr> {
      CredentialsPtr keys = base;
      if (!own_keys) {  // the environment's may have changed meanwhile
        NSTARX_TRY(keys, CredentialsFromEnvironment());
      }
      NSTARX_TRY(const auto http, settings.OpenHttp());
      return AssumeRole(context, *http, wanted, *keys, clock_.Now());
    };
    return std::make_shared<AssumedRole>(renew, clock_);
  });
}

}  // namespace nstarx::connectors::aws
