#pragma once

#include <string_view>

#include "base/status.h"
#include "connectors/aws/aws_errors.h"

namespace nstarx::connectors::dynamodb {

/// DynamoDB's refusals, then those that all services share. `subject` names the operation.
Error FromDynamodbFailure(const aws::ServiceFailure& failure, std::string_view subject);

/// query.read_only naming what was refused.
Error ReadOnly(std::string_view what);

}  // namespace nstarx::connectors::dynamodb
