#include "connectors/pulsar/pulsar_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "connectors/pulsar/pulsar_errors.h"

namespace nstarx::connectors::pulsar {
namespace {

constexpr auto kSlice = std::chrono::milliseconds(20);
constexpr auto kCloseWait = std::chrono::seconds(1);
constexpr unsigned long long kMemoryLimit = 64ULL << 20U;
constexpr int kMaxPending = 20'000;
constexpr int kSendTimeoutMs = 30'000;
constexpr int kRoundRobin = 1;
/// As Java's clients choose the partition of a key.
constexpr int kJavaStringHash = 2;

bool LogsNothing(int, void*) { return false; }
void Swallow(int, const char*, int, const char*, void*) {}

/// Frees what came too late.
void Discard(const Libpulsar& api, pulsar_reader* reader) { Client::ReaderDelete{&api}(reader); }
void Discard(const Libpulsar& api, pulsar_producer* producer) {
  Client::ProducerDelete{&api}(producer);
}

template <class Made>
struct Waiting {
  const Libpulsar& api;
  std::shared_ptr<Answer<Made>> answer;
};

/// Runs in the library's thread.
template <class Made>
void Deliver(int result, Made* made, void* opaque) {
  const std::unique_ptr<Waiting<Made>> waiting(static_cast<Waiting<Made>*>(opaque));
  Answer<Made>& answer = *waiting->answer;
  bool late = false;
  {
    const std::lock_guard lock(answer.mutex);
    answer.done = true;
    answer.result = result;
    late = answer.abandoned;
    if (!late && result == kOk) answer.made = made;
  }
  answer.changed.notify_all();
  if (late && result == kOk && made != nullptr) Discard(waiting->api, made);
}

/// Waits until the library has answered or the context ends.
template <class Made>
Status Await(const Context& context, Answer<Made>& answer) {
  std::unique_lock lock(answer.mutex);
  while (!answer.done) {
    if (Status alive = context.Check(); !alive) {
      answer.abandoned = true;
      return alive;
    }
    answer.changed.wait_for(lock, kSlice);
  }
  return {};
}

void NoteClosed(int, void* opaque) {
  const std::unique_ptr<std::shared_ptr<Answer<void>>> answer(
      static_cast<std::shared_ptr<Answer<void>>*>(opaque));
  {
    const std::lock_guard lock((*answer)->mutex);
    (*answer)->done = true;
  }
  (*answer)->changed.notify_all();
}

void Ignore(int, void*) {}

}  // namespace

void Client::ReaderDelete::operator()(pulsar_reader* reader) const {
  // The library holds on to the reader until it is closed.
  api->reader_close_async(reader, Ignore, nullptr);
  api->reader_free(reader);
}

void Client::ProducerDelete::operator()(pulsar_producer* producer) const {
  api->producer_close_async(producer, Ignore, nullptr);
  api->producer_free(producer);
}

Result<std::unique_ptr<Client>> Client::Make(const Login& login) {
  NSTARX_TRY(const Libpulsar* api, LoadLibpulsar());
  std::unique_ptr<Client> client(new Client(*api, login));
  const auto free_configuration = [api](pulsar_client_configuration* it) {
    api->client_configuration_free(it);
  };
  const std::unique_ptr<pulsar_client_configuration, decltype(free_configuration)> owner(
      api->client_configuration_create(), free_configuration);
  pulsar_client_configuration* configuration = owner.get();
  api->client_configuration_set_logger_t(configuration, {nullptr, LogsNothing, Swallow});
  api->client_configuration_set_stats_interval_in_seconds(configuration, 0);
  api->client_configuration_set_io_threads(configuration, 1);
  api->client_configuration_set_message_listener_threads(configuration, 1);
  api->client_configuration_set_memory_limit(configuration, kMemoryLimit);
  const int64_t seconds = std::clamp<int64_t>(login.connect_timeout.count() / 1000, 2, 300);
  api->client_configuration_set_operation_timeout_seconds(configuration, static_cast<int>(seconds));
  if (login.ssl.enabled) {
    const bool verify = login.ssl.mode != "require";
    api->client_configuration_set_tls_allow_insecure_connection(configuration, verify ? 0 : 1);
    api->client_configuration_set_validate_hostname(configuration,
                                                    login.ssl.mode == "verify-full" ? 1 : 0);
    if (verify && !login.ssl.certificate.empty()) {
      NSTARX_TRY(client->trusted_, net::PemFile::Write(login.ssl.certificate));
      api->client_configuration_set_tls_trust_certs_file_path(configuration,
                                                              client->trusted_->path().c_str());
    }
  }
  pulsar_authentication* authentication = nullptr;
  if (!login.token.empty()) {
    std::string token(login.token.Reveal());
    authentication = api->authentication_token_create(token.c_str());
    WipeString(token);
    api->client_configuration_set_auth(configuration, authentication);
  }
  const bool v6 = login.endpoint.host.find(':') != std::string::npos;
  const std::string url =
      fmt::format("{}://{}{}{}:{}", login.ssl.enabled ? "pulsar+ssl" : "pulsar", v6 ? "[" : "",
                  login.endpoint.host, v6 ? "]" : "", login.endpoint.port);
  client->handle_ = api->client_create(url.c_str(), configuration);
  if (authentication != nullptr) api->authentication_free(authentication);
  return client;
}

Client::~Client() {
  if (handle_ != nullptr) Close();
}

void Client::Close() {
  auto answer = std::make_shared<Answer<void>>();
  api_.client_close_async(handle_, NoteClosed, new std::shared_ptr<Answer<void>>(answer));
  {
    std::unique_lock lock(answer->mutex);
    answer->changed.wait_for(lock, kCloseWait, [&] { return answer->done; });
  }
  api_.client_free(handle_);
}

Error Client::CauseOf(const Context& context, int result, std::string_view what) const {
  Error error = MapResult(result, what);
  const bool vague = result == kTimeout || result == kConnectError || result == kDisconnected ||
                     result == kNotConnected || result == kUnknownError;
  if (!vague) return error;
  if (auto greeting = Greet(context, login_); !greeting) return greeting.error();
  return result == kTimeout
             ? Failed(
                   ErrorKind::kUnavailable, "stream.advertised_unreachable",
                   fmt::format(
                       "{}: the broker that was dialled answers, the topic's own does not: it may "
                       "be advertised under an address that can't be reached from here",
                       what),
                   "query")
             : error;
}

Result<Client::Reader> Client::MakeReader(const Context& context, const std::string& topic,
                                          const MessageId& after, int queue) {
  pulsar_reader_configuration* configuration = api_.reader_configuration_create();
  api_.reader_configuration_set_receiver_queue_size(configuration, queue);
  api_.reader_configuration_set_reader_name(configuration, login_.client_name.c_str());
  const std::string bytes = after.Encode();
  pulsar_message_id* start =
      api_.message_id_deserialize(bytes.data(), static_cast<uint32_t>(bytes.size()));
  auto answer = std::make_shared<Answer<pulsar_reader>>();
  api_.client_create_reader_async(handle_, topic.c_str(), start, configuration,
                                  Deliver<pulsar_reader>,
                                  new Waiting<pulsar_reader>{.api = api_, .answer = answer});
  api_.message_id_free(start);
  api_.reader_configuration_free(configuration);
  NSTARX_RETURN_IF_ERROR(Await(context, *answer));
  if (answer->result != kOk) return CauseOf(context, answer->result, "opening a reader");
  return Reader(answer->made, ReaderDelete{&api_});
}

Result<Client::Producer> Client::MakeProducer(const Context& context, const std::string& topic) {
  pulsar_producer_configuration* configuration = api_.producer_configuration_create();
  api_.producer_configuration_set_send_timeout(configuration, kSendTimeoutMs);
  api_.producer_configuration_set_max_pending_messages(configuration, kMaxPending);
  api_.producer_configuration_set_batching_enabled(configuration, 1);
  api_.producer_configuration_set_batching_max_messages(configuration, 1000);
  api_.producer_configuration_set_batching_max_allowed_size_in_bytes(configuration, 128UL << 10U);
  api_.producer_configuration_set_batching_max_publish_delay_ms(configuration, 5);
  api_.producer_configuration_set_partitions_routing_mode(configuration, kRoundRobin);
  api_.producer_configuration_set_hashing_scheme(configuration, kJavaStringHash);
  auto answer = std::make_shared<Answer<pulsar_producer>>();
  api_.client_create_producer_async(handle_, topic.c_str(), configuration, Deliver<pulsar_producer>,
                                    new Waiting<pulsar_producer>{.api = api_, .answer = answer});
  api_.producer_configuration_free(configuration);
  NSTARX_RETURN_IF_ERROR(Await(context, *answer));
  if (answer->result != kOk) return CauseOf(context, answer->result, "opening a producer");
  return Producer(answer->made, ProducerDelete{&api_});
}

Status Client::CheckBroker(const Context& context) const {
  auto greeting = Greet(context, login_);
  if (greeting) return {};
  if (greeting.error().code() == "tcp.refused") {
    return Failed(ErrorKind::kUnavailable, "connection.lost", "the broker is gone");
  }
  return greeting.error();
}

MessageId IdOf(const Libpulsar& api, pulsar_message_id* id) {
  int size = 0;
  void* bytes = api.message_id_serialize(id, &size);
  const auto out = MessageId::Decode(
      std::string_view(static_cast<const char*>(bytes), static_cast<size_t>(std::max(size, 0))));
  std::free(bytes);
  return out.value_or(MessageId());
}

}  // namespace nstarx::connectors::pulsar
