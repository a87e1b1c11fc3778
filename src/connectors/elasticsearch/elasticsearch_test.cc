#include <arrow/api.h>
#include <gtest/gtest.h>

#include "connectors/documents/json_text.h"
#include "connectors/documents/json_walk.h"
#include "connectors/elasticsearch/elasticsearch_buckets.h"
#include "connectors/elasticsearch/elasticsearch_errors.h"
#include "connectors/elasticsearch/elasticsearch_mappings.h"
#include "connectors/elasticsearch/elasticsearch_search.h"

namespace nstarx::connectors::elasticsearch {
namespace {

Result<Search> Read(std::string text, json::array parameters = {},
                    std::optional<int64_t> limit = std::nullopt) {
  return ReadSearch({.text = std::move(text), .parameters = std::move(parameters), .limit = limit});
}

std::string CodeOf(const auto& result) { return result ? "" : result.error().code(); }

/// Collects documents as texts.
class Texts {
 public:
  std::vector<std::string> all;
  void BeginDocument() { text_.BeginDocument(); }
  void EndDocument() {
    text_.EndDocument();
    all.push_back(text_.text());
    text_.Clear();
  }
  void Key(std::string_view name) { text_.Key(name); }
  void BeginObject() { text_.BeginObject(); }
  void EndObject() { text_.EndObject(); }
  void BeginArray() { text_.BeginArray(); }
  void EndArray() { text_.EndArray(); }
  void Null() { text_.Null(); }
  void Bool(bool value) { text_.Bool(value); }
  void Int(int64_t value) { text_.Int(value); }
  void Double(double value) { text_.Double(value); }
  void Decimal(std::string_view value) { text_.Decimal(value); }
  void String(std::string_view value) { text_.String(value); }

 private:
  documents::JsonText text_{documents::JsonText::Dialect::kPlain};
};

std::vector<std::string> Route(std::string_view answer, Meta meta = {}) {
  Texts texts;
  HitsRouter<Texts> router(texts, meta);
  router.NextAnswer(false);
  EXPECT_TRUE(documents::JsonWalk(answer, router, false));
  return texts.all;
}

TEST(Statement, IsTakenApart) {
  const auto search =
      Read(R"({"index": "logs-*", "size": 5, "query": {"term": {"a": {"$param": 1}}}})",
           {json::value("x")}, 3);
  ASSERT_TRUE(search) << search.error().message();
  EXPECT_EQ(search->index, "logs-*");
  EXPECT_EQ(search->limit, 3);
  EXPECT_TRUE(search->meta.index);
  EXPECT_EQ(json::serialize(search->body), R"({"query":{"term":{"a":"x"}}})");
}

TEST(Statement, RefusesWhatIsNoSearch) {
  EXPECT_EQ(CodeOf(Read("SELECT 1")), "query.syntax_error");
  EXPECT_EQ(CodeOf(Read("")), "query.syntax_error");
  EXPECT_EQ(CodeOf(Read("[1]")), "query.syntax_error");
  EXPECT_EQ(CodeOf(Read("{}")), "query.syntax_error");
  EXPECT_EQ(CodeOf(Read(R"({"index": "a", "size": -1})")), "query.syntax_error");
  EXPECT_EQ(CodeOf(Read(R"({"index": "a", "suggest": {}})")), "query.syntax_error");
  EXPECT_EQ(CodeOf(Read(R"({"index": "a", "from": 5})")), "query.syntax_error");
  EXPECT_EQ(CodeOf(Read(R"({"index": "a", "aggs": {}, "size": 5})")), "query.syntax_error");
  EXPECT_EQ(CodeOf(Read(R"({"$param": 1})", {json::value("x")})), "query.syntax_error");
  EXPECT_EQ(CodeOf(Read(R"({"index": "a", "query": {"$param": 2}})", {json::value(1)})),
            "query.parameter_count");
  EXPECT_EQ(CodeOf(Read(R"({"index": "a"})", {json::value(1)})), "query.parameter_count");
}

TEST(Statement, EndpointsOfTheServerAreNoIndices) {
  for (const char* name : {"_search", "a,_cluster", "..", "a,,b", "_bulk", "a,"}) {
    EXPECT_EQ(CodeOf(Read(json::serialize(json::object{{"index", name}}))), "query.invalid_name")
        << name;
  }
  EXPECT_TRUE(Read(R"({"index": "_all"})"));
  EXPECT_EQ(IndexPath("a/../_b,c*", "/_search"), "/a%2F..%2F_b,c*/_search");
}

TEST(Statement, SourceChoosesColumns) {
  const auto search =
      Read(R"({"index": "a", "_source": {"includes": ["x.*", "y*"], "excludes": ["yy"]}})");
  ASSERT_TRUE(search);
  EXPECT_TRUE(AsksFor(*search, "x"));
  EXPECT_TRUE(AsksFor(*search, "yes"));
  EXPECT_FALSE(AsksFor(*search, "yy"));
  EXPECT_FALSE(AsksFor(*search, "z"));
  EXPECT_FALSE(AsksFor(*Read(R"({"index": "a", "_source": false})"), "x"));
}

TEST(Hits, BecomeDocumentsAndLoseNothing) {
  const auto rows = Route(R"({"took": 1, "timed_out": false, "_shards": {"failed": 0}, "hits": {
      "total": {"value": 2}, "max_score": 1.5, "hits": [
      {"_index": "i", "_id": "1", "_score": 1.5, "_routing": "r", "_source": {"a": [1, {"b": null}]},
       "highlight": {"a": ["<em>"]}, "inner_hits": {"x": {"hits": {"hits": []}}}, "sort": [1]},
      {"_index": "i", "_type": "_doc", "_id": "2", "_score": null, "_version": 3}]}})",
                          {.index = true, .score = true, .sort = true});
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(
      rows[0],
      R"({"_id":"1","_index":"i","_routing":"r","a":[1,{"b":null}],)"
      R"("_highlight":{"a":["<em>"]},"_inner_hits":{"x":{"hits":{"hits":[]}}},"_score":1.5,"_sort":[1]})");
  EXPECT_EQ(rows[1], R"({"_id":"2","_index":"i","_version":3})");
}

TEST(Hits, FieldsAreColumnsWithoutDocument) {
  EXPECT_EQ(Route(R"({"hits": {"hits": [{"_id": "1", "fields": {"a": [1]}}]}})",
                  {.fields_are_columns = true}),
            std::vector<std::string>{R"({"_id":"1","a":[1]})"});
}

TEST(Hits, TiesOfThePageBeforeAreLeftOut) {
  Texts texts;
  HitsRouter<Texts> router(texts, {});
  const auto page = [&](std::string_view hits) {
    router.NextAnswer(true);
    EXPECT_TRUE(documents::JsonWalk(
        std::string(R"({"hits": {"hits": [)") + std::string(hits) + "]}}", router, false));
  };
  page(R"({"_id": "1", "_source": {}, "sort": [4]}, {"_id": "2", "_source": {}, "sort": [5]})");
  EXPECT_EQ(router.last_sort(), "[5]");
  page(R"({"_id": "2", "_source": {}, "sort": [5]}, {"_id": "3", "_source": {}, "sort": [5]})");
  EXPECT_EQ(router.kept(), 1);
  page(R"({"_id": "3", "_source": {}, "sort": [5]}, {"_id": "2", "_source": {}, "sort": [5]},
          {"_id": "1", "_source": {}, "sort": [6]})");
  EXPECT_EQ(router.kept(), 1);
  EXPECT_EQ(texts.all.size(), 4U);
}

TEST(Hits, HostileAnswersDoNoHarm) {
  EXPECT_TRUE(Route(R"({"hits": {"hits": 5}})").empty());
  EXPECT_TRUE(Route(R"([[[[{"_id": 1}]]]])").empty());
  EXPECT_EQ(Route(R"({"hits": {"hits": [{"_id": 7, "_source": 5}, {}, {"sort": {}}]}})").size(),
            3U);
  Texts texts;
  HitsRouter<Texts> router(texts, {});
  router.NextAnswer(false);
  EXPECT_FALSE(documents::JsonWalk(R"({"hits": {"hits": [{"_id": "1", "_sour)", router, false));
  EXPECT_FALSE(documents::JsonWalk(std::string(100'000, '['), router, false));
}

TEST(Failures, HaveTheirCodes) {
  const auto code = [](int status, std::string_view body) {
    return FailureOf(status, body, "query").code();
  };
  EXPECT_EQ(code(404, R"({"error": {"root_cause": [{"type": "index_not_found_exception"}]}})"),
            "query.undefined_table");
  EXPECT_EQ(code(401, R"({"error": {"type": "security_exception", "reason": "no"}})"),
            "login.wrong_password");
  EXPECT_EQ(code(403, R"({"error": {"type": "security_exception", "reason": "no"}})"),
            "query.no_privilege");
  EXPECT_EQ(code(400, R"({"error": {"type": "parsing_exception", "reason": "x"}})"),
            "query.syntax_error");
  EXPECT_EQ(code(429, R"({"error": {"type": "circuit_breaking_exception"}})"),
            "query.out_of_memory");
  EXPECT_EQ(code(429, "slow down"), "query.too_busy");
  EXPECT_EQ(code(408, ""), "query.timeout");
  EXPECT_EQ(code(504, "<html>"), "query.timeout");
  EXPECT_EQ(code(502, ""), "service.unavailable");
  EXPECT_EQ(code(301, ""), "response.malformed");
  const Error text =
      FailureOf(400, R"({"error": "no handler found for uri [/x]", "status": 400})", "query");
  EXPECT_EQ(text.code(), "query.bad_value");
  EXPECT_TRUE(text.message().contains("no handler"));
}

TEST(Failures, APartialAnswerIsOne) {
  EXPECT_TRUE(CheckWhole(R"({"total": 5, "failed": 0})", false));
  EXPECT_TRUE(CheckWhole("", false));
  EXPECT_EQ(CodeOf(CheckWhole("", true)), "query.timeout");
  const Status partial = CheckWhole(
      R"({"total": 5, "failed": 1, "failures": [{"reason": {"type": "x", "reason": "disk"}}]})",
      false);
  EXPECT_EQ(CodeOf(partial), "query.partial_result");
  EXPECT_TRUE(partial.error().message().contains("disk"));
}

TEST(Mappings, OfSeveralIndicesAgreeOrAreText) {
  const auto mappings = ReadMappings(json::parse(R"({
      "a": {"mappings": {"properties": {"x": {"type": "long"}, "y": {"type": "long"},
            "n": {"type": "nested", "properties": {"z": {"type": "date"}}},
            "other": {"type": "alias", "path": "x"}}}},
      "b": {"mappings": {"properties": {"x": {"type": "long"}, "y": {"type": "keyword"}}}},
      "c": {}, "d": 5})"));
  EXPECT_EQ(mappings.schema->ToString(),
            "x: int64\ny: string\nn: list<item: struct<z: timestamp[ms, tz=UTC]>>");
  EXPECT_EQ(mappings.fields[1].native_type, "long|keyword");
}

TEST(Mappings, RememberTypesOfArrow) {
  const auto schema =
      arrow::schema({arrow::field("d", arrow::decimal128(38, 2)), arrow::field("u", arrow::uint8()),
                     arrow::field("t", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC")),
                     arrow::field("_id", arrow::utf8())});
  const auto made = MappingsOf(*schema);
  ASSERT_TRUE(made);
  const auto again = ReadMappings(json::object{{"i", json::object{{"mappings", *made}}}});
  EXPECT_EQ(again.schema->ToString(), "d: decimal128(38, 2)\nu: uint8\nt: timestamp[us, tz=UTC]");
  EXPECT_FALSE(
      MappingsOf(*arrow::schema({arrow::field("m", arrow::duration(arrow::TimeUnit::SECOND))})));
}

TEST(Buckets, AreRows) {
  const auto rows = [](std::string_view text) {
    const auto found = RowsOfBuckets(json::parse(text).get_object());
    EXPECT_TRUE(found);
    return std::vector<std::string>(found->begin(), found->end());
  };
  EXPECT_EQ(rows(R"({"t": {"buckets": [{"key": "a", "doc_count": 2, "m": {"value": 1.5}}]}})"),
            std::vector<std::string>{R"({"t":"a","doc_count":2,"m":1.5E0})"});
  EXPECT_EQ(rows(R"({"t": {"buckets": [{"key": 1, "key_as_string": "one", "doc_count": 3,
                     "u": {"buckets": {"x": {"doc_count": 1}, "y": {"doc_count": 2}}}},
                     {"key": 2, "doc_count": 0, "u": {"buckets": []}}]}})"),
            (std::vector<std::string>{
                R"({"t":1,"t_as_string":"one","t_doc_count":3,"u":"x","doc_count":1})",
                R"({"t":1,"t_as_string":"one","t_doc_count":3,"u":"y","doc_count":2})",
                R"({"t":2,"t_doc_count":0})"}));
  EXPECT_EQ(
      rows(R"({"f": {"doc_count": 4, "t": {"buckets": [{"key": {"p": 1}, "doc_count": 4}]}},
                     "s": {"count": 1, "max": 2}})"),
      std::vector<std::string>{R"({"f_doc_count":4,"s":{"count":1,"max":2},"p":1,"doc_count":4})"});
  EXPECT_EQ(rows(R"({"m": {"value": null}})"), std::vector<std::string>{R"({"m":null})"});
  EXPECT_TRUE(rows(R"({"t": {"buckets": []}})").empty());
  EXPECT_FALSE(RowsOfBuckets(json::parse(R"({"t": {"buckets": [5]}})").get_object()));
}

}  // namespace
}  // namespace nstarx::connectors::elasticsearch
