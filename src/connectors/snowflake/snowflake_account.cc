#include "connectors/snowflake/snowflake_account.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/sql_text/pieces.h"

namespace nstarx::connectors::snowflake {
namespace {

constexpr std::string_view kDomain = ".snowflakecomputing.";
constexpr std::string_view kSigns =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

Error MalformedAccount() {
  return InvalidArgument("config.malformed_account",
                         "The account is no Snowflake account identifier")
      .WithDetail("field", "account");
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

/// "<organization>/<account>/…" or "<region>/<locator>/…", as the web console's URLs go on. No
/// organization has a hyphen or a dot, every region has.
std::string FromConsole(std::string_view path) {
  const size_t slash = std::min(path.find('/'), path.size());
  const std::string_view first = path.substr(0, slash);
  std::string_view second = path.substr(std::min(slash + 1, path.size()));
  second = second.substr(0, second.find_first_of("/#?"));
  const bool region = first.find_first_of("-.") != std::string_view::npos;
  return region ? fmt::format("{}.{}", second, first) : fmt::format("{}-{}", first, second);
}

/// What people paste: the identifier, its host, or a URL of the web console.
Result<std::string> Identifier(std::string_view given) {
  constexpr std::string_view kEnds = ".-";  // of nothing that is an identifier
  constexpr std::string_view kConsole = "app.snowflake.com/";
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (given.starts_with(scheme)) given.remove_prefix(scheme.size());
  }
  std::string console;
  if (given.starts_with(kConsole)) {
    console = FromConsole(given.substr(kConsole.size()));
    given = console;
  }
  given = given.substr(0, given.find('/'));
  given = given.substr(0, given.find(kDomain));
  if (given.empty() || given.size() > 255 ||
      given.find_first_not_of(kSigns) != std::string_view::npos || kEnds.contains(given.front()) ||
      kEnds.contains(given.back())) {
    return MalformedAccount();
  }
  return std::string(given);
}

/// Underscores are no signs of host names: there the service takes hyphens instead.
std::string HostOf(std::string_view account, std::string_view region) {
  std::string host = Lower(account);
  if (!region.empty() && region != "us-west-2" && host.find('.') == std::string::npos) {
    host += "." + Lower(region);
  }
  std::ranges::replace(host, '_', '-');
  const size_t dot = host.find('.');
  const bool china = dot != std::string::npos && host.substr(dot + 1).starts_with("cn-");
  return host + (china ? ".snowflakecomputing.cn" : ".snowflakecomputing.com");
}

Result<json::object> Parameters(const json::object& configuration) {
  json::object out;
  const auto* given = configuration.if_contains("session_parameters");
  if (given == nullptr || !given->is_object()) return out;
  for (const auto& each : given->get_object()) {
    if (each.value().is_object() || each.value().is_array()) {
      return InvalidArgument("config.malformed_parameters",
                             fmt::format("The session parameter '{}' is no single value",
                                         std::string_view(each.key()).substr(0, 100)))
          .WithDetail("field", "session_parameters");
    }
    out[sql_text::Upper(each.key())] = each.value();
  }
  return out;
}

}  // namespace

Result<Account> ReadAccount(const json::object& configuration) {
  Account out;
  NSTARX_TRY(out.name, Identifier(GetString(configuration, "account")));
  const std::string_view host = GetString(configuration, "host");
  const bool plain = GetString(configuration, "protocol", "https") == "http";
  if (plain && host.empty()) {
    return InvalidArgument("config.malformed_endpoint",
                           "Snowflake itself speaks https only; http is for an emulator's host")
        .WithDetail("field", "protocol");
  }
  const std::string dialled =
      host.empty() ? HostOf(out.name, GetString(configuration, "region")) : std::string(host);
  NSTARX_TRY(out.service,
             net::ServiceUrl::Parse(fmt::format("{}://{}:{}", plain ? "http" : "https", dialled,
                                                GetInt(configuration, "port", 443))));
  out.http.ca_pem = GetString(configuration, "tls_ca");
  out.http.connect_timeout =
      std::chrono::milliseconds(GetInt(configuration, "connect_timeout_ms", 10'000));
  out.http.request_timeout =
      std::chrono::milliseconds(GetInt(configuration, "request_timeout_ms", 120'000));
  out.database = GetString(configuration, "database");
  out.schema = GetString(configuration, "schema");
  out.warehouse = GetString(configuration, "warehouse");
  out.role = GetString(configuration, "role");
  NSTARX_TRY(const json::object given, Parameters(configuration));
  // Parts of a result are held in memory: they shall be small (MB, of 16 to 160).
  out.session_parameters = {{"CLIENT_RESULT_CHUNK_SIZE", 48},
                            {"GO_QUERY_RESULT_FORMAT", "ARROW"},
                            {"CLIENT_SESSION_KEEP_ALIVE", false},
                            {"TIMEZONE", "UTC"}};
  if (const auto tag = GetString(configuration, "query_tag"); !tag.empty()) {
    out.session_parameters["QUERY_TAG"] = tag;
  }
  if (const int64_t seconds = GetInt(configuration, "statement_timeout_s", 0); seconds > 0) {
    out.session_parameters["STATEMENT_TIMEOUT_IN_SECONDS"] = seconds;
  }
  for (const auto& each : given) out.session_parameters[each.key()] = each.value();
  out.values.wide_integers_as_int64 = GetString(configuration, "wide_integers") == "int64";
  out.values.microseconds = GetString(configuration, "timestamps") == "microseconds";
  out.download_threads =
      static_cast<int>(std::clamp<int64_t>(GetInt(configuration, "download_threads", 2), 1, 8));
  return out;
}

std::string AccountInTokens(const Account& account) {
  return sql_text::Upper(std::string_view(account.name).substr(0, account.name.find('.')));
}

Result<std::string> KeyPairToken(const Account& account, std::string_view user,
                                 const object_store::SigningKey& key, TimePoint now) {
  const std::string subject = fmt::format("{}.{}", AccountInTokens(account), sql_text::Upper(user));
  NSTARX_TRY(const std::string fingerprint, key.PublicFingerprint());
  const int64_t issued = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  return key.JsonWebToken({}, {{"iss", fmt::format("{}.SHA256:{}", subject, fingerprint)},
                               {"sub", subject},
                               {"iat", issued},
                               {"exp", issued + 60}});
}

}  // namespace nstarx::connectors::snowflake
