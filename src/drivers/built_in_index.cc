#include "drivers/index.h"

namespace nstarx::drivers {
namespace {

constexpr char kText[] = {
#embed "../../packaging/drivers.json"
};

}  // namespace

std::string_view BuiltInIndex() { return {kText, sizeof(kText)}; }

}  // namespace nstarx::drivers
