#include <arrow/api.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

#include "connector/connector.h"
#include "connector/facets.h"
#include "connectors/cassandra/cassandra_connector.h"

namespace nstarx::connectors::cassandra {
namespace {

using connector::BatchStream;

/// Batches from memory, as a source for Ingest.
class TableSource final : public BatchStream {
 public:
  explicit TableSource(std::shared_ptr<arrow::RecordBatch> batch)
      : schema_(batch->schema()), batch_(std::move(batch)) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  Result<std::shared_ptr<arrow::RecordBatch>> Next(const Context&) override {
    return std::exchange(batch_, nullptr);
  }

 private:
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::RecordBatch> batch_;
};

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string FileOf(const char* name) {
  std::ifstream file(Variable(name));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// Tests on a real node: NSTARX_TEST_CASSANDRA_PORT and its like name one whose login may create
/// tables in the keyspace. The node must take clients with and without TLS.
class CassandraServerTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string port = Variable("NSTARX_TEST_CASSANDRA_PORT");
    if (port.empty()) GTEST_SKIP() << "not run: NSTARX_TEST_CASSANDRA_PORT is not set";
    connector_ = MakeCassandraConnector();
    port_ = std::atoi(port.c_str());
    configuration_ = {{"host", "127.0.0.1"},
                      {"port", port_},
                      {"keyspace", Variable("NSTARX_TEST_CASSANDRA_KEYSPACE")}};
    authentication_ = {{"type", "basic"}, {"username", Variable("NSTARX_TEST_CASSANDRA_USER")}};
    password_ = Variable("NSTARX_TEST_CASSANDRA_PASSWORD");
    Open();
  }

  SecretMap Certified(const std::string& who) {
    const std::string prefix = "NSTARX_TEST_CASSANDRA_" + who;
    SecretMap secrets;
    secrets.emplace("client_certificate", Secret(FileOf((prefix + "_CERTIFICATE_FILE").c_str())));
    secrets.emplace("client_key", Secret(FileOf((prefix + "_KEY_FILE").c_str())));
    secrets.emplace("password", Secret(password_));
    return secrets;
  }
  Result<std::unique_ptr<connector::Session>> TryOpen(bool read_only = false) {
    SecretMap secrets;
    secrets.emplace("password", Secret(password_));
    return TryOpen(read_only, std::move(secrets));
  }
  Result<std::unique_ptr<connector::Session>> TryOpen(bool read_only, const SecretMap& secrets) {
    return connector_->Open(context_, {.connection_name = "test",
                                       .configuration = configuration_,
                                       .authentication = authentication_,
                                       .secrets = secrets,
                                       .ssl = ssl_,
                                       .endpoint = {.host = "127.0.0.1", .port = port_},
                                       .read_only = read_only});
  }
  void Open(bool read_only = false) {
    auto session = TryOpen(read_only);
    ASSERT_TRUE(session) << session.error().ToString();
    session_ = std::move(*session);
  }
  std::string OpenCode() {
    auto session = TryOpen();
    if (session) return "ok";
    EXPECT_EQ(session.error().ToString().find(password_), std::string::npos);
    EXPECT_EQ(session.error().stage(), "login") << session.error().ToString();
    EXPECT_FALSE(session.error().hints().empty()) << session.error().ToString();
    return session.error().code();
  }

  Result<std::unique_ptr<BatchStream>> Execute(connector::Statement statement,
                                               int parallelism = 1) {
    return session_->As<connector::QueryFacet>()->Execute(context_, statement,
                                                          {.parallelism = parallelism});
  }
  /// All rows, or the error's code as a table without columns.
  std::shared_ptr<arrow::Table> Read(connector::Statement statement, int parallelism = 1) {
    auto stream = Execute(std::move(statement), parallelism);
    EXPECT_TRUE(stream) << stream.error().ToString();
    return stream ? Drain(**stream) : nullptr;
  }
  std::shared_ptr<arrow::Table> Drain(BatchStream& stream) {
    arrow::RecordBatchVector batches;
    for (;;) {
      auto batch = stream.Next(context_);
      EXPECT_TRUE(batch) << batch.error().ToString();
      if (!batch || *batch == nullptr) break;
      EXPECT_TRUE((*batch)->ValidateFull().ok());
      batches.push_back(*batch);
    }
    return *arrow::Table::FromRecordBatches(stream.schema(), batches);
  }
  std::string Code(const std::string& text, json::array parameters = {}) {
    auto stream = Execute({.text = text, .parameters = std::move(parameters), .limit = {}});
    return stream ? "ok" : stream.error().code();
  }

  /// A table `numbers` with this many rows of id and pad.
  void WriteNumbers(int64_t rows) {
    arrow::Int64Builder ids;
    arrow::StringBuilder pads;
    for (int64_t i = 0; i < rows; ++i) {
      ASSERT_TRUE(ids.Append(i).ok());
      ASSERT_TRUE(pads.Append(std::string(100, 'x')).ok());
    }
    TableSource source(arrow::RecordBatch::Make(
        arrow::schema({arrow::field("id", arrow::int64()), arrow::field("pad", arrow::utf8())}),
        rows, {*ids.Finish(), *pads.Finish()}));
    auto written = session_->As<connector::IngestFacet>()->Ingest(
        context_, "numbers", connector::IngestMode::kReplace, source);
    ASSERT_TRUE(written) << written.error().ToString();
    EXPECT_EQ(*written, rows);
  }

  Context context_ = Context().WithTimeout(std::chrono::seconds(60));
  std::unique_ptr<connector::Connector> connector_;
  json::object configuration_;
  json::object authentication_;
  model::Ssl ssl_;
  std::string password_;
  int port_ = 0;
  std::unique_ptr<connector::Session> session_;
};

TEST_F(CassandraServerTest, LoginsFailByTheirCause) {
  const auto given = configuration_;
  configuration_["keyspace"] = "no_such_keyspace";
  EXPECT_EQ(OpenCode(), "login.unknown_keyspace");
  configuration_ = given;
  configuration_["local_datacenter"] = "elsewhere";
  EXPECT_EQ(OpenCode(), "login.wrong_datacenter");
  configuration_["local_datacenter"] = "datacenter1";
  EXPECT_EQ(OpenCode(), "ok");
  const std::string right = std::exchange(password_, "canary-wrong");
  EXPECT_EQ(OpenCode(), "login.wrong_password");
  password_ = right;
  authentication_ = {{"type", "none"}};
  EXPECT_EQ(OpenCode(), "login.password_required");
}

TEST_F(CassandraServerTest, TlsAsksForCertificatesOfBothSides) {
  ssl_ = {.enabled = true,
          .mode = "verify-full",
          .certificate = FileOf("NSTARX_TEST_CASSANDRA_CA_FILE"),
          .server_name = ""};
  auto trusted = TryOpen(false, Certified("CLIENT"));
  ASSERT_TRUE(trusted) << trusted.error().ToString();
  EXPECT_TRUE((*trusted)->facts().contains("tls"));
  EXPECT_TRUE((*trusted)->Ping(context_));
  // The node refuses who shows nothing, and what its authority did not sign. With TLS 1.3 it says
  // so only after the client's part of the handshake.
  for (const bool stranger : {false, true}) {
    auto refused = stranger ? TryOpen(false, Certified("STRANGER")) : TryOpen();
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().code() == "login.closed_by_server" ||
                refused.error().stage() == "tls")
        << refused.error().ToString();
    EXPECT_FALSE(refused.error().hints().empty());
  }
  ssl_.certificate.clear();
  auto unknown = TryOpen(false, Certified("CLIENT"));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().stage(), "tls");
}

TEST_F(CassandraServerTest, ReadOnlySessionsSendNoWrites) {
  EXPECT_EQ(Code("CREATE TABLE IF NOT EXISTS guarded (id int PRIMARY KEY)"), "ok");
  Open(true);
  for (const char* text :
       {"INSERT INTO guarded (id) VALUES (1)", "/* SELECT */ DELETE FROM guarded WHERE id = 1",
        "BEGIN BATCH INSERT INTO guarded (id) VALUES (1); APPLY BATCH", "TRUNCATE guarded",
        "DROP TABLE guarded", "USE system", ""}) {
    EXPECT_EQ(Code(text), "query.read_only") << text;
  }
  EXPECT_EQ(Code("SELECT * FROM guarded"), "ok");
  auto source = TableSource(arrow::RecordBatch::MakeEmpty(arrow::schema({})).ValueOrDie());
  auto written = session_->As<connector::IngestFacet>()->Ingest(
      context_, "guarded", connector::IngestMode::kAppend, source);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), "query.read_only");
}

TEST_F(CassandraServerTest, ScansInPartsGiveEveryRowOnce) {
  constexpr int64_t kRows = 20'000;
  WriteNumbers(kRows);
  for (const int parallelism : {1, 4}) {
    const auto table =
        Read({.text = "SELECT id FROM numbers", .parameters = {}, .limit = {}}, parallelism);
    ASSERT_NE(table, nullptr);
    EXPECT_EQ(table->num_rows(), kRows);
    std::set<int64_t> seen;
    for (const auto& chunk : table->column(0)->chunks()) {
      const auto& ids = static_cast<const arrow::Int64Array&>(*chunk);
      for (int64_t i = 0; i < ids.length(); ++i) seen.insert(ids.Value(i));
    }
    EXPECT_EQ(static_cast<int64_t>(seen.size()), kRows);
    EXPECT_TRUE(session_->healthy());
  }
}

TEST_F(CassandraServerTest, AbandonedStreamsLeaveTheSessionFitAndCancelledOnesDoNot) {
  WriteNumbers(20'000);
  const connector::Statement all{.text = "SELECT * FROM numbers", .parameters = {}, .limit = {}};
  {
    auto stream = Execute(all, 4);
    ASSERT_TRUE(stream);
    ASSERT_TRUE((*stream)->Next(context_));
  }
  EXPECT_TRUE(session_->healthy());
  EXPECT_TRUE(session_->Ping(context_));
  const auto some = Read({.text = all.text, .parameters = {}, .limit = 2500});
  EXPECT_EQ(some->num_rows(), 2500);
  EXPECT_TRUE(session_->healthy());
  auto stream = Execute(all);
  ASSERT_TRUE(stream);
  ASSERT_TRUE((*stream)->Next(context_));
  session_->Cancel();
  auto batch = (*stream)->Next(context_);
  ASSERT_FALSE(batch);
  EXPECT_EQ(batch.error().code(), "query.cancelled");
  stream->reset();
  EXPECT_FALSE(session_->healthy());
}

TEST_F(CassandraServerTest, PreparedStatementsOutliveChangesOfTheirTable) {
  EXPECT_EQ(Code("DROP TABLE IF EXISTS changing"), "ok");
  EXPECT_EQ(Code("CREATE TABLE changing (id int PRIMARY KEY, a text)"), "ok");
  EXPECT_EQ(Code("INSERT INTO changing (id, a) VALUES (?, ?)", {1, "x"}), "ok");
  const connector::Statement statement{
      .text = "SELECT * FROM changing WHERE id = ?", .parameters = {1}, .limit = {}};
  EXPECT_EQ(Read(statement)->num_columns(), 2);
  EXPECT_EQ(Code("ALTER TABLE changing ADD b vector<float, 2>"), "ok");
  EXPECT_EQ(Read(statement)->num_columns(), 3);
  EXPECT_EQ(Code(statement.text, {1, 2}), "query.parameter_count");
  EXPECT_EQ(Code(statement.text, {"one"}), "query.bad_parameter");
  EXPECT_TRUE(session_->healthy());
}

TEST_F(CassandraServerTest, UnboundedNumbersAreExactOrRefused) {
  EXPECT_EQ(Code("CREATE TABLE IF NOT EXISTS exact (id int PRIMARY KEY, d decimal, v varint)"),
            "ok");
  EXPECT_EQ(Code("INSERT INTO exact (id, d, v) VALUES (1, 1.50, 170141183460469231731687)"), "ok");
  configuration_["numeric_as"] = "decimal128";
  Open();
  const connector::Statement all{.text = "SELECT d, v FROM exact", .parameters = {}, .limit = {}};
  const auto table = Read(all);
  EXPECT_EQ((*table->column(0)->GetScalar(0))->ToString(), "1.5000000000");
  EXPECT_EQ((*table->column(1)->GetScalar(0))->ToString(), "170141183460469231731687");
  EXPECT_EQ(Code("INSERT INTO exact (id, d) VALUES (1, 0.00000000000000001)"), "ok");
  auto stream = Execute(all);
  ASSERT_TRUE(stream);
  auto batch = (*stream)->Next(context_);
  ASSERT_FALSE(batch);
  EXPECT_EQ(batch.error().code(), "query.bad_value");
  EXPECT_TRUE(batch.error().message().contains("'d'")) << batch.error().message();
  EXPECT_EQ(Code("INSERT INTO exact (id, d) VALUES (1, 1.50)"), "ok");
}

TEST_F(CassandraServerTest, ErrorsHaveTheirCodes) {
  EXPECT_EQ(Code("CREATE TABLE IF NOT EXISTS known (id int PRIMARY KEY, a int)"), "ok");
  EXPECT_EQ(Code("SELECT b FROM known"), "query.undefined_column");
  EXPECT_EQ(Code("SELECT * FROM known WHERE a = 1"), "query.needs_filtering");
  EXPECT_EQ(Code("SELECT * FROM nowhere.known"), "query.undefined_keyspace");
  EXPECT_EQ(Code("SELECT nofunction(a) FROM known"), "query.undefined_function");
  EXPECT_EQ(Code("SELECT * FROM system_auth.roles"), "query.no_privilege");
  EXPECT_EQ(Code("CREATE TABLE known (id int PRIMARY KEY)"), "query.already_exists");
  EXPECT_EQ(Code("INSERT INTO known (id, a) VALUES (null, 1)"), "query.invalid");
  configuration_.erase("keyspace");
  Open();
  EXPECT_EQ(Code("SELECT * FROM known"), "query.no_keyspace");
  EXPECT_TRUE(session_->healthy());
  configuration_["consistency"] = "TWO";
  Open();
  EXPECT_EQ(Code("SELECT * FROM analytics.known"), "query.too_few_replicas");
}

TEST_F(CassandraServerTest, DescribesKeysIndexesCommentsAndTypes) {
  EXPECT_EQ(Code("CREATE TYPE IF NOT EXISTS point (x double, y double)"), "ok");
  EXPECT_EQ(Code("CREATE TABLE IF NOT EXISTS described (region text, day date, n int, title text"
                 " STATIC, place frozen<point>, tag text, PRIMARY KEY ((region, day), n)) WITH"
                 " CLUSTERING ORDER BY (n DESC) AND comment = 'all of it'"),
            "ok");
  EXPECT_EQ(Code("CREATE INDEX IF NOT EXISTS by_tag ON described (tag)"), "ok");
  auto* browse = session_->As<connector::BrowseFacet>();
  auto found = browse->Describe(context_, "analytics.described");
  ASSERT_TRUE(found) << found.error().ToString();
  EXPECT_EQ(found->comment, "all of it");
  std::vector<std::string> names;
  for (const auto& column : found->columns) names.push_back(column.name);
  EXPECT_EQ(names, (std::vector<std::string>{"region", "day", "n", "title", "place", "tag"}));
  EXPECT_EQ(found->columns[2].comment, "clustering, desc");
  EXPECT_EQ(found->columns[3].comment, "static");
  EXPECT_EQ(found->columns[4].arrow_type, "struct<x: double, y: double>");
  ASSERT_EQ(found->keys.size(), 3U);
  EXPECT_EQ(found->keys[1].columns, (std::vector<std::string>{"region", "day"}));
  EXPECT_EQ(found->keys[2].columns, (std::vector<std::string>{"n"}));
  ASSERT_EQ(found->indexes.size(), 1U);
  EXPECT_EQ(found->indexes[0].columns, (std::vector<std::string>{"tag"}));
  auto type = browse->Describe(context_, "analytics.point");
  ASSERT_TRUE(type);
  EXPECT_EQ(type->kind, "type");
  EXPECT_EQ(type->columns.size(), 2U);
  EXPECT_EQ(browse->List(context_, "no_such_keyspace", 10).error().code(), "query.undefined_table");
  EXPECT_EQ(browse->List(context_, "", 2)->size(), 2U);
}

TEST_F(CassandraServerTest, PrivilegesAreThoseOfTheRole) {
  auto report = session_->As<connector::PrivilegesFacet>()->CheckPrivileges(context_);
  ASSERT_TRUE(report) << report.error().ToString();
  EXPECT_EQ(report->user, Variable("NSTARX_TEST_CASSANDRA_USER"));
  EXPECT_TRUE(report->missing.empty());
  EXPECT_NE(std::ranges::find(report->granted, "SELECT on <keyspace analytics>"),
            report->granted.end());
}

TEST_F(CassandraServerTest, IngestSaysWhatItCannotStore) {
  arrow::Int32Builder ids;
  arrow::TimestampBuilder times(arrow::timestamp(arrow::TimeUnit::NANO),
                                arrow::default_memory_pool());
  ASSERT_TRUE(ids.AppendValues({1, 2}).ok());
  ASSERT_TRUE(times.AppendValues({1'000'000, 1}).ok());
  TableSource source(arrow::RecordBatch::Make(
      arrow::schema({arrow::field("id", arrow::int32()), arrow::field("at", times.type())}), 2,
      {*ids.Finish(), *times.Finish()}));
  auto* ingest = session_->As<connector::IngestFacet>();
  auto written = ingest->Ingest(context_, "refused", connector::IngestMode::kReplace, source);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), "ingest.value_not_storable");
  EXPECT_TRUE(written.error().message().contains("'at'"));
  EXPECT_TRUE(written.error().details().contains("rows_written"));
  EXPECT_TRUE(session_->healthy());
  TableSource nothing(
      arrow::RecordBatch::MakeEmpty(arrow::schema({arrow::field("id", arrow::int32())}))
          .ValueOrDie());
  auto missing = ingest->Ingest(context_, "no_such_table", connector::IngestMode::kAppend, nothing);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), "query.undefined_table");
}

}  // namespace
}  // namespace nstarx::connectors::cassandra
