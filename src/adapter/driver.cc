#include "adapter/driver.h"

#include <arrow-adbc/adbc.h>
#include <arrow/api.h>

namespace nstarx::adapter {

DriverError OfArrow(const arrow::Status& status) {
  return {.status = status.IsCancelled() ? ADBC_STATUS_CANCELLED
                    : status.IsInvalid() ? ADBC_STATUS_INVALID_DATA
                                         : ADBC_STATUS_IO,
          .message = status.ToStringWithoutContextLines()};
}

DriverStatus Driver::Run(const std::string& text) {
  auto done = Query(text, {}, [](const Rows& rows) -> DriverStatus {
    while (true) {
      auto batch = rows->Next();
      if (!batch.ok()) return std::unexpected(OfArrow(batch.status()));
      if (*batch == nullptr) return {};
    }
  });
  if (!done) return std::unexpected(done.error());
  return {};
}

}  // namespace nstarx::adapter
