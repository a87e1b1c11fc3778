#include "connectors/pulsar/libpulsar.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <memory>
#include <mutex>

namespace nstarx::connectors::pulsar {
namespace {

Error Missing(std::string why) {
  return Error(ErrorKind::kUnavailable, "driver.missing",
               fmt::format("the Pulsar client library can't be loaded: {}", why))
      .WithStage("login")
      .WithConnector("pulsar")
      .WithAction(Action::kAskOperator);
}

template <class Function>
bool Find(void* library, const char* name, Function*& into) {
  into = reinterpret_cast<Function*>(dlsym(library, name));
  return into != nullptr;
}

Result<const Libpulsar*> Load() {
  // Never unloaded: its threads may outlive the last client for a moment. Local, for it brings its
  // own OpenSSL and protobuf, which are bound inside of it.
  void* library = dlopen(NSTARX_LIBPULSAR, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = dlerror();
    return Missing(why == nullptr ? NSTARX_LIBPULSAR : why);
  }
  static Libpulsar functions;
#define NSTARX_PULSAR_FIND(name, ...)                    \
  if (!Find(library, "pulsar_" #name, functions.name)) { \
    return Missing("it has no function pulsar_" #name);  \
  }
  NSTARX_PULSAR_FUNCTIONS(NSTARX_PULSAR_FIND)
#undef NSTARX_PULSAR_FIND
  return &functions;
}

}  // namespace

Result<const Libpulsar*> LoadLibpulsar() {
  static std::mutex mutex;
  static const Libpulsar* loaded = nullptr;
  const std::lock_guard lock(mutex);
  if (loaded == nullptr) {
    NSTARX_TRY(loaded, Load());
  }
  return loaded;
}

}  // namespace nstarx::connectors::pulsar
