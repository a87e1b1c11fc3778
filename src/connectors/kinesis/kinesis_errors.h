#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "connectors/aws/aws_errors.h"

namespace nstarx::connectors::kinesis {

/// A refused call as an error of the spec's table. `subject` is the stream.
Error FromKinesisFailure(const aws::ServiceFailure& failure, std::string_view subject);

/// A wrong use of a stream, of the stage query.
Error Refused(std::string_view code, std::string message);

}  // namespace nstarx::connectors::kinesis
