#pragma once

#include <string>
#include <vector>

namespace nstarx::cli {

/// What `nstarx serve` was asked for. Precedence: flag, then environment, then the default here.
struct ServeOptions {
  std::string data_dir;                   ///< empty: $XDG_DATA_HOME/nstarx
  std::string listen = "127.0.0.1:8480";  ///< ADDRESS:PORT; port 0 takes a free one
  std::string store_url;                  ///< empty: sqlite:DATA/nstarx.db
  std::string tls_certificate_file;       ///< PEM chain
  std::string tls_key_file;
  std::string key_provider =
      "file";  ///< file | passphrase (from NSTARX_PASSPHRASE or passphrase_file)
  std::string passphrase_file;
  std::string log_level = "info";  ///< debug | info | warning | error
  int worker_threads = 64;
  // Where drivers come from: folders or http(s) URLs. Empty: $NSTARX_DRIVER_INDEX, …
  // (docs/drivers.md).
  std::vector<std::string> driver_indexes;
  std::vector<std::string> maven_repositories;
  std::vector<std::string> pypi_indexes;
  std::vector<std::string> driver_keys;   ///< public keys (Ed25519), Base64 or hex, or a file of it
  std::string driver_ca_file;             ///< PEM bundle instead of the system's
  int driver_update_interval_s = 86'400;  ///< of drivers that have an update policy
  int scan_parallelism = 2;               ///< sessions that one big scan may use
};

}  // namespace nstarx::cli
