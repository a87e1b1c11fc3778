#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "store/sqlite/sqlite_database.h"
#include "store/store.h"

namespace nstarx::store {

// The table of templates. Writing calls run inside a transaction of GroupCommit.

Status PutTemplateRow(Database& database, const Template& row);
Status DeleteTemplateRow(Database& database, std::string_view id);
/// By id or name.
Result<std::optional<Template>> FindTemplateRow(Database& database, std::string_view ref);
/// By name; all types when `type` is empty.
Result<std::vector<Template>> ListTemplateRows(Database& database, std::string_view type);

}  // namespace nstarx::store
