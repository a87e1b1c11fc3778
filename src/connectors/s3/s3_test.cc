#include <arrow/api.h>
#include <curl/curl.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "base/id.h"
#include "connector/facets.h"
#include "connectors/aws/s3_runtime.h"
#include "connectors/s3/s3_connector.h"
#include "connectors/s3/s3_errors.h"
#include "connectors/s3/s3_settings.h"

namespace nstarx::connectors::s3 {
namespace {

class RuntimeEnvironment final : public testing::Environment {
 public:
  void SetUp() override {
    auto opened = aws::S3Runtime::Open();
    ASSERT_TRUE(opened) << opened.error().ToString();
    runtime_ = *std::move(opened);
  }
  void TearDown() override { runtime_.reset(); }

 private:
  std::unique_ptr<aws::S3Runtime> runtime_;
};

const auto* const kRuntime = testing::AddGlobalTestEnvironment(new RuntimeEnvironment);

TEST(S3SpecTest, IsReadAndOffersThreeMethods) {
  const auto connector = MakeS3Connector();
  std::set<std::string> methods;
  for (const auto& method : connector->spec().auth_methods()) methods.insert(method.type);
  EXPECT_EQ(methods, (std::set<std::string>{"access_key", "anonymous", "iam"}));
  EXPECT_TRUE(connector->spec().Has("query"));
  EXPECT_NE(connector->spec().FindError("login.wrong_secret_key"), nullptr);
}

TEST(S3SpecTest, UrisGoBothWays) {
  const auto connector = MakeS3Connector();
  const auto draft = connector->spec().FromUri("s3://my-bucket/sales/2026?region=eu-west-1");
  ASSERT_TRUE(draft) << draft.error().ToString();
  const auto& configuration = draft->at("configuration").as_object();
  EXPECT_EQ(configuration.at("bucket"), "my-bucket");
  EXPECT_EQ(configuration.at("region"), "eu-west-1");
  const auto settings = S3Settings::Read(configuration);
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->prefix, "sales/2026/");
}

TEST(S3SettingsTest, DerivesAddresses) {
  unsetenv("AWS_ENDPOINT_URL");
  unsetenv("AWS_ENDPOINT_URL_S3");
  unsetenv("AWS_ENDPOINT_URL_STS");
  const auto amazon = S3Settings::Read({{"bucket", "b1x"}, {"region", "eu-west-1"}});
  ASSERT_TRUE(amazon);
  EXPECT_EQ(amazon->service.Origin(), "https://b1x.s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(amazon->sts.Origin(), "https://sts.eu-west-1.amazonaws.com");
  EXPECT_EQ(amazon->PathOf("a b/c"), "/a%20b/c");
  const auto dotted = S3Settings::Read({{"bucket", "b.x"}, {"region", "eu-west-1"}});
  EXPECT_EQ(dotted->service.Origin(), "https://s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(dotted->PathOf("k"), "/b.x/k");
  const auto china = S3Settings::Read({{"bucket", "b1x"}, {"region", "cn-north-1"}});
  EXPECT_EQ(china->endpoint.host, "s3.cn-north-1.amazonaws.com.cn");
  setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9", 1);
  const auto environment = S3Settings::Read({{"bucket", "b1x"}});
  EXPECT_EQ(environment->service.Origin(), "http://127.0.0.1:9");
  EXPECT_EQ(environment->sts.Origin(), "http://127.0.0.1:9");
  EXPECT_TRUE(environment->path_style);
  const auto given = S3Settings::Read({{"bucket", "b1x"}, {"endpoint", "https://h:1/gw"}});
  EXPECT_EQ(given->PathOf(""), "/gw/b1x");
  unsetenv("AWS_ENDPOINT_URL");
  EXPECT_EQ(S3Settings::Read({{"bucket", "b"}, {"endpoint", "nonsense"}}).error().code(),
            "config.malformed_endpoint");
}

TEST(S3ErrorsTest, KnownCodesAreNamed) {
  const std::pair<const char*, const char*> rows[] = {
      {"NoSuchBucket", "bucket.not_found"},     {"NoSuchKey", "object.not_found"},
      {"InvalidRange", "object.invalid_range"}, {"PreconditionFailed", "object.changed"},
      {"AccessDenied", "object.no_privilege"},  {"SignatureDoesNotMatch", "login.wrong_secret_key"},
      {"EntityTooLarge", "object.too_large"},   {"KeyTooLongError", "object.invalid_key"}};
  for (const auto& [vendor, code] : rows) {
    EXPECT_EQ(FromS3Failure({.http_status = 400, .code = vendor, .message = "", .region = ""}, "x")
                  .code(),
              code);
  }
  EXPECT_EQ(FromArrowMessage("When reading: AWS Error ACCESS_DENIED during GetObject").code(),
            "query.no_privilege");
  EXPECT_EQ(FromArrowMessage("AWS Error NETWORK_CONNECTION during HeadObject").code(),
            "connection.lost");
}

/// A real server: NSTARX_TEST_MINIO_ENDPOINT, _ACCESS_KEY, _SECRET_KEY, _REGION, _BUCKET (and
/// _ROLE_ARN, _CA_FILE) as `python -m tests.servers up minio --env-file F` writes them.
class S3ServerTest : public testing::Test {
 protected:
  static std::string Environment(const char* name) {
    const char* value = std::getenv((std::string("NSTARX_TEST_MINIO_") + name).c_str());
    return value == nullptr ? "" : value;
  }

  void SetUp() override {
    if (Environment("ENDPOINT").empty()) {
      GTEST_SKIP() << "not run: no server; set NSTARX_TEST_MINIO_ENDPOINT";
    }
    connector_ = MakeS3Connector();
    folder_ = "unit/" + NewId("run");
    configuration_ = {{"bucket", Environment("BUCKET")},
                      {"region", Environment("REGION")},
                      {"endpoint", Environment("ENDPOINT")},
                      {"prefix", folder_}};
    authentication_ = {{"type", "access_key"}, {"access_key_id", Environment("ACCESS_KEY")}};
    secret_ = Environment("SECRET_KEY");
    if (const std::string file = Environment("CA_FILE"); !file.empty()) {
      std::ifstream in(file);
      configuration_["tls_ca"] = std::string(std::istreambuf_iterator<char>(in), {});
    }
  }

  void TearDown() override {
    if (!connector_) return;
    auto session = Open();
    ASSERT_TRUE(session);
    auto* objects = (*session)->As<connector::ObjectsFacet>();
    const auto page = objects->ListObjects(context_, "", "", 1000, "");
    ASSERT_TRUE(page);
    for (const auto& info : page->items) EXPECT_TRUE(objects->Delete(context_, info.key));
  }

  Result<std::unique_ptr<connector::Session>> Open() {
    SecretMap secrets;
    if (!secret_.empty()) secrets.emplace("secret_access_key", Secret(secret_));
    const model::Ssl ssl;
    const connector::OpenRequest request{.connection_name = "test",
                                         .configuration = configuration_,
                                         .authentication = authentication_,
                                         .secrets = secrets,
                                         .ssl = ssl,
                                         .endpoint = {}};
    return connector_->Open(context_, request);
  }

  std::string OpenCode() {
    auto session = Open();
    return session ? "opened" : session.error().code() + " " + session.error().stage();
  }

  const Context context_ = Context().WithTimeout(std::chrono::seconds(60));
  std::unique_ptr<connector::Connector> connector_;
  std::string folder_;
  json::object configuration_;
  json::object authentication_;
  std::string secret_;
};

class TextStream final : public connector::ByteStream {
 public:
  explicit TextStream(std::string text, std::optional<Error> end = std::nullopt)
      : text_(std::move(text)), end_(std::move(end)) {}
  Result<size_t> Read(const Context&, std::span<std::byte> into) override {
    const size_t count = std::min(into.size(), text_.size() - at_);
    if (count == 0 && end_) return *end_;
    std::memcpy(into.data(), text_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  std::string text_;
  std::optional<Error> end_;
  size_t at_ = 0;
};

std::string ReadAll(connector::ByteStream& stream) {
  std::string all;
  std::vector<std::byte> piece(100'000);
  while (true) {
    const auto count = stream.Read({}, piece);
    if (!count) return count.error().ToString();
    if (*count == 0) return all;
    all.append(reinterpret_cast<const char*>(piece.data()), *count);
  }
}

std::string Noise(size_t size) {
  std::string text(size, '\0');
  uint32_t state = 7;
  for (char& c : text) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return text;
}

TEST_F(S3ServerTest, WrongLoginsHaveTheirOwnCodes) {
  secret_ = "canary-wrong-secret";
  auto refused = Open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), "login.wrong_secret_key");
  EXPECT_EQ(refused.error().stage(), "login");
  EXPECT_EQ(refused.error().ToString().find("canary"), std::string::npos);
  secret_ = Environment("SECRET_KEY");
  authentication_["access_key_id"] = "AKIANOBODY";
  EXPECT_EQ(OpenCode(), "login.unknown_access_key login");
  authentication_["access_key_id"] = Environment("ACCESS_KEY");
  configuration_["bucket"] = "no-such-bucket-here";
  EXPECT_EQ(OpenCode(), "bucket.not_found login");
  configuration_["bucket"] = Environment("BUCKET");
  configuration_["region"] = "eu-north-1";
  EXPECT_EQ(OpenCode(), "region.wrong login");
  configuration_["region"] = Environment("REGION");
  configuration_["endpoint"] = "http://127.0.0.1:1";
  EXPECT_EQ(OpenCode(), "tcp.refused tcp");
  if (Environment("ENDPOINT").starts_with("https:")) {
    configuration_["endpoint"] = Environment("ENDPOINT");
    const json::value trusted = std::exchange(configuration_["tls_ca"], "");
    EXPECT_TRUE(OpenCode().starts_with("tls.")) << OpenCode();
    configuration_["tls_ca"] = trusted;
  }
  configuration_["endpoint"] = "http://no-such-host.invalid:80";
  EXPECT_EQ(OpenCode(), "dns.not_found resolve");
  configuration_["endpoint"] = Environment("ENDPOINT");
}

TEST_F(S3ServerTest, IamWithoutKeysTakesTheEnvironmentsAndAssumesTheRole) {
  unsetenv("AWS_ACCESS_KEY_ID");
  unsetenv("AWS_SECRET_ACCESS_KEY");
  const std::string secret = std::exchange(secret_, "");
  authentication_ = {{"type", "iam"}, {"role_arn", Environment("ROLE_ARN")}};
  configuration_["sts_endpoint"] = Environment("ENDPOINT");
  EXPECT_EQ(OpenCode(), "login.no_credentials login");
  setenv("AWS_ACCESS_KEY_ID", Environment("ACCESS_KEY").c_str(), 1);
  setenv("AWS_SECRET_ACCESS_KEY", secret.c_str(), 1);
  auto session = Open();
  ASSERT_TRUE(session) << session.error().ToString();
  auto* objects = (*session)->As<connector::ObjectsFacet>();
  TextStream content("id\n1\n2\n");
  ASSERT_TRUE(objects->Put(context_, "x.csv", content, std::nullopt, "text/csv"));
  const auto url = objects->Presign(context_, "GET", "x.csv", std::chrono::seconds(60));
  ASSERT_TRUE(url);
  EXPECT_NE(url->find("X-Amz-Security-Token="), std::string::npos) << "temporary keys have a token";
  auto* query = (*session)->As<connector::QueryFacet>();
  auto rows = query->Execute(
      context_,
      {.text = "SELECT sum(id)::BIGINT AS s FROM '*.csv'", .parameters = {}, .limit = std::nullopt},
      {});
  ASSERT_TRUE(rows) << rows.error().ToString();
  const auto batch = (*rows)->Next(context_);
  ASSERT_TRUE(batch && *batch);
  EXPECT_EQ((*(*batch)->column(0)->GetScalar(0))->ToString(), "3");
  setenv("AWS_SECRET_ACCESS_KEY", "wrong", 1);
  EXPECT_EQ(OpenCode(), "login.wrong_secret_key login");
  setenv("AWS_SECRET_ACCESS_KEY", secret.c_str(), 1);
}

TEST_F(S3ServerTest, ObjectsOfAllSizesComeBack) {
  auto session = Open();
  ASSERT_TRUE(session) << session.error().ToString();
  auto* objects = (*session)->As<connector::ObjectsFacet>();
  for (const size_t size : {size_t{0}, size_t{1}, size_t{8} << 20, (size_t{20} << 20) + 17}) {
    const std::string text = Noise(size);
    const std::string key = fmt::format("späce ünd +&?#%/{}.bin", size);
    TextStream content(text);
    const auto put = objects->Put(context_, key, content, std::nullopt, "application/x-odd");
    ASSERT_TRUE(put) << put.error().ToString();
    EXPECT_EQ(put->size, static_cast<int64_t>(size));
    const auto stat = objects->Stat(context_, key);
    ASSERT_TRUE(stat) << stat.error().ToString();
    EXPECT_EQ(stat->size, static_cast<int64_t>(size));
    EXPECT_EQ(stat->content_type, "application/x-odd");
    EXPECT_EQ(stat->etag, put->etag);
    EXPECT_GT(stat->modified, TimePoint(std::chrono::hours(24 * 365 * 50)));
    auto got = objects->Get(context_, key, {});
    ASSERT_TRUE(got) << got.error().ToString();
    EXPECT_TRUE(ReadAll(**got) == text) << size;
    if (size > 100) {
      auto part = objects->Get(context_, key, {.offset = 50, .length = 40});
      ASSERT_TRUE(part);
      EXPECT_TRUE(ReadAll(**part) == text.substr(50, 40));
      auto rest = objects->Get(context_, key, {.offset = static_cast<int64_t>(size) - 5});
      ASSERT_TRUE(rest);
      EXPECT_EQ(ReadAll(**rest), text.substr(size - 5));
    }
  }
  EXPECT_EQ(objects->Stat(context_, "none").error().code(), "object.not_found");
  EXPECT_EQ(objects->Get(context_, "none", {}).error().code(), "object.not_found");
  for (const char* bad : {"", "../x", "a/./b", "\xff"}) {
    EXPECT_EQ(objects->Stat(context_, bad).error().code(), "object.invalid_key");
  }
}

TEST_F(S3ServerTest, ListingsHavePagesAndPrefixes) {
  auto session = Open();
  ASSERT_TRUE(session);
  auto* objects = (*session)->As<connector::ObjectsFacet>();
  std::vector<std::string> keys;
  for (int i = 0; i < 5; ++i) keys.push_back(fmt::format("p/{}.txt", i));
  keys.push_back("p/deep/er.txt");
  for (const std::string& key : keys) {
    TextStream content("x");
    ASSERT_TRUE(objects->Put(context_, key, content, 1, ""));
  }
  std::vector<std::string> found;
  std::string next;
  do {
    const auto page = objects->ListObjects(context_, "p/", "", 2, next);
    ASSERT_TRUE(page);
    EXPECT_LE(page->items.size(), 2U);
    for (const auto& info : page->items) found.push_back(info.key);
    next = page->next;
  } while (!next.empty());
  EXPECT_EQ(found, keys);
  const auto page = objects->ListObjects(context_, "p/", "/", 100, "");
  EXPECT_EQ(page->prefixes, std::vector<std::string>{"p/deep/"});
  auto* browse = (*session)->As<connector::BrowseFacet>();
  const auto nodes = browse->List(context_, "p", 4);
  ASSERT_TRUE(nodes);
  ASSERT_EQ(nodes->size(), 4U);
  EXPECT_EQ((*nodes)[0].path, "p/0.txt");
  EXPECT_EQ(browse->List(context_, "", 10)->front().kind, "prefix");
  EXPECT_EQ(browse->List(context_, "none", 10).error().code(), "query.undefined_table");
  const auto privileges = (*session)->As<connector::PrivilegesFacet>()->CheckPrivileges(context_);
  ASSERT_TRUE(privileges);
  EXPECT_TRUE(privileges->missing.empty());
  EXPECT_EQ(privileges->granted.size(), 2U);
}

TEST_F(S3ServerTest, AFailedOrCutUploadLeavesNothing) {
  auto session = Open();
  ASSERT_TRUE(session);
  auto* objects = (*session)->As<connector::ObjectsFacet>();
  TextStream broken(Noise(20 << 20), Unavailable("client.gone", "hung up"));
  EXPECT_EQ(objects->Put(context_, "cut.bin", broken, std::nullopt, "").error().code(),
            "client.gone");
  TextStream shorter("abc");
  EXPECT_EQ(objects->Put(context_, "cut.bin", shorter, 5, "").error().code(), "object.truncated");
  EXPECT_EQ(objects->Stat(context_, "cut.bin").error().code(), "object.not_found");
}

TEST_F(S3ServerTest, PresignedUrlsWorkWithoutAKey) {
  auto session = Open();
  ASSERT_TRUE(session);
  auto* objects = (*session)->As<connector::ObjectsFacet>();
  TextStream content("for a while");
  ASSERT_TRUE(objects->Put(context_, "ä b.txt", content, std::nullopt, ""));
  const auto url = objects->Presign(context_, "GET", "ä b.txt", std::chrono::seconds(60));
  ASSERT_TRUE(url) << url.error().ToString();
  std::string body;
  CURL* easy = curl_easy_init();
  curl_easy_setopt(easy, CURLOPT_URL, url->c_str());
  const std::string ca(GetString(configuration_, "tls_ca"));
  curl_blob blob{const_cast<char*>(ca.data()), ca.size(), CURL_BLOB_COPY};
  if (!ca.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
  const auto append = +[](char* data, size_t size, size_t count, std::string* into) {
    into->append(data, size * count);
    return size * count;
  };
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &body);
  EXPECT_EQ(curl_easy_perform(easy), CURLE_OK);
  curl_easy_cleanup(easy);
  EXPECT_EQ(body, "for a while");
  EXPECT_FALSE(objects->Presign(context_, "DELETE", "x", std::chrono::seconds(60)));
  EXPECT_FALSE(objects->Presign(context_, "GET", "x", std::chrono::hours(24 * 8)));
}

class RowStream final : public connector::BatchStream {
 public:
  RowStream(int64_t first, int64_t rows, std::shared_ptr<arrow::DataType> text = arrow::utf8())
      : schema_(arrow::schema(
            {arrow::field("id", arrow::int64()), arrow::field("name", std::move(text)),
             arrow::field("price", arrow::decimal128(15, 2)),
             arrow::field("at", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"))})),
        next_(first),
        end_(first + rows) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context&) override {
    if (next_ == end_) return std::shared_ptr<arrow::RecordBatch>();
    const int64_t stop = std::min(end_, next_ + 10'000);
    auto builder = *arrow::RecordBatchBuilder::Make(schema_, arrow::default_memory_pool());
    for (; next_ < stop; ++next_) {
      EXPECT_TRUE(builder->GetFieldAs<arrow::Int64Builder>(0)->Append(next_).ok());
      const std::string name = "name " + std::to_string(next_);
      if (schema_->field(1)->type()->id() == arrow::Type::STRING) {
        EXPECT_TRUE(builder->GetFieldAs<arrow::StringBuilder>(1)->Append(name).ok());
      } else {
        EXPECT_TRUE(builder->GetFieldAs<arrow::LargeStringBuilder>(1)->Append(name).ok());
      }
      EXPECT_TRUE(
          builder->GetFieldAs<arrow::Decimal128Builder>(2)->Append(arrow::Decimal128(next_)).ok());
      EXPECT_TRUE(builder->GetFieldAs<arrow::TimestampBuilder>(3)->AppendNull().ok());
    }
    return *builder->Flush();
  }

 private:
  std::shared_ptr<arrow::Schema> schema_;
  int64_t next_;
  int64_t end_;
};

TEST_F(S3ServerTest, IngestedRowsAreDescribedSampledAndQueried) {
  auto session = Open();
  ASSERT_TRUE(session);
  auto* ingest = (*session)->As<connector::IngestFacet>();
  auto* browse = (*session)->As<connector::BrowseFacet>();
  using connector::IngestMode;
  for (const std::string path : {"rows.parquet", "rows/"}) {
    RowStream first(0, 300'000);
    auto rows = ingest->Ingest(context_, path, IngestMode::kCreate, first);
    ASSERT_TRUE(rows) << rows.error().ToString();
    EXPECT_EQ(*rows, 300'000);
    RowStream again(0, 10);
    EXPECT_EQ(ingest->Ingest(context_, path, IngestMode::kCreate, again).error().code(),
              "object.already_exists");
    RowStream more(300'000, 50'000, arrow::large_utf8());
    rows = ingest->Ingest(context_, path, IngestMode::kAppend, more);
    ASSERT_TRUE(rows) << rows.error().ToString();
    EXPECT_EQ(*rows, 50'000);
    auto described = browse->Describe(context_, path);
    ASSERT_TRUE(described) << described.error().ToString();
    EXPECT_EQ(described->row_estimate, 350'000);
    EXPECT_EQ(described->kind, path.ends_with('/') ? "prefix" : "object");
    ASSERT_EQ(described->columns.size(), 4U);
    EXPECT_EQ(described->columns[2].arrow_type, "decimal128(15, 2)");
    EXPECT_EQ(described->columns[3].arrow_type, "timestamp[us, tz=UTC]");
    auto sample = browse->Sample(context_, path, 3);
    ASSERT_TRUE(sample) << sample.error().ToString();
    EXPECT_EQ((*(*sample)->Next(context_))->num_rows(), 3);
    sample->reset();
    auto stream = (*session)->As<connector::QueryFacet>()->Execute(
        context_,
        {.text = "SELECT count(*)::BIGINT, sum(id)::BIGINT FROM '" + path + "' WHERE name <> 'x'",
         .parameters = {},
         .limit = std::nullopt},
        {});
    ASSERT_TRUE(stream) << stream.error().ToString();
    const auto batch = *(*stream)->Next(context_);
    EXPECT_EQ((*batch->column(0)->GetScalar(0))->ToString(), "350000");
    EXPECT_EQ((*batch->column(1)->GetScalar(0))->ToString(), "61249825000");
    stream->reset();
    RowStream less(0, 7);
    ASSERT_TRUE(ingest->Ingest(context_, path, IngestMode::kReplace, less));
    EXPECT_EQ(browse->Describe(context_, path)->row_estimate, 7);
  }
  EXPECT_EQ(browse->Describe(context_, "none.parquet").error().code(), "query.undefined_table");
}

TEST_F(S3ServerTest, QueriesStayInsideOfThePrefix) {
  auto session = Open();
  ASSERT_TRUE(session);
  auto* query = (*session)->As<connector::QueryFacet>();
  for (const char* text :
       {"SELECT * FROM '../x.csv'", "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM 's3://other/x.csv'", "COPY (SELECT 1) TO 'x.csv'", "LOAD httpfs"}) {
    EXPECT_EQ(
        query->Execute(context_, {.text = text, .parameters = {}, .limit = {}}, {}).error().code(),
        "query.not_allowed")
        << text;
  }
  EXPECT_EQ(
      query
          ->Execute(context_,
                    {.text = "SELECT * FROM 'none.parquet'", .parameters = {}, .limit = {}}, {})
          .error()
          .code(),
      "query.undefined_table");
}

}  // namespace
}  // namespace nstarx::connectors::s3
