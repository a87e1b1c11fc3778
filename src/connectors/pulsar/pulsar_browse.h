#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "connector/facets.h"
#include "connectors/pulsar/pulsar_admin.h"

namespace nstarx::connectors::pulsar {

/// A topic, or one partition of it.
struct TopicPath {
  Topic topic;
  std::optional<int32_t> partition;

  std::vector<int32_t> Numbers() const;
};

/// What describe and sample take: a topic's name, "tenant/namespace/topic", and either with
/// "/partition" behind three parts. query.undefined_table.
Result<TopicPath> FindPath(const Context& context, Admin& admin, std::string_view path);

Result<std::vector<connector::Node>> ListPath(const Context& context, Admin& admin,
                                              const Login& login, std::string_view path,
                                              int64_t limit);

Result<connector::Description> DescribeTopic(const Context& context, Admin& admin,
                                             const TopicPath& path);

/// About how many messages a partition keeps: brokers count entries, which may be batches.
int64_t EstimateMessages(const Storage& storage, const json::value& stats);

/// Where the last `entries` entries begin: after that id.
MessageId TailStart(const Storage& storage, int64_t entries);

}  // namespace nstarx::connectors::pulsar
