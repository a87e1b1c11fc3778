#include "cli/run.h"
#include "daemon/serve.h"

int main(int argc, char** argv) { return nstarx::cli::Run(argc, argv, nstarx::daemon::Serve); }
