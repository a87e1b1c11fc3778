#include "connectors/atlas/atlas_errors.h"

#include <fmt/format.h>

#include "base/json.h"

namespace nstarx::connectors::atlas {
namespace {

struct Row {
  std::string_view vendor;
  ErrorKind kind;
  std::string_view code;
};

/// Codes of Atlas that mean something else than their HTTP status.
constexpr Row kRows[] = {
    {"ATLAS-400-00-014", ErrorKind::kNotFound, "metadata.undefined_database"},
    {"ATLAS-400-00-00A", ErrorKind::kNotFound, "metadata.undefined_database"},
    {"ATLAS-404-00-001", ErrorKind::kNotFound, "metadata.undefined_database"},
    {"ATLAS-404-00-002", ErrorKind::kNotFound, "metadata.undefined_database"},
    {"ATLAS-404-00-007", ErrorKind::kInvalidArgument, "metadata.change_refused"},
    {"ATLAS-404-00-008", ErrorKind::kInvalidArgument, "metadata.undefined_classification"},
    {"ATLAS-404-00-00A", ErrorKind::kNotFound, "metadata.undefined_reference"},
    {"ATLAS-404-00-005", ErrorKind::kNotFound, "query.undefined_table"},
    {"ATLAS-404-00-009", ErrorKind::kNotFound, "query.undefined_table"},
    {"ATLAS-400-00-090", ErrorKind::kInvalidArgument, "metadata.bad_tag"},
    {"ATLAS-400-00-091", ErrorKind::kInvalidArgument, "metadata.bad_tag"},
};

struct Meaning {
  ErrorKind kind = ErrorKind::kInvalidArgument;
  std::string_view code = "query.failed";
  std::string_view stage = "query";
  std::string_view text = "Atlas refuses the request";
};

Meaning OfStatus(int status, bool speaks_atlas) {
  if (status == 401) {
    return {.kind = ErrorKind::kUnauthenticated,
            .code = "login.refused",
            .stage = "login",
            .text = "Atlas refuses the login"};
  }
  if (status == 403) {
    return {.kind = ErrorKind::kPermissionDenied,
            .code = "query.forbidden",
            .text = "the login may not do this"};
  }
  if (status >= 300 && status < 400) {
    return {.kind = ErrorKind::kUnavailable,
            .code = "service.redirected",
            .text = "the server sends elsewhere: to a login page, or to the active Atlas"};
  }
  if (status == 404 && !speaks_atlas) {
    return {.kind = ErrorKind::kNotFound,
            .code = "config.wrong_path",
            .text = "there is no Atlas below this endpoint"};
  }
  if (status == 404) return {.kind = ErrorKind::kNotFound, .code = "query.undefined_table"};
  if (status == 409) return {.kind = ErrorKind::kConflict, .code = "metadata.conflict"};
  if (status == 429) {
    return {
        .kind = ErrorKind::kUnavailable, .code = "service.busy", .text = "Atlas asks to slow down"};
  }
  if (status >= 500) {
    return {.kind = ErrorKind::kUnavailable,
            .code = "service.unavailable",
            .text = "Atlas failed inside"};
  }
  if (status == 400 && speaks_atlas) {
    return {.kind = ErrorKind::kInvalidArgument, .code = "metadata.change_refused"};
  }
  return {};
}

}  // namespace

Error FromAtlasAnswer(int status, std::string_view body) {
  std::string vendor;
  std::string said;
  if (const auto parsed = ParseJson(body); parsed && parsed->is_object()) {
    vendor = GetString(parsed->get_object(), "errorCode");
    said = GetString(parsed->get_object(), "errorMessage");
  }
  Meaning meaning = OfStatus(status, !vendor.empty());
  for (const Row& row : kRows) {
    if (row.vendor != vendor) continue;
    meaning.kind = row.kind;
    meaning.code = row.code;
  }
  // What a login page or a proxy says is not repeated; what Atlas says is.
  std::string message = said.empty() ? fmt::format("{} (HTTP {})", meaning.text, status)
                                     : fmt::format("Atlas says: {}", said.substr(0, 500));
  Error error(meaning.kind, std::string(meaning.code), std::move(message));
  if (meaning.kind == ErrorKind::kUnavailable && status != 302) error.WithAction(Action::kRetry);
  return error.WithStage(meaning.stage)
      .WithConnector("atlas")
      .WithVendorCode(vendor.empty() ? fmt::format("HTTP {}", status) : std::move(vendor));
}

}  // namespace nstarx::connectors::atlas
