#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace nstarx::connectors::azure_blob {

/// What the service said went wrong.
struct AzureFailure {
  int http_status = 0;
  std::string code;     ///< "BlobNotFound"; empty when the answer had none
  std::string message;  ///< the service's sentence
  std::string detail;   ///< AuthenticationErrorDetail
};

/// Reads an <Error> body, and the x-ms-error-code header where there is no body.
AzureFailure ReadFailure(int http_status, std::string_view body, std::string_view header_code);

/// How the request proved itself, for failures that the service does not tell apart.
struct LoginFacts {
  bool sas = false;
  bool sas_expired = false;
  bool oauth = false;
};

/// One of our errors of it; `subject` names the key or the container. Texts that may echo what was
/// signed are not kept.
Error FromAzureFailure(const AzureFailure& failure, std::string_view subject,
                       const LoginFacts& login);

}  // namespace nstarx::connectors::azure_blob
