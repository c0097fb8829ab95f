// SPDX-License-Identifier: MIT
// Checksums and hashes against known values and against each other.
#include "base/hash.h"

#include <gmock/gmock.h>

#include <set>

#include "base/crc32.h"

namespace ttscale {
namespace {

std::string hash_of(std::initializer_list<std::string_view> pieces) {
  Hash hash;
  for (const auto piece : pieces) {
    hash.add(piece);
  }
  return hash.text();
}

TEST(Hash, IsSixteenDigitsAndTheSameForTheSameBytes) {
  EXPECT_EQ(hash_of({"model"}).size(), 16U);
  EXPECT_EQ(hash_of({"model"}), hash_of({"model"}));
  EXPECT_EQ(hash_of({}), "cbf29ce484222325");  // the offset basis of FNV-1a with 64 bits
}

TEST(Hash, TellsEveryFlippedBitAndEveryCutApart) {
  const std::string bytes = "sixteen bytes, 3";
  std::set<std::string> seen{hash_of({bytes})};
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    EXPECT_TRUE(seen.insert(hash_of({changed})).second) << bit;
  }
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_TRUE(seen.insert(hash_of({bytes.substr(0, cut), bytes.substr(cut)})).second) << cut;
  }
}

// Two changes of the highest bits, which a product of 64 bits never moves: without the shift they cancel.
TEST(Hash, HighBitsReachTheWholeNumber) {
  std::string one(16, '\0');
  one[7] = '\x80';
  std::string both = one;
  both[15] = '\x80';
  EXPECT_NE(hash_of({both}), hash_of({std::string(16, '\0')}));
  EXPECT_NE(hash_of({one}).substr(8), hash_of({std::string(16, '\0')}).substr(8));
}

TEST(Crc32, IsTheOneOfIso3309) {
  EXPECT_EQ(crc32("123456789", 9), 0xCBF43926U);  // the check value in every catalogue of CRCs
  EXPECT_EQ(crc32("", 0), 0U);
}

}  // namespace
}  // namespace ttscale
