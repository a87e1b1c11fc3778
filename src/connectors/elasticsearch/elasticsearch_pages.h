#pragma once

#include <memory>
#include <string>

#include "connectors/elasticsearch/elasticsearch_client.h"
#include "connectors/elasticsearch/elasticsearch_search.h"

namespace nstarx::connectors::elasticsearch {

enum class Product { kElasticsearch, kOpensearch };

/// How results larger than one request are read.
enum class Paging { kAuto, kPointInTime, kScroll };

/// The answers to one search, one request after the other. What the server keeps for it is
/// released at the end, and by the destructor.
class Pages {
 public:
  /// `client` must outlive it.
  Pages(Client& client, Search search, Product product, Paging paging)
      : client_(client), search_(std::move(search)), product_(product), paging_(paging) {}
  ~Pages() { Close(); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  /// Asks for the next answer, of about `size` hits.
  Result<std::unique_ptr<connector::ByteStream>> Next(const Context& context, int64_t size);
  /// Tells what the answer held, once its stream is gone. Afterwards ended() says whether it was
  /// the last.
  Status Took(int64_t hits, int64_t kept, const std::string& last_sort,
              const std::string& scroll_id, const std::string& pit_id);
  bool ended() const { return ended_; }
  /// Hits with the last one's sort values come again (HitsRouter::NextAnswer).
  bool repeats_ties() const {
    return way_ == Way::kPointInTime && product_ == Product::kOpensearch;
  }
  const Search& search() const { return search_; }
  /// Releases what the server keeps, within two seconds.
  void Close();

 private:
  enum class Way { kUnknown, kOnce, kPointInTime, kScroll };
  Status Begin(const Context& context);
  Result<bool> OpenPointInTime(const Context& context);
  json::object BodyOf(const Context& context, int64_t size) const;

  Client& client_;
  Search search_;
  const Product product_;
  const Paging paging_;
  Way way_ = Way::kUnknown;
  std::string pit_id_;
  std::string scroll_id_;
  json::array after_;
  int64_t asked_ = 0;
  int64_t size_min_ = 0;  ///< more than the ties that come again
  std::string body_;      ///< of the request at hand
  bool ended_ = false;
};

}  // namespace nstarx::connectors::elasticsearch
