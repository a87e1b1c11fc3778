#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "connector/facets.h"
#include "connectors/mongodb/mongodb_client.h"

namespace nstarx::connectors::mongodb {

/// What a command's answer becomes.
enum class AnswerShape {
  kRows,    ///< the documents of its cursor
  kCount,   ///< one row with n
  kValues,  ///< one row for each of the reply's values
  kWrite,   ///< rows_affected
  kModify,  ///< findAndModify: the document, and rows_affected
  kReply,   ///< one row: the reply
};

/// A command as it will be sent.
struct Command {
  Bson document;
  std::string name;
  std::string collection;  ///< empty for commands on none
  std::string database;
  AnswerShape shape = AnswerShape::kReply;
  Client::Use use = Client::Use::kRead;
  bool reads_only = true;  ///< what a read-only connection lets through
};

/// Reads a statement: a command as extended JSON (v2), or the shell's db.collection.method(…). The
/// parameters become values; their placeholders are {"$param": n}, {"$param": n, "as": type} and
/// "$n". query.syntax_error with a position, query.bad_value, query.parameter_count.
Result<Command> ParseCommand(const connector::Statement& statement,
                             std::string_view default_database);

struct SendOptions {
  int64_t limit = -1;
  int64_t batch_size = 0;
  int64_t max_time_ms = 0;
  std::string comment;
};

/// The document to send: the command with bounds that it does not set itself.
Bson Bounded(const Command& command, const SendOptions& options);

/// The shell form as a command document; null when `text` is not of that form.
Result<Bson> ParseShell(std::string_view text);

/// Extended JSON to BSON; `offset` is where `text` begins in the statement, for positions.
Result<Bson> ParseExtendedJson(std::string_view text, std::string_view statement, size_t offset);

/// query.syntax_error at a byte of the statement.
Error SyntaxError(std::string_view message, std::string_view statement, size_t offset);

}  // namespace nstarx::connectors::mongodb
