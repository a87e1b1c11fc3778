#include "result/arrow_status.h"

#include <arrow/status.h>

namespace nstarx::result {
namespace {

// The first line, at most 300 characters: vendor messages can carry a whole row of data.
std::string Brief(const arrow::Status& status) {
  std::string text = status.message().substr(0, status.message().find('\n'));
  if (text.size() > 300) {
    size_t end = 300;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end) + "…";
  }
  return text;
}

}  // namespace

Error EncodeError(const arrow::Status& status) {
  if (status.IsNotImplemented() || status.IsTypeError()) {
    return Unimplemented("result.unsupported_type",
                         "the result has a type that this format cannot hold: " + Brief(status))
        .WithHint("Ask for application/vnd.apache.arrow.stream, or cast the column in the query.");
  }
  if (status.IsOutOfMemory()) {
    return Error(ErrorKind::kResourceExhausted, "server.out_of_memory",
                 "no memory left to write the result")
        .WithAction(Action::kRetry);
  }
  return Internal("writing the result failed: " + Brief(status));
}

Error DecodeError(const arrow::Status& status, std::string_view format) {
  if (status.IsOutOfMemory() || status.IsCapacityError()) {
    return Error(ErrorKind::kResourceExhausted, "request.too_large",
                 "a piece of the uploaded " + std::string(format) +
                     " data needs more memory than is allowed")
        .WithAction(Action::kFixInput)
        .WithHint("Check that the Content-Type matches the data.")
        .WithHint("Write smaller record batches, row groups or rows.");
  }
  return InvalidArgument("request.malformed_data", "the uploaded " + std::string(format) +
                                                       " data cannot be read: " + Brief(status))
      .WithHint("Check that the Content-Type matches the data and that the upload is complete.");
}

}  // namespace nstarx::result
