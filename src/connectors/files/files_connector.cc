#include "connectors/files/files_connector.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "connectors/files/files_session.h"

namespace nstarx::connectors::files {
namespace {

constexpr char kDocument[] = {
#embed "spec.json"
};

bool LiesIn(const std::filesystem::path& path, const std::filesystem::path& root) {
  const auto relative = path.lexically_relative(root);
  return !relative.empty() && *relative.begin() != "..";
}

class FilesConnector final : public connector::Connector {
 public:
  FilesConnector(connector::Spec spec, std::vector<std::string> roots)
      : spec_(std::move(spec)), roots_(std::move(roots)) {}
  const connector::Spec& spec() const override { return spec_; }

  Result<std::unique_ptr<connector::Session>> Open(const Context&,
                                                   const connector::OpenRequest& request) override {
    const std::string path(GetString(request.configuration, "path"));
    std::error_code error;
    const auto real = std::filesystem::canonical(path, error);
    // Whether a path outside the roots exists is nobody's business: the same answer for both.
    for (const auto& root : roots_) {
      std::error_code root_error;
      const auto real_root = std::filesystem::canonical(root, root_error);
      if (root_error) continue;
      if (error && LiesIn(std::filesystem::path(path).lexically_normal(), root)) {
        return spec_.Advise(NotFound("file.not_found", fmt::format("there is no folder {}", path))
                                .WithStage("login"));
      }
      if (error || !LiesIn(real, real_root)) continue;
      if (!std::filesystem::is_directory(real, error)) {
        return spec_.Advise(
            NotFound("file.not_found", fmt::format("{} is no folder", path)).WithStage("login"));
      }
      NSTARX_TRY(auto session, FilesSession::Open(real));
      return std::unique_ptr<connector::Session>(std::move(session));
    }
    return spec_.Advise(Error(ErrorKind::kPermissionDenied, "file.outside_roots",
                              "the folder is not below a root that the operator opened")
                            .WithStage("login"));
  }

  Result<std::vector<model::Endpoint>> Endpoints(const json::object&) const override {
    return std::vector<model::Endpoint>();
  }
  bool UsesTls(const json::object&, const model::Ssl&) const override { return false; }

 private:
  connector::Spec spec_;
  std::vector<std::string> roots_;
};

std::vector<std::string> RootsFromEnvironment() {
  std::vector<std::string> out;
  const char* value = std::getenv("NSTARX_FILES_ROOTS");
  std::string_view left = value != nullptr ? value : "";
  while (!left.empty()) {
    const size_t colon = left.find(':');
    if (left.starts_with('/')) out.emplace_back(left.substr(0, colon));
    left = colon == std::string_view::npos ? std::string_view() : left.substr(colon + 1);
  }
  return out;
}

}  // namespace

std::unique_ptr<connector::Connector> MakeFilesConnectorBelow(std::vector<std::string> roots) {
  auto spec = connector::Spec::Parse({kDocument, sizeof(kDocument)});
  NSTARX_CHECK(spec.has_value());
  return std::make_unique<FilesConnector>(*std::move(spec), std::move(roots));
}

std::unique_ptr<connector::Connector> MakeFilesConnector() {
  return MakeFilesConnectorBelow(RootsFromEnvironment());
}

}  // namespace nstarx::connectors::files
