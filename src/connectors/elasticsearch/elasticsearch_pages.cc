#include "connectors/elasticsearch/elasticsearch_pages.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/elasticsearch/elasticsearch_errors.h"

namespace nstarx::connectors::elasticsearch {
namespace {

/// How long the server keeps the search between two pages.
constexpr std::string_view kKeepAlive = "5m";
constexpr std::chrono::milliseconds kCloseTime{2000};
constexpr std::chrono::milliseconds kGrace{2000};
/// Of a scroll, whose pages are all of one size.
constexpr int64_t kScrollPage = 1000;

/// The sort of a search as a list; empty when there is none.
json::array SortOf(const json::object& body) {
  const auto* sort = body.if_contains("sort");
  if (sort == nullptr) return {};
  if (sort->is_array()) return sort->get_array();
  return json::array{*sort};
}

}  // namespace

Result<bool> Pages::OpenPointInTime(const Context& context) {
  const bool open_search = product_ == Product::kOpensearch;
  auto reply = client_.Ask(
      context, "POST", IndexPath(search_.index, open_search ? "/_search/point_in_time" : "/_pit"),
      {{"keep_alive", std::string(kKeepAlive)}});
  if (!reply) {
    const ErrorKind kind = reply.error().kind();
    const bool unknown = kind == ErrorKind::kInvalidArgument ||
                         kind == ErrorKind::kPermissionDenied ||
                         (kind == ErrorKind::kNotFound &&
                          reply.error().vendor_code() != "index_not_found_exception");
    if (paging_ == Paging::kAuto && unknown) return false;
    return reply.error();
  }
  if (reply->is_object()) {
    pit_id_ = GetString(reply->get_object(), open_search ? "pit_id" : "id");
  }
  if (pit_id_.empty()) {
    return Failed(ErrorKind::kUnavailable, "response.malformed",
                  "The server opened a point in time and does not say which");
  }
  return true;
}

Status Pages::Begin(const Context& context) {
  if (IsOneRequest(search_)) {
    way_ = Way::kOnce;
    return {};
  }
  way_ = Way::kScroll;
  if (paging_ == Paging::kScroll) return {};
  NSTARX_TRY(const bool opened, OpenPointInTime(context));
  if (opened) way_ = Way::kPointInTime;
  return {};
}

json::object Pages::BodyOf(const Context& context, int64_t size) const {
  json::object body = search_.body;
  body["size"] = size;
  // A scroll counts always.
  if (way_ == Way::kScroll) body.erase("track_total_hits");
  if (way_ != Way::kScroll && !body.contains("track_total_hits")) body["track_total_hits"] = false;
  if (!body.contains("timeout") && context.remaining() < std::chrono::hours(23)) {
    body["timeout"] = fmt::format("{}ms", (context.remaining() + kGrace).count());
  }
  if (way_ == Way::kOnce) return body;
  json::array sort = SortOf(body);
  if (way_ == Way::kScroll) {
    if (sort.empty()) body["sort"] = json::array{"_doc"};
    return body;
  }
  body["pit"] = json::object{{"id", pit_id_}, {"keep_alive", kKeepAlive}};
  // Elasticsearch adds what makes the order total by itself. Documents of several shards have the
  // same _doc: these are asked for again, and left out by who reads.
  if (product_ == Product::kOpensearch) {
    sort.push_back(json::object{{"_doc", "asc"}});
  } else if (sort.empty()) {
    sort.push_back("_shard_doc");
  }
  body["sort"] = std::move(sort);
  if (!after_.empty()) body["search_after"] = after_;
  return body;
}

Result<std::unique_ptr<connector::ByteStream>> Pages::Next(const Context& context, int64_t size) {
  NSTARX_RETURN_IF_ERROR(context.Check());
  if (way_ == Way::kUnknown) NSTARX_RETURN_IF_ERROR(Begin(context));
  // A search of which a shard failed is no answer.
  net::HttpFields query{{"allow_partial_search_results", "false"}};
  if (way_ == Way::kOnce) {
    asked_ = *search_.limit;
    body_ = json::serialize(BodyOf(context, asked_));
    return client_.Start(context, "POST", IndexPath(search_.index, "/_search"), std::move(query),
                         body_);
  }
  if (way_ == Way::kPointInTime) {
    asked_ = std::clamp(std::max(size, size_min_), int64_t{1}, kWindow);
    body_ = json::serialize(BodyOf(context, asked_));
    return client_.Start(context, "POST", "/_search", std::move(query), body_);
  }
  asked_ = kScrollPage;
  if (scroll_id_.empty()) {
    query.emplace_back("scroll", kKeepAlive);
    body_ = json::serialize(BodyOf(context, asked_));
    return client_.Start(context, "POST", IndexPath(search_.index, "/_search"), std::move(query),
                         body_);
  }
  body_ = json::serialize(json::object{{"scroll", kKeepAlive}, {"scroll_id", scroll_id_}});
  return client_.Start(context, "POST", "/_search/scroll", {}, body_);
}

Status Pages::Took(int64_t hits, int64_t kept, const std::string& last_sort,
                   const std::string& scroll_id, const std::string& pit_id) {
  if (!scroll_id.empty()) scroll_id_ = scroll_id;
  if (!pit_id.empty()) pit_id_ = pit_id;
  ended_ = way_ == Way::kOnce || hits == 0 || (way_ == Way::kPointInTime && hits < asked_);
  if (ended_) {
    Close();
    return {};
  }
  if (way_ == Way::kScroll) return {};
  NSTARX_TRY(json::value after, ReadReply(last_sort));
  if (!after.is_array() || after.get_array().empty()) {
    return Failed(ErrorKind::kUnavailable, "response.malformed",
                  "A hit of a sorted search has no sort values");
  }
  after_ = std::move(after.get_array());
  if (!repeats_ties()) return {};
  json::value& last = after_.back();
  if (!last.is_int64()) {
    return Failed(ErrorKind::kUnavailable, "response.malformed",
                  "The last sort value of a hit is not its place in the shard");
  }
  last = last.get_int64() - 1;
  if (kept == 0) {
    // Nothing but ties: their number is that of the shards.
    if (asked_ >= kWindow) {
      return Failed(ErrorKind::kResourceExhausted, "query.too_many_shards",
                    "The index has too many shards to be read in pages");
    }
    size_min_ = asked_ * 2;
  }
  return {};
}

void Pages::Close() {
  ended_ = true;
  const std::string pit = std::exchange(pit_id_, {});
  const std::string scroll = std::exchange(scroll_id_, {});
  if ((pit.empty() && scroll.empty()) || !client_.healthy()) return;
  // Best effort: what is not released ends by itself after its time.
  const Context context = Context().WithTimeout(kCloseTime);
  if (!scroll.empty()) {
    const std::string body = json::serialize(json::object{{"scroll_id", json::array{scroll}}});
    std::ignore = client_.Ask(context, "DELETE", "/_search/scroll", {}, body);
  }
  if (pit.empty()) return;
  if (product_ == Product::kOpensearch) {
    const std::string body = json::serialize(json::object{{"pit_id", json::array{pit}}});
    std::ignore = client_.Ask(context, "DELETE", "/_search/point_in_time", {}, body);
  } else {
    const std::string body = json::serialize(json::object{{"id", pit}});
    std::ignore = client_.Ask(context, "DELETE", "/_pit", {}, body);
  }
}

}  // namespace nstarx::connectors::elasticsearch
