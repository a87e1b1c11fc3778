#include "connectors/redis/redis_client.h"

#include "connectors/redis/redis_errors.h"

namespace nstarx::connectors::redis {
namespace {

/// Of commands that are sent together.
constexpr size_t kMaxAnswersBytes = 256 << 20;

}  // namespace

Client::Client(std::unique_ptr<net::Channel> channel)
    : channel_(std::move(channel)), reader_([this](const Context& context, std::span<char> into) {
        return channel_->Read(context, into);
      }) {}

/// An error of the wire leaves the rest of the answer on it, so the connection is not used again.
template <class T>
Result<T> Client::Watched(Result<T> result) {
  if (!result) healthy_ = false;
  return result;
}

Result<std::unique_ptr<Client>> Client::Open(const Context& context, const Login& login) {
  const Context limited = context.WithTimeout(login.connect_timeout);
  net::ChannelOptions options;
  if (!login.client_certificate.empty()) {
    options.identity =
        net::ClientIdentity{std::string(login.client_certificate.Reveal()), &login.client_key};
  }
  NSTARX_TRY(auto channel, net::Channel::Open(limited, login.endpoint, login.ssl, options));
  std::unique_ptr<Client> client(new Client(std::move(channel)));
  Status done = client->Hello(limited, login);
  if (!done && done.error().code() == "query.timeout" && !context.expired()) {
    return Unavailable("login.timeout", "The server took the connection and did not answer in time")
        .WithStage("login")
        .WithConnector("redis");
  }
  if (!done) {
    return ExplainFirstAnswer(std::move(done).error(), client->reader_.buffered(),
                              login.ssl.enabled);
  }
  if (login.database != 0) {
    auto selected = client->Select(limited, login.database);
    if (!selected) return Error(selected.error()).WithStage("login");
  }
  return client;
}

Status Client::Hello(const Context& context, const Login& login) {
  Arguments hello{"HELLO", "3"};
  if (!login.password.empty()) {
    hello.insert(hello.end(), {"AUTH", login.user.empty() ? "default" : login.user});
    hello.emplace_back(login.password.Reveal());
  }
  NSTARX_RETURN_IF_ERROR(Send(context, hello));
  if (hello.size() > 2) WipeString(hello.back());
  NSTARX_TRY(const Reply answer, Watched(reader_.Read(context)));
  if (answer.kind == Reply::Kind::kError) {
    if (!answer.text.starts_with("ERR unknown command") && !answer.text.starts_with("NOPROTO")) {
      return MapError(answer.text, "login");
    }
    // Redis before 6 and some proxies know no HELLO.
    NSTARX_RETURN_IF_ERROR(OldLogin(context, login));
  } else {
    resp3_ = true;
    const auto text = [&answer](std::string_view key) {
      const Reply* found = FindMember(answer, key);
      return found == nullptr ? std::string() : found->text;
    };
    version_ = text("version");
    mode_ = text("mode");
    role_ = text("role");
    if (const Reply* id = FindMember(answer, "id")) id_ = id->integer;
  }
  if (login.client_name.empty()) return {};
  // Logins without the right to CLIENT work all the same, without a name.
  NSTARX_TRY(const auto named, RunAll(context, {{"CLIENT", "SETNAME", login.client_name}}));
  return {};
}

Status Client::OldLogin(const Context& context, const Login& login) {
  if (!login.password.empty()) {
    Arguments auth{"AUTH"};
    if (!login.user.empty()) auth.push_back(login.user);
    auth.emplace_back(login.password.Reveal());
    auto done = RunAll(context, {auth});
    WipeString(auth.back());
    if (!done) return std::move(done).error();
    if (done->front().kind == Reply::Kind::kError) return MapError(done->front().text, "login");
  }
  NSTARX_TRY(const auto answers, RunAll(context, {{"PING"}}));
  if (answers.front().kind == Reply::Kind::kError) return MapError(answers.front().text, "login");
  return {};
}

Status Client::Send(const Context& context, const Arguments& arguments) {
  std::string bytes;
  AppendCommand(arguments, &bytes);
  Status sent = channel_->Write(context, bytes);
  WipeString(bytes);
  if (!sent) healthy_ = false;
  return sent;
}

Result<ReplyHead> Client::ReadHead(const Context& context) {
  return Watched(reader_.ReadHead(context));
}

Result<Reply> Client::ReadItem(const Context& context) { return Watched(reader_.Read(context)); }

Result<Reply> Client::Run(const Context& context, const Arguments& arguments) {
  NSTARX_RETURN_IF_ERROR(Send(context, arguments));
  NSTARX_TRY(Reply reply, ReadItem(context));
  if (reply.kind == Reply::Kind::kError) return MapError(reply.text);
  return reply;
}

Result<std::vector<Reply>> Client::RunAll(const Context& context,
                                          const std::vector<Arguments>& commands) {
  std::string bytes;
  for (const Arguments& command : commands) AppendCommand(command, &bytes);
  Status sent = channel_->Write(context, bytes);
  WipeString(bytes);
  if (!sent) {
    healthy_ = false;
    return std::move(sent).error();
  }
  std::vector<Reply> replies;
  replies.reserve(commands.size());
  size_t total = 0;
  for (size_t number = 0; number < commands.size(); ++number) {
    NSTARX_TRY(Reply reply, ReadItem(context));
    total += BytesOf(reply);
    if (total > kMaxAnswersBytes) {
      Break();
      return QueryError(ErrorKind::kResourceExhausted, "query.value_too_large",
                        "The values of a few keys together are too large");
    }
    replies.push_back(std::move(reply));
  }
  return replies;
}

Status Client::Select(const Context& context, int64_t database) {
  if (database == database_) return {};
  NSTARX_TRY(const Reply done, Run(context, {"SELECT", std::to_string(database)}));
  database_ = database;
  return {};
}

const Reply* FindMember(const Reply& map, std::string_view key) {
  for (size_t at = 0; at + 1 < map.items.size(); at += 2) {
    if (map.items[at].text == key) return &map.items[at + 1];
  }
  return nullptr;
}

}  // namespace nstarx::connectors::redis
