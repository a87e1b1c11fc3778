// Request targets and bodies come from the network: whatever they are, the edge's readers give a
// value or an error with a code, never a crash, and what is a valid body stays valid when it is
// written and read again.
#include <cstdint>
#include <cstdlib>

#include "base/percent.h"
#include "http/api.h"
#include "http/message.h"
#include "http/problem.h"
#include "http/response_head.h"
#include "http/router.h"
#include "http/schema.h"
#include "model/connection.h"

namespace {

using namespace nstarx;
using namespace nstarx::http;

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckError(const Error& error) {
  Require(!error.code().empty() && !error.message().empty());
  const json::object problem = ProblemDocument(error, "req_fuzz");
  Require(ParseJson(json::serialize(problem)).has_value());
}

void CheckBody(const Schemas& schemas, std::string_view text) {
  const auto body = ParseJson(text);
  if (!body) return CheckError(body.error());
  for (const auto& [name, schema] : schemas.all()) {
    const Status first = schemas.Check(name, *body);
    if (!first) CheckError(first.error());
    const auto again = ParseJson(json::serialize(*body));
    Require(again.has_value());
    Require(schemas.Check(name, *again).has_value() == first.has_value());
  }
  if (!body->is_object()) return;
  const auto draft = model::DraftFromJson(body->get_object());
  if (!draft) CheckError(draft.error());
}

void CheckTarget(const std::vector<Route>& table, const Router& router, std::string_view target) {
  Request request;
  request.method = static_cast<Method>(target.size() % 8);
  const size_t mark = target.find('?');
  request.path = target.substr(0, mark);
  if (mark != target.npos) request.query = target.substr(mark + 1);
  router.Find(request);
  router.Suggest(request.path);
  router.AllowedMethods(request.path);
  for (const std::string_view capture : request.captures) {
    Require(!capture.empty());
    const auto decoded = PercentDecode(capture, false);
    if (decoded) {
      Require(IsUtf8(*decoded));
      Require(PercentDecode(PercentEncode(*decoded), false) == decoded);
    }
  }
  // The query string against the route that has the most parameters.
  static const Route* widest = &*std::ranges::max_element(
      table, {}, [](const Route& route) { return route.parameters.size(); });
  const auto read = ReadArguments(*widest, request.query);
  if (!read) CheckError(read.error());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Schemas schemas;
  static const std::vector<Route> table = AllRoutes();
  static const Router router(table);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckBody(schemas, text);
  CheckTarget(table, router, text);
  Response response;
  response.With("X-Any", std::string(text));
  const std::string head = ResponseHead(response, {.request_id = RequestIdOf(text)});
  Require(head.find("\r\n\r\n") == head.size() - 4);
  return 0;
}
