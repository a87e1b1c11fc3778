#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/connection.h"
#include "store/sqlite/sqlite_database.h"
#include "store/store.h"

namespace nstarx::store {

/// Text as search compares it: letters of Latin, Greek and Cyrillic in lower case.
std::string FoldCase(std::string_view text);

/// What a text search looks through.
std::string SearchBody(const model::Connection& connection);

/// Every term of the inverted index that a connection is found by.
std::vector<std::string> TermsOf(const model::Connection& connection);

/// One page of a filtered list, keyset-paged. Starts from the filter that selects least or from the
/// sort order, whichever is estimated to touch fewer rows.
Result<ConnectionPage> ListPage(Database& database, const ConnectionFilter& filter);

/// A stored document as a connection; store.damaged when it is not one.
Result<model::Connection> ReadDocument(std::string_view document);

}  // namespace nstarx::store
