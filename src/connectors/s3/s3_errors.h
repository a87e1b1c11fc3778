#pragma once

#include <string_view>

#include "base/status.h"
#include "connectors/aws/aws_errors.h"

namespace nstarx::connectors::s3 {

/// S3's own codes beside those of the family: bucket.not_found, object.not_found,
/// object.invalid_key, object.invalid_range, object.too_large, object.already_exists,
/// object.changed. `subject` names the key or the bucket.
Error FromS3Failure(const aws::ServiceFailure& failure, std::string_view subject);

/// An error of Arrow's S3 file system (its text holds the AWS code) as one of ours: the same codes,
/// and connection.lost for what never got an answer.
Error FromArrowMessage(std::string_view message);

}  // namespace nstarx::connectors::s3
