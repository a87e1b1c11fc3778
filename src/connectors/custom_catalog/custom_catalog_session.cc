#include "connectors/custom_catalog/custom_catalog_session.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/catalogs/dataset_notes.h"

namespace nstarx::connectors::custom_catalog {
namespace {

using connector::Dataset;

constexpr size_t kBodyMax = 64 << 20;
constexpr int64_t kItemsMax = 100'000;

Error OfStatus(int status) {
  ErrorKind kind = ErrorKind::kInvalidArgument;
  std::string_view code = "query.failed";
  std::string_view stage = "query";
  std::string_view text = "the catalog refuses the request";
  if (status == 401) {
    kind = ErrorKind::kUnauthenticated;
    code = "login.refused";
    stage = "login";
    text = "the catalog refuses the login";
  } else if (status == 403) {
    kind = ErrorKind::kPermissionDenied;
    code = "query.forbidden";
    text = "the login may not do this";
  } else if (status == 404 || status == 410) {
    kind = ErrorKind::kNotFound;
    code = "query.undefined_table";
    text = "the catalog has no such thing";
  } else if (status == 429) {
    kind = ErrorKind::kUnavailable;
    code = "service.busy";
    text = "the catalog asks to slow down";
  } else if (status >= 500) {
    kind = ErrorKind::kUnavailable;
    code = "service.unavailable";
    text = "the catalog failed inside";
  }
  return Error(kind, std::string(code), fmt::format("{} (HTTP {})", text, status))
      .WithStage(stage)
      .WithConnector("custom_catalog")
      .WithVendorCode(fmt::format("HTTP {}", status));
}

Error Without(std::string_view capability) {
  return Unimplemented("capability.missing",
                       fmt::format("connections of type custom_catalog have no '{}'", capability))
      .WithDetail("capability", capability)
      .WithStage("query");
}

}  // namespace

Result<json::value> CustomCatalogSession::Ask(const Context& context, const Request& request,
                                              std::string_view database, std::string_view name,
                                              std::string_view page) {
  net::HttpRequest http;
  http.service = service_;
  http.path = service_.base_path + mapping_.PathOf(request, database, name);
  for (const auto& [key, value] : request.query) http.query.emplace_back(key, value);
  if (!page.empty()) http.query.emplace_back(request.page_parameter, page);
  http.headers = {{"Accept", "application/json"}};
  if (!authorization_.empty()) {
    http.headers.emplace_back("Authorization", authorization_.Reveal());
  }
  auto reply = http_->Send(context, http, kBodyMax);
  for (auto& [key, value] : http.headers) WipeString(value);
  if (!reply) return std::move(reply).error();
  if (reply->status < 200 || reply->status > 299) return OfStatus(reply->status);
  auto parsed = ParseJson(reply->body);
  if (parsed) return parsed;
  return Unavailable("protocol.malformed", "the catalog's answer is no JSON")
      .WithStage("query")
      .WithConnector("custom_catalog");
}

Status CustomCatalogSession::EachItem(const Context& context, const Request& request,
                                      std::string_view database,
                                      const std::function<Status(const json::value&)>& take) {
  int64_t seen = 0;
  std::string page;
  for (;;) {
    NSTARX_TRY(const json::value answer, Ask(context, request, database, "", page));
    for (const json::value* item : request.items->Find(answer)) {
      if (++seen > kItemsMax) {
        return Error(ErrorKind::kResourceExhausted, "response.too_large",
                     fmt::format("the catalog lists more than {} of them", kItemsMax))
            .WithStage("query");
      }
      NSTARX_RETURN_IF_ERROR(take(*item));
    }
    const json::value* next = request.page_next ? request.page_next->First(answer) : nullptr;
    const bool more = next != nullptr && next->is_string() && !next->get_string().empty();
    // A catalog that says the same again would never end.
    if (!more || next->get_string() == page) return {};
    page = next->get_string();
  }
}

Result<std::vector<std::string>> CustomCatalogSession::Databases(const Context& context) {
  std::vector<std::string> out;
  const Request& request = mapping_.databases ? *mapping_.databases : mapping_.datasets;
  NSTARX_RETURN_IF_ERROR(EachItem(context, request, "", [&](const json::value& item) -> Status {
    LevelledName name = ReadName(request.take.find("name")->second.First(item));
    if (mapping_.databases) {
      out.push_back(name.database.empty() ? name.name : name.database + "." + name.name);
    } else {
      out.push_back(std::move(name.database));
    }
    return {};
  }));
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

Result<std::vector<Dataset>> CustomCatalogSession::TablesOf(const Context& context,
                                                            const std::string& database) {
  std::vector<Dataset> out;
  const Request& request = mapping_.datasets;
  const auto member = [&](std::string_view name, const json::value& item) -> std::string {
    const auto found = request.take.find(name);
    const json::value* value = found == request.take.end() ? nullptr : found->second.First(item);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
  };
  NSTARX_RETURN_IF_ERROR(
      EachItem(context, request, database, [&](const json::value& item) -> Status {
        LevelledName name = ReadName(request.take.find("name")->second.First(item));
        if (name.name.empty()) return {};
        if (!mapping_.databases && name.database != database) return {};
        std::string kind = member("kind", item);
        out.push_back({.path = catalogs::JoinPath(database, name.name),
                       .name = std::move(name.name),
                       .kind = kind.empty() ? "table" : std::move(kind),
                       .comment = member("comment", item)});
        return {};
      }));
  std::ranges::sort(out, {}, &Dataset::name);
  return out;
}

Status CustomCatalogSession::Ping(const Context& context) {
  NSTARX_RETURN_IF_ERROR(
      Ask(context, mapping_.databases ? *mapping_.databases : mapping_.datasets, "", "", ""));
  return {};
}

Result<std::vector<connector::Node>> CustomCatalogSession::List(const Context& context,
                                                                std::string_view path,
                                                                int64_t limit) {
  std::vector<connector::Node> out;
  const auto full = [&] { return static_cast<int64_t>(out.size()) >= limit; };
  NSTARX_TRY(const auto databases, Databases(context));
  if (path.empty()) {
    for (const std::string& name : databases) {
      if (full()) break;
      out.push_back({.name = name, .path = name, .kind = "database", .has_children = true});
    }
    return out;
  }
  const std::string database(path);
  if (!std::ranges::binary_search(databases, database)) {
    NSTARX_RETURN_IF_ERROR(GetDataset(context, path));
    return out;
  }
  NSTARX_TRY(auto tables, TablesOf(context, database));
  for (Dataset& table : tables) {
    if (full()) break;
    out.push_back({.name = std::move(table.name),
                   .path = std::move(table.path),
                   .kind = std::move(table.kind),
                   .comment = std::move(table.comment)});
  }
  return out;
}

Result<connector::Description> CustomCatalogSession::Describe(const Context& context,
                                                              std::string_view path) {
  NSTARX_TRY(const Dataset dataset, GetDataset(context, path));
  return connector::Describe(dataset);
}

Result<connector::DatasetPage> CustomCatalogSession::FindDatasets(
    const Context& context, const connector::DatasetFilter& filter) {
  NSTARX_TRY(std::vector<std::string> databases, Databases(context));
  if (!filter.path.empty()) {
    if (!std::ranges::binary_search(databases, filter.path)) {
      return catalogs::UndefinedDatabase(filter.path);
    }
    databases = {filter.path};
  }
  return catalogs::PageOver(std::move(databases), filter, [&](const std::string& database) {
    return TablesOf(context, database);
  });
}

Result<Dataset> CustomCatalogSession::GetDataset(const Context& context, std::string_view path) {
  const std::vector<std::string> parts = catalogs::SplitPath(path);
  const auto fits = [](std::string_view name) {
    return !name.empty() && name != "." && name != "..";  // these mean another path of the API
  };
  if (parts.size() != 2 || !fits(parts[0]) || !fits(parts[1])) {
    return catalogs::UndefinedTable(path);
  }
  const auto answer = Ask(context, mapping_.dataset, parts[0], parts[1], "");
  if (!answer && answer.error().code() == "query.undefined_table") {
    return catalogs::UndefinedTable(path);
  }
  if (!answer) return answer.error();
  return mapping_.ReadDataset(*answer, parts[0], parts[1]);
}

Result<std::unique_ptr<connector::BatchStream>> CustomCatalogSession::Sample(const Context& context,
                                                                             std::string_view path,
                                                                             int64_t limit) {
  return Without("sample");
}
Result<connector::PartitionPage> CustomCatalogSession::ListPartitions(
    const Context& context, std::string_view path, int64_t limit, std::string_view continuation) {
  return Without("partitions");
}
Result<Dataset> CustomCatalogSession::PutDataset(const Context& context, std::string_view path,
                                                 const connector::DatasetChange& change) {
  return Without("writing");
}
Status CustomCatalogSession::DeleteDataset(const Context& context, std::string_view path) {
  return Without("writing");
}
Result<std::vector<connector::LineageEdge>> CustomCatalogSession::GetLineage(
    const Context& context, std::string_view path, connector::LineageDirection direction) {
  return Without("lineage");
}
Status CustomCatalogSession::PutLineage(const Context& context, std::string_view path,
                                        const std::vector<connector::LineageEdge>& upstream) {
  return Without("lineage");
}

}  // namespace nstarx::connectors::custom_catalog
