#include "connectors/redshift/redshift_credentials.h"

#include <fmt/format.h>

#include "connectors/aws/json_client.h"
#include "connectors/aws/sigv4.h"
#include "net/xml.h"

namespace nstarx::connectors::redshift {
namespace {

constexpr size_t kAnswerMax = 256 << 10;
constexpr size_t kLoginsMax = 256;
constexpr std::chrono::minutes kMargin{2};

Error Malformed() {
  return Error(ErrorKind::kUnavailable, "response.malformed",
               "the service answered without a database login")
      .WithStage("login");
}

Error Denied(const aws::ServiceFailure& failure, std::string_view subject) {
  if (failure.code == "AccessDenied" || failure.code == "AccessDeniedException" ||
      failure.code == "UnauthorizedOperation") {
    return Error(ErrorKind::kPermissionDenied, "login.iam_denied",
                 fmt::format("the key may not get a database login for {}", subject))
        .WithStage("login")
        .WithVendorCode(failure.code);
  }
  if (failure.code == "ClusterNotFound" || failure.code == "ClusterNotFoundFault" ||
      failure.code == "ResourceNotFoundException") {
    return NotFound("login.unknown_cluster",
                    fmt::format("there is no {} in this region and account", subject))
        .WithStage("login")
        .WithVendorCode(failure.code);
  }
  return aws::FromServiceFailure(failure, subject).WithStage("login");
}

struct Wanted {
  std::string cluster;
  std::string workgroup;
  std::string database;
  std::string db_user;
  bool auto_create = false;
};

net::HttpRequest Post(const aws::ServiceSettings& settings, std::string_view type,
                      const std::string& body) {
  net::HttpRequest request;
  request.method = "POST";
  request.service = settings.endpoint;
  request.path = settings.endpoint.base_path + "/";
  request.headers = {{"Content-Type", std::string(type)}};
  request.body = body;
  return request;
}

Result<DatabaseLoginPtr> Ask(const Context& context, const aws::ServiceSettings& settings,
                             const Wanted& wanted, const aws::Credentials& keys, TimePoint now) {
  NSTARX_TRY(const auto http, settings.OpenHttp());
  std::string body;
  net::HttpRequest request;
  if (wanted.workgroup.empty()) {
    net::HttpFields form = {{"Action", wanted.db_user.empty() ? "GetClusterCredentialsWithIAM"
                                                              : "GetClusterCredentials"},
                            {"Version", "2012-12-01"},
                            {"ClusterIdentifier", wanted.cluster},
                            {"DbName", wanted.database},
                            {"DurationSeconds", "900"}};
    if (!wanted.db_user.empty()) {
      form.emplace_back("DbUser", wanted.db_user);
      form.emplace_back("AutoCreate", wanted.auto_create ? "true" : "false");
    }
    body = net::EncodeQuery(form);
    request = Post(settings, "application/x-www-form-urlencoded; charset=utf-8", body);
    aws::SignRequest(request, keys, {settings.region, "redshift"}, now);
  } else {
    body = json::serialize(json::object{{"workgroupName", wanted.workgroup},
                                        {"dbName", wanted.database},
                                        {"durationSeconds", 900}});
    request = Post(settings, "application/x-amz-json-1.1", body);
    request.headers.emplace_back("X-Amz-Target", "RedshiftServerless.GetCredentials");
    aws::SignRequest(request, keys, {settings.region, "redshift-serverless"}, now);
  }
  NSTARX_TRY(net::HttpReply reply, http->Send(context, request, kAnswerMax));
  if (reply.status != 200) {
    return wanted.workgroup.empty() ? Denied(aws::ReadFailure(reply.status, reply.body),
                                             fmt::format("cluster '{}'", wanted.cluster))
                                    : Denied(aws::ReadJsonFailure(reply),
                                             fmt::format("workgroup '{}'", wanted.workgroup));
  }
  auto login = wanted.workgroup.empty() ? ReadClusterCredentials(reply.body)
                                        : ReadServerlessCredentials(reply.body);
  WipeString(reply.body);
  return login;
}

Result<Wanted> WantedBy(const connector::OpenRequest& request) {
  const json::object& given = request.authentication;
  Wanted wanted{.cluster = std::string(GetString(given, "cluster_identifier")),
                .workgroup = std::string(GetString(given, "workgroup")),
                .database = std::string(GetString(request.configuration, "database")),
                .db_user = std::string(GetString(given, "db_user")),
                .auto_create = GetBool(given, "auto_create", false)};
  if (wanted.cluster.empty() == wanted.workgroup.empty()) {
    return InvalidArgument("config.missing_field",
                           "the IAM login needs either cluster_identifier or workgroup")
        .WithDetail("field", "authentication.cluster_identifier");
  }
  return wanted;
}

}  // namespace

Result<DatabaseLoginPtr> ReadClusterCredentials(std::string_view document) {
  NSTARX_TRY(const net::XmlElement root, net::ParseXml(document));
  const net::XmlElement* fields = root.Find("GetClusterCredentialsResult");
  if (fields == nullptr) fields = root.Find("GetClusterCredentialsWithIAMResult");
  if (fields == nullptr) return Malformed();
  auto login = std::make_shared<DatabaseLogin>();
  login->user = fields->TextOf("DbUser");
  login->password = Secret(fields->TextOf("DbPassword"));
  const auto expires = ParseTime(fields->TextOf("Expiration"));
  if (login->user.empty() || login->password.empty() || !expires) return Malformed();
  login->expires = *expires;
  return DatabaseLoginPtr(std::move(login));
}

Result<DatabaseLoginPtr> ReadServerlessCredentials(std::string_view document) {
  const auto parsed = ParseJson(document);
  if (!parsed || !parsed->is_object()) return Malformed();
  const json::object& fields = parsed->get_object();
  auto login = std::make_shared<DatabaseLogin>();
  login->user = GetString(fields, "dbUser");
  login->password = Secret(std::string(GetString(fields, "dbPassword")));
  const json::value* expires = fields.if_contains("expiration");  // seconds since 1970
  if (login->user.empty() || login->password.empty() || expires == nullptr ||
      !expires->is_number()) {
    return Malformed();
  }
  const double seconds = expires->to_number<double>();
  if (!(seconds >= 0 && seconds < 1e11)) return Malformed();
  login->expires = TimePoint(std::chrono::duration_cast<TimePoint::duration>(
      std::chrono::seconds(static_cast<int64_t>(seconds))));
  return DatabaseLoginPtr(std::move(login));
}

Result<DatabaseLoginPtr> IamLogins::Find(const Context& context,
                                         const connector::OpenRequest& request) {
  NSTARX_TRY(const Wanted wanted, WantedBy(request));
  const bool serverless = !wanted.workgroup.empty();
  NSTARX_TRY(const auto settings,
             aws::ServiceSettings::Read(request.configuration,
                                        serverless ? "redshift-serverless" : "redshift",
                                        serverless ? "REDSHIFT_SERVERLESS" : "REDSHIFT"));
  json::object facts;
  NSTARX_TRY(const auto source, login_.Find(context, request, settings, facts));
  NSTARX_TRY(const auto keys, source->Get(context));
  const std::string key = aws::Sha256Hex(json::serialize(
      json::array{settings.endpoint.Origin(), settings.region, wanted.cluster, wanted.workgroup,
                  wanted.database, wanted.db_user, wanted.auto_create, facts,
                  aws::Sha256Hex(keys->secret_access_key.Reveal())}));
  {
    std::lock_guard lock(mutex_);
    const auto found = logins_.find(key);
    if (found != logins_.end() && found->second->expires > clock_.Now() + kMargin) {
      return found->second;
    }
  }
  NSTARX_TRY(auto login, Ask(context, settings, wanted, *keys, clock_.Now()));
  std::lock_guard lock(mutex_);
  if (logins_.size() >= kLoginsMax) logins_.clear();
  logins_[key] = login;
  return login;
}

}  // namespace nstarx::connectors::redshift
