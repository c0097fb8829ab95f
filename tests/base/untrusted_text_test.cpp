// SPDX-License-Identifier: MIT
// Text from outside: in messages, as nested JSON, as zip archives.
#include <gmock/gmock.h>

#include "base/crc32.h"
#include "base/json_depth.h"
#include "base/message_text.h"
#include "base/zip_records.h"
#include "temp_folder.h"
#include "ttscale/error.h"

namespace ttscale {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(MessageText, StaysOnOneLine) {
  EXPECT_EQ(shown("plain text"), "plain text");
  EXPECT_EQ(shown(std::string_view("a\nb\r\tc\0\x1b\x7f", 9)), "a\\nb\\r\\tc\\x00\\x1b\\x7f");
  EXPECT_EQ(shown(""), "");
}

TEST(MessageText, IsCutBetweenCharacters) {
  EXPECT_EQ(shown("abcdef", 6), "abcdef");
  EXPECT_EQ(shown("abcdefg", 6), "abcdef...");
  EXPECT_EQ(shown("a\xC3\xA4\xC3\xA4", 2), "a\xC3\xA4...");
}

TEST(JsonDepth, CountsWhatIsOpenAtOnce) {
  EXPECT_EQ(json_depth(""), 0U);
  EXPECT_EQ(json_depth("1"), 0U);
  EXPECT_EQ(json_depth(R"({"a": [1, [2]], "b": {}})"), 3U);
  EXPECT_EQ(json_depth(R"(["[[[[", "\"[[[", 1])"), 1U);
  EXPECT_EQ(json_depth("]]]][["), 2U);
  EXPECT_EQ(json_depth(std::string(100'000, '[')), 100'000U);
}

std::string number(std::size_t value, int bytes) {
  std::string out;
  for (; bytes > 0; --bytes) {
    out += static_cast<char>(value & 0xFFU);
    value >>= 8U;
  }
  return out;
}

/// An archive of one record "a/x" with this content (PKWARE APPNOTE 4.3), and the places of its fields.
struct Archive {
  explicit Archive(const std::string& content) {
    const std::string fields = number(0, 10) + number(crc32(content.data(), content.size()), 4) +
                               number(content.size(), 4) + number(content.size(), 4) + number(3, 2) + number(0, 2);
    bytes = "PK\3\4" + fields + "a/x" + content;
    directory = bytes.size();
    bytes += "PK\1\2" + number(0, 2) + fields + number(0, 10) + number(0, 4) + "a/x";
    const std::size_t size = bytes.size() - directory;
    end = bytes.size();
    bytes +=
        "PK\5\6" + number(0, 4) + number(1, 2) + number(1, 2) + number(size, 4) + number(directory, 4) + number(0, 2);
  }
  [[nodiscard]] std::string refusal(std::size_t at, const std::string& replacement) const {
    std::string damaged = bytes;
    damaged.replace(at, replacement.size(), replacement);
    return testing::message_of<DataError>([&] { zip_records(damaged); });
  }

  std::string bytes;
  std::size_t directory = 0;
  std::size_t end = 0;
};

TEST(ZipRecords, AreFoundByName) {
  const Archive archive("content");
  EXPECT_THAT(zip_records(archive.bytes), ElementsAre(Pair("x", "content")));
}

TEST(ZipRecords, OfADamagedArchiveAreRefused) {
  const Archive archive("content");
  const std::string far = number(0xFFFFFFF0U, 4);
  EXPECT_THAT(archive.refusal(34, "C"), HasSubstr("checksum"));
  EXPECT_THAT(archive.refusal(archive.directory + 10, number(8, 2)), HasSubstr("compressed"));
  EXPECT_THAT(archive.refusal(archive.directory + 20, far + far), HasSubstr("reaches beyond its end"));
  EXPECT_THAT(archive.refusal(archive.directory + 42, far), HasSubstr("reaches beyond its end"));
  EXPECT_THAT(archive.refusal(archive.directory + 42, number(1, 4)), HasSubstr("does not begin as one"));
  EXPECT_THAT(archive.refusal(archive.directory, "P!"), HasSubstr("directory"));
  EXPECT_THAT(archive.refusal(archive.end + 16, far), HasSubstr("reaches beyond its end"));
  EXPECT_THAT(archive.refusal(archive.end + 10, number(2, 2)), HasSubstr("reaches beyond its end"));
  for (std::size_t size = 0; size < archive.bytes.size(); ++size) {
    EXPECT_THROW(zip_records(std::string_view(archive.bytes).substr(0, size)), DataError) << size;
  }
}

}  // namespace
}  // namespace ttscale
