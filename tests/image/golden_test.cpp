// SPDX-License-Identifier: MIT
// Bit equality with Pillow and torchvision, by checksums that scripts/make_image_goldens.py made.
#include "image/golden.h"

#include <gtest/gtest.h>

#include <fstream>
#include <vector>

#include "image/decode.h"
#include "image/preprocess.h"

namespace ttscale::image {
namespace {

using testing::checksum;
using testing::golden_dir;

struct GoldenLine {
  std::string kind;
  std::string file;
  Size size;
  Preprocessing options;
  std::string sum;
};

GoldenLine parse(const std::string& text) {
  std::istringstream stream(text);
  GoldenLine line;
  std::string mode;
  std::string filter;
  stream >> line.kind >> line.file >> line.size.height >> line.size.width >> line.options.crop_pct >> mode >> filter >>
      line.options.in_chans >> line.sum;
  line.options.img_size = line.size;
  line.options.crop_mode = parse_crop_mode(mode);
  line.options.interpolation = parse_interpolation(filter);
  if (line.options.in_chans == 1) {
    line.options.mean = {0.5};
    line.options.std = {0.25};
  }
  return line;
}

// Runs `compute` for each line of that kind; returns how many there were.
template <typename Compute>
int compare(const std::string& kind, Compute compute) {
  std::ifstream stream(golden_dir() / "goldens.txt");
  int count = 0;
  for (std::string text; std::getline(stream, text);) {
    const GoldenLine line = parse(text);
    if (line.kind == kind) {
      EXPECT_EQ(checksum(compute(line, decode(golden_dir() / line.file))), line.sum) << text;
      ++count;
    }
  }
  return count;
}

TEST(Decode, MatchesPillowBitForBitInEveryFormat) {
  EXPECT_EQ(compare("decode",
                    [](const GoldenLine& line, const at::Tensor& image) {
                      EXPECT_EQ(image.sizes(), (std::vector<std::int64_t>{line.size.height, line.size.width, 3}));
                      return image;
                    }),
            18);
}

TEST(Resize, MatchesPillowBitForBit) {
  EXPECT_EQ(
      compare("resize", [](const GoldenLine& line,
                           const at::Tensor& image) { return resize(image, line.size, line.options.interpolation); }),
      216);
}

TEST(Preprocess, MatchesTorchvisionAndTimmBitForBit) {
  EXPECT_EQ(
      compare("input", [](const GoldenLine& line, const at::Tensor& image) { return to_input(image, line.options); }),
      36);
}

TEST(Preprocess, MatchesTorchvisionOnFullSizePhotographs) {
  const auto photographs = testing::shared_data() / "imagenet-fullsize";
  if (!std::filesystem::is_directory(photographs)) {
    GTEST_SKIP() << "no photographs at " << photographs << ": bit equality on real images is NOT tested";
  }
  Preprocessing bilinear;
  bilinear.img_size = Size{224, 224};
  Preprocessing bicubic = bilinear;
  bicubic.interpolation = Interpolation::kBicubic;
  std::ifstream stream(golden_dir() / "imagenet-fullsize.txt");
  int count = 0;
  for (std::string file, decoded, with_bilinear, with_bicubic;
       stream >> file >> decoded >> with_bilinear >> with_bicubic; ++count) {
    const at::Tensor image = decode(photographs / file);
    EXPECT_EQ(checksum(image), decoded) << file;
    EXPECT_EQ(checksum(to_input(image, bilinear)), with_bilinear) << file;
    EXPECT_EQ(checksum(to_input(image, bicubic)), with_bicubic) << file;
  }
  EXPECT_EQ(count, 120);
}

}  // namespace
}  // namespace ttscale::image
