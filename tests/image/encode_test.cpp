// SPDX-License-Identifier: MIT
// Files that encode() makes are read by decode(). JPEG's tables against Pillow's: scripts/check_shifts.py.
#include "image/encode.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include "image/decode.h"
#include "temp_folder.h"
#include "ttscale/error.h"

namespace ttscale::image {
namespace {

using ::testing::HasSubstr;
using ttscale::testing::message_of;
using ttscale::testing::TempFolder;

at::Tensor shades(std::int64_t height, std::int64_t width) {
  const at::Tensor row = at::arange(width, at::kLong).view({1, width, 1}) * 3;
  const at::Tensor column = at::arange(height, at::kLong).view({height, 1, 1}) * 2;
  return (row + column + at::arange(3, at::kLong) * 40).remainder(256).to(at::kByte);
}

TEST(Encode, PngKeepsEveryPixel) {
  const TempFolder folder;
  for (const auto& [height, width] : {std::pair{1, 1}, std::pair{17, 33}}) {
    const at::Tensor image = shades(height, width);
    EXPECT_TRUE(decode(folder.write("image.png", encode(image, {}))).equal(image));
  }
}

TEST(Encode, PixelsMayLieInMemoryInAnyOrder) {
  const TempFolder folder;
  const at::Tensor image = shades(9, 14).transpose(0, 1);
  EXPECT_TRUE(decode(folder.write("image.png", encode(image, {}))).equal(image));
}

TEST(Encode, JpegLosesLessAtHigherQuality) {
  const TempFolder folder;
  const at::Tensor image = shades(40, 40);
  double before = 1e9;
  for (const std::int64_t quality : {10, 50, 95}) {
    const std::string bytes = encode(image, {Encoding::Format::kJpeg, quality});
    EXPECT_EQ(bytes.substr(0, 2), "\xff\xd8");
    const at::Tensor back = decode(folder.write("image.jpg", bytes));
    const double error = (back.to(at::kDouble) - image.to(at::kDouble)).pow(2).mean().item<double>();
    EXPECT_LT(error, before) << quality;
    before = error;
  }
}

TEST(Encode, FormatsHaveNamesAndExtensions) {
  EXPECT_EQ(Encoding{Encoding::parse_format("png")}.extension(), ".png");
  EXPECT_EQ(Encoding{Encoding::parse_format("jpeg")}.extension(), ".jpg");
  EXPECT_EQ(message_of<UsageError>([] { Encoding::parse_format("gif"); }), "format: expected png or jpeg, found 'gif'");
}

TEST(Encode, WhatCannotBeWrittenIsRefused) {
  const auto refusal = [](const at::Tensor& image, const Encoding& encoding) {
    return message_of<Error>([&] { encode(image, encoding); });
  };
  EXPECT_THAT(refusal({}, {}), HasSubstr("no tensor"));
  EXPECT_THAT(refusal(at::zeros({4, 4, 1}, at::kByte), {}), HasSubstr("expected an RGB image"));
  EXPECT_THAT(refusal(shades(4, 4), {Encoding::Format::kJpeg, 0}), HasSubstr("found 0"));
  EXPECT_THAT(refusal(shades(4, 4), {Encoding::Format::kJpeg, 101}), HasSubstr("found 101"));
  EXPECT_THAT(refusal(at::zeros({1, 70000, 3}, at::kByte), {Encoding::Format::kJpeg, 85}), HasSubstr("[1, 70000, 3]"));
}

}  // namespace
}  // namespace ttscale::image
