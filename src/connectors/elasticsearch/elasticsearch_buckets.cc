#include "connectors/elasticsearch/elasticsearch_buckets.h"

#include <fmt/format.h>

#include "connectors/elasticsearch/elasticsearch_errors.h"
#include "connectors/elasticsearch/elasticsearch_reader.h"

namespace nstarx::connectors::elasticsearch {
namespace {

constexpr size_t kBytesMax = 64UL << 20;
constexpr int kDepthMax = 32;
constexpr std::chrono::milliseconds kGrace{2000};

const json::value* BucketsOf(const json::value& aggregation) {
  if (!aggregation.is_object()) return nullptr;
  const auto* buckets = aggregation.get_object().if_contains("buckets");
  return buckets && (buckets->is_array() || buckets->is_object()) ? buckets : nullptr;
}

/// A bucket of its own, without a list: filter, nested, global, missing, …
bool IsOneBucket(const json::value& aggregation) {
  return aggregation.is_object() && aggregation.get_object().contains("doc_count") &&
         BucketsOf(aggregation) == nullptr;
}

void PutMetric(std::string_view name, const json::value& result, json::object& row) {
  if (result.is_object()) {
    const json::object& metric = result.get_object();
    const auto* value = metric.if_contains("value");
    const auto* text = metric.if_contains("value_as_string");
    if (value && metric.size() == (text != nullptr ? 2U : 1U)) {
      row[name] = *value;
      if (text) row[fmt::format("{}_as_string", name)] = *text;
      return;
    }
  }
  row[name] = result;
}

class Flattener {
 public:
  Status Level(const json::object& results, json::object row, int depth) {
    if (depth > kDepthMax) {
      return Failed(ErrorKind::kInvalidArgument, "query.syntax_error",
                    "The aggregations are nested too deep");
    }
    json::object open;
    Unwrap(results, row, open, depth);
    const json::value* one = nullptr;
    std::string_view name;
    int lists = 0;
    for (const auto& [key, result] : open) {
      if (BucketsOf(result) == nullptr) {
        PutMetric(key, result, row);
        continue;
      }
      ++lists;
      one = &result;
      name = key;
    }
    if (lists == 1) return Buckets(name, *BucketsOf(*one), row, depth);
    for (const auto& [key, result] : open) {
      if (const auto* buckets = BucketsOf(result)) row[key] = *buckets;
    }
    return Add(row);
  }

  std::deque<std::string> rows;

 private:
  /// Puts the aggregations inside lone buckets beside the others.
  void Unwrap(const json::object& results, json::object& row, json::object& open, int depth) {
    for (const auto& [key, result] : results) {
      if (!IsOneBucket(result) || depth > kDepthMax) {
        open[key] = result;
        continue;
      }
      json::object inner;
      for (const auto& [member, value] : result.get_object()) {
        if (member == "meta") continue;
        if (value.is_object()) {
          inner[member] = value;
        } else {
          row[fmt::format("{}_{}", std::string_view(key), std::string_view(member))] = value;
        }
      }
      Unwrap(inner, row, open, depth + 1);
    }
  }

  Status Buckets(std::string_view name, const json::value& buckets, const json::object& row,
                 int depth) {
    if (buckets.is_array()) {
      for (const auto& bucket : buckets.get_array()) {
        NSTARX_RETURN_IF_ERROR(Bucket(name, nullptr, bucket, row, depth));
      }
      if (buckets.get_array().empty() && !row.empty()) return Add(row);
      return {};
    }
    for (const auto& [key, bucket] : buckets.get_object()) {
      const json::value label(key);
      NSTARX_RETURN_IF_ERROR(Bucket(name, &label, bucket, row, depth));
    }
    return {};
  }

  Status Bucket(std::string_view name, const json::value* label, const json::value& bucket,
                json::object row, int depth) {
    if (!bucket.is_object()) {
      return Failed(ErrorKind::kUnavailable, "response.malformed", "A bucket is no object");
    }
    json::object inner;
    bool deeper = false;
    if (label != nullptr) row[name] = *label;
    for (const auto& [member, value] : bucket.get_object()) {
      if (member == "key") {
        PutKey(name, value, row);
      } else if (value.is_object()) {
        inner[member] = value;
        deeper = deeper || BucketsOf(value) != nullptr;
      } else if (member != "doc_count") {
        row[fmt::format("{}{}", name,
                        member == "key_as_string" ? "_as_string" : "_" + std::string(member))] =
            value;
      }
    }
    if (const auto* count = bucket.get_object().if_contains("doc_count")) {
      row[deeper ? fmt::format("{}_doc_count", name) : std::string("doc_count")] = *count;
    }
    return Level(inner, std::move(row), depth + 1);
  }

  static void PutKey(std::string_view name, const json::value& key, json::object& row) {
    if (!key.is_object()) {
      row[name] = key;
      return;
    }
    for (const auto& [source, value] : key.get_object()) row[source] = value;  // composite
  }

  Status Add(const json::object& row) {
    std::string text = json::serialize(row);
    bytes_ += text.size();
    if (bytes_ > kBytesMax) {
      return Failed(ErrorKind::kResourceExhausted, "response.too_large",
                    "The aggregations are larger than any answer should be");
    }
    rows.push_back(std::move(text));
    return {};
  }

  size_t bytes_ = 0;
};

/// The composite aggregation that is alone at the top: its definition in the request.
json::object* CompositeOf(json::object& body) {
  auto* aggs = body.if_contains("aggs");
  if (aggs == nullptr) aggs = body.if_contains("aggregations");
  if (aggs == nullptr || !aggs->is_object() || aggs->get_object().size() != 1) return nullptr;
  json::value& only = aggs->get_object().begin()->value();
  if (!only.is_object()) return nullptr;
  auto* composite = only.get_object().if_contains("composite");
  return composite && composite->is_object() ? &composite->get_object() : nullptr;
}

const json::value* AfterOf(const json::object& aggregations) {
  if (aggregations.size() != 1 || !aggregations.begin()->value().is_object()) return nullptr;
  return aggregations.begin()->value().get_object().if_contains("after_key");
}

}  // namespace

Result<std::deque<std::string>> RowsOfBuckets(const json::object& aggregations) {
  Flattener flattener;
  NSTARX_RETURN_IF_ERROR(flattener.Level(aggregations, {}, 0));
  return std::move(flattener.rows);
}

Result<std::unique_ptr<connector::BatchStream>> RunAggregations(const Context& context,
                                                                Client& client, Search search) {
  json::object& body = search.body;
  body["size"] = 0;
  if (!body.contains("track_total_hits")) body["track_total_hits"] = false;
  Flattener flattener;
  while (true) {
    NSTARX_RETURN_IF_ERROR(context.Check());
    if (context.remaining() < std::chrono::hours(23)) {
      body["timeout"] = fmt::format("{}ms", (context.remaining() + kGrace).count());
    }
    const std::string text = json::serialize(body);
    NSTARX_TRY(const json::value reply,
               client.Ask(context, "POST", IndexPath(search.index, "/_search"),
                          {{"allow_partial_search_results", "false"}}, text));
    const auto* answer = reply.if_object();
    const auto* found = answer ? answer->if_contains("aggregations") : nullptr;
    if (found == nullptr || !found->is_object()) {
      return Failed(ErrorKind::kUnavailable, "response.malformed",
                    "The answer has no aggregations");
    }
    const auto* shards = answer->if_contains("_shards");
    NSTARX_RETURN_IF_ERROR(
        CheckWhole(shards ? json::serialize(*shards) : "", GetBool(*answer, "timed_out", false)));
    NSTARX_RETURN_IF_ERROR(flattener.Level(found->get_object(), {}, 0));
    json::object* composite = CompositeOf(body);
    const auto* after = composite ? AfterOf(found->get_object()) : nullptr;
    if (after == nullptr) break;
    (*composite)["after"] = *after;
  }
  return StreamOf(flattener.rows);
}

}  // namespace nstarx::connectors::elasticsearch
