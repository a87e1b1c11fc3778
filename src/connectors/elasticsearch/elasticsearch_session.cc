#include "connectors/elasticsearch/elasticsearch_session.h"

#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "connectors/documents/document_schema.h"
#include "connectors/elasticsearch/elasticsearch_buckets.h"
#include "connectors/elasticsearch/elasticsearch_catalog.h"
#include "connectors/elasticsearch/elasticsearch_errors.h"
#include "connectors/elasticsearch/elasticsearch_ingest.h"
#include "connectors/elasticsearch/elasticsearch_reader.h"

namespace nstarx::connectors::elasticsearch {
namespace {

constexpr int64_t kDescribeDocuments = 500;

Search WholeIndex(std::string_view index, std::optional<int64_t> limit) {
  return {.index = std::string(index), .body = {}, .meta = {}, .limit = limit};
}

Error ReadOnly() {
  return Failed(ErrorKind::kPermissionDenied, "query.read_only",
                "The connection is read-only: nothing is written");
}

/// Before 7.12 a point in time has no order that is total.
bool HasTotalOrder(std::string_view version) {
  int major = 0;
  int minor = 0;
  const std::string text(version);
  if (std::sscanf(text.c_str(), "%4d.%4d", &major, &minor) != 2) return true;
  return major > 7 || (major == 7 && minor >= 12);
}

}  // namespace

Status ElasticsearchSession::LogIn(const Context& context) {
  auto reply = client_->Ask(context, "GET", "/", {}, {}, "login");
  if (!reply) {
    // Who may search need not be allowed to ask for the version.
    if (reply.error().code() != "query.no_privilege") return reply.error();
    facts_ = {{"product", "unknown: the login may not ask"}};
    return {};
  }
  const auto* root = reply->if_object();
  const auto* version = root ? root->if_contains("version") : nullptr;
  if (version == nullptr || !version->is_object() ||
      GetString(version->get_object(), "number").empty()) {
    return Failed(ErrorKind::kUnavailable, "response.malformed",
                  "What answers is neither Elasticsearch nor OpenSearch", "login");
  }
  const json::object& found = version->get_object();
  const std::string_view number = GetString(found, "number");
  const bool open_search = GetString(found, "distribution") == "opensearch";
  product_ = open_search ? Product::kOpensearch : Product::kElasticsearch;
  if (!open_search && !HasTotalOrder(number) && options_.paging == Paging::kAuto) {
    options_.paging = Paging::kScroll;
  }
  facts_ = {{"product", open_search ? "OpenSearch" : "Elasticsearch"},
            {"server_version", number},
            {"cluster", GetString(*root, "cluster_name")},
            {"node", GetString(*root, "name")},
            {"read_only", options_.read_only}};
  const auto health = client_->Ask(context, "GET", "/_cluster/health");
  if (health && health->is_object()) {
    facts_["cluster_status"] = GetString(health->get_object(), "status");
    facts_["data_nodes"] = GetInt(health->get_object(), "number_of_data_nodes", 0);
  }
  return {};
}

Status ElasticsearchSession::Ping(const Context& context) {
  auto reply = client_->Ask(context, "GET", "/");
  if (!reply && reply.error().code() != "query.no_privilege") return reply.error();
  return {};
}

Result<std::unique_ptr<connector::BatchStream>> ElasticsearchSession::Execute(
    const Context& context, const connector::Statement& statement,
    const connector::ExecuteOptions& /*options*/) {
  NSTARX_TRY(Search search, ReadSearch(statement));
  if (search.aggregations) return RunAggregations(context, *client_, std::move(search));
  return StartSearch(context, *client_, std::move(search), product_, options_.paging);
}

Result<std::vector<connector::Node>> ElasticsearchSession::List(const Context& context,
                                                                std::string_view path,
                                                                int64_t limit) {
  return ListIndices(context, *client_, path, limit);
}

Result<connector::Description> ElasticsearchSession::Describe(const Context& context,
                                                              std::string_view path) {
  NSTARX_TRY(connector::Description out, DescribeIndex(context, *client_, path));
  // Documents say what is a list, and what is not mapped.
  NSTARX_TRY(const auto stream, StartSearch(context, *client_, WholeIndex(path, kDescribeDocuments),
                                            product_, options_.paging));
  for (auto& column : out.columns) {
    const auto field = stream->schema()->GetFieldByName(column.name);
    column.arrow_type = field ? field->type()->ToString() : "string";
  }
  for (const auto& field : stream->schema()->fields()) {
    if (field->name() == documents::kDriftColumn) continue;
    const bool known = std::ranges::any_of(
        out.columns, [&](const auto& column) { return column.name == field->name(); });
    if (known) continue;
    out.columns.push_back({.name = field->name(),
                           .native_type = "unmapped",
                           .arrow_type = field->type()->ToString()});
  }
  return out;
}

Result<std::unique_ptr<connector::BatchStream>> ElasticsearchSession::Sample(const Context& context,
                                                                             std::string_view path,
                                                                             int64_t limit) {
  NSTARX_RETURN_IF_ERROR(CheckIndex(path));
  return StartSearch(context, *client_, WholeIndex(path, std::clamp<int64_t>(limit, 1, kWindow)),
                     product_, options_.paging);
}

Result<std::unique_ptr<connector::BatchStream>> ElasticsearchSession::Scan(
    const Context& context, const connector::ScanRequest& request,
    const connector::ExecuteOptions& options) {
  NSTARX_RETURN_IF_ERROR(CheckIndex(request.path));
  return StartSearch(context, *client_, WholeIndex(request.path, std::nullopt), product_,
                     options_.paging);
}

Result<int64_t> ElasticsearchSession::Ingest(const Context& context, std::string_view path,
                                             connector::IngestMode mode,
                                             connector::BatchStream& source) {
  if (options_.read_only) return ReadOnly();
  return IngestInto(context, *client_, std::string(path), mode, source);
}

Result<json::object> ElasticsearchSession::Explain(const Context& context,
                                                   const connector::Statement& statement) {
  NSTARX_TRY(const Search search, ReadSearch(statement));
  json::object body;
  if (const auto* query = search.body.if_contains("query")) body["query"] = *query;
  const std::string text = body.empty() ? "" : json::serialize(body);
  NSTARX_TRY(const json::value reply,
             client_->Ask(context, "GET", IndexPath(search.index, "/_validate/query"),
                          {{"explain", "true"}, {"rewrite", "true"}}, text));
  const auto* answer = reply.if_object();
  if (answer == nullptr) {
    return Failed(ErrorKind::kUnavailable, "response.malformed", "The server explains nothing");
  }
  json::array children;
  const auto* explanations = answer->if_contains("explanations");
  if (explanations && explanations->is_array()) {
    for (const auto& each : explanations->get_array()) {
      if (!each.is_object()) continue;
      const json::object& index = each.get_object();
      if (!GetBool(index, "valid", true)) {
        return Failed(ErrorKind::kInvalidArgument, "query.syntax_error",
                      std::string(GetString(index, "error")));
      }
      children.push_back(json::object{{"node", "index"},
                                      {"index", GetString(index, "index")},
                                      {"query", GetString(index, "explanation")}});
    }
  }
  if (!GetBool(*answer, "valid", true)) {
    return Failed(ErrorKind::kInvalidArgument, "query.syntax_error",
                  std::string(GetString(*answer, "error", "The query is not valid")));
  }
  return json::object{{"plan", json::object{{"node", search.aggregations ? "aggregate" : "search"},
                                            {"children", std::move(children)}}},
                      {"native", reply}};
}

}  // namespace nstarx::connectors::elasticsearch
