#include "connectors/mysql/mysql_protocol.h"

#include <fmt/format.h>

#include <bit>

#include "connectors/mysql/mysql_errors.h"

namespace nstarx::connectors::mysql {
namespace {

constexpr uint8_t kQuery = 0x03;
constexpr uint8_t kPing = 0x0E;
constexpr uint8_t kPrepare = 0x16;
constexpr uint8_t kExecute = 0x17;
constexpr uint8_t kCloseStatement = 0x19;
constexpr size_t kColumnsMax = 4096;
constexpr size_t kFixedColumnPart = 13;

Error Malformed() {
  return Error(ErrorKind::kUnavailable, "connection.protocol",
               "The server's answer is not in the MySQL protocol")
      .WithStage("query")
      .WithConnector("mysql");
}

bool ReadDefinition(Packet packet, ColumnDefinition* out) {
  PacketReader reader(packet);
  for (int i = 0; i < 4; ++i) reader.Text();  // catalog, schema, table, original table
  out->name = reader.Text();
  reader.Text();  // original name
  // MariaDB adds a field about the data type, if it has something to say.
  if (reader.left() > kFixedColumnPart) reader.Text();
  reader.Length();
  out->charset = static_cast<uint16_t>(reader.Fixed(2));
  out->length = static_cast<uint32_t>(reader.Fixed(4));
  out->type = static_cast<WireType>(reader.Fixed(1));
  out->flags = static_cast<uint16_t>(reader.Fixed(2));
  out->decimals = static_cast<uint8_t>(reader.Fixed(1));
  return reader.ok() && IsUtf8(out->name);
}

}  // namespace

uint16_t Conversation::StatusOfEof(Packet packet) {
  PacketReader reader(packet);
  reader.Fixed(3);  // marker, warnings
  return static_cast<uint16_t>(reader.Fixed(2));
}

Error Conversation::ErrorOf(Packet packet, std::string_view text) {
  PacketReader reader(packet);
  reader.Fixed(1);
  const int number = static_cast<int>(reader.Fixed(2));
  std::string_view message = reader.Rest();
  std::string_view sqlstate;
  if (message.size() >= 6 && message[0] == '#') {
    sqlstate = message.substr(1, 5);
    message.remove_prefix(6);
  }
  return MapError(number, sqlstate, IsUtf8(message) ? message : "The server reports an error",
                  text);
}

Result<std::vector<ColumnDefinition>> Conversation::ReadDefinitions(size_t count,
                                                                    uint16_t* status) {
  std::vector<ColumnDefinition> columns(count);
  for (ColumnDefinition& column : columns) {
    NSTARX_TRY(const Packet packet, wire_.Receive());
    if (!ReadDefinition(packet, &column)) {
      wire_.Break();
      return Malformed();
    }
  }
  NSTARX_TRY(const Packet packet, wire_.Receive());
  if (!packet.IsEof()) {
    wire_.Break();
    return Malformed();
  }
  *status = StatusOfEof(packet);
  return columns;
}

Result<ResultHeader> Conversation::ReadHeader(RowFormat format, std::string_view text,
                                              Prepared* statement) {
  awaits_answer_ = true;
  NSTARX_TRY(const Packet packet, wire_.Receive());
  awaits_answer_ = false;
  if (packet.IsError()) return ErrorOf(packet, text);
  if (packet.size == 0) {
    wire_.Break();
    return Malformed();
  }
  PacketReader reader(packet);
  ResultHeader header{.format = format};
  if (packet.data[0] == 0x00) {
    reader.Fixed(1);
    header.rows_affected = static_cast<int64_t>(reader.Length());
    reader.Length();  // last insert id
    header.status = static_cast<uint16_t>(reader.Fixed(2));
    header.warnings = static_cast<uint16_t>(reader.Fixed(2));
    return header;
  }
  if (packet.data[0] == 0xFB) {
    header.wants_file = true;
    return header;
  }
  const uint64_t count = reader.Length();
  // With cached metadata a byte says whether the definitions follow.
  const bool follow = reader.left() == 0 || reader.Fixed(1) != 0;
  if (!reader.ok() || count == 0 || count > kColumnsMax) {
    wire_.Break();
    return Malformed();
  }
  if (follow) {
    NSTARX_TRY(header.columns, ReadDefinitions(count, &header.status));
    if (statement != nullptr) statement->columns = header.columns;
  } else {
    NSTARX_TRY(const Packet end, wire_.Receive());
    if (!end.IsEof() || statement == nullptr || statement->columns.size() != count) {
      wire_.Break();
      return Malformed();
    }
    header.status = StatusOfEof(end);
    header.columns = statement->columns;
  }
  return header;
}

Result<ResultHeader> Conversation::Query(std::string_view text) {
  NSTARX_RETURN_IF_ERROR(wire_.Send(kQuery, text));
  return ReadHeader(RowFormat::kText, text, nullptr);
}

Result<ResultHeader> Conversation::NextResult(RowFormat format, std::string_view text) {
  return ReadHeader(format, text, nullptr);
}

Status Conversation::Forget(std::list<std::pair<std::string, Prepared>>::iterator victim) {
  std::string id;
  AppendFixed(id, victim->second.id, 4);
  prepared_.erase(victim);
  return wire_.Send(kCloseStatement, id);  // There is no answer to it.
}

Result<Prepared*> Conversation::Prepare(const std::string& text) {
  for (auto row = prepared_.begin(); row != prepared_.end(); ++row) {
    if (row->first != text) continue;
    prepared_.splice(prepared_.begin(), prepared_, row);
    return &prepared_.front().second;
  }
  if (prepared_.size() >= kPreparedMax) {
    NSTARX_RETURN_IF_ERROR(Forget(std::prev(prepared_.end())));
  }
  NSTARX_RETURN_IF_ERROR(wire_.Send(kPrepare, text));
  NSTARX_TRY(const Packet packet, wire_.Receive());
  if (packet.IsError()) return ErrorOf(packet, text);
  PacketReader reader(packet);
  reader.Fixed(1);
  Prepared statement{.id = static_cast<uint32_t>(reader.Fixed(4))};
  const auto columns = static_cast<size_t>(reader.Fixed(2));
  statement.parameters = static_cast<int>(reader.Fixed(2));
  if (!reader.ok() || packet.data[0] != 0) {
    wire_.Break();
    return Malformed();
  }
  uint16_t status = 0;
  if (statement.parameters > 0) {
    NSTARX_TRY(const auto ignored,
               ReadDefinitions(static_cast<size_t>(statement.parameters), &status));
    (void)ignored;
  }
  if (columns > 0) {
    NSTARX_TRY(statement.columns, ReadDefinitions(columns, &status));
  }
  prepared_.emplace_front(text, std::move(statement));
  return &prepared_.front().second;
}

Result<std::string> EncodeParameters(const json::array& parameters) {
  std::string nulls((parameters.size() + 7) / 8, '\0');
  std::string types;
  std::string values;
  const auto type = [&types](WireType wire_type) {
    types += static_cast<char>(wire_type);
    types += '\0';
  };
  for (size_t i = 0; i < parameters.size(); ++i) {
    const json::value& value = parameters[i];
    switch (value.kind()) {
      case json::kind::null:
        nulls[i / 8] = static_cast<char>(nulls[i / 8] | 1 << (i % 8));
        type(WireType::kNull);
        break;
      case json::kind::bool_:
        type(WireType::kTiny);
        AppendFixed(values, value.get_bool() ? 1 : 0, 1);
        break;
      case json::kind::int64:
        type(WireType::kLongLong);
        AppendFixed(values, static_cast<uint64_t>(value.get_int64()), 8);
        break;
      case json::kind::uint64:
        types += static_cast<char>(WireType::kLongLong);
        types += '\x80';
        AppendFixed(values, value.get_uint64(), 8);
        break;
      case json::kind::double_:
        type(WireType::kDouble);
        AppendFixed(values, std::bit_cast<uint64_t>(value.get_double()), 8);
        break;
      case json::kind::string:
        type(WireType::kVarString);
        AppendLength(values, value.get_string().size());
        values += std::string_view(value.get_string());
        break;
      default:
        return InvalidArgument(
                   "query.parameter_type",
                   fmt::format("Parameter {} is no null, boolean, number or text", i + 1))
            .WithStage("query")
            .WithConnector("mysql");
    }
  }
  return nulls + '\x01' + types + values;
}

Result<ResultHeader> Conversation::Execute(Prepared& statement, const json::array& parameters,
                                           std::string_view text) {
  if (static_cast<size_t>(statement.parameters) != parameters.size()) {
    return InvalidArgument("query.parameter_count",
                           fmt::format("The statement has {} placeholders, but {} parameters were "
                                       "given",
                                       statement.parameters, parameters.size()))
        .WithStage("query")
        .WithConnector("mysql");
  }
  std::string body;
  AppendFixed(body, statement.id, 4);
  body += '\0';  // no cursor
  AppendFixed(body, 1, 4);
  if (!parameters.empty()) {
    NSTARX_TRY(const std::string encoded, EncodeParameters(parameters));
    body += encoded;
  }
  NSTARX_RETURN_IF_ERROR(wire_.Send(kExecute, body));
  return ReadHeader(RowFormat::kBinary, text, &statement);
}

Result<uint16_t> Conversation::SkipRows() {
  for (;;) {
    NSTARX_TRY(const Packet packet, wire_.Receive());
    if (packet.IsError()) return ErrorOf(packet, {});
    if (packet.IsEof()) return StatusOfEof(packet);
  }
}

Status Conversation::SkipAnswer() {
  for (bool more = true; more;) {
    NSTARX_TRY(const Packet packet, wire_.Receive());
    if (packet.IsError()) break;
    uint16_t status = 0;
    if (packet.size > 0 && packet.data[0] == 0x00) {
      PacketReader reader(packet);
      reader.Fixed(1);
      reader.Length();
      reader.Length();
      status = static_cast<uint16_t>(reader.Fixed(2));
    } else {
      // One EOF ends the definitions, if there are any, another one the rows.
      NSTARX_TRY(status, SkipRows());
      NSTARX_TRY(status, SkipRows());
    }
    more = (status & kStatusMoreResults) != 0;
  }
  awaits_answer_ = false;
  return {};
}

Status Conversation::Run(std::string_view text) {
  NSTARX_TRY(ResultHeader header, Query(text));
  for (;;) {
    uint16_t status = header.status;
    if (!header.columns.empty()) {
      NSTARX_TRY(status, SkipRows());
    }
    if ((status & kStatusMoreResults) == 0) return {};
    NSTARX_TRY(header, NextResult(RowFormat::kText, text));
  }
}

Status Conversation::Ping() {
  NSTARX_RETURN_IF_ERROR(wire_.Send(kPing, {}));
  NSTARX_TRY(const Packet packet, wire_.Receive());
  if (packet.IsError()) return ErrorOf(packet, {});
  return {};
}

Result<std::vector<std::vector<std::string>>> Conversation::Rows(std::string_view text) {
  NSTARX_TRY(const ResultHeader header, Query(text));
  std::vector<std::vector<std::string>> out;
  if (header.columns.empty()) return out;
  for (;;) {
    NSTARX_TRY(const Packet packet, wire_.Receive());
    if (packet.IsError()) return ErrorOf(packet, text);
    if (packet.IsEof()) return out;
    PacketReader reader(packet);
    std::vector<std::string> row;
    for (size_t i = 0; i < header.columns.size(); ++i) {
      if (reader.left() > 0 && packet.data[packet.size - reader.left()] == 0xFB) {
        reader.Fixed(1);
        row.emplace_back();
      } else {
        row.emplace_back(reader.Text());
      }
    }
    if (!reader.ok()) {
      wire_.Break();
      return Malformed();
    }
    out.push_back(std::move(row));
  }
}

}  // namespace nstarx::connectors::mysql
