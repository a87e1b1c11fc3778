#include "connectors/kafka/kafka_producer.h"

#include <arrow/api.h>
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include "connectors/kafka/kafka_errors.h"
#include "connectors/messages/message_columns.h"

namespace nstarx::connectors::kafka {
namespace {

using std::chrono::milliseconds;

using messages::MessageColumns;

/// Null when the message has none.
rd_kafka_headers_t* HeadersOf(const MessageColumns& columns, int64_t row) {
  rd_kafka_headers_t* out = nullptr;
  for (const auto& [name, value] : columns.Headers(row)) {
    if (out == nullptr) out = rd_kafka_headers_new(4);
    rd_kafka_header_add(out, name.data(), static_cast<ssize_t>(name.size()),
                        value ? value->data() : nullptr,
                        value ? static_cast<ssize_t>(value->size()) : 0);
  }
  return out;
}

rd_kafka_vu_t Part(rd_kafka_vtype_t type) {
  rd_kafka_vu_t out{};
  out.vtype = type;
  return out;
}

void SetMemory(rd_kafka_vu_t& part, std::optional<std::string_view> bytes) {
  // A pointer that is not null tells an empty value from none.
  part.u.mem.ptr =
      bytes ? const_cast<char*>(bytes->data() == nullptr ? "" : bytes->data()) : nullptr;
  part.u.mem.size = bytes ? bytes->size() : 0;
}

/// Hands one message to librdkafka, which copies it.
int Send(Client& client, const std::string& topic, const MessageColumns& columns, int64_t row,
         std::string* why) {
  rd_kafka_vu_t parts[7] = {
      Part(RD_KAFKA_VTYPE_TOPIC),   Part(RD_KAFKA_VTYPE_PARTITION), Part(RD_KAFKA_VTYPE_VALUE),
      Part(RD_KAFKA_VTYPE_KEY),     Part(RD_KAFKA_VTYPE_MSGFLAGS),  Part(RD_KAFKA_VTYPE_TIMESTAMP),
      Part(RD_KAFKA_VTYPE_HEADERS),
  };
  parts[0].u.cstr = topic.c_str();
  parts[1].u.i32 = columns.Partition(row).value_or(RD_KAFKA_PARTITION_UA);
  SetMemory(parts[2], columns.Value(row));
  SetMemory(parts[3], columns.Key(row));
  parts[4].u.i = RD_KAFKA_MSG_F_COPY;
  parts[5].u.i64 = columns.Timestamp(row).value_or(0);
  parts[6].u.headers = HeadersOf(columns, row);
  const size_t count = parts[6].u.headers != nullptr ? 7 : 6;
  rd_kafka_error_t* error = rd_kafka_produceva(client.get(), parts, count);
  if (error == nullptr) return RD_KAFKA_RESP_ERR_NO_ERROR;
  const int code = rd_kafka_error_code(error);
  *why = rd_kafka_error_string(error);
  rd_kafka_error_destroy(error);
  // The headers are ours again when the message was refused.
  if (parts[6].u.headers != nullptr) rd_kafka_headers_destroy(parts[6].u.headers);
  return code;
}

class Sending {
 public:
  Sending(Client& client, const std::string& topic) : client_(client), topic_(topic) {
    client_.TakeTrouble();
    client_.set_deliveries(&deliveries_);
  }
  ~Sending() { client_.set_deliveries(nullptr); }

  Status Run(const Context& context, connector::BatchStream& messages) {
    MessageColumns columns;
    while (true) {
      NSTARX_TRY(const auto batch, messages.Next(context));
      if (batch == nullptr) break;
      NSTARX_RETURN_IF_ERROR(columns.Bind(*batch));
      for (int64_t row = 0; row < batch->num_rows(); ++row) {
        NSTARX_RETURN_IF_ERROR(SendRow(context, columns, row));
      }
      client_.Serve(milliseconds(0));
      NSTARX_RETURN_IF_ERROR(Check(context));
    }
    while (rd_kafka_outq_len(client_.get()) > 0) {
      rd_kafka_flush(client_.get(), 50);
      NSTARX_RETURN_IF_ERROR(Check(context));
    }
    return Check(context);
  }

  const Deliveries& deliveries() const { return deliveries_; }

 private:
  Status SendRow(const Context& context, const MessageColumns& columns, int64_t row) {
    while (true) {
      std::string why;
      const int code = Send(client_, topic_, columns, row, &why);
      ++sent_;
      if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
      --sent_;
      if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        return MapCode(code, why).WithDetail("message", sent_);
      }
      client_.Serve(milliseconds(50));
      NSTARX_RETURN_IF_ERROR(Check(context));
    }
  }

  Status Check(const Context& context) {
    if (deliveries_.failure) return *deliveries_.failure;
    if (const auto trouble = client_.TakeTrouble(); trouble && EndsSession(trouble->code)) {
      return MapCode(trouble->code, trouble->message);
    }
    char why[256];
    if (const auto fatal = rd_kafka_fatal_error(client_.get(), why, sizeof(why));
        fatal != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return MapCode(fatal, why);
    }
    return context.Check();
  }

  Client& client_;
  const std::string& topic_;
  Deliveries deliveries_;
  int64_t sent_ = 0;
};

}  // namespace

Result<connector::ProduceReport> SendMessages(const Context& context, Client& client,
                                              const std::string& topic,
                                              connector::BatchStream& messages) {
  Sending sending(client, topic);
  if (const Status done = sending.Run(context, messages); !done) {
    // What has not gone out must not go out later.
    rd_kafka_purge(client.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    Error error = done.error();
    return error.WithDetail("delivered", sending.deliveries().count);
  }
  connector::ProduceReport report{.count = sending.deliveries().count};
  for (const auto& [partition, row] : sending.deliveries().partitions) {
    report.partitions.push_back(row);
  }
  return report;
}

}  // namespace nstarx::connectors::kafka
