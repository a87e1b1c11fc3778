#include "connectors/rabbitmq/rabbitmq_session.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/percent.h"
#include "connectors/rabbitmq/rabbitmq_producer.h"
#include "connectors/rabbitmq/rabbitmq_queue.h"
#include "net/reach.h"

namespace nstarx::connectors::rabbitmq {
namespace {

using connector::Node;

/// A connection that ended while it was opened, with its cause.
Error OpeningFailed(const Context& context, const Login& login, Error error) {
  error.WithConnector("rabbitmq");
  if (error.stage() == "login" || context.stop_requested()) return error;
  if (error.code() == "query.timeout") {
    return DeadlineExceeded("login.timeout", "the server did not answer the login in time")
        .WithStage("login")
        .WithConnector("rabbitmq");
  }
  const bool hung_up = error.code() == "connection.lost" || error.code() == "connection.protocol";
  if (!hung_up || login.ssl.enabled) return error;
  model::Ssl probe;
  probe.enabled = true;
  probe.mode = "require";
  if (net::ProbeTls(context.WithTimeout(std::chrono::seconds(2)), login.endpoint, probe, {})) {
    return InvalidArgument("tls.required_by_server",
                           "the port speaks TLS, and TLS is off for this connection")
        .WithStage("tls")
        .WithConnector("rabbitmq")
        .WithAction(Action::kFixInput);
  }
  return error;
}

Error NoTable(const Error& error, std::string_view path) {
  if (error.code() != "stream.unknown_topic" && error.code() != "management.not_found") {
    return error;
  }
  return NotFound("query.undefined_table", fmt::format("there is no queue or exchange '{}'", path))
      .WithStage("query")
      .WithConnector("rabbitmq");
}

std::string QueuePath(std::string_view name) {
  const bool ambiguous = name.starts_with("exchanges/") || name.starts_with("queues/");
  return fmt::format("{}{}", ambiguous ? "queues/" : "", name);
}

Node QueueNode(const json::object& item) {
  const std::string name(GetString(item, "name"));
  const std::string type(GetString(item, "type", "classic"));
  Node out{
      .name = name,
      .path = QueuePath(name),
      .kind = type == "stream" ? "stream" : "queue",
      .comment = fmt::format("{}{}", type, GetBool(item, "durable", false) ? ", durable" : "")};
  if (const int64_t count = GetInt(item, "messages", -1); count >= 0) out.row_estimate = count;
  return out;
}

}  // namespace

Result<std::unique_ptr<RabbitmqSession>> RabbitmqSession::Open(const Context& context,
                                                               const Login& login,
                                                               Management management,
                                                               bool read_only,
                                                               std::chrono::milliseconds quiet) {
  const Context limited = context.WithTimeout(login.connect_timeout);
  auto connection = Connection::Open(limited, login);
  if (!connection) {
    if (context.Check()) return OpeningFailed(context, login, connection.error());
    return connection.error().WithConnector("rabbitmq");
  }
  return std::unique_ptr<RabbitmqSession>(
      new RabbitmqSession(std::move(*connection), std::move(management), login, read_only, quiet));
}

Error RabbitmqSession::Noted(Error error) {
  error.WithConnector("rabbitmq");
  if (connection_->broken()) healthy_ = false;
  return error;
}

Status RabbitmqSession::Ping(const Context& context) {
  auto channel = OpenedChannel::Open(context, *connection_);
  return channel ? Status() : Status(Noted(channel.error()));
}

connector::SessionFacts RabbitmqSession::facts() const {
  connector::SessionFacts out;
  out["server_version"] = fmt::format("{} {}", connection_->product(), connection_->version());
  out["address"] = fmt::format("{}:{}", address_.host, address_.port);
  if (!user_.empty()) out["user"] = user_;
  out["database"] = virtual_host_;
  if (const net::TlsFacts* tls = connection_->tls(); tls != nullptr) {
    out["tls"] = json::object{{"version", tls->version}, {"cipher", tls->cipher}};
  }
  return out;
}

Result<std::vector<Node>> RabbitmqSession::ListTop(const Context& context) {
  const std::string vhost = PercentEncode(virtual_host_);
  NSTARX_TRY(const json::value queues,
             AskManagement(context, management_, fmt::format("queues/{}", vhost)));
  NSTARX_TRY(const json::value exchanges,
             AskManagement(context, management_, fmt::format("exchanges/{}", vhost)));
  std::vector<Node> out;
  if (const json::array* items = queues.if_array()) {
    for (const json::value& item : *items) {
      if (item.is_object()) out.push_back(QueueNode(item.get_object()));
    }
  }
  if (const json::array* items = exchanges.if_array()) {
    for (const json::value& item : *items) {
      if (!item.is_object()) continue;
      const std::string name(GetString(item.get_object(), "name"));
      if (name.empty() || name.starts_with("amq.")) continue;  // the server's own
      out.push_back({.name = name,
                     .path = "exchanges/" + name,
                     .kind = "exchange",
                     .has_children = true,
                     .comment = std::string(GetString(item.get_object(), "type"))});
    }
  }
  return out;
}

Result<std::vector<Node>> RabbitmqSession::List(const Context& context, std::string_view path,
                                                int64_t limit) {
  std::vector<Node> out;
  if (management_.port == 0) {
    return InvalidArgument("management.not_configured",
                           "queues can be listed only through the management plugin")
        .WithStage("query")
        .WithConnector("rabbitmq");
  }
  if (path.empty()) {
    NSTARX_TRY(out, ListTop(context));
  } else {
    auto address = ParseAddress(path);
    if (!address) return NoTable(address.error(), path);
    if (!address->exchange) {
      auto known = Describe(context, path);
      if (!known) return known.error();
      return out;
    }
    auto bindings =
        AskManagement(context, management_,
                      fmt::format("exchanges/{}/{}/bindings/source", PercentEncode(virtual_host_),
                                  PercentEncode(address->name)));
    if (!bindings) return NoTable(bindings.error(), path);
    if (const json::array* items = bindings->if_array()) {
      for (const json::value& item : *items) {
        if (!item.is_object()) continue;
        const std::string name(GetString(item.get_object(), "destination"));
        const bool queue = GetString(item.get_object(), "destination_type") == "queue";
        out.push_back({.name = name,
                       .path = queue ? QueuePath(name) : "exchanges/" + name,
                       .kind = "binding",
                       .comment = fmt::format("routing key '{}'",
                                              GetString(item.get_object(), "routing_key"))});
      }
    }
  }
  std::ranges::sort(out, {}, [](const Node& node) { return std::pair(node.name, node.path); });
  if (static_cast<int64_t>(out.size()) > limit) out.resize(static_cast<size_t>(limit));
  return out;
}

Result<connector::Description> RabbitmqSession::Describe(const Context& context,
                                                         std::string_view path) {
  auto address = ParseAddress(path);
  if (!address) return NoTable(address.error(), path);
  connector::Description out{.path = std::string(path),
                             .kind = address->exchange ? "exchange" : "queue"};
  auto channel = OpenedChannel::Open(context, *connection_);
  if (!channel) return Noted(channel.error());
  if (address->exchange) {
    if (const Status known = channel->AskExchange(context, address->name);
        !known && known.error().vendor_code() != "406") {
      return NoTable(Noted(known.error()), path);
    }
    return out;
  }
  auto ready = channel->AskReady(context, address->name);
  if (!ready) return NoTable(Noted(ready.error()), path);
  out.row_estimate = *ready;
  out.columns = {{"topic", "queue", "string", false},
                 {"partition", "none: 0", "int32", false},
                 {"offset", "x-stream-offset, or the place in the queue", "int64", false},
                 {"timestamp", "timestamp", "timestamp[ms, tz=UTC]", true},
                 {"key", "routing key", "string or binary", true},
                 {"headers", "headers and properties", "map<string, binary>", true},
                 {"value", "bytes", "string or binary", true}};
  if (management_.port == 0) return out;
  const auto known = AskManagement(
      context, management_,
      fmt::format("queues/{}/{}", PercentEncode(virtual_host_), PercentEncode(address->name)));
  if (known && known->is_object()) {
    const json::object& item = known->get_object();
    const auto type = GetString(item, "type", "classic");
    if (type == "stream") out.kind = "stream";
    out.comment = fmt::format("{}, {} consumers", type, GetInt(item, "consumers", 0));
  }
  return out;
}

Result<std::unique_ptr<connector::BatchStream>> RabbitmqSession::Sample(const Context& context,
                                                                        std::string_view path,
                                                                        int64_t limit) {
  connector::ConsumeRequest request{.topic = std::string(path), .limit = limit};
  auto address = ParseAddress(path);
  if (!address) return NoTable(address.error(), path);
  if (!address->exchange) {
    auto bounds = AskBounds(context, *connection_, address->name);
    if (!bounds) return NoTable(Noted(bounds.error()), path);
    if (bounds->is_stream) {
      // The latest messages of a stream, as of every log; a queue has only its head.
      request.from = connector::StreamStart::kOffset;
      request.position = std::max(bounds->lag.first.number, bounds->lag.end.number - limit);
    }
  }
  auto stream = Consume(context, request);
  if (!stream) return NoTable(stream.error(), path);
  return stream;
}

Status RabbitmqSession::CheckWritable() const {
  if (!read_only_) return {};
  return Error(ErrorKind::kPermissionDenied, "query.read_only",
               "the connection is read-only: it neither writes messages nor takes them off")
      .WithStage("query")
      .WithConnector("rabbitmq");
}

Result<connector::ProduceReport> RabbitmqSession::Produce(const Context& context,
                                                          std::string_view topic,
                                                          connector::BatchStream& messages) {
  NSTARX_RETURN_IF_ERROR(CheckWritable());
  auto report = SendMessages(context, *connection_, topic, messages);
  if (!report) return Noted(report.error());
  return report;
}

Result<std::unique_ptr<connector::BatchStream>> RabbitmqSession::Consume(
    const Context& context, const connector::ConsumeRequest& request) {
  NSTARX_RETURN_IF_ERROR(connector::CheckCounted(request));
  auto stream = ReadQueue(context, *connection_, request, quiet_, registry_.get());
  if (!stream) return Noted(stream.error());
  return stream;
}

Status RabbitmqSession::Commit(const Context& context, std::string_view, std::string_view topic,
                               const std::vector<connector::PartitionOffset>& next) {
  NSTARX_RETURN_IF_ERROR(CheckWritable());
  NSTARX_RETURN_IF_ERROR(connector::CheckCounted(next));
  NSTARX_TRY(const Address address, ParseAddress(topic));
  for (const auto& row : next) {
    if (row.partition != 0 || address.exchange) {
      return NotFound("stream.unknown_partition", "a queue has the partition 0 alone")
          .WithStage("query")
          .WithConnector("rabbitmq");
    }
    Status taken = TakeOff(context, *connection_, address.name, row.offset.number);
    if (!taken) return Noted(taken.error());
  }
  return {};
}

Result<std::vector<connector::Lag>> RabbitmqSession::GetLag(const Context& context,
                                                            std::string_view topic,
                                                            std::string_view) {
  NSTARX_TRY(const Address address, ParseAddress(topic));
  if (address.exchange) {
    return NotFound("stream.unknown_topic", "an exchange keeps no messages")
        .WithStage("query")
        .WithConnector("rabbitmq");
  }
  auto bounds = AskBounds(context, *connection_, address.name);
  if (!bounds) return Noted(bounds.error());
  return std::vector{bounds->lag};
}

}  // namespace nstarx::connectors::rabbitmq
