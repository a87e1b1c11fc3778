#pragma once

#include <string_view>
#include <vector>

#include "connector/facets.h"
#include "connectors/bigquery/bigquery_client.h"
#include "connectors/bigquery/bigquery_types.h"
#include "connectors/bigquery/statement_text.h"

namespace nstarx::connectors::bigquery {

/// Datasets of a project, tables and views of a dataset, by the API, which runs no job.
Result<std::vector<connector::Node>> ListChildren(const Context& context, BigqueryClient& client,
                                                  std::string_view path, int64_t limit);
Result<connector::Description> DescribeTable(const Context& context, BigqueryClient& client,
                                             std::string_view path);

/// A table as sampling wants to know it.
struct FoundTable {
  Path path;
  std::vector<DeclaredField> fields;
  bool stored = false;  ///< its rows can be read without a job
};
/// query.undefined_table
Result<FoundTable> FindTable(const Context& context, BigqueryClient& client, std::string_view path);

}  // namespace nstarx::connectors::bigquery
