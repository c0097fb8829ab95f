// SPDX-License-Identifier: MIT
// Class maps: what is read, what is refused.
#include "data/class_map.h"

#include <gmock/gmock.h>

#include "paths.h"
#include "temp_folder.h"
#include "ttscale/error.h"

namespace ttscale::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::TempFolder;

std::vector<std::string> read(const std::string& text) {
  const TempFolder folder;
  return read_class_map(folder.write("map.txt", text));
}

std::string refusal(const std::string& text) {
  return message_of<DataError>([&text] { read(text); });
}

TEST(ClassMap, LineNumbersAreIndices) {
  EXPECT_THAT(read("cat\ndog\nred fox\n"), ElementsAre("cat", "dog", "red fox"));
}

TEST(ClassMap, ToleratesWindowsLinesMarkAndBlankEnd) {
  EXPECT_THAT(read("\xEF\xBB\xBF"
                   "cat\r\ndog\r\n\r\n  \n\n"),
              ElementsAre("cat", "dog"));
  EXPECT_THAT(read("cat\ndog"), ElementsAre("cat", "dog"));
}

TEST(ClassMap, ALongOrBrokenLineCannotStretchTheMessage) {
  const std::string line = "a\rb" + std::string(100'000, 'x');
  EXPECT_THAT(refusal(line + "\n" + line), HasSubstr("'a\\rbxx"));
  EXPECT_LT(refusal(line + "\n" + line).size(), 500U);
}

TEST(ClassMap, EmptyLineInsideIsRefused) {
  EXPECT_THAT(refusal("cat\n\ndog\n"), AllOf(HasSubstr("map.txt: line 2"), HasSubstr("found an empty line")));
}

TEST(ClassMap, RepeatedNameIsRefused) {
  EXPECT_THAT(refusal("cat\ndog\ncat\n"), AllOf(HasSubstr("line 3"), HasSubstr("'cat' again (first on line 1)")));
}

TEST(ClassMap, EmptyFileIsRefused) { EXPECT_THAT(refusal("\n\n"), HasSubstr("found an empty file")); }

TEST(ClassMap, BinaryFileIsRefused) {
  EXPECT_THAT(refusal(std::string("cat\nd\0g\n", 8)), HasSubstr("found binary data on line 2"));
}

TEST(ClassMap, PickleIsRefusedUnread) {
  EXPECT_THAT(message_of<DataError>([] { read_class_map("map.pkl"); }),
              AllOf(HasSubstr("found a pickle"), HasSubstr("write its names to a .txt file")));
}

TEST(ClassMap, MissingFileNamesBothPlaces) {
  EXPECT_THAT(message_of<DataError>([] { read_class_map("map.txt", "no/such"); }),
              HasSubstr("found none at map.txt or no/such/map.txt; check --class-map"));
  EXPECT_THAT(message_of<DataError>([] { read_class_map("/no/map.txt", "data"); }),
              HasSubstr("found none at /no/map.txt; check --class-map"));
}

TEST(ClassMap, IsFoundBelowTheDataRoot) {
  const TempFolder folder;
  folder.write("names.txt", "a\nb\n");
  EXPECT_THAT(read_class_map("names.txt", folder.path()), ElementsAre("a", "b"));
}

TEST(ClassMap, ReadsTheThousandClassesOfImageNet) {
  const auto file = testing::shared_data() / "imagenet-dev" / "class-map.txt";
  if (!std::filesystem::exists(file)) {
    GTEST_SKIP() << "no class map at " << file << ": NOT tested on a real one";
  }
  EXPECT_EQ(read_class_map(file).size(), 1000U);
}

}  // namespace
}  // namespace ttscale::data
