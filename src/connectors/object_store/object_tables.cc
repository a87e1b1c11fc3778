#include "connectors/object_store/object_tables.h"

#include <arrow/filesystem/filesystem.h>

namespace nstarx::connectors::object_store {

Status ObjectTables::Prepare() {
  if (engine_ != nullptr) return {};
  file_tables::EngineSettings settings = settings_;
  settings.read_failure = [this](std::string_view message) {
    return source_->ReadFailure(message);
  };
  NSTARX_TRY(auto engine, file_tables::FileEngine::Open(std::move(settings)));
  const std::lock_guard lock(mutex_);
  engine_ = std::move(engine);
  return {};
}

Result<std::unique_ptr<connector::BatchStream>> ObjectTables::Execute(
    const Context& context, const connector::Statement& statement) {
  NSTARX_TRY(auto files, source_->Files(context));
  NSTARX_RETURN_IF_ERROR(Prepare());
  return engine_->Execute(context, std::move(files), statement);
}

Result<connector::Description> ObjectTables::Describe(const Context& context,
                                                      std::string_view path) {
  NSTARX_TRY(auto files, source_->Files(context));
  NSTARX_RETURN_IF_ERROR(Prepare());
  return engine_->Describe(context, std::move(files), path);
}

Result<std::unique_ptr<connector::BatchStream>> ObjectTables::Sample(const Context& context,
                                                                     std::string_view path,
                                                                     int64_t limit) {
  const connector::Statement statement{
      .text = fmt::format("{} LIMIT {}", file_tables::FileEngine::SelectAll(path),
                          std::max<int64_t>(limit, 0)),
      .parameters = {},
      .limit = limit};
  return Execute(context, statement);
}

void ObjectTables::Cancel() {
  const std::lock_guard lock(mutex_);
  if (engine_ != nullptr) engine_->Interrupt();
}

}  // namespace nstarx::connectors::object_store
