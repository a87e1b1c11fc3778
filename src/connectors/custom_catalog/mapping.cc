#include "connectors/custom_catalog/mapping.h"

#include <fmt/format.h>

#include "base/percent.h"
#include "connectors/catalogs/dataset_notes.h"
#include "connectors/catalogs/hive_types.h"
#include "connectors/catalogs/iceberg_types.h"

namespace nstarx::connectors::custom_catalog {
namespace {

Error Malformed(std::string_view where, std::string_view what) {
  return InvalidArgument("config.malformed_mapping", fmt::format("mapping.{}: {}", where, what))
      .WithDetail("field", fmt::format("mapping.{}", where));
}

Result<JsonPath> ReadPath(const json::value& value, const std::string& where) {
  if (!value.is_string()) return Malformed(where, "it must be a path like $.items[*]");
  auto path = JsonPath::Parse(value.get_string());
  if (path) return path;
  Error error = std::move(path).error();
  error.WithMessage(fmt::format("mapping.{}: {}", where, error.message()));
  return error.WithDetail("field", "mapping." + where);
}

Result<std::map<std::string, JsonPath, std::less<>>> ReadPaths(const json::value& value,
                                                               const std::string& where) {
  std::map<std::string, JsonPath, std::less<>> out;
  if (!value.is_object()) return Malformed(where, "it must be an object");
  for (const auto& [name, path] : value.get_object()) {
    NSTARX_TRY(JsonPath parsed, ReadPath(path, where + "." + std::string(name)));
    out.emplace(name, std::move(parsed));
  }
  return out;
}

Result<Request> ReadRequest(const json::value& value, const std::string& where) {
  if (!value.is_object()) return Malformed(where, "it must be an object");
  Request out;
  for (const auto& [key, member] : value.get_object()) {
    const std::string inside = where + "." + std::string(key);
    if (key == "path" && member.is_string() && member.get_string().starts_with('/')) {
      out.path = member.get_string();
    } else if (key == "path") {
      return Malformed(inside, "it must begin with /");
    } else if (key == "items") {
      NSTARX_TRY(out.items, ReadPath(member, inside));
    } else if (key == "take") {
      NSTARX_TRY(out.take, ReadPaths(member, inside));
    } else if (key == "query" && member.is_object()) {
      for (const auto& [name, text] : member.get_object()) {
        if (!text.is_string()) return Malformed(inside, "its values must be texts");
        out.query[std::string(name)] = std::string(text.get_string());
      }
    } else if (key == "page" && member.is_object()) {
      out.page_parameter = GetString(member.get_object(), "parameter");
      const json::value* next = member.get_object().if_contains("next");
      if (out.page_parameter.empty() || next == nullptr) {
        return Malformed(inside, "it needs parameter and next");
      }
      NSTARX_TRY(out.page_next, ReadPath(*next, inside + ".next"));
    } else {
      return Malformed(inside, "there is no such member; known: path, query, items, take, page");
    }
  }
  if (out.path.empty()) return Malformed(where, "path is missing");
  return out;
}

std::string TextOf(const json::value* value) {
  if (value == nullptr || value->is_null()) return {};
  if (value->is_string()) return std::string(value->get_string());
  return json::serialize(*value);
}

std::string Replaced(std::string text, std::string_view from, const std::string& to) {
  for (size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

/// Milliseconds or RFC 3339.
std::optional<TimePoint> TimeOf(const json::value* value) {
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) {
    const auto time = ParseTime(std::string_view(value->get_string()));
    if (!time) return std::nullopt;
    return *time;
  }
  if (!value->is_int64() || value->get_int64() <= 0 || value->get_int64() > 253'402'300'799'000) {
    return std::nullopt;
  }
  return TimePoint(std::chrono::milliseconds(value->get_int64()));
}

}  // namespace

LevelledName ReadName(const json::value* value) {
  LevelledName out;
  if (value == nullptr || !value->is_array()) {
    out.name = TextOf(value);
    return out;
  }
  const json::array& levels = value->get_array();
  for (size_t i = 0; i < levels.size(); ++i) {
    if (i + 1 == levels.size()) {
      out.name = TextOf(&levels[i]);
    } else {
      out.database += (i > 0 ? "." : "") + TextOf(&levels[i]);
    }
  }
  return out;
}

Result<Mapping> Mapping::Read(const json::object& mapping) {
  Mapping out;
  bool lists = false;
  bool shows = false;
  for (const auto& [key, value] : mapping) {
    const std::string where(key);
    if (key == "databases") {
      NSTARX_TRY(out.databases, ReadRequest(value, where));
    } else if (key == "datasets") {
      NSTARX_TRY(out.datasets, ReadRequest(value, where));
      lists = true;
    } else if (key == "dataset") {
      NSTARX_TRY(out.dataset, ReadRequest(value, where));
      shows = true;
    } else if (key == "column") {
      NSTARX_TRY(out.column, ReadPaths(value, where));
    } else if (key == "types" && value.is_string()) {
      const std::string_view types = value.get_string();
      if (types != "hive" && types != "iceberg" && types != "none") {
        return Malformed(where, "it can be hive, iceberg or none");
      }
      out.types = types == "hive"      ? TypeSystem::kHive
                  : types == "iceberg" ? TypeSystem::kIceberg
                                       : TypeSystem::kNone;
    } else if (key == "separator" && value.is_string() && !value.get_string().empty()) {
      out.separator = value.get_string();
    } else {
      return Malformed(where,
                       "there is no such member; known: databases, datasets, dataset, column, "
                       "types, separator");
    }
  }
  if (!lists || !shows) return Malformed(lists ? "dataset" : "datasets", "it is missing");
  for (const Request* list : {&out.datasets, out.databases ? &*out.databases : &out.datasets}) {
    if (!list->items || !list->take.contains("name")) {
      return Malformed("datasets", "lists need items and take.name");
    }
  }
  return out;
}

std::string Mapping::PathOf(const Request& request, std::string_view database,
                            std::string_view name) const {
  const std::string levels = Replaced(std::string(database), ".", separator);
  // What is filled in has no braces left after encoding, so that names can't hold placeholders.
  std::string path = Replaced(request.path, "{database}", PercentEncode(levels));
  return Replaced(std::move(path), "{name}", PercentEncode(name));
}

connector::Dataset Mapping::ReadDataset(const json::value& answer, std::string_view database,
                                        std::string_view name) const {
  const auto at = [&](std::string_view member) -> const json::value* {
    const auto found = dataset.take.find(member);
    return found == dataset.take.end() ? nullptr : found->second.First(answer);
  };
  connector::Dataset out{.path = catalogs::JoinPath(database, name), .name = std::string(name)};
  out.kind = TextOf(at("kind"));
  if (out.kind.empty()) out.kind = "table";
  out.comment = TextOf(at("comment"));
  out.location = TextOf(at("location"));
  out.format = TextOf(at("format"));
  out.definition = TextOf(at("definition"));
  out.created = TimeOf(at("created"));
  out.modified = TimeOf(at("modified"));
  if (const std::string owner = TextOf(at("owner")); !owner.empty()) {
    out.owners.push_back({.name = owner, .kind = "user"});
  }
  if (const json::value* properties = at("properties"); properties && properties->is_object()) {
    for (const auto& [key, value] : properties->get_object()) out.properties[key] = TextOf(&value);
  }
  if (const auto tags = dataset.take.find("tags"); tags != dataset.take.end()) {
    for (const json::value* tag : tags->second.Find(answer)) out.tags.push_back(TextOf(tag));
  }
  const auto columns = dataset.take.find("columns");
  if (columns == dataset.take.end()) return out;
  for (const json::value* item : columns->second.Find(answer)) {
    const auto inside = [&](std::string_view member) -> const json::value* {
      const auto found = column.find(member);
      return found == column.end() ? nullptr : found->second.First(*item);
    };
    const json::value* type = inside("type");
    const json::value* required = inside("required");
    connector::Column row{.name = TextOf(inside("name")),
                          .native_type = TextOf(type),
                          .arrow_type = "unknown",
                          .comment = TextOf(inside("comment"))};
    row.nullable = required == nullptr || *required != json::value(true);
    if (types == TypeSystem::kHive) row.arrow_type = catalogs::ArrowTypeOfHive(row.native_type);
    if (types == TypeSystem::kIceberg && type) row.arrow_type = catalogs::ArrowTypeOfIceberg(*type);
    out.columns.push_back(std::move(row));
  }
  return out;
}

}  // namespace nstarx::connectors::custom_catalog
