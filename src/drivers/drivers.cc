#include "drivers/drivers.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "access/access.h"
#include "base/log.h"
#include "drivers/changes.h"
#include "drivers/installed.h"
#include "drivers/library.h"
#include "drivers/wheel.h"

namespace nstarx::drivers {
namespace {

namespace fs = std::filesystem;

constexpr auto kChangeWait = std::chrono::seconds(60);

json::value OrNull(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::array ToJson(const std::vector<std::string>& texts) {
  json::array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

class ManagedDrivers final : public Drivers {
 public:
  ManagedDrivers(Configuration configuration, InstalledDrivers installed, audit::Journal& journal,
                 monitor::Metrics& metrics, const Clock& clock)
      : adapters_folder_(std::move(configuration.adapters_folder)),
        catalogue_(std::move(configuration.sources)),
        installed_(std::move(installed)),
        changes_(installed_, catalogue_, clock),
        journal_(journal),
        metrics_(metrics) {}

  Result<json::object> List(const Context& context, bool refresh) override {
    if (refresh) NSTARX_RETURN_IF_ERROR(Admin(context));
    const Catalogue::Offers known = catalogue_.List(context, refresh);
    std::map<std::string, json::object> rows;
    for (const Offer& offer : known.offers) rows[offer.entry.id] = Show(&offer, nullptr);
    for (const InstalledDriver& driver : installed_.List()) {
      const auto offer = std::ranges::find_if(
          known.offers, [&](const Offer& row) { return row.entry.id == driver.id; });
      rows[driver.id] = Show(offer == known.offers.end() ? nullptr : &*offer, &driver);
    }
    json::object out;
    json::array& items = out["items"].emplace_array();
    for (auto& [id, row] : rows) items.push_back(std::move(row));
    json::array& problems = out["problems"].emplace_array();
    for (const IndexProblem& problem : known.problems) {
      problems.push_back({{"index", problem.index},
                          {"code", problem.error.code()},
                          {"detail", problem.error.message()}});
    }
    return out;
  }

  Result<json::object> Get(const Context& context, std::string_view id, bool refresh) override {
    const auto driver = installed_.Find(id);
    if (!refresh) {
      const Catalogue::Offers known = catalogue_.List(context, false);
      const auto offer =
          std::ranges::find_if(known.offers, [&](const Offer& row) { return row.entry.id == id; });
      const Offer* found = offer == known.offers.end() ? nullptr : &*offer;
      if (found == nullptr && !driver) {
        return NotFound("driver.unknown", fmt::format("there is no driver '{}'", Shortened(id)))
            .WithHint("nstarx drivers list --refresh asks the HTTP indexes as well.");
      }
      return Show(found, driver ? &*driver : nullptr);
    }
    NSTARX_RETURN_IF_ERROR(Admin(context));
    NSTARX_TRY(const Offer offer, catalogue_.Find(context, id));
    NSTARX_TRY(const auto versions, catalogue_.Versions(context, offer));
    json::object out = Show(&offer, driver ? &*driver : nullptr);
    SetAvailable(versions, driver ? &*driver : nullptr, out);
    return out;
  }

  Result<json::object> Install(const Context& context, std::string_view id,
                               std::string_view version, bool dry_run) override {
    return Noted(context, "install", id, dry_run,
                 [&] { return Installed(context, id, version, dry_run); });
  }

  Result<json::object> Update(const Context& context, std::string_view id, bool dry_run) override {
    return Noted(context, "update", id, dry_run, [&]() -> Result<json::object> {
      NSTARX_TRY(const InstalledDriver driver, Need(id));
      NSTARX_TRY(const Offer offer, catalogue_.Find(context, id));
      NSTARX_TRY(const Release release, catalogue_.Read(context, offer, {}));
      if (CompareVersions(release.version, driver.current) <= 0) {
        return Answer(id, driver.current, "none", dry_run);
      }
      NSTARX_TRY(const auto switched, SwitchedTo(id, release.version, dry_run));
      if (switched) return *switched;
      return changes_.Install(context, offer, release, dry_run);
    });
  }

  Result<json::object> Rollback(const Context& context, std::string_view id) override {
    return Noted(context, "rollback", id, false, [&]() -> Result<json::object> {
      NSTARX_TRY(const InstalledDriver driver, Need(id));
      if (driver.previous.empty()) {
        return NotFound("driver.no_previous",
                        fmt::format("'{}' has no version to go back to", driver.id))
            .WithHint(fmt::format("Installed: {}.", fmt::join(driver.versions, ", ")));
      }
      NSTARX_TRY(const Manifest manifest, installed_.ManifestOf(id, driver.previous));
      NSTARX_RETURN_IF_ERROR(changes_.CheckIntact(manifest));
      NSTARX_RETURN_IF_ERROR(installed_.Switch(id, driver.previous));
      return Answer(id, driver.previous, "switch", false);
    });
  }

  Result<json::object> Verify(const Context& context, std::string_view id,
                              std::string_view version) override {
    return Noted(context, "verify", id, false, [&]() -> Result<json::object> {
      NSTARX_TRY(const InstalledDriver driver, Need(id));
      const std::string wanted(version.empty() ? driver.current : version);
      json::object out{{"id", id}, {"version", wanted}};
      const auto manifest = installed_.ManifestOf(id, wanted);
      if (!manifest) {
        if (manifest.error().code() != "driver.damaged") return manifest.error();
        out["intact"] = false;
        out["first_different"] = "manifest.json";
        out["reason"] = manifest.error().message();
        return out;
      }
      NSTARX_TRY(const auto difference, installed_.Verify(*manifest));
      out["intact"] = !difference;
      out["files"] = manifest->files.size() + manifest->extracted.size();
      if (difference) {
        out["first_different"] = difference->path;
        out["reason"] = difference->reason;
      }
      return out;
    });
  }

  Status Remove(const Context& context, std::string_view id, std::string_view version,
                bool force) override {
    const auto done = Noted(context, "remove", id, false, [&]() -> Result<json::object> {
      NSTARX_TRY(const InstalledDriver driver, Need(id));
      const bool whole =
          version.empty() || (driver.versions.size() == 1 && driver.current == version);
      if (whole) {
        NSTARX_RETURN_IF_ERROR(CheckUnused(id, force));
        NSTARX_RETURN_IF_ERROR(installed_.RemoveDriver(id));
        return json::object{};
      }
      NSTARX_TRY(const Manifest manifest, installed_.ManifestOf(id, version));
      if (driver.current == version) {
        return Error(ErrorKind::kAlreadyExists, "driver.in_use",
                     fmt::format("{} is the current version of '{}'", version, id))
            .WithHint("Switch to another version first (install or rollback).");
      }
      NSTARX_RETURN_IF_ERROR(installed_.RemoveVersion(id, version));
      return json::object{};
    });
    if (!done) return done.error();
    return {};
  }

  Result<json::object> SetPolicy(const Context& context, std::string_view id,
                                 std::string_view policy) override {
    return Noted(context, "policy", id, false, [&]() -> Result<json::object> {
      NSTARX_TRY(const UpdatePolicy parsed, ParsePolicy(policy));
      NSTARX_TRY(const InstalledDriver driver, Need(id));
      NSTARX_RETURN_IF_ERROR(installed_.SetPolicy(id, parsed));
      return Get(context, id, false);
    });
  }

  Result<json::object> Import(const Context& context, connector::ByteStream& bundle) override {
    return Noted(context, "import", "", false, [&] { return changes_.Import(context, bundle); });
  }

  Result<Bundle> Export(const Context& context, std::string_view id,
                        std::string_view version) override {
    Bundle out;
    const auto done = Noted(context, "export", id, false, [&]() -> Result<json::object> {
      NSTARX_TRY(const InstalledDriver driver, Need(id));
      NSTARX_TRY(const Manifest manifest,
                 installed_.ManifestOf(id, version.empty() ? driver.current : version));
      NSTARX_RETURN_IF_ERROR(changes_.CheckIntact(manifest));
      NSTARX_TRY(std::vector<BundleMember> members, changes_.MembersOf(manifest));
      out.file = fmt::format("{}-{}.tar", manifest.id, manifest.version);
      out.bytes = BundleBytes(members);
      out.content = WriteBundle(std::move(members));
      return json::object{{"id", manifest.id}, {"version", manifest.version}};
    });
    if (!done) return done.error();
    return out;
  }

  void UpdateByPolicy(const Context& context) override {
    for (const InstalledDriver& driver : installed_.List()) {
      if (driver.policy == UpdatePolicy::kOff || context.stop_requested()) continue;
      const auto version = AllowedUpdate(context, driver);
      if (!version) {
        NSTARX_LOG(kWarning, "driver_update_failed",
                   {{"driver", driver.id}, {"error", version.error().ToString()}});
        continue;
      }
      if (version->empty()) continue;
      const auto done = Noted(context, "update", driver.id, false,
                              [&] { return Installed(context, driver.id, *version, false); });
      if (done) {
        NSTARX_LOG(kInfo, "driver_updated", {{"driver", driver.id}, {"version", *version}});
      } else {
        NSTARX_LOG(kWarning, "driver_update_failed",
                   {{"driver", driver.id}, {"error", done.error().ToString()}});
      }
    }
  }

 private:
  static Status Admin(const Context& context) {
    return access::Require(context.principal(), access::Permission::kAdmin, nullptr);
  }

  Result<InstalledDriver> Need(std::string_view id) const {
    auto found = installed_.Find(id);
    if (found) return std::move(*found);
    return NotFound("driver.not_installed",
                    fmt::format("the driver '{}' is not installed", Shortened(id)))
        .WithHint("nstarx drivers install installs it.");
  }

  json::object Show(const Offer* offer, const InstalledDriver* driver) const {
    json::object out;
    if (offer != nullptr) {
      const IndexEntry& entry = offer->entry;
      out = {{"id", entry.id},
             {"title", entry.title},
             {"kind", entry.kind},
             {"licence", entry.licence},
             {"homepage", entry.homepage}};
      out["index"] = offer->index.text.empty() ? "built-in" : offer->index.text;
    }
    out["installed"] = driver != nullptr;
    out["version"] = nullptr;
    if (driver != nullptr) {
      const auto manifest = installed_.ManifestOf(driver->id, driver->current);
      if (manifest) {
        for (const auto& [key, value] : manifest->ToJson()) {
          if (key != "format") out[key] = value;
        }
      }
      out["id"] = driver->id;
      out["version"] = driver->current;
      out["previous"] = OrNull(driver->previous);
      out["versions"] = ToJson(driver->versions);
      out["auto_update"] = ToString(driver->policy);
    }
    if (offer != nullptr && !offer->entry.by_layout()) {
      std::vector<std::string> versions;
      for (const IndexedVersion& row : offer->entry.versions) {
        if (IsRelease(row.version)) versions.push_back(row.version);
      }
      std::ranges::sort(versions, [](const std::string& a, const std::string& b) {
        return CompareVersions(a, b) < 0;
      });
      SetAvailable(versions, driver, out);
    }
    return out;
  }

  static void SetAvailable(const std::vector<std::string>& versions, const InstalledDriver* driver,
                           json::object& out) {
    out["available"] = ToJson(versions);
    out["newest"] = versions.empty() ? json::value(nullptr) : json::value(versions.back());
    if (driver != nullptr) {
      out["update_available"] =
          !versions.empty() && CompareVersions(versions.back(), driver->current) > 0;
    }
  }

  static json::object Answer(std::string_view id, std::string_view version, std::string_view action,
                             bool dry_run) {
    return {{"id", id}, {"version", version}, {"action", action}, {"dry_run", dry_run}};
  }

  Result<json::object> Installed(const Context& context, std::string_view id,
                                 std::string_view version, bool dry_run) {
    // What is on the disk needs no index: an offline machine can switch between its versions.
    if (!version.empty()) {
      NSTARX_TRY(const auto switched, SwitchedTo(id, version, dry_run));
      if (switched) return *switched;
    }
    NSTARX_TRY(const Offer offer, catalogue_.Find(context, id));
    NSTARX_TRY(const Release release, catalogue_.Read(context, offer, version));
    if (version.empty()) {
      NSTARX_TRY(const auto switched, SwitchedTo(id, release.version, dry_run));
      if (switched) return *switched;
    }
    return changes_.Install(context, offer, release, dry_run);
  }

  /// Makes a version current that is on the disk as it was installed; nothing when it is not.
  Result<std::optional<json::object>> SwitchedTo(std::string_view id, std::string_view version,
                                                 bool dry_run) const {
    const auto driver = installed_.Find(id);
    if (!driver || std::ranges::find(driver->versions, version) == driver->versions.end()) {
      return std::optional<json::object>();
    }
    const auto manifest = installed_.ManifestOf(id, version);
    if (!manifest) return std::optional<json::object>();
    NSTARX_TRY(const auto difference, installed_.Verify(*manifest));
    if (difference) return std::optional<json::object>();
    if (driver->current == version) return std::optional(Answer(id, version, "none", dry_run));
    if (!dry_run) NSTARX_RETURN_IF_ERROR(installed_.Switch(id, std::string(version)));
    return std::optional(Answer(id, version, "switch", dry_run));
  }

  /// The newest version that the driver's policy allows; empty: none.
  Result<std::string> AllowedUpdate(const Context& context, const InstalledDriver& driver) {
    NSTARX_TRY(const Offer offer, catalogue_.Find(context, driver.id));
    NSTARX_TRY(const auto versions, catalogue_.Versions(context, offer));
    std::string out;
    for (const std::string& version : versions) {
      // What was rolled back from, and all before it, does not come back by itself.
      const bool left = !driver.previous.empty() && CompareVersions(version, driver.previous) <= 0;
      if (!left && Allows(driver.policy, driver.current, version)) out = version;
    }
    return out;
  }

  /// driver.in_use when an adapter's spec.json names the driver.
  Status CheckUnused(std::string_view id, bool force) const {
    if (force) return {};
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(adapters_folder_, code)) {
      const auto text = ReadWhole((entry.path() / "spec.json").string(), 1 << 20);
      if (!text) continue;
      const auto parsed = ParseJson(*text);
      if (!parsed || !parsed->is_object()) continue;
      const json::value* named = parsed->get_object().if_contains("driver");
      if (named == nullptr || !named->is_object()) continue;
      if (GetString(named->get_object(), "library") != fmt::format("{}{}", kDriverPrefix, id)) {
        continue;
      }
      return Error(ErrorKind::kAlreadyExists, "driver.in_use",
                   fmt::format("the adapter '{}' uses the driver '{}'",
                               entry.path().filename().string(), id))
          .WithHint("Remove the adapter, or say force: its connections then fail.");
    }
    return {};
  }

  /// Checks who calls, waits for its turn, does it, and writes how it ended into journal and
  /// metrics.
  template <class Do>
  Result<json::object> Noted(const Context& context, std::string_view action, std::string_view id,
                             bool dry_run, Do run) {
    Result<json::object> done = Alone(context, run);
    audit::Entry entry{.action = fmt::format("driver.{}", action),
                       .outcome = done ? "ok" : "failed"};
    if (!done) {
      entry.code = done.error().code();
      if (entry.code == "access.denied") entry.outcome = "denied";
    }
    entry.details["driver"] = done && id.empty() ? GetString(*done, "id") : Shortened(id);
    if (done && done->contains("version")) entry.details["version"] = done->at("version");
    if (dry_run) entry.details["dry_run"] = true;
    metrics_.DriverChange(action, entry.outcome);
    journal_.Append(context, std::move(entry));
    return done;
  }

  template <class Do>
  Result<json::object> Alone(const Context& context, Do& run) {
    NSTARX_RETURN_IF_ERROR(Admin(context));
    const std::unique_lock turn(
        turn_, std::min<std::chrono::milliseconds>(context.remaining(), kChangeWait));
    if (!turn.owns_lock()) {
      return Unavailable("driver.busy", "another change of the drivers is under way")
          .WithAction(Action::kRetry);
    }
    return run();
  }

  const std::string adapters_folder_;
  Catalogue catalogue_;
  const InstalledDrivers installed_;
  Changes changes_;
  audit::Journal& journal_;
  monitor::Metrics& metrics_;
  std::timed_mutex turn_;
};

}  // namespace

Result<std::unique_ptr<Drivers>> Drivers::Open(Configuration configuration, audit::Journal& journal,
                                               monitor::Metrics& metrics, const Clock& clock) {
  NSTARX_TRY(InstalledDrivers installed, InstalledDrivers::Open(configuration.folder));
  return std::make_unique<ManagedDrivers>(std::move(configuration), std::move(installed), journal,
                                          metrics, clock);
}

}  // namespace nstarx::drivers
