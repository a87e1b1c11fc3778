#include "adapter/external_connector.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "adapter/driver_spec.h"
#include "adapter/external_session.h"

namespace nstarx::adapter {
namespace {

constexpr size_t kMaxSpec = 1 << 20;
/// What an external session has; a spec can't promise more.
constexpr std::string_view kCapabilities[] = {"query",  "browse", "describe", "sample",
                                              "ingest", "cancel", "read_only"};

class ExternalConnector final : public connector::Connector {
 public:
  ExternalConnector(connector::Spec spec, DriverSpec driver)
      : spec_(std::move(spec)), driver_(std::move(driver)) {}
  const connector::Spec& spec() const override { return spec_; }
  Result<std::unique_ptr<connector::Session>> Open(const Context& context,
                                                   const connector::OpenRequest& request) override {
    auto session = ExternalSession::Open(context, driver_, request);
    if (!session) return spec_.Advise(std::move(session).error());
    return std::unique_ptr<connector::Session>(std::move(*session));
  }
  /// TLS is the driver's affair, said by its options.
  bool UsesTls(const json::object&, const model::Ssl&) const override { return false; }

 private:
  const connector::Spec spec_;
  const DriverSpec driver_;
};

}  // namespace

Result<std::unique_ptr<connector::Connector>> MakeAdapter(std::string_view text,
                                                          const std::string& folder) {
  NSTARX_TRY(connector::Spec spec, connector::Spec::Parse(text));
  for (const auto& capability : spec.capabilities()) {
    if (std::ranges::find(kCapabilities, capability) == std::end(kCapabilities)) {
      return InvalidArgument("adapter.malformed_spec",
                             fmt::format("an adapter can't have the capability '{}'", capability))
          .WithStage("config")
          .WithHint(fmt::format("Capabilities: {}.", fmt::join(kCapabilities, ", ")));
    }
  }
  NSTARX_TRY(DriverSpec driver, DriverSpec::Parse(spec, folder));
  return std::make_unique<ExternalConnector>(std::move(spec), std::move(driver));
}

Result<std::unique_ptr<connector::Connector>> LoadAdapter(const std::string& spec_file) {
  std::ifstream file(spec_file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.good() && text.empty()) {
    return NotFound("adapter.malformed_spec", fmt::format("{} can't be read", spec_file))
        .WithStage("config");
  }
  if (text.size() > kMaxSpec) {
    return InvalidArgument("adapter.malformed_spec", "the spec.json is larger than 1 MiB")
        .WithStage("config");
  }
  return MakeAdapter(text, std::filesystem::path(spec_file).parent_path().string());
}

Adapters LoadAdapters(const std::string& folder, const std::vector<std::string>& taken) {
  Adapters out;
  std::vector<std::string> files;
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(folder, code)) {
    const auto file = entry.path() / "spec.json";
    if (std::filesystem::exists(file, code)) files.push_back(file.string());
  }
  std::ranges::sort(files);
  std::vector<std::string> types = taken;
  for (const auto& file : files) {
    auto loaded = LoadAdapter(file);
    if (!loaded) {
      out.refused.push_back({file, std::move(loaded).error()});
      continue;
    }
    const std::string type = (*loaded)->spec().type();
    if (std::ranges::find(types, type) != types.end()) {
      out.refused.push_back(
          {file, InvalidArgument("adapter.duplicate_type",
                                 fmt::format("the type '{}' is there already", type))});
      continue;
    }
    types.push_back(type);
    out.connectors.push_back(std::move(*loaded));
  }
  return out;
}

}  // namespace nstarx::adapter
