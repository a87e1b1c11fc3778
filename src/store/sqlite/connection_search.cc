#include "store/sqlite/connection_search.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

namespace nstarx::store {
namespace {

// Counting stops here: what selects more is walked, not started from.
constexpr int64_t kTermCountMax = 20'000;
constexpr int64_t kTextCountMax = 2'000;

// What reading one member of a set costs, next to one step along a sort index.
constexpr double kSetRowCost = 8;

/// Lower case of one code point of the alphabets that have a simple rule.
char32_t Lower(char32_t c) {
  if (c >= 'A' && c <= 'Z') return c + 32;
  if ((c >= 0xC0 && c <= 0xDE && c != 0xD7) || (c >= 0x391 && c <= 0x3A9) ||
      (c >= 0x410 && c <= 0x42F)) {
    return c + 32;
  }
  if (c >= 0x400 && c <= 0x40F) return c + 80;
  if (c >= 0x100 && c <= 0x137 && c % 2 == 0) return c + 1;
  if (c >= 0x139 && c <= 0x148 && c % 2 == 1) return c + 1;
  if (c >= 0x14A && c <= 0x177 && c % 2 == 0) return c + 1;
  return c;
}

struct SortOrder {
  std::string_view name;
  std::string_view index;
  std::string_view keys;  ///< columns before seq
  int key_count;
  bool text_first;  ///< the first key is text, else a number
};

constexpr std::array kSortOrders = {
    SortOrder{"name", "connection_by_name", "c.name", 1, true},
    SortOrder{"created", "connection_by_created", "c.created", 1, false},
    SortOrder{"modified", "connection_by_modified", "c.modified", 1, false},
    SortOrder{"type", "connection_by_type", "c.type, c.name", 2, true},
};

/// One condition of a list, as a set of rows to start from and as a check of one row.
struct Facet {
  std::string set_sql;  ///< empty: too many, or not to be had as a set
  std::string check_sql;
  std::vector<std::string> set_values;
  std::vector<std::string> check_values;
  double rows = 0;  ///< estimate of how many it selects
};

std::string Marks(size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += i == 0 ? "?" : ", ?";
  return out;
}

/// Where a page starts: after this row of the order.
struct Position {
  std::vector<std::string> keys;
  int64_t seq = 0;
};

std::string EncodeCursor(std::string_view sort, const Position& position) {
  json::array parts = {json::value(sort)};
  for (const auto& key : position.keys) parts.emplace_back(key);
  parts.emplace_back(position.seq);
  const std::string text = json::serialize(parts);
  std::string out(sodium_base64_encoded_len(text.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                  '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(text.data()),
                    text.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  out.pop_back();
  return out;
}

Result<Position> DecodeCursor(std::string_view cursor, std::string_view sort,
                              const SortOrder& order) {
  const auto refused = [] {
    return InvalidArgument("request.bad_cursor", "the cursor does not belong to this list")
        .WithHint("Send 'next' of the previous page with the same sort, or no cursor.");
  };
  if (cursor.size() > 2048) return refused();
  std::string text(cursor.size(), '\0');
  size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(text.data()), text.size(), cursor.data(),
                        cursor.size(), nullptr, &size, nullptr,
                        sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0) {
    return refused();
  }
  text.resize(size);
  boost::system::error_code error;
  const json::value parsed = json::parse(text, error);
  if (error || !parsed.is_array()) return refused();
  const json::array& parts = parsed.get_array();
  if (parts.size() != static_cast<size_t>(order.key_count) + 2 || !parts[0].is_string() ||
      parts[0].get_string() != sort || !parts.back().is_int64()) {
    return refused();
  }
  Position out{.seq = parts.back().get_int64()};
  for (int i = 1; i <= order.key_count; ++i) {
    if (!parts[i].is_string()) return refused();
    out.keys.emplace_back(parts[i].get_string());
  }
  return out;
}

Result<double> CountTerm(Database& database, std::string_view term) {
  NSTARX_TRY(Statement count, database.Prepare("SELECT count(*) FROM (SELECT 1 FROM "
                                               "connection_term WHERE term = ? LIMIT ?)"));
  NSTARX_TRY(const bool row, count.Bind(term).Bind(kTermCountMax).Step());
  return row ? static_cast<double>(count.Int(0)) : 0.0;
}

Result<Facet> TermFacet(Database& database, std::vector<std::string> terms, std::string check_sql,
                        std::vector<std::string> check_values) {
  Facet out{.check_sql = std::move(check_sql), .check_values = std::move(check_values)};
  for (const auto& term : terms) {
    NSTARX_TRY(const double rows, CountTerm(database, term));
    out.rows += rows;
  }
  if (out.check_sql.empty()) {
    // One seek to the row's own terms, which lie side by side.
    out.check_sql = fmt::format(
        "EXISTS (SELECT 1 FROM connection_term t INDEXED BY connection_term_by_seq WHERE t.seq = "
        "c.seq AND +t.term IN ({}))",
        Marks(terms.size()));
    out.check_values = terms;
  }
  if (out.rows < static_cast<double>(kTermCountMax)) {
    out.set_sql =
        fmt::format("SELECT seq FROM connection_term WHERE term IN ({})", Marks(terms.size()));
    out.set_values = std::move(terms);
  }
  return out;
}

/// The trigrams of `text` side by side, for FTS5; what they find still has to be checked.
std::string TrigramQuery(std::string_view text) {
  std::vector<size_t> starts;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((text[i] & 0xC0) != 0x80) starts.push_back(i);
  }
  starts.push_back(text.size());
  std::string out;
  const size_t letters = starts.size() - 1;
  for (size_t at = 0; at < letters; at += 3) {
    const size_t first = std::min(at, letters - 3);
    out += out.empty() ? "\"" : " AND \"";
    for (char c : text.substr(starts[first], starts[first + 3] - starts[first])) {
      out += c;
      if (c == '"') out += '"';
    }
    out += '"';
  }
  return out;
}

Result<Facet> TextFacet(Database& database, std::string_view query, double total) {
  const std::string folded = FoldCase(query.substr(0, 256));
  Facet out{.check_sql = "instr((SELECT body FROM connection_search s WHERE s.seq = c.seq), ?) > 0",
            .check_values = {folded},
            .rows = std::max<double>(kTextCountMax, total / 10)};
  const auto letters = std::ranges::count_if(folded, [](char c) { return (c & 0xC0) != 0x80; });
  // The index holds trigrams; shorter texts are looked for row by row.
  if (letters < 3) return out;
  const std::string trigrams = TrigramQuery(folded);
  NSTARX_TRY(Statement select,
             database.Prepare("SELECT rowid FROM connection_text WHERE connection_text MATCH ? AND "
                              "instr(body, ?) > 0 LIMIT ?"));
  select.Bind(trigrams).Bind(folded).Bind(kTextCountMax);
  json::array found;
  while (true) {
    NSTARX_TRY(const bool row, select.Step());
    if (!row) break;
    found.emplace_back(select.Int(0));
  }
  if (found.size() == kTextCountMax) return out;
  // Searching twice costs more than handing over what was found.
  out.rows = static_cast<double>(found.size());
  out.set_sql = "SELECT value FROM json_each(?)";
  out.set_values = {json::serialize(found)};
  return out;
}

Result<Facet> VisibleFacet(Database& database, const Principal& principal) {
  std::vector<std::string> terms = {"see:*", "see:owner:" + principal.id,
                                    "see:user:" + principal.name};
  for (const auto& team : principal.teams) {
    if (terms.size() < 256) terms.push_back("see:team:" + team);
  }
  return TermFacet(database, std::move(terms), "", {});
}

Result<std::vector<Facet>> FacetsOf(Database& database, const ConnectionFilter& filter,
                                    double total) {
  std::vector<Facet> out;
  const auto add = [&](std::string_view kind, const std::string& value,
                       std::string_view check) -> Status {
    if (value.empty()) return {};
    NSTARX_TRY(Facet facet,
               TermFacet(database, {fmt::format("{}:{}", kind, value)}, std::string(check),
                         check.empty() ? std::vector<std::string>() : std::vector{value}));
    out.push_back(std::move(facet));
    return {};
  };
  NSTARX_RETURN_IF_ERROR(add("type", filter.type, "c.type = ?"));
  NSTARX_RETURN_IF_ERROR(add("status", filter.status, "c.status = ?"));
  NSTARX_RETURN_IF_ERROR(add("scope", filter.scope, "c.scope = ?"));
  NSTARX_RETURN_IF_ERROR(add("tag", filter.tag, ""));
  NSTARX_RETURN_IF_ERROR(add("owner", filter.owner, ""));
  if (filter.visible_to != nullptr && filter.visible_to->role != Role::kAdmin) {
    NSTARX_TRY(Facet facet, VisibleFacet(database, *filter.visible_to));
    out.push_back(std::move(facet));
  }
  if (!filter.query.empty()) {
    NSTARX_TRY(Facet facet, TextFacet(database, filter.query, total));
    out.push_back(std::move(facet));
  }
  return out;
}

Result<double> CountRows(Database& database) {
  NSTARX_TRY(Statement last, database.Prepare("SELECT coalesce(max(seq), 0) FROM connection"));
  NSTARX_TRY(const bool row, last.Step());
  return std::max<double>(1, row ? static_cast<double>(last.Int(0)) : 0);
}

/// How a page is found: from one facet's set, or along the sort index until it is full.
struct Plan {
  const Facet* start = nullptr;
  double walked = 0;  ///< estimated steps along the sort index when there is no start
};

Plan ChoosePlan(const std::vector<Facet>& facets, double page, double total) {
  double share = 1;
  const Facet* least = nullptr;
  for (const Facet& facet : facets) {
    share *= std::clamp(facet.rows / total, 1e-9, 1.0);
    if (facet.set_sql.empty()) continue;
    if (least == nullptr || facet.rows < least->rows) least = &facet;
  }
  const double walked = std::min(total, page / share);
  if (least != nullptr && least->rows * kSetRowCost < walked) return {.start = least};
  return {.walked = walked};
}

}  // namespace

std::string FoldCase(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      out += static_cast<char>(Lower(lead));
    } else if (lead >= 0xC3 && lead <= 0xD1 && i + 1 < text.size()) {
      const char32_t c =
          Lower(((lead & 0x1Fu) << 6) | (static_cast<unsigned char>(text[++i]) & 0x3Fu));
      out += static_cast<char>(0xC0 | (c >> 6));
      out += static_cast<char>(0x80 | (c & 0x3F));
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string SearchBody(const model::Connection& connection) {
  std::string body = connection.name + "\n" + connection.metadata.description;
  for (const auto& tag : connection.metadata.tags) body += "\n" + tag;
  return FoldCase(body);
}

std::vector<std::string> TermsOf(const model::Connection& connection) {
  std::vector<std::string> out = {
      "type:" + connection.type,
      fmt::format("status:{}", ToString(connection.status)),
      "scope:" + connection.sharing.scope,
      "owner:" + connection.metadata.owner_id,
      "see:owner:" + connection.metadata.owner_id,
  };
  if (connection.metadata.owner != connection.metadata.owner_id) {
    out.push_back("owner:" + connection.metadata.owner);
  }
  for (const auto& tag : connection.metadata.tags) out.push_back("tag:" + tag);
  if (connection.sharing.scope == "organization") out.push_back("see:*");
  if (connection.sharing.scope == "team") out.push_back("see:team:" + connection.sharing.team);
  for (const auto& grant : connection.sharing.permissions) {
    if (!grant.permissions.empty()) out.push_back("see:" + grant.subject);
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Result<model::Connection> ReadDocument(std::string_view document) {
  json::parse_options options;
  options.max_depth = 64;
  boost::system::error_code error;
  json::value parsed = json::parse(document, error, {}, options);
  if (error || !parsed.is_object()) {
    return Error(ErrorKind::kDataLoss, "store.damaged", "a stored document is not JSON")
        .WithHint("Restore the store from a backup.");
  }
  return model::ConnectionFromJson(parsed.get_object());
}

Result<ConnectionPage> ListPage(Database& database, const ConnectionFilter& filter) {
  const bool descending = filter.sort.starts_with('-');
  const std::string_view sort_name = std::string_view(filter.sort).substr(descending ? 1 : 0);
  const auto* order = std::ranges::find(kSortOrders, sort_name, &SortOrder::name);
  if (order == kSortOrders.end()) {
    return InvalidArgument("request.bad_sort", fmt::format("can't sort by '{}'", filter.sort))
        .WithHint("Use name, created, modified or type, with a leading '-' for descending.");
  }
  const int64_t limit = std::clamp<int64_t>(filter.limit, 1, 1000);
  std::optional<Position> after;
  if (!filter.cursor.empty()) {
    NSTARX_TRY(after, DecodeCursor(filter.cursor, filter.sort, *order));
  }
  NSTARX_TRY(const double total, CountRows(database));
  NSTARX_TRY(const std::vector<Facet> facets, FacetsOf(database, filter, total));
  const Plan plan = ChoosePlan(facets, static_cast<double>(limit), total);
  const Facet* start = plan.start;

  std::vector<std::string> values;
  const auto use = [&](const std::vector<std::string>& more) {
    values.insert(values.end(), more.begin(), more.end());
  };
  std::string inner = fmt::format(
      "SELECT c.seq AS seq, {} FROM connection AS c {} WHERE c.is_archived = {}",
      order->key_count == 2 ? "c.type AS k1, c.name AS k2" : fmt::format("{} AS k1", order->keys),
      start != nullptr ? std::string("NOT INDEXED") : fmt::format("INDEXED BY {}", order->index),
      filter.archived ? 1 : 0);
  if (start != nullptr) {
    inner += fmt::format(" AND c.seq IN ({})", start->set_sql);
    use(start->set_values);
  }
  for (const Facet& facet : facets) {
    if (&facet == start) continue;
    // Many steps are cheaper against a set that is made once.
    if (!facet.set_sql.empty() && facet.check_sql.starts_with("EXISTS") &&
        facet.rows < 2 * plan.walked) {
      inner += fmt::format(" AND c.seq IN ({})", facet.set_sql);
      use(facet.set_values);
      continue;
    }
    inner += " AND " + facet.check_sql;
    use(facet.check_values);
  }
  if (after) {
    inner += fmt::format(" AND ({}, c.seq) {} ({}, CAST(? AS INTEGER))", order->keys,
                         descending ? "<" : ">",
                         order->text_first ? Marks(after->keys.size()) : "CAST(? AS INTEGER)");
    use(after->keys);
    values.push_back(std::to_string(after->seq));
  }
  const std::string_view direction = descending ? " DESC" : "";
  const auto order_by = [&](std::string_view prefix) {
    return order->key_count == 2 ? fmt::format("{0}k1{1}, {0}k2{1}, {0}seq{1}", prefix, direction)
                                 : fmt::format("{0}k1{1}, {0}seq{1}", prefix, direction);
  };
  // The documents are read for the page alone, after sorting.
  const std::string sql = fmt::format(
      "SELECT p.seq, p.k1, {}, d.document FROM ({} ORDER BY {} LIMIT {}) AS p JOIN "
      "connection_document AS d ON d.seq = p.seq ORDER BY {}",
      order->key_count == 2 ? "p.k2" : "''", inner, order_by(""), limit + 1, order_by("p."));
  NSTARX_TRY(Statement select, database.Prepare(sql));
  for (const auto& value : values) select.Bind(value);
  ConnectionPage page;
  Position last;
  while (true) {
    NSTARX_TRY(const bool row, select.Step());
    if (!row) break;
    if (static_cast<int64_t>(page.items.size()) == limit) {
      page.next = EncodeCursor(filter.sort, last);
      break;
    }
    NSTARX_TRY(model::Connection connection, ReadDocument(select.Text(3)));
    page.items.push_back(std::move(connection));
    last.seq = select.Int(0);
    last.keys = {select.Text(1)};
    if (order->key_count == 2) last.keys.push_back(select.Text(2));
  }
  return page;
}

}  // namespace nstarx::store
