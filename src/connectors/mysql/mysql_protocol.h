#pragma once

#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "connectors/mysql/mysql_decode.h"
#include "connectors/mysql/mysql_types.h"
#include "connectors/mysql/mysql_wire.h"

namespace nstarx::connectors::mysql {

inline constexpr uint16_t kStatusInTransaction = 0x0001;
inline constexpr uint16_t kStatusMoreResults = 0x0008;

/// The beginning of a result: columns, or what a statement without rows did.
struct ResultHeader {
  std::vector<ColumnDefinition> columns;
  RowFormat format = RowFormat::kText;
  int64_t rows_affected = 0;
  uint16_t status = 0;
  uint16_t warnings = 0;
  bool wants_file = false;  ///< the server asks for LOAD DATA's content
};

/// A statement that the server has prepared.
struct Prepared {
  uint32_t id = 0;
  int parameters = 0;
  std::vector<ColumnDefinition> columns;
};

/// Statements, results and prepared statements in the MySQL protocol, over one wire. Keeps the last
/// prepared statements by their text. Not thread-safe.
class Conversation {
 public:
  explicit Conversation(std::unique_ptr<Client> client) : wire_(std::move(client)) {}

  Wire& wire() { return wire_; }

  /// COM_QUERY: the first result's header.
  Result<ResultHeader> Query(std::string_view text);
  /// The next header, when the last status had kStatusMoreResults.
  Result<ResultHeader> NextResult(RowFormat format, std::string_view text);
  /// COM_STMT_PREPARE, or the one prepared before.
  Result<Prepared*> Prepare(const std::string& text);
  /// COM_STMT_EXECUTE. The parameters must be as many as the statement has.
  Result<ResultHeader> Execute(Prepared& statement, const json::array& parameters,
                               std::string_view text);
  /// Reads and forgets the rows of a result; the final status.
  Result<uint16_t> SkipRows();
  /// True while the answer to a statement was asked for and nothing of it has come yet.
  bool awaits_answer() const { return awaits_answer_; }
  /// Reads and forgets the answer that is awaited, whatever it is.
  Status SkipAnswer();
  /// A statement of our own: all its results are read and forgotten.
  Status Run(std::string_view text);
  Status Ping();
  /// A small result of our own as texts; SQL NULL is an empty text.
  Result<std::vector<std::vector<std::string>>> Rows(std::string_view text);

  /// Of the EOF or OK packet that ends rows.
  static uint16_t StatusOfEof(Packet packet);
  static Error ErrorOf(Packet packet, std::string_view text);

 private:
  static constexpr size_t kPreparedMax = 32;
  Result<ResultHeader> ReadHeader(RowFormat format, std::string_view text, Prepared* statement);
  Result<std::vector<ColumnDefinition>> ReadDefinitions(size_t count, uint16_t* status);
  Status Forget(std::list<std::pair<std::string, Prepared>>::iterator victim);

  Wire wire_;
  bool awaits_answer_ = false;
  std::list<std::pair<std::string, Prepared>> prepared_;  ///< the most recently used first
};

/// Parameters of COM_STMT_EXECUTE: null bitmap, types, values. query.parameter_type.
Result<std::string> EncodeParameters(const json::array& parameters);

}  // namespace nstarx::connectors::mysql
