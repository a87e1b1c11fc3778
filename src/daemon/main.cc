#include <string_view>

#include "adapter/host_main.h"
#include "cli/run.h"
#include "daemon/serve.h"

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == nstarx::adapter::kHostMode) {
    return nstarx::adapter::RunHost();
  }
  return nstarx::cli::Run(argc, argv, nstarx::daemon::Serve);
}
