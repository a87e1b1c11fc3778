#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/status.h"
#include "connector/facets.h"

namespace nstarx::connectors::dynamodb {

/// Where an answer has its rows.
enum class AnswerShape {
  kItems,       ///< "Items", a page at a time
  kItem,        ///< "Item"
  kBatchItems,  ///< "Responses" by table, and what is to be asked for again
  kTransactItems,
  kWritten,   ///< perhaps "Attributes"; a count of affected items
  kDocument,  ///< the answer itself is the only row
};

/// One operation of DynamoDB's API with its arguments. Plain value.
struct Operation {
  std::string name;
  json::object arguments;
  AnswerShape shape = AnswerShape::kDocument;
  bool reads_only = false;
  /// What the next page's token is called in the answer and in the request; empty: one page.
  std::string_view token_in_answer;
  std::string_view token_in_request;
};

/// Reads PartiQL or {"Scan": {…}}. Errors: query.syntax_error, query.unknown_operation,
/// query.parameter_count, query.bad_value.
Result<Operation> ParseOperation(const connector::Statement& statement);

/// The operation with a table and without conditions: what it reads columns of when it finds
/// nothing. Empty name when there is none.
Operation WithoutConditions(const Operation& operation);

/// True when rows may be left out after they were read, so that a page's size says nothing.
bool Filters(const Operation& operation);

}  // namespace nstarx::connectors::dynamodb
