#include "connectors/messages/schema_registry.h"

#include <fmt/format.h>

#include "base/base64.h"
#include "base/percent.h"
#include "net/http_client.h"

namespace nstarx::connectors::messages {
namespace {

constexpr size_t kAnswerMax = 4 << 20;
constexpr size_t kKnownMax = 1024;
constexpr size_t kReferencesMax = 64;
constexpr int kReferencesDepth = 8;
constexpr auto kConnectWait = std::chrono::seconds(10);
constexpr auto kAnswerWait = std::chrono::seconds(30);

Secret CopyOf(const SecretMap& secrets, std::string_view name) {
  const auto found = secrets.find(name);
  return found == secrets.end() ? Secret() : found->second.Clone();
}

}  // namespace

Result<std::unique_ptr<SchemaRegistry>> SchemaRegistry::Make(const json::object& configuration,
                                                             const json::object& authentication,
                                                             const SecretMap& secrets) {
  const std::string_view url = GetString(configuration, "schema_registry");
  if (url.empty()) return nullptr;
  std::unique_ptr<SchemaRegistry> made(new SchemaRegistry());
  auto service = net::ServiceUrl::Parse(url);
  if (!service) return service.error().WithDetail("field", "configuration.schema_registry");
  made->service_ = std::move(*service);
  made->ca_pem_ = GetString(configuration, "schema_registry_ca");
  made->user_ = GetString(authentication, "registry_username");
  made->password_ = CopyOf(secrets, "registry_password");
  made->token_ = CopyOf(secrets, "registry_token");
  return made;
}

SchemaRegistry::~SchemaRegistry() = default;

Error SchemaRegistry::Failed(std::string_view code, ErrorKind kind, std::string_view what) const {
  return Error(kind, std::string(code),
               fmt::format("the schema registry at {} {}", service_.Origin(), what))
      .WithStage("query");
}

Result<json::value> SchemaRegistry::Ask(const Context& context, std::string_view path) {
  if (client_ == nullptr) {
    net::HttpOptions options;
    options.ca_pem = ca_pem_;
    options.connect_timeout = kConnectWait;
    options.request_timeout = kAnswerWait;
    NSTARX_TRY(client_, net::HttpClient::Open(std::move(options)));
  }
  net::HttpRequest request;
  request.service = service_;
  request.path = service_.base_path + std::string(path);
  request.headers.emplace_back("Accept", "application/vnd.schemaregistry.v1+json");
  std::string login;
  if (!token_.empty()) {
    login = "Bearer ";
    login += token_.Reveal();
  } else if (!user_.empty() || !password_.empty()) {
    std::string pair = user_ + ":";
    pair += password_.Reveal();
    login = "Basic ";
    AppendBase64(pair, &login);
    WipeString(pair);
  }
  if (!login.empty()) request.headers.emplace_back("Authorization", std::move(login));
  auto reply = client_->Send(context, request, kAnswerMax);
  if (request.headers.back().first == "Authorization") WipeString(request.headers.back().second);
  if (!reply) {
    const Error& cause = reply.error();
    NSTARX_RETURN_IF_ERROR(context.Check());
    return Failed("registry.unreachable", ErrorKind::kUnavailable,
                  fmt::format("can't be asked: {}", cause.message()))
        .WithDetail("cause", cause.code());
  }
  const int status = reply->status;
  if (status == 401) {
    return Failed("registry.login_refused", ErrorKind::kUnauthenticated, "refuses the login");
  }
  if (status == 403) {
    return Failed("registry.forbidden", ErrorKind::kPermissionDenied,
                  "does not let this login read the schema");
  }
  auto answer = ParseJson(reply->body);
  const bool object = answer && answer->is_object();
  if (status == 404 && object && answer->get_object().contains("error_code")) return json::value();
  if (status == 200 && object) return answer;
  const bool moved = status >= 300 && status < 400;
  return Failed("registry.failed", ErrorKind::kUnavailable,
                fmt::format("answers with status {}{}", status,
                            moved ? " (to look elsewhere, which is not followed)"
                                  : " and not as a schema registry does"))
      .WithDetail("status", status);
}

Status SchemaRegistry::Check(const Context& context) {
  // Whether there is a schema 1 does not matter: the answer is the one that reading depends on.
  auto answer = Ask(context, "/schemas/ids/1");
  return answer ? Status() : Status(answer.error());
}

Result<AvroTypePtr> SchemaRegistry::Find(const Context& context, uint32_t id) {
  if (const auto found = known_.find(id); found != known_.end()) return found->second;
  NSTARX_TRY(const json::value answer, Ask(context, fmt::format("/schemas/ids/{}", id)));
  if (answer.is_null()) {
    return Failed("registry.unknown_schema", ErrorKind::kNotFound,
                  fmt::format("has no schema with the id {}", id))
        .WithDetail("schema_id", int64_t{id});
  }
  auto read = Read(context, answer);
  if (!read) return read.error().WithDetail("schema_id", int64_t{id});
  if (known_.size() >= kKnownMax) known_.clear();
  known_.emplace(id, *read);
  return read;
}

Result<AvroTypePtr> SchemaRegistry::FindLatest(const Context& context, std::string_view subject) {
  NSTARX_TRY(const json::value answer,
             Ask(context, fmt::format("/subjects/{}/versions/latest", PercentEncode(subject))));
  if (answer.is_null()) return nullptr;
  return Read(context, answer);
}

Result<AvroTypePtr> SchemaRegistry::Read(const Context& context, const json::value& answer) {
  const json::object& object = answer.get_object();
  const std::string_view kind = GetString(object, "schemaType", "AVRO");
  if (kind != "AVRO") {
    return InvalidArgument("stream.schema_not_avro",
                           fmt::format("the schema is of the kind {}: Avro is what is decoded",
                                       kind == "JSON" || kind == "PROTOBUF" ? kind : "other"))
        .WithStage("query")
        .WithDetail("schema_type", kind.substr(0, 80));
  }
  const json::value* text = object.if_contains("schema");
  if (text == nullptr || !text->is_string()) {
    return Failed("registry.failed", ErrorKind::kUnavailable, "answers without a schema");
  }
  AvroSchemaReader reader;
  std::set<std::string> read;
  NSTARX_RETURN_IF_ERROR(ReadReferences(context, object, 0, reader, read));
  return reader.Read(text->get_string());
}

Status SchemaRegistry::ReadReferences(const Context& context, const json::object& answer, int depth,
                                      AvroSchemaReader& reader, std::set<std::string>& read) {
  const json::value* listed = answer.if_contains("references");
  if (listed == nullptr || !listed->is_array()) return {};
  for (const json::value& row : listed->get_array()) {
    const bool object = row.is_object();
    const std::string_view subject = object ? GetString(row.get_object(), "subject") : "";
    const int64_t version = object ? GetInt(row.get_object(), "version", 0) : 0;
    if (subject.empty() || version < 1) {
      return Failed("registry.failed", ErrorKind::kUnavailable, "names no proper references");
    }
    const std::string path =
        fmt::format("/subjects/{}/versions/{}", PercentEncode(subject), version);
    if (!read.insert(path).second) continue;
    if (read.size() > kReferencesMax || depth >= kReferencesDepth) {
      return InvalidArgument("stream.schema_unsupported",
                             "the schema refers to too many others, or too deeply")
          .WithStage("query");
    }
    NSTARX_TRY(const json::value found, Ask(context, path));
    if (found.is_null() || !found.get_object().contains("schema") ||
        !found.get_object().at("schema").is_string()) {
      return Failed(
                 "registry.unknown_reference", ErrorKind::kNotFound,
                 fmt::format("has no version {} of the subject that a schema refers to", version))
          .WithDetail("subject", subject.substr(0, 200));
    }
    NSTARX_RETURN_IF_ERROR(ReadReferences(context, found.get_object(), depth + 1, reader, read));
    auto type = reader.Read(found.get_object().at("schema").get_string());
    if (!type) return type.error().WithDetail("subject", subject.substr(0, 200));
  }
  return {};
}

}  // namespace nstarx::connectors::messages
