#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/json.h"
#include "connectors/google/logins.h"
#include "net/http_client.h"

namespace nstarx::connectors::bigquery {

/// Where the service is, who asks, and what every query begins with. Shared by a session and what
/// reads pages for it; immutable once the session is open.
struct Service {
  net::ServiceUrl url;
  net::HttpOptions http;
  google::TokenSourcePtr token;  ///< null: asks without one, as emulators want it
  std::string project;           ///< queries run in it and are billed to it
  std::string default_project;   ///< of names without a project
  std::string default_dataset;   ///< may be empty
  std::string location;          ///< empty: where the data of the query is
  std::string quota_project;
  int64_t maximum_bytes_billed = 0;  ///< 0: without limit
  bool use_cache = true;
  json::object labels;
};

using ServicePtr = std::shared_ptr<const Service>;

/// Waits, or until the context ends: then its error.
Status Pause(const Context& context, std::chrono::milliseconds time);
/// A new UUID, as requests and jobs are named by.
std::string NewRequestId();

/// A job of the service.
struct Job {
  std::string project;
  std::string id;
  std::string location;
};

/// The REST API, version 2. Used by one thread at a time.
class BigqueryClient {
 public:
  static Result<std::unique_ptr<BigqueryClient>> Open(ServicePtr service);

  struct Call {
    std::string_view method = "GET";
    std::string path;  ///< behind /bigquery/v2/projects/, encoded
    net::HttpFields query;
    std::string_view body;
    std::string_view text;  ///< the statement, for positions in errors
  };
  /// Sends, again when the service is busy or the token has run out; the answer's object.
  Result<json::object> Send(const Context& context, const Call& call);

  /// Asks the service to stop a job, within a second; over a connection of its own.
  static void CancelJob(const ServicePtr& service, const Job& job);

  const Service& service() const { return *service_; }
  const ServicePtr& shared_service() const { return service_; }

 private:
  BigqueryClient(ServicePtr service, std::unique_ptr<net::HttpClient> http)
      : service_(std::move(service)), http_(std::move(http)) {}
  Result<net::HttpReply> SendOnce(const Context& context, const Call& call, bool renew);

  const ServicePtr service_;
  const std::unique_ptr<net::HttpClient> http_;
  bool reached_ = false;  ///< an answer has come
};

/// "<project>/datasets/<dataset>/tables/<table>", as far as there are parts.
std::string ResourcePath(std::string_view project, std::string_view dataset = {},
                         std::string_view table = {});

}  // namespace nstarx::connectors::bigquery
