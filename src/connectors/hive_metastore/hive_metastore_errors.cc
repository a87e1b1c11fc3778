#include "connectors/hive_metastore/hive_metastore_errors.h"

#include <fmt/format.h>

namespace nstarx::connectors::hive_metastore {
namespace {

struct Row {
  std::string_view type;
  std::string_view words;  ///< that the message has too; empty: any
  ErrorKind kind;
  std::string_view code;
};

// The first row that fits counts.
constexpr Row kRows[] = {
    {"MetaException", "No FileSystem for scheme", ErrorKind::kInvalidArgument,
     "metadata.location_unreachable"},
    {"MetaException", "ClassNotFoundException", ErrorKind::kInvalidArgument,
     "metadata.location_unreachable"},
    {"MetaException", "Got exception: java.io", ErrorKind::kInvalidArgument,
     "metadata.location_unreachable"},
    {"MetaException", "Unable to create or change", ErrorKind::kInvalidArgument,
     "metadata.change_refused"},
    {"MetaException", "ermission denied", ErrorKind::kPermissionDenied, "query.forbidden"},
    {"MetaException", "not allowed", ErrorKind::kPermissionDenied, "query.forbidden"},
    {"MetaException", "JDO", ErrorKind::kUnavailable, "metadata.store_failed"},
    {"MetaException", "javax.jdo", ErrorKind::kUnavailable, "metadata.store_failed"},
    {"NoSuchObjectException", "", ErrorKind::kNotFound, "query.undefined_table"},
    {"UnknownTableException", "", ErrorKind::kNotFound, "query.undefined_table"},
    {"UnknownDBException", "", ErrorKind::kNotFound, "metadata.undefined_database"},
    {"InvalidObjectException", "", ErrorKind::kInvalidArgument, "metadata.change_refused"},
    {"InvalidOperationException", "", ErrorKind::kInvalidArgument, "metadata.change_refused"},
    {"InvalidInputException", "", ErrorKind::kInvalidArgument, "metadata.change_refused"},
    {"AlreadyExistsException", "", ErrorKind::kAlreadyExists, "metadata.exists"},
};

}  // namespace

Error FromException(std::string_view type, std::string_view message) {
  ErrorKind kind = ErrorKind::kInternal;
  std::string_view code = "query.failed";
  for (const Row& row : kRows) {
    if (row.type != type || message.find(row.words) == message.npos) continue;
    kind = row.kind;
    code = row.code;
    break;
  }
  return Error(kind, std::string(code),
               fmt::format("the metastore says: {}", message.substr(0, 500)))
      .WithStage("query")
      .WithConnector("hive_metastore")
      .WithVendorCode(std::string(type));
}

Error FromApplicationException(int64_t type, std::string_view message) {
  const bool unknown = type == 1;
  return Error(unknown ? ErrorKind::kUnimplemented : ErrorKind::kInternal,
               unknown ? std::string(kUnknownMethod) : std::string("query.failed"),
               fmt::format("the metastore says: {}", message.substr(0, 500)))
      .WithStage("query")
      .WithConnector("hive_metastore")
      .WithVendorCode(fmt::format("TApplicationException {}", type));
}

Error FromRefusal(std::string_view message) {
  const bool mechanism = message.find("mechanism") != message.npos;
  return Error(mechanism ? ErrorKind::kInvalidArgument : ErrorKind::kUnauthenticated,
               mechanism ? "login.mechanism_unsupported" : "login.wrong_password",
               fmt::format("the metastore refuses the login: {}", message.substr(0, 300)))
      .WithStage("login")
      .WithConnector("hive_metastore");
}

}  // namespace nstarx::connectors::hive_metastore
