#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace nstarx::connectors::hdfs {

/// What a name node or data node said went wrong.
struct HdfsFailure {
  int http_status = 0;
  std::string exception;  ///< "FileNotFoundException"; empty when the answer had none
  std::string message;    ///< the server's sentence
};

/// Reads {"RemoteException": {"exception", "message"}}; any other text is no failure of HDFS.
HdfsFailure ReadFailure(int http_status, std::string_view body);

/// One of our errors of it; `subject` names the path.
Error FromHdfsFailure(const HdfsFailure& failure, std::string_view subject);

/// What answers does not speak WebHDFS.
Error MalformedAnswer();

}  // namespace nstarx::connectors::hdfs
