#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "audit/journal.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/json.h"
#include "base/status.h"
#include "connector/facets.h"
#include "drivers/catalogue.h"
#include "monitor/metrics.h"

namespace nstarx::drivers {

struct Configuration {
  std::string folder;           ///< <data>/drivers
  std::string adapters_folder;  ///< <data>/adapters: whose spec.json may name a driver
  Sources sources;
};

/// The drivers of a deployment: what is installed and what the indexes offer. Changes need an admin
/// and are in the journal; nothing is read from a network but by a call that says so. Thread-safe:
/// one change at a time (driver.busy for one that waits too long).
class Drivers {
 public:
  /// Also removes what an interrupted change left.
  static Result<std::unique_ptr<Drivers>> Open(Configuration configuration, audit::Journal& journal,
                                               monitor::Metrics& metrics, const Clock& clock);
  virtual ~Drivers() = default;

  /// {"items", "problems"}: sorted by id. `refresh` asks the HTTP indexes too (admin).
  virtual Result<json::object> List(const Context& context, bool refresh) = 0;
  /// One driver; with `refresh` (admin) also the versions that its index or repository has now.
  virtual Result<json::object> Get(const Context& context, std::string_view id, bool refresh) = 0;
  /// `version` empty: the newest release. What is there already is only switched to. With
  /// `dry_run` nothing changes; the answer says what would be.
  virtual Result<json::object> Install(const Context& context, std::string_view id,
                                       std::string_view version, bool dry_run) = 0;
  /// To the newest release, when it is newer than the current version. driver.not_installed.
  virtual Result<json::object> Update(const Context& context, std::string_view id,
                                      bool dry_run) = 0;
  /// Back to the version used before: driver.no_previous.
  virtual Result<json::object> Rollback(const Context& context, std::string_view id) = 0;
  /// Hashes the files of `version` (empty: of the current one) again. {"intact", …}.
  virtual Result<json::object> Verify(const Context& context, std::string_view id,
                                      std::string_view version) = 0;
  /// One version that is not the current one, or all: driver.in_use while an adapter names it,
  /// unless `force`.
  virtual Status Remove(const Context& context, std::string_view id, std::string_view version,
                        bool force) = 0;
  virtual Result<json::object> SetPolicy(const Context& context, std::string_view id,
                                         std::string_view policy) = 0;
  /// Installs what a bundle holds, checked as a download is.
  virtual Result<json::object> Import(const Context& context, connector::ByteStream& bundle) = 0;
  struct Bundle {
    std::string file;  ///< proposed name
    int64_t bytes = 0;
    std::unique_ptr<connector::ByteStream> content;
  };
  /// `version` empty: the current one. Files that differ from the manifest are not exported:
  /// driver.damaged.
  virtual Result<Bundle> Export(const Context& context, std::string_view id,
                                std::string_view version) = 0;
  /// Updates the drivers whose policy is on, as far as it goes. Drivers without one cost nothing
  /// and no index is asked when there is none.
  virtual void UpdateByPolicy(const Context& context) = 0;
};

}  // namespace nstarx::drivers
