#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "connectors/elasticsearch/elasticsearch_client.h"
#include "connectors/elasticsearch/elasticsearch_errors.h"
#include "connectors/elasticsearch/elasticsearch_search.h"

namespace nstarx::connectors::elasticsearch {
namespace {

Error SyntaxError(std::string message) {
  return Failed(ErrorKind::kInvalidArgument, "query.syntax_error", std::move(message));
}

Error ParameterCount(std::string message) {
  return Failed(ErrorKind::kInvalidArgument, "query.parameter_count", std::move(message));
}

/// Puts parameters where {"$param": n} stands.
class Binder {
 public:
  explicit Binder(const json::array& parameters)
      : parameters_(parameters), used_(parameters.size(), false) {}

  Status Bind(json::value& value) {
    if (value.is_array()) {
      for (auto& item : value.get_array()) NSTARX_RETURN_IF_ERROR(Bind(item));
      return {};
    }
    if (!value.is_object()) return {};
    json::object& object = value.get_object();
    if (const auto* number = object.if_contains("$param"); number && object.size() == 1) {
      const int64_t place = number->is_int64() ? number->get_int64() : 0;
      if (place < 1 || place > static_cast<int64_t>(parameters_.size())) {
        return ParameterCount(
            fmt::format("There is no parameter {}: {} are given", place, parameters_.size()));
      }
      used_[static_cast<size_t>(place - 1)] = true;
      json::value bound = parameters_[static_cast<size_t>(place - 1)];
      value = std::move(bound);
      return {};
    }
    for (auto& member : object) NSTARX_RETURN_IF_ERROR(Bind(member.value()));
    return {};
  }

  Status AllUsed() const {
    const auto unused = std::ranges::find(used_, false);
    if (unused == used_.end()) return {};
    return ParameterCount(
        fmt::format("Parameter {} has no place: write {{\"$param\": {}}} where it belongs",
                    unused - used_.begin() + 1, unused - used_.begin() + 1));
  }

 private:
  const json::array& parameters_;
  std::vector<bool> used_;
};

Result<json::object> Parse(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos || text[begin] != '{') {
    return SyntaxError("The statement is no JSON object").WithDetail("position", 1);
  }
  auto parsed = ParseJson(text);
  if (!parsed) {
    Error error = SyntaxError("The statement is no JSON: " + parsed.error().message());
    if (const auto* offset = parsed.error().details().if_contains("offset");
        offset && offset->is_number()) {
      error.WithDetail("position", offset->to_number<int64_t>() + 1);
    }
    return error;
  }
  return std::move(parsed->get_object());
}

Result<Meta> ReadMeta(const json::object& body, std::string_view index) {
  Meta meta;
  meta.index = index == "_all" || index.find_first_of("*,") != std::string_view::npos;
  const auto* source = body.if_contains("_source");
  meta.fields_are_columns = source && source->is_bool() && !source->get_bool();
  const auto* wanted = body.if_contains("meta");
  if (wanted == nullptr) return meta;
  if (!wanted->is_array()) return SyntaxError("meta is a list of _id, _index, _score and sort");
  meta.id = meta.index = false;
  for (const auto& name : wanted->get_array()) {
    if (name == "_id") {
      meta.id = true;
    } else if (name == "_index") {
      meta.index = true;
    } else if (name == "_score") {
      meta.score = true;
    } else if (name == "sort") {
      meta.sort = true;
    } else {
      return SyntaxError("meta takes _id, _index, _score and sort");
    }
  }
  return meta;
}

Status Check(const Search& search) {
  for (const std::string_view member : {"pit", "scroll", "suggest", "profile", "slice"}) {
    if (search.body.contains(member)) {
      return SyntaxError(fmt::format("{} has no rows here: leave it away", member));
    }
  }
  if (search.aggregations || IsOneRequest(search)) return {};
  for (const std::string_view member : {"from", "collapse", "rescore", "search_after", "knn"}) {
    if (search.body.contains(member)) {
      return SyntaxError(fmt::format(
          "With {} the statement needs a size, of at most {}: such a search has no pages", member,
          kWindow));
    }
  }
  return {};
}

/// `*` stands for any characters.
bool Matches(std::string_view pattern, std::string_view text) {
  size_t p = 0;
  size_t t = 0;
  size_t star = std::string_view::npos;
  size_t mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

template <class Test>
bool Any(const json::value* patterns, Test test) {
  if (patterns == nullptr) return false;
  if (patterns->is_string()) return test(std::string_view(patterns->get_string()));
  if (!patterns->is_array()) return false;
  return std::ranges::any_of(patterns->get_array(), [&](const json::value& pattern) {
    return pattern.is_string() && test(std::string_view(pattern.get_string()));
  });
}

/// Whether a pattern of paths takes the member or something inside it.
bool Reaches(std::string_view pattern, std::string_view member) {
  const std::string_view first = pattern.substr(0, pattern.find('.'));
  return Matches(first, member) || Matches(pattern, member);
}

}  // namespace

Result<Search> ReadSearch(const connector::Statement& statement) {
  NSTARX_TRY(json::object body, Parse(statement.text));
  json::value whole(std::move(body));
  Binder binder(statement.parameters);
  NSTARX_RETURN_IF_ERROR(binder.Bind(whole));
  NSTARX_RETURN_IF_ERROR(binder.AllUsed());
  Search search;
  if (!whole.is_object()) return SyntaxError("The statement is no JSON object");
  search.body = std::move(whole.get_object());
  search.index = GetString(search.body, "index");
  if (search.index.empty()) {
    return SyntaxError("The statement names no index: {\"index\": \"orders-*\", \"query\": …}");
  }
  NSTARX_RETURN_IF_ERROR(CheckIndex(search.index));
  search.body.erase("index");
  NSTARX_TRY(search.meta, ReadMeta(search.body, search.index));
  search.body.erase("meta");
  if (const auto* size = search.body.if_contains("size")) {
    if (!size->is_int64() || size->get_int64() < 0) return SyntaxError("size is no count");
    search.limit = size->get_int64();
  }
  search.body.erase("size");
  search.aggregations = search.body.contains("aggs") || search.body.contains("aggregations");
  if (search.aggregations && search.limit.value_or(0) > 0) {
    return SyntaxError("An aggregation gives its buckets: leave size away and ask for hits apart");
  }
  if (!search.aggregations && statement.limit &&
      (!search.limit || *search.limit > *statement.limit)) {
    search.limit = std::max<int64_t>(*statement.limit, 0);
  }
  NSTARX_RETURN_IF_ERROR(Check(search));
  return search;
}

bool AsksFor(const Search& search, std::string_view member) {
  const auto* source = search.body.if_contains("_source");
  if (source == nullptr || search.body.contains("stored_fields")) return source == nullptr;
  if (source->is_bool()) return source->get_bool();
  const json::value* includes = source;
  const json::value* excludes = nullptr;
  if (source->is_object()) {
    const json::object& both = source->get_object();
    includes = both.if_contains("includes");
    if (includes == nullptr) includes = both.if_contains("include");
    excludes = both.if_contains("excludes");
    if (excludes == nullptr) excludes = both.if_contains("exclude");
  }
  if (Any(excludes, [&](std::string_view pattern) { return Matches(pattern, member); })) {
    return false;
  }
  const bool all = includes == nullptr || (includes->is_array() && includes->get_array().empty());
  return all || Any(includes, [&](std::string_view pattern) { return Reaches(pattern, member); });
}

}  // namespace nstarx::connectors::elasticsearch
