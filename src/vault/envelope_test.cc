#include "vault/envelope.h"

#include <gtest/gtest.h>
#include <sodium.h>

namespace nstarx::vault {
namespace {

std::string FromHex(std::string_view hex) {
  std::string out(hex.size() / 2, '\0');
  size_t size = 0;
  EXPECT_EQ(sodium_hex2bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), hex.data(),
                           hex.size(), nullptr, &size, nullptr),
            0);
  return out;
}

struct KnownAnswer {
  std::string_view key, nonce, associated, plaintext, ciphertext;  // hex; with tag
};

// Test cases 13, 14 and 16 of the GCM specification.
constexpr KnownAnswer kKnown[] = {
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "", "00000000000000000000000000000000",
     "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449"
     "a6b525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056"
     "828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b"},
};

TEST(EnvelopeTest, MatchesKnownAnswers) {
  for (const KnownAnswer& known : kKnown) {
    const std::string plaintext = FromHex(known.plaintext);
    const auto sealed =
        Encrypt(FromHex(known.key), FromHex(known.nonce), FromHex(known.associated), plaintext);
    ASSERT_TRUE(sealed);
    EXPECT_EQ(*sealed, FromHex(known.ciphertext));
    const auto opened = Decrypt(FromHex(known.key), FromHex(known.nonce), FromHex(known.associated),
                                FromHex(known.ciphertext));
    ASSERT_TRUE(opened);
    EXPECT_TRUE(opened->Reveal() == plaintext);
  }
}

TEST(EnvelopeTest, EveryFlippedBitIsFound) {
  const std::string key = RandomBytes(kKeySize);
  const std::string nonce = RandomBytes(kNonceSize);
  const std::string sealed = *Encrypt(key, nonce, "owner", "hunter2");
  ASSERT_TRUE(Decrypt(key, nonce, "owner", sealed));
  for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    std::string changed = sealed;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_EQ(Decrypt(key, nonce, "owner", changed).error().code(), "vault.damaged") << bit;
  }
  for (size_t size = 0; size < sealed.size(); ++size) {
    ASSERT_FALSE(Decrypt(key, nonce, "owner", sealed.substr(0, size)));
  }
  EXPECT_FALSE(Decrypt(key, nonce, "Owner", sealed));
  EXPECT_FALSE(Decrypt(RandomBytes(kKeySize), nonce, "owner", sealed));
  EXPECT_FALSE(Decrypt(key, "short", "owner", sealed));
}

TEST(EnvelopeTest, LengthsKeepPartsApart) {
  EXPECT_NE(LengthPrefixed({"ab", "c"}), LengthPrefixed({"a", "bc"}));
  EXPECT_NE(LengthPrefixed({"a", ""}), LengthPrefixed({"a"}));
  EXPECT_EQ(LengthPrefixed({"a"}), std::string("\0\0\0\0\0\0\0\1a", 9));
}

TEST(EnvelopeTest, WrappedKeyBelongsToItsWrappingKey) {
  const Secret kek = NewKey();
  const Secret data_key = NewKey();
  const std::string wrapped = *WrapKey(kek, "kek_1", data_key);
  EXPECT_TRUE(UnwrapKey(kek, "kek_1", wrapped)->Reveal() == data_key.Reveal());
  EXPECT_FALSE(UnwrapKey(kek, "kek_2", wrapped));
  EXPECT_FALSE(UnwrapKey(NewKey(), "kek_1", wrapped));
  EXPECT_FALSE(UnwrapKey(kek, "kek_1", wrapped.substr(1)));
  const std::string check = *MakeCheck(kek, "kek_1");
  EXPECT_TRUE(CheckOpens(kek, "kek_1", check));
  EXPECT_FALSE(CheckOpens(NewKey(), "kek_1", check));
  EXPECT_FALSE(CheckOpens(kek, "kek_1", ""));
}

}  // namespace
}  // namespace nstarx::vault
