#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"

/// The part of the C interface of Apache Pulsar's client library that we use. The library ships no
/// headers in its Python wheel, and is loaded when the first client is made.
extern "C" {

struct pulsar_authentication;
struct pulsar_client;
struct pulsar_client_configuration;
struct pulsar_message;
struct pulsar_message_id;
struct pulsar_producer;
struct pulsar_producer_configuration;
struct pulsar_reader;
struct pulsar_reader_configuration;
struct pulsar_string_map;

using pulsar_done = void (*)(int result, void* opaque);
using pulsar_made_producer = void (*)(int result, pulsar_producer* producer, void* opaque);
using pulsar_made_reader = void (*)(int result, pulsar_reader* reader, void* opaque);
using pulsar_sent = void (*)(int result, pulsar_message_id* id, void* opaque);

struct pulsar_logger_functions {
  void* opaque;
  bool (*is_enabled)(int level, void* opaque);
  void (*log)(int level, const char* file, int line, const char* message, void* opaque);
};
}

namespace nstarx::connectors::pulsar {

// X(name, result type, parameter types…)
#define NSTARX_PULSAR_FUNCTIONS(X)                                                                 \
  X(result_str, const char*, int)                                                                  \
  X(authentication_token_create, pulsar_authentication*, const char*)                              \
  X(authentication_free, void, pulsar_authentication*)                                             \
  X(client_configuration_create, pulsar_client_configuration*)                                     \
  X(client_configuration_free, void, pulsar_client_configuration*)                                 \
  X(client_configuration_set_auth, void, pulsar_client_configuration*, pulsar_authentication*)     \
  X(client_configuration_set_memory_limit, void, pulsar_client_configuration*, unsigned long long) \
  X(client_configuration_set_operation_timeout_seconds, void, pulsar_client_configuration*, int)   \
  X(client_configuration_set_io_threads, void, pulsar_client_configuration*, int)                  \
  X(client_configuration_set_message_listener_threads, void, pulsar_client_configuration*, int)    \
  X(client_configuration_set_stats_interval_in_seconds, void, pulsar_client_configuration*,        \
    unsigned int)                                                                                  \
  X(client_configuration_set_logger_t, void, pulsar_client_configuration*,                         \
    pulsar_logger_functions)                                                                       \
  X(client_configuration_set_tls_trust_certs_file_path, void, pulsar_client_configuration*,        \
    const char*)                                                                                   \
  X(client_configuration_set_tls_allow_insecure_connection, void, pulsar_client_configuration*,    \
    int)                                                                                           \
  X(client_configuration_set_validate_hostname, void, pulsar_client_configuration*, int)           \
  X(client_create, pulsar_client*, const char*, const pulsar_client_configuration*)                \
  X(client_create_producer_async, void, pulsar_client*, const char*,                               \
    const pulsar_producer_configuration*, pulsar_made_producer, void*)                             \
  X(client_create_reader_async, void, pulsar_client*, const char*, const pulsar_message_id*,       \
    pulsar_reader_configuration*, pulsar_made_reader, void*)                                       \
  X(client_close_async, void, pulsar_client*, pulsar_done, void*)                                  \
  X(client_free, void, pulsar_client*)                                                             \
  X(producer_configuration_create, pulsar_producer_configuration*)                                 \
  X(producer_configuration_free, void, pulsar_producer_configuration*)                             \
  X(producer_configuration_set_send_timeout, void, pulsar_producer_configuration*, int)            \
  X(producer_configuration_set_max_pending_messages, void, pulsar_producer_configuration*, int)    \
  X(producer_configuration_set_batching_enabled, void, pulsar_producer_configuration*, int)        \
  X(producer_configuration_set_batching_max_messages, void, pulsar_producer_configuration*,        \
    unsigned int)                                                                                  \
  X(producer_configuration_set_batching_max_allowed_size_in_bytes, void,                           \
    pulsar_producer_configuration*, unsigned long)                                                 \
  X(producer_configuration_set_batching_max_publish_delay_ms, void,                                \
    pulsar_producer_configuration*, unsigned long)                                                 \
  X(producer_configuration_set_partitions_routing_mode, void, pulsar_producer_configuration*, int) \
  X(producer_configuration_set_hashing_scheme, void, pulsar_producer_configuration*, int)          \
  X(producer_send_async, void, pulsar_producer*, pulsar_message*, pulsar_sent, void*)              \
  X(producer_flush_async, void, pulsar_producer*, pulsar_done, void*)                              \
  X(producer_close_async, void, pulsar_producer*, pulsar_done, void*)                              \
  X(producer_free, void, pulsar_producer*)                                                         \
  X(message_create, pulsar_message*)                                                               \
  X(message_free, void, pulsar_message*)                                                           \
  X(message_set_content, void, pulsar_message*, const void*, size_t)                               \
  X(message_set_null_value, void, pulsar_message*)                                                 \
  X(message_set_property, void, pulsar_message*, const char*, const char*)                         \
  X(message_set_partition_key, void, pulsar_message*, const char*)                                 \
  X(message_set_event_timestamp, void, pulsar_message*, uint64_t)                                  \
  X(message_get_data, const void*, pulsar_message*)                                                \
  X(message_get_length, uint32_t, pulsar_message*)                                                 \
  X(message_has_null_value, int, pulsar_message*)                                                  \
  X(message_get_properties, pulsar_string_map*, pulsar_message*)                                   \
  X(message_has_partition_key, int, pulsar_message*)                                               \
  X(message_get_partitionKey, const char*, pulsar_message*)                                        \
  X(message_get_publish_timestamp, uint64_t, pulsar_message*)                                      \
  X(message_get_event_timestamp, uint64_t, pulsar_message*)                                        \
  X(message_get_message_id, pulsar_message_id*, pulsar_message*)                                   \
  X(message_id_serialize, void*, pulsar_message_id*, int*)                                         \
  X(message_id_deserialize, pulsar_message_id*, const void*, uint32_t)                             \
  X(message_id_free, void, pulsar_message_id*)                                                     \
  X(string_map_size, int, pulsar_string_map*)                                                      \
  X(string_map_get_key, const char*, pulsar_string_map*, int)                                      \
  X(string_map_get_value, const char*, pulsar_string_map*, int)                                    \
  X(string_map_free, void, pulsar_string_map*)                                                     \
  X(reader_configuration_create, pulsar_reader_configuration*)                                     \
  X(reader_configuration_free, void, pulsar_reader_configuration*)                                 \
  X(reader_configuration_set_receiver_queue_size, void, pulsar_reader_configuration*, int)         \
  X(reader_configuration_set_reader_name, void, pulsar_reader_configuration*, const char*)         \
  X(reader_read_next_with_timeout, int, pulsar_reader*, pulsar_message**, int)                     \
  X(reader_has_message_available, int, pulsar_reader*, int*)                                       \
  X(reader_is_connected, int, pulsar_reader*)                                                      \
  X(reader_close_async, void, pulsar_reader*, pulsar_done, void*)                                  \
  X(reader_free, void, pulsar_reader*)

/// The library's functions by their names without the prefix pulsar_.
struct Libpulsar {
#define NSTARX_PULSAR_MEMBER(name, result, ...) result (*name)(__VA_ARGS__) = nullptr;
  NSTARX_PULSAR_FUNCTIONS(NSTARX_PULSAR_MEMBER)
#undef NSTARX_PULSAR_MEMBER
};

/// Loads the library at the first call; driver.missing when it is not there or not the one that we
/// know.
Result<const Libpulsar*> LoadLibpulsar();

/// The library's results that we tell apart.
enum ClientResult : int {
  kOk = 0,
  kUnknownError = 1,
  kInvalidConfiguration = 2,
  kTimeout = 3,
  kLookupError = 4,
  kConnectError = 5,
  kReadError = 6,
  kAuthenticationError = 7,
  kAuthorizationError = 8,
  kErrorGettingAuthenticationData = 9,
  kBrokerMetadataError = 10,
  kBrokerPersistenceError = 11,
  kChecksumError = 12,
  kConsumerBusy = 13,
  kNotConnected = 14,
  kAlreadyClosed = 15,
  kInvalidMessage = 16,
  kProducerBusy = 19,
  kTooManyLookups = 20,
  kInvalidTopicName = 21,
  kServiceUnitNotReady = 23,
  kOperationNotSupported = 24,
  kQuotaExceededError = 25,
  kQuotaExceededException = 26,
  kProducerQueueIsFull = 27,
  kMessageTooBig = 28,
  kTopicNotFound = 29,
  kTopicTerminated = 33,
  kCryptoError = 34,
  kIncompatibleSchema = 35,
  kNotAllowed = 40,
  kProducerFenced = 43,
  kMemoryBufferIsFull = 44,
  kDisconnected = 46,
};
constexpr int kLastResult = 46;

}  // namespace nstarx::connectors::pulsar
