#include "base/base64.h"

#include <gtest/gtest.h>

namespace nstarx {
namespace {

TEST(Base64, GoesThereAndBack) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  for (size_t size = 0; size <= all.size(); ++size) {
    std::string text;
    AppendBase64(std::string_view(all).substr(0, size), &text);
    EXPECT_EQ(DecodeBase64(text), all.substr(0, size));
  }
}

TEST(Base64, RefusesWhatIsNone) {
  for (const char* text : {"QUJ", "Q=JD", "QQ=A", "====", "QU J", "QUI\n"}) {
    EXPECT_EQ(DecodeBase64(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace nstarx
