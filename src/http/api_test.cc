#include "http/api.h"

#include <gtest/gtest.h>

#include "http/fake_rooms.h"
#include "http/openapi.h"
#include "http/raw_client.h"
#include "http/server.h"

namespace nstarx::http {
namespace {

struct Asked {
  std::string method = "GET";
  std::string target;
  std::string body = {};
  std::string key = "admin";
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string remote = "127.0.0.1";
};

struct Got {
  int status = 0;
  std::string body;
  std::string content_type;
  std::map<std::string, std::string> headers;
  bool streamed = false;

  json::object Json() const {
    auto parsed = ParseJson(body);
    return parsed && parsed->is_object() ? parsed->get_object() : json::object();
  }
  std::string code() const { return std::string(GetString(Json(), "code")); }
};

class ApiTest : public testing::Test {
 protected:
  Got Ask(const Asked& asked) {
    Request request;
    request.method = ParseMethod(asked.method);
    request.target = asked.target;
    const size_t mark = request.target.find('?');
    request.path = request.target.substr(0, mark);
    if (mark != std::string::npos) request.query = request.target.substr(mark + 1);
    request.remote_address = asked.remote;
    request.loopback = asked.remote == "127.0.0.1";
    request.request_id = "req_test";
    const std::string authorization = "Bearer " + asked.key;
    if (!asked.key.empty()) request.headers.push_back({"authorization", authorization});
    for (const auto& [name, value] : asked.headers) request.headers.push_back({name, value});
    const BodyPlan plan = api_.Plan(request);
    TextBytes bytes(asked.body);
    if (plan.mode == BodyMode::kBuffered) request.body = asked.body;
    if (plan.mode == BodyMode::kStreamed) request.stream = &bytes;
    request.content_length = static_cast<int64_t>(asked.body.size());
    Response response = api_.Answer(request, std::stop_token());
    Got got{.status = response.status,
            .body = response.body,
            .content_type = response.content_type,
            .streamed = response.stream != nullptr};
    for (const auto& [name, value] : response.headers) got.headers[name] = value;
    while (response.stream) {
      auto chunk = response.stream->Next(response.stream_context);
      if (!chunk) {
        got.body += "!" + chunk.error().code();
        break;
      }
      if (!*chunk) break;
      for (const auto& part : (*chunk)->parts) {
        got.body.append(reinterpret_cast<const char*>(part.data()), part.size());
      }
    }
    api_.Finished(request, response.status, std::chrono::milliseconds(1));
    return got;
  }
  Got Post(std::string target, std::string body, std::string idempotency_key = {}) {
    Asked asked{.method = "POST", .target = std::move(target), .body = std::move(body)};
    asked.headers.emplace_back("Content-Type", "application/json");
    if (!idempotency_key.empty()) asked.headers.emplace_back("Idempotency-Key", idempotency_key);
    return Ask(asked);
  }

  FakeRooms rooms_;
  Api api_{rooms_.services};
};

constexpr const char* kDraft =
    R"({"name": "sales", "type": "toy", "configuration": {"host": "h"}})";

TEST_F(ApiTest, LeadsAConnectionThroughItsLife) {
  const Got made = Post("/connections", kDraft);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.headers.at("Location"), "/connections/con_1");
  EXPECT_EQ(made.headers.at("ETag"), "\"1\"");
  const Got shown = Ask({.target = "/connections/sales"});
  EXPECT_EQ(shown.body, made.body) << "creation shows what reading shows";
  EXPECT_TRUE(shown.Json().at("permissions").at("manage").as_bool());
  EXPECT_EQ(Ask({.target = "/connections"}).Json().at("items").as_array().size(), 1);
  EXPECT_EQ(Ask({.method = "PATCH", .target = "/connections/sales", .body = "{}"}).status, 200);
  EXPECT_EQ(Post("/connections/sales/archive", "").status, 200);
  EXPECT_EQ(Post("/connections/sales/restore", "").status, 200);
  EXPECT_EQ(Post("/connections/sales/rollback", R"({"version": 1})").status, 200);
  EXPECT_EQ(Ask({.target = "/connections/sales/versions"}).status, 200);
  EXPECT_EQ(Post("/connections/sales/test", "").status, 200);
  EXPECT_EQ(GetString(Post("/connections/test", kDraft).Json(), "status"), "failed");
  EXPECT_EQ(Ask({.method = "DELETE", .target = "/connections/sales"}).status, 204);
  EXPECT_EQ(Ask({.target = "/connections/sales"}).code(), "connection.not_found");
}

TEST_F(ApiTest, PositionsOfStreamsAreNumbersOrText) {
  Post("/connections", kDraft);
  const auto consume = [&](std::string from) {
    return Ask({.target = "/connections/sales/consume?topic=t&from=" + from});
  };
  EXPECT_EQ(consume("offset:42").status, 200);
  EXPECT_EQ(rooms_.gateway.last_consume.position, connector::StreamPosition(42));
  EXPECT_EQ(consume("offset:7:1:-1").status, 200);
  EXPECT_EQ(rooms_.gateway.last_consume.position.text, "7:1:-1");
  EXPECT_EQ(consume("timestamp:5").status, 200);
  EXPECT_EQ(rooms_.gateway.last_consume.timestamp_ms, 5);
  EXPECT_EQ(consume("offset:").code(), "request.invalid_parameter");
  EXPECT_EQ(consume("offset:-1").code(), "request.invalid_parameter");
  EXPECT_EQ(Post("/connections/sales/commit",
                 R"({"topic":"t","group":"g","offsets":[{"partition":0,"offset":9},)"
                 R"({"partition":1,"offset":"10"},{"partition":2,"offset":"7:1"}]})")
                .status,
            204);
  ASSERT_EQ(rooms_.gateway.committed.size(), 3U);
  EXPECT_EQ(rooms_.gateway.committed[0].offset.number, 9);
  EXPECT_EQ(rooms_.gateway.committed[1].offset.number, 10);
  EXPECT_EQ(rooms_.gateway.committed[2].offset.text, "7:1");
  EXPECT_EQ(Ask({.target = "/connections/sales/lag?topic=t&group=g"}).Json().at("lag"), 7);
}

TEST_F(ApiTest, HonoursPreconditions) {
  Post("/connections", kDraft);
  const auto with = [&](std::string method, std::string field, std::string value) {
    return Ask({.method = std::move(method),
                .target = "/connections/sales",
                .body = "{}",
                .headers = {{std::move(field), std::move(value)}}});
  };
  EXPECT_EQ(with("GET", "If-None-Match", "\"1\"").status, 304);
  EXPECT_EQ(with("GET", "If-None-Match", "\"9\", W/\"1\"").status, 304);
  EXPECT_EQ(with("GET", "If-None-Match", "\"2\"").status, 200);
  EXPECT_EQ(with("PATCH", "If-Match", "\"2\"").status, 412);
  EXPECT_EQ(with("PATCH", "If-Match", "nonsense").code(), "connection.version_conflict");
  EXPECT_EQ(with("PATCH", "If-Match", "\"1\"").headers.at("ETag"), "\"2\"");
  EXPECT_EQ(with("PATCH", "If-Match", "*").status, 200);
  EXPECT_EQ(with("DELETE", "If-Match", "\"1\"").status, 412);
  EXPECT_EQ(with("DELETE", "If-Match", "\"3\"").status, 204);
}

TEST_F(ApiTest, ProblemsHaveTheWholeShape) {
  const Got got = Post("/connections/x/query", R"({"query": "bad"})");
  EXPECT_EQ(got.status, 400);
  EXPECT_EQ(got.content_type, "application/problem+json");
  const json::object problem = got.Json();
  EXPECT_EQ(GetString(problem, "type"), "/errors/query.syntax");
  EXPECT_EQ(GetString(problem, "title"), "Invalid request");
  EXPECT_EQ(GetInt(problem, "status", 0), 400);
  EXPECT_EQ(GetString(problem, "detail"), "syntax error");
  EXPECT_EQ(GetString(problem, "action"), "fix_input");
  EXPECT_EQ(GetString(problem, "request_id"), "req_test");
  EXPECT_EQ(problem.at("details").at("position").to_number<int>(), 3);
  EXPECT_TRUE(problem.at("hints").is_array());
}

TEST_F(ApiTest, KnowsItsRoutes) {
  EXPECT_EQ(Ask({.target = "/connection"}).code(), "route.not_found");
  EXPECT_EQ(
      GetString(Ask({.target = "/conections"}).Json().at("details").as_object(), "suggestion"),
      "/connections");
  EXPECT_EQ(GetString(Ask({.method = "POST", .target = "/connections/a/qurey"})
                          .Json()
                          .at("details")
                          .as_object(),
                      "suggestion"),
            "/connections/a/query");
  const Got wrong = Ask({.method = "PUT", .target = "/connections"});
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.at("Allow"), "GET, HEAD, POST, OPTIONS");
  const Got options = Ask({.method = "OPTIONS", .target = "/connections/a/objects/b/c"});
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.headers.at("Allow"), "GET, HEAD, PUT, DELETE, OPTIONS");
  EXPECT_EQ(Ask({.method = "OPTIONS", .target = "*"}).status, 204);
  // A connection may be called like a literal segment.
  EXPECT_EQ(Ask({.target = "/connections/test"}).code(), "connection.not_found");
  EXPECT_EQ(Ask({.target = "/connections//query"}).status, 404);
  EXPECT_EQ(Ask({.target = "/connections/"}).status, 404);
  EXPECT_EQ(Ask({.target = "/connections/%00"}).code(), "request.malformed_target");
  EXPECT_EQ(Ask({.target = "/connections/%ff"}).code(), "request.malformed_target");
  EXPECT_EQ(Ask({.target = "/connections/a%2"}).code(), "request.malformed_target");
  EXPECT_EQ(Ask({.method = "OTHER", .target = "/connections"}).status, 405);
}

TEST_F(ApiTest, ChecksParameters) {
  const auto code = [&](std::string query) {
    return Ask({.target = "/connections?" + query}).code();
  };
  EXPECT_EQ(code("limit=0"), "request.invalid_parameter");
  EXPECT_EQ(code("limit=1001"), "request.invalid_parameter");
  EXPECT_EQ(code("limit=1e2"), "request.invalid_parameter");
  EXPECT_EQ(code("limit="), "request.invalid_parameter");
  EXPECT_EQ(code("sort=password"), "request.invalid_parameter");
  EXPECT_EQ(code("archived=yes"), "request.invalid_parameter");
  EXPECT_EQ(code("limit=1&limit=2"), "request.repeated_parameter");
  EXPECT_EQ(code("q=%zz"), "request.malformed_target");
  EXPECT_EQ(code("colour=red"), "request.unknown_parameter");
  const Got near = Ask({.target = "/connections?limt=3"});
  EXPECT_EQ(GetString(near.Json().at("details").as_object(), "suggestion"), "limit");
  EXPECT_EQ(Ask({.target = "/connections/a/describe"}).code(), "request.missing_parameter");
  EXPECT_EQ(Ask({.target = "/connections?q=a+b%20c&sort=-name&archived=true"}).status, 200);
  EXPECT_EQ(rooms_.registry.last_filter.query, "a b c");
  EXPECT_EQ(rooms_.registry.last_filter.sort, "-name");
  EXPECT_EQ(rooms_.registry.last_filter.limit, 100);
  EXPECT_TRUE(rooms_.registry.last_filter.archived);
}

struct BadBody {
  const char* target;
  std::string body;
  const char* code;
};

TEST_F(ApiTest, RefusesBadBodies) {
  const BadBody table[] = {
      {"/connections", "", "request.empty_body"},
      {"/connections", "{", "request.malformed_json"},
      {"/connections", "[]", "config.wrong_type"},
      {"/connections", "{\"name\": \"\xff\"}", "request.not_utf8"},
      {"/connections", std::string(50'000, '['), "request.malformed_json"},
      {"/connections", R"({"nam": "x"})", "config.unknown_field"},
      {"/connections/a/query", "[]", "request.wrong_type"},
      {"/connections/a/query", "{}", "request.missing_field"},
      {"/connections/a/query", R"({"query": 1})", "request.wrong_type"},
      {"/connections/a/query", R"({"query": ""})", "request.out_of_range"},
      {"/connections/a/query", R"({"query": "a", "limit": -1})", "request.out_of_range"},
      {"/connections/a/query", R"({"query": "a", "limit": 1.5})", "request.wrong_type"},
      {"/connections/a/query", R"({"query": "a", "timeout_ms": 3600001})", "request.out_of_range"},
      {"/connections/a/query", R"({"query": "a", "lane": "fast"})", "request.out_of_range"},
      {"/connections/a/query", R"({"query": "a", "parameters": [{}]})", "request.wrong_type"},
      {"/connections/a/query", R"({"query": "a", "paramters": []})", "request.unknown_field"},
      {"/connections/a/presign", R"({"key": "k", "method": "HEAD"})", "request.out_of_range"},
      {"/connections/a/rollback", R"({"version": 0})", "request.out_of_range"},
      {"/users", R"({"name": "eve", "role": "root"})", "request.out_of_range"},
      {"/api-keys", R"({"name": "k", "expires": "soon"})", "request.out_of_range"},
  };
  for (const BadBody& row : table) {
    const Got got = Post(row.target, row.body);
    EXPECT_EQ(got.status, 400) << row.target << " " << row.body.substr(0, 80);
    EXPECT_EQ(got.code(), row.code) << row.target << " " << row.body.substr(0, 80);
    EXPECT_FALSE(got.Json().at("hints").as_array().empty()) << row.code;
  }
  EXPECT_EQ(Ask({.method = "POST",
                 .target = "/connections",
                 .body = "name=x",
                 .headers = {{"Content-Type", "application/x-www-form-urlencoded"}}})
                .status,
            415);
}

TEST_F(ApiTest, QueriesInEveryFormat) {
  const auto as = [&](std::string accept) {
    return Ask({.method = "POST",
                .target = "/connections/a/query",
                .body = R"({"query": "select", "parameters": [1, "x", null], "limit": 5,
                            "timeout_ms": 60000, "lane": "background", "parallelism": 2})",
                .headers = {{"Accept", std::move(accept)}}});
  };
  const Got plain = as("");
  EXPECT_EQ(plain.content_type, "application/json");
  EXPECT_EQ(GetInt(plain.Json(), "row_count", 0), 2);
  EXPECT_EQ(plain.Json().at("rows"), json::value({{10}, {11}}));
  EXPECT_EQ(rooms_.gateway.last_query.parameters.size(), 3);
  EXPECT_EQ(rooms_.gateway.last_query.limit, 5);
  EXPECT_EQ(rooms_.gateway.last_query.lane, "background");
  EXPECT_EQ(rooms_.gateway.last_query.parallelism, 2);
  EXPECT_LE(rooms_.gateway.last_remaining, std::chrono::seconds(60));
  EXPECT_GT(rooms_.gateway.last_remaining, std::chrono::seconds(50));
  EXPECT_TRUE(as("text/csv").content_type.starts_with("text/csv"));
  EXPECT_EQ(as("application/vnd.apache.arrow.stream").content_type,
            "application/vnd.apache.arrow.stream");
  const Got none = as("image/png");
  EXPECT_EQ(none.status, 406);
  EXPECT_EQ(none.code(), "request.not_acceptable");
  EXPECT_EQ(Ask({.target = "/connections", .headers = {{"Accept", "text/html"}}}).status, 406);
  EXPECT_EQ(Ask({.target = "/connections/a/sample?path=t"}).Json().at("rows").as_array().size(), 4);
}

TEST_F(ApiTest, AsksMetadataCatalogs) {
  const Got found = Ask({.target = "/connections/a/datasets?path=d&q=x&limit=7"});
  EXPECT_EQ(found.Json().at("items").at(0).at("path"), "d.t");
  EXPECT_EQ(GetString(found.Json(), "next"), "more");
  EXPECT_EQ(rooms_.gateway.last_filter.path, "d");
  EXPECT_EQ(rooms_.gateway.last_filter.text, "x");
  EXPECT_EQ(rooms_.gateway.last_filter.limit, 7);
  EXPECT_FALSE(Ask({.target = "/connections/a/datasets?cursor=c"}).Json().contains("next"));
  EXPECT_EQ(Ask({.target = "/connections/a/datasets?limit=0"}).status, 400);
  const Got shown = Ask({.target = "/connections/a/dataset?path=d.t"});
  EXPECT_EQ(shown.Json().at("owners").at(0).at("name"), "ada");
  EXPECT_EQ(GetString(shown.Json(), "created"), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(Ask({.target = "/connections/a/dataset"}).code(), "request.missing_parameter");
  const Got parts = Ask({.target = "/connections/a/partitions?path=d.t"});
  EXPECT_EQ(parts.Json().at("items").at(0).at("values"), json::value({"2026", "1"}));
  EXPECT_EQ(Ask({.method = "DELETE", .target = "/connections/a/dataset?path=d.t"}).status, 204);
  EXPECT_EQ(rooms_.gateway.last_path, "d.t");
}

TEST_F(ApiTest, WritesMetadata) {
  const auto put = [&](std::string target, std::string body) {
    return Ask({.method = "PUT",
                .target = std::move(target),
                .body = std::move(body),
                .headers = {{"Content-Type", "application/json"}}});
  };
  const std::string dataset = "/connections/a/dataset?path=d.t";
  EXPECT_EQ(put(dataset, R"({"comment": "c", "tags": ["x"], "properties": {"k": null},
                             "columns": [{"name": "n", "native_type": "int"}]})")
                .status,
            200);
  EXPECT_EQ(rooms_.gateway.last_change.comment, "c");
  EXPECT_EQ(rooms_.gateway.last_change.columns->front().native_type, "int");
  EXPECT_TRUE(rooms_.gateway.last_change.properties.at("k").is_null());
  EXPECT_FALSE(rooms_.gateway.last_change.owner);
  EXPECT_EQ(put(dataset, R"({"properties": {"k": 1}})").code(), "request.wrong_type");
  EXPECT_EQ(put(dataset, R"({"columns": []})").status, 400);
  EXPECT_EQ(put(dataset, R"({"comments": "c"})").code(), "request.unknown_field");
  const std::string lineage = "/connections/a/lineage?path=d.t";
  EXPECT_EQ(put(lineage, R"({"upstream": [{"from": "raw", "process": "p"}]})").status, 204);
  EXPECT_EQ(rooms_.gateway.last_edges.front().to, "d.t");
  EXPECT_EQ(put(lineage, R"({"upstream": [{"process": "p"}]})").code(), "request.missing_field");
  EXPECT_EQ(Ask({.target = lineage}).Json().at("items").at(0).at("from"), "raw");
  const Got down = Ask({.target = lineage + "&direction=downstream"});
  EXPECT_EQ(down.Json().at("items").at(0).at("to"), "report");
  EXPECT_EQ(Ask({.target = lineage + "&direction=sideways"}).status, 400);
}

TEST_F(ApiTest, BrowsesDescribesIngests) {
  EXPECT_EQ(Ask({.target = "/connections/a/browse?path=s"}).Json().at("items").at(0).at("path"),
            "s.t");
  EXPECT_EQ(GetString(Ask({.target = "/connections/a/describe?path=s.t"}).Json(), "kind"), "table");
  EXPECT_EQ(Ask({.target = "/connections/a/pool"}).status, 200);
  EXPECT_EQ(Post("/connections/a/explain", R"({"query": "q"})").status, 200);
  const Got wrote = Ask({.method = "POST",
                         .target = "/connections/a/ingest?table=s.t&mode=append",
                         .body = "{\"n\": 1}\n{\"n\": 2}\n",
                         .headers = {{"Content-Type", "application/x-ndjson"}}});
  EXPECT_EQ(wrote.body, R"({"rows":2})");
  EXPECT_EQ(rooms_.gateway.last_path, "s.t");
  EXPECT_EQ(Ask({.method = "POST",
                 .target = "/connections/a/ingest?path=t",
                 .body = "x",
                 .headers = {{"Content-Type", "image/png"}}})
                .status,
            415);
  EXPECT_EQ(Ask({.method = "POST", .target = "/connections/a/ingest"}).code(),
            "request.missing_parameter");
}

TEST_F(ApiTest, ServesObjects) {
  const std::string path = "/connections/lake/objects/a%20b/c%3F%26.txt";
  const Got put = Ask({.method = "PUT", .target = path, .body = "0123456789"});
  EXPECT_EQ(put.status, 200) << put.body;
  EXPECT_EQ(GetString(put.Json(), "key"), "a b/c?&.txt");
  EXPECT_EQ(put.headers.at("ETag"), "\"e2\"");
  const Got got = Ask({.target = path});
  EXPECT_EQ(got.body, "0123456789");
  EXPECT_EQ(got.headers.at("ETag"), "\"e1\"");
  const auto range = [&](std::string wanted) {
    return Ask({.target = path, .headers = {{"Range", std::move(wanted)}}});
  };
  EXPECT_EQ(range("bytes=2-5").body, "2345");
  EXPECT_EQ(range("bytes=2-5").status, 206);
  EXPECT_EQ(range("bytes=2-5").headers.at("Content-Range"), "bytes 2-5/10");
  EXPECT_EQ(range("bytes=7-").body, "789");
  EXPECT_EQ(range("bytes=-3").body, "789");
  EXPECT_EQ(range("bytes=-99").body, "0123456789");
  EXPECT_EQ(range("bytes=5-99").headers.at("Content-Range"), "bytes 5-9/10");
  EXPECT_EQ(range("bytes=10-").status, 416);
  EXPECT_EQ(range("bytes=-0").code(), "request.range_not_satisfiable");
  for (const char* odd : {"bytes=5-2", "bytes=a-b", "bytes=1-2,4-5", "lines=1-2", "bytes=--3"}) {
    EXPECT_EQ(range(odd).status, 200) << odd;
  }
  EXPECT_EQ(Ask({.target = path, .headers = {{"If-None-Match", "\"e1\""}}}).status, 304);
  EXPECT_EQ(Ask({.method = "HEAD", .target = path}).status, 200);
  EXPECT_EQ(Ask({.target = "/connections/lake/objects?prefix=a"}).Json().at("prefixes").at(0),
            "c/");
  EXPECT_EQ(Ask({.method = "DELETE", .target = path}).status, 204);
  EXPECT_EQ(Ask({.target = path}).code(), "object.not_found");
  EXPECT_EQ(GetString(Post("/connections/lake/presign", R"({"key": "k", "expires_in": 60})").Json(),
                      "url"),
            "https://s3/k?GET&60");
}

TEST_F(ApiTest, AsksForAKeyAndForTheRightOne) {
  EXPECT_EQ(Ask({.target = "/connections", .key = ""}).code(), "auth.missing_key");
  const Got wrong = Ask({.target = "/connections", .key = "nsx_wrong"});
  EXPECT_EQ(wrong.status, 401);
  EXPECT_TRUE(wrong.headers.at("WWW-Authenticate").starts_with("Bearer"));
  for (const char* open : {"/", "/healthz", "/readyz", "/openapi.json", "/metrics"}) {
    EXPECT_EQ(Ask({.target = open, .key = ""}).status, 200) << open;
  }
  const Asked far{.target = "/metrics", .key = "", .remote = "10.0.0.9"};
  EXPECT_EQ(Ask(far).status, 401);
  for (const char* path : {"/users", "/audit", "/audit/verify", "/vault/keys", "/vault/progress"}) {
    EXPECT_EQ(Ask({.target = path}).status, 200) << path;
    EXPECT_EQ(Ask({.target = path, .key = "editor"}).code(), "access.denied") << path;
  }
  EXPECT_EQ(rooms_.journal.entries.back().outcome, "denied");
  EXPECT_EQ(Ask({.target = "/whoami", .key = "viewer"}).Json().at("role"), "viewer");
  const Got other = Ask({.method = "POST",
                         .target = "/api-keys",
                         .body = R"({"name": "k", "user": "usr_admin"})",
                         .key = "editor"});
  EXPECT_EQ(other.status, 403);
  EXPECT_EQ(rooms_.journal.entries.back().action, "key.create");
}

TEST_F(ApiTest, ManagesCallers) {
  const Got issued = Post("/api-keys", R"({"name": "nightly", "scopes": ["connections:read"]})");
  EXPECT_EQ(issued.status, 201);
  EXPECT_EQ(GetString(issued.Json(), "api_key"), "nsx_shown_once");
  EXPECT_EQ(Ask({.target = "/api-keys"}).body.find("nsx_shown_once"), std::string::npos);
  EXPECT_EQ(Ask({.method = "DELETE", .target = "/api-keys/key_1"}).status, 204);
  EXPECT_EQ(Ask({.method = "DELETE", .target = "/api-keys/key_77"}).status, 404);
  EXPECT_EQ(Post("/users", R"({"name": "eve", "role": "editor", "teams": ["red"]})").status, 201);
  EXPECT_EQ(Ask({.method = "PATCH", .target = "/users/eve", .body = R"({"role": "user"})"}).status,
            200);
  EXPECT_EQ(Post("/vault/rotate", "").Json().at("finished"), true);
  const Got page = Ask({.target = "/audit?limit=2&since=2026-01-01T00:00:00Z&user=ada"});
  EXPECT_EQ(GetString(page.Json(), "next"), "29");
  EXPECT_TRUE(rooms_.journal.last_filter.since.has_value());
  EXPECT_TRUE(Ask({.target = "/audit"}).Json().at("next").is_null());
}

TEST_F(ApiTest, RepeatsGiveTheFirstAnswer) {
  const Got first = Post("/connections", kDraft, "abc-1");
  const Got again = Post("/connections", kDraft, "abc-1");
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.headers.at("Location"), first.headers.at("Location"));
  EXPECT_EQ(again.headers.at("Idempotency-Replayed"), "true");
  EXPECT_EQ(rooms_.registry.items.size(), 1);
  EXPECT_EQ(Post("/connections", R"({"name": "b", "type": "toy"})", "abc-1").code(),
            "idempotency.key_reused");
  EXPECT_EQ(Post("/connections", kDraft, "abc-2").code(), "connection.name_taken");
  EXPECT_EQ(Post("/connections", kDraft, "a b").code(), "request.invalid_idempotency_key");
  for (const auto& [key, answer] : rooms_.store.answers) {
    EXPECT_EQ(key.find("abc-1"), std::string::npos) << "the client's key is not stored";
  }
  EXPECT_EQ(Post("/api-keys", R"({"name": "k"})", "k-1").status, 201);
  const Got once = Post("/api-keys", R"({"name": "k"})", "k-1");
  EXPECT_EQ(once.status, 409);
  EXPECT_EQ(once.code(), "idempotency.key_shown_once");
  EXPECT_EQ(rooms_.callers.issued, 1);
  for (const auto& [key, answer] : rooms_.store.answers) {
    EXPECT_EQ(answer.body.find("nsx_shown_once"), std::string::npos);
  }
}

TEST_F(ApiTest, FailuresThatMayPassAreNotKept) {
  rooms_.registry.items["sales"] = {};
  EXPECT_EQ(Post("/connections", kDraft, "kept").status, 409);
  rooms_.registry.items.clear();
  EXPECT_EQ(Post("/connections", kDraft, "kept").status, 409) << "a settled answer is kept";
  const auto as = [&](std::string key) {
    return Ask({.method = "PATCH",
                .target = "/users/x",
                .body = "{}",
                .key = std::move(key),
                .headers = {{"Idempotency-Key", "later"}}})
        .status;
  };
  EXPECT_EQ(as("editor"), 403);
  EXPECT_EQ(as("admin"), 200);
}

TEST_F(ApiTest, TellsTypesAndTakesUrisApart) {
  EXPECT_EQ(Ask({.target = "/connection-types"}).Json().at("items").at(0).at("type"), "toy");
  EXPECT_EQ(Ask({.target = "/connection-types/toy"}).status, 200);
  const Got none = Ask({.target = "/connection-types/tow"});
  EXPECT_EQ(none.status, 404);
  EXPECT_EQ(none.code(), "config.unknown_type");
  const Got parts = Post("/connections/uri", R"({"uri": "toy://example"})");
  EXPECT_EQ(parts.Json().at("configuration").at("host"), "example") << parts.body;
  EXPECT_EQ(Post("/connections/uri", R"({"uri": "nonsense"})").status, 400);
}

TEST_F(ApiTest, DriversArePagedAndChangedByAdmins) {
  const json::object page = Ask({.target = "/drivers?limit=2"}).Json();
  EXPECT_EQ(page.at("items").as_array().size(), 2U);
  EXPECT_EQ(GetString(page, "next"), "b");
  const json::object last = Ask({.target = "/drivers?limit=2&cursor=b"}).Json();
  EXPECT_EQ(last.at("items").as_array().size(), 1U);
  EXPECT_TRUE(last.at("next").is_null());
  EXPECT_EQ(Ask({.target = "/drivers?installed=true"}).Json().at("items").as_array().size(), 0U);
  EXPECT_EQ(
      Ask({.target = "/drivers?installed=true&refresh=true"}).Json().at("items").as_array().size(),
      3U);
  EXPECT_EQ(Ask({.target = "/drivers/none"}).code(), "driver.unknown");

  const Got made = Post("/drivers/known/install", R"({"version":"1.2","dry_run":true})");
  EXPECT_EQ(made.status, 200);
  EXPECT_EQ(GetString(made.Json(), "version"), "1.2");
  EXPECT_TRUE(GetBool(made.Json(), "dry_run", false));
  EXPECT_EQ(Post("/drivers/known/install", R"({"versoin":"1"})").status, 400);
  const Got tar = Ask({.target = "/drivers/known/bundle"});
  EXPECT_EQ(tar.body, "tar");
  EXPECT_EQ(tar.content_type, "application/x-tar");
  EXPECT_EQ(GetInt(Ask({.method = "POST",
                        .target = "/drivers/import",
                        .body = "12345",
                        .headers = {{"Content-Type", "application/octet-stream"}}})
                       .Json(),
                   "bytes", 0),
            5);
  EXPECT_EQ(Ask({.method = "DELETE", .target = "/drivers/known"}).status, 204);
  for (const char* change : {"install", "update", "rollback", "verify"}) {
    const Got refused = Ask({.method = "POST",
                             .target = std::string("/drivers/known/") + change,
                             .key = "editor",
                             .headers = {{"Content-Type", "application/json"}}});
    EXPECT_EQ(refused.status, 403) << change;
    EXPECT_EQ(refused.code(), "access.denied") << change;
  }
  EXPECT_EQ(Ask({.target = "/drivers/known/bundle", .key = "editor"}).status, 403);
}

TEST_F(ApiTest, ReadinessFollowsTheStore) {
  rooms_.store.broken = true;
  const Got got = Ask({.target = "/readyz"});
  EXPECT_EQ(got.status, 503);
  EXPECT_EQ(got.code(), "server.not_ready");
  EXPECT_EQ(Ask({.target = "/healthz"}).status, 200);
}

// ---- The table and its document ----

void CollectReferences(const json::value& value, std::vector<std::string>& out) {
  if (value.is_array()) {
    for (const auto& item : value.get_array()) CollectReferences(item, out);
  } else if (value.is_object()) {
    for (const auto& [key, member] : value.get_object()) {
      if (key == "$ref") out.emplace_back(member.get_string());
      CollectReferences(member, out);
    }
  }
}

TEST(OpenApiTest, EveryRouteIsDescribed) {
  const Schemas schemas;
  const std::vector<Route> table = AllRoutes();
  const json::object document = OpenApiDocument(table, schemas);
  std::set<std::string> operations;
  for (const Route& route : table) {
    EXPECT_FALSE(route.summary.empty()) << route.path;
    EXPECT_FALSE(route.tag.empty()) << route.path;
    EXPECT_NE(route.handler, nullptr) << route.path;
    EXPECT_TRUE(operations.insert(route.operation).second) << route.operation;
    for (const Parameter& parameter : route.parameters) {
      EXPECT_FALSE(parameter.description.empty()) << route.path << " " << parameter.name;
    }
    if (route.success == 200 && route.method != Method::kHead) {
      EXPECT_FALSE(route.response_schema.empty() && route.response_media.empty()) << route.path;
    }
    if (route.body == BodyKind::kJson || route.body == BodyKind::kUncheckedJson) {
      ASSERT_TRUE(schemas.all().contains(route.request_schema)) << route.path;
      for (const std::string& text : route.request_examples) {
        const auto status = schemas.Check(route.request_schema, *ParseJson(text));
        EXPECT_TRUE(status) << route.path << " " << status.error().ToString();
      }
    }
  }
  std::vector<std::string> references;
  CollectReferences(document, references);
  EXPECT_GT(references.size(), 50);
  for (const std::string& reference : references) {
    constexpr std::string_view kPrefix = "#/components/schemas/";
    ASSERT_TRUE(reference.starts_with(kPrefix)) << reference;
    EXPECT_TRUE(schemas.all().contains(reference.substr(kPrefix.size()))) << reference;
  }
  const json::object& paths = document.at("paths").as_object();
  size_t described = 0;
  for (const auto& [path, item] : paths) {
    for (const auto& [method, operation] : item.as_object()) {
      ++described;
      EXPECT_TRUE(operation.at("responses").as_object().contains("default")) << path;
    }
  }
  EXPECT_EQ(described, table.size());
  EXPECT_TRUE(paths.contains("/connections/{ref}/objects/{key}"));
}

// ---- Through the wire ----

TEST_F(ApiTest, WorksOverASocket) {
  auto server = Server::Start({.port = 0}, rooms_.services);
  ASSERT_TRUE(server);
  RawClient client((*server)->port());
  const auto ask = [&](std::string query, std::string more = "") {
    const std::string body = R"({"query": ")" + query + R"("})";
    return client.Ask(
        "POST /connections/a/query HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
        "user\r\nContent-Type: application/json\r\n" +
        more + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  };
  const auto good = ask("select");
  EXPECT_EQ(good.status, 200);
  EXPECT_TRUE(good.fields.contains("content-length")) << "a small result comes whole";
  EXPECT_EQ(good.body.substr(0, 12), R"({"columns":[)");
  EXPECT_EQ(ask("bad").status, 400);
  const auto bug = ask("explode");
  EXPECT_EQ(bug.status, 500);
  EXPECT_EQ(bug.body.find("a bug"), std::string::npos) << "what went wrong inside stays inside";
  EXPECT_EQ(ask("breaks").status / 100, 4);
  rooms_.gateway.objects["k"] = std::string(700'000, 'q');
  const auto object = client.Ask(
      "GET /connections/a/objects/k HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer user\r\n\r\n");
  EXPECT_EQ(object.fields.at("content-length"), "700000");
  EXPECT_EQ(object.fields.at("content-type"), "text/odd  X-Evil: 1") << "no header is smuggled in";
  EXPECT_EQ(object.body, rooms_.gateway.objects["k"]);
  client.Send(
      "HEAD /connections/a/objects/k HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer user\r\n\r\n");
  EXPECT_EQ(client.Read(true).fields.at("content-length"), "700000");
  EXPECT_EQ(client.Ask("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
}

}  // namespace
}  // namespace nstarx::http
