// SPDX-License-Identifier: MIT
// Label maps come out as they are stored, whatever kind of PNG holds them.
#include "image/decode_labels.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "image/golden.h"
#include "temp_folder.h"
#include "ttscale/error.h"

namespace ttscale::image {
namespace {

using ::testing::AllOf;
using testing::golden_dir;
using ::testing::HasSubstr;
using testing::message_of;
using testing::read_file;
using testing::TempFolder;

// "file height width values...", one file a line (scripts/make_label_goldens.py).
TEST(DecodeLabels, EqualsPillowForEveryKindOfPng) {
  std::ifstream lines(golden_dir() / "labels" / "values.txt");
  int files = 0;
  for (std::string line; std::getline(lines, line); ++files) {
    std::istringstream stream(line);
    std::string file;
    std::int64_t height = 0;
    std::int64_t width = 0;
    stream >> file >> height >> width;
    std::vector<std::int64_t> values;
    for (std::int64_t value = 0; stream >> value;) {
      values.push_back(value);
    }
    const at::Tensor labels = decode_labels(golden_dir() / "labels" / file);
    EXPECT_TRUE(at::equal(labels, at::tensor(values, at::kLong).view({height, width}))) << file << labels;
  }
  EXPECT_EQ(files, 7);
}

TEST(DecodeLabels, RefusesColourAndAlpha) {
  for (const char* file : {"rgb.png", "rgba.png", "gray-alpha.png"}) {
    EXPECT_THAT(message_of<DataError>([&] { decode_labels(golden_dir() / file); }),
                AllOf(HasSubstr("found colour or alpha"), HasSubstr(file), HasSubstr("convert colours")));
  }
}

TEST(DecodeLabels, RefusesOtherFormats) {
  EXPECT_THAT(message_of<DataError>([] { decode_labels(golden_dir() / "gray.jpg"); }),
              AllOf(HasSubstr("expected a PNG"), HasSubstr("another format"), HasSubstr("gray.jpg")));
}

TEST(DecodeLabels, RefusesMissingCutAndHugeFiles) {
  EXPECT_THAT(message_of<DataError>([] { decode_labels("no/such.png"); }), HasSubstr("no/such.png"));
  const TempFolder folder;
  const std::string bytes = read_file(golden_dir() / "labels" / "palette8.png");
  const auto cut = folder.write("cut.png", bytes.substr(0, bytes.size() - 20));
  EXPECT_THAT(message_of<DataError>([&] { decode_labels(cut); }), HasSubstr("truncated PNG"));
  EXPECT_THAT(message_of<DataError>([] { decode_labels(golden_dir() / "labels" / "gray8.png", {100}); }),
              HasSubstr("expected at most 100 pixels, found 9x13"));
}

}  // namespace
}  // namespace ttscale::image
