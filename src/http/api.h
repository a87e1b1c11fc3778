#pragma once

#include <string>
#include <vector>

#include "http/application.h"
#include "http/idempotency.h"
#include "http/route.h"
#include "http/router.h"
#include "http/schema.h"
#include "http/services.h"

namespace nstarx::http {

/// The application behind the server: finds the route, knows the caller, checks what was sent,
/// calls the handler and renders what comes back. Thread-safe.
class Api final : public Application {
 public:
  explicit Api(const Services& services);

  BodyPlan Plan(Request& request) override;
  Response Answer(Request& request, std::stop_token stop) override;
  Response Refuse(const Request& request, const Error& error) override;
  void Finished(const Request& request, int status, std::chrono::nanoseconds took) override;

 private:
  Result<Response> Dispatch(Request& request, std::stop_token stop);
  Result<Principal> Authenticate(const Request& request) const;
  Result<Response> Run(Call& call);
  Status ReadBody(Call& call) const;
  Error NoRoute(const Request& request) const;

  const Services services_;
  const std::vector<Route> table_;
  const Router router_;
  const Schemas schemas_;
  const std::string openapi_;
  Idempotency idempotency_;
};

}  // namespace nstarx::http
