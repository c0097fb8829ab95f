// SPDX-License-Identifier: MIT
// Sizes, crops, padding, conversions and the checks of Preprocessing.
#include "image/preprocess.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include "temp_folder.h"
#include "ttscale/error.h"

namespace ttscale::image {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::StartsWith;

at::Tensor ramp(std::int64_t height, std::int64_t width) {
  return at::arange(height * width * 3, at::kInt).remainder(251).view({height, width, 3}).to(at::kByte);
}

Preprocessing sized(std::int64_t height, std::int64_t width, CropMode mode = CropMode::kCenter, double crop_pct = 1) {
  Preprocessing options;
  options.img_size = Size{height, width};
  options.crop_mode = mode;
  options.crop_pct = crop_pct;
  return options;
}

TEST(Preprocess, WithoutSizeImagesStayAsTheyAre) {
  const at::Tensor image = ramp(5, 7);
  const at::Tensor pixels = to_pixels(image, Preprocessing{});
  EXPECT_TRUE(pixels.equal(image.permute({2, 0, 1}).to(at::kFloat).div(255)));
}

TEST(Preprocess, CropOffsetRoundsHalfToEven) {
  // (5 - 4) / 2 = 0.5 -> 0 and (7 - 4) / 2 = 1.5 -> 2.
  const at::Tensor image = ramp(5, 7);
  Preprocessing options = sized(4, 4, CropMode::kSquash);
  options.crop_pct = 0.8;  // scaled size floor(4 / 0.8) = 5
  EXPECT_TRUE(fit(ramp(5, 5), options).equal(ramp(5, 5).narrow(0, 0, 4).narrow(1, 0, 4)));
  options = sized(4, 4, CropMode::kCenter, 0.8);
  EXPECT_TRUE(fit(image, options).equal(image.narrow(0, 0, 4).narrow(1, 2, 4)));
}

TEST(Preprocess, LongerSideIsCutNotRounded) {
  // 10 x 19 to a shorter side of 4: 4 * 19 / 10 = 7.6 -> 7.
  const at::Tensor image = ramp(10, 19);
  const at::Tensor expected = resize(image, {4, 7}, Interpolation::kBilinear);
  EXPECT_TRUE(fit(image, sized(4, 4)).equal(expected.narrow(1, 2, 4)));
}

TEST(Preprocess, BorderModePadsWithTheMeanColour) {
  const at::Tensor image = at::full({10, 20, 3}, 7, at::kByte);
  const at::Tensor fitted = fit(image, sized(20, 20, CropMode::kBorder));
  EXPECT_EQ(fitted[0][0][0].item<int>(), 124);  // round(255 * 0.485)
  EXPECT_EQ(fitted[0][0][1].item<int>(), 116);
  EXPECT_EQ(fitted[0][0][2].item<int>(), 104);
  EXPECT_EQ(fitted[5][0][0].item<int>(), 7);
  EXPECT_EQ(fitted[14][19][2].item<int>(), 7);
  EXPECT_EQ(fitted[15][0][0].item<int>(), 124);
}

TEST(Preprocess, VeryLongImagesKeepOneRow) {
  EXPECT_EQ(fit(ramp(1, 3000), sized(20, 20, CropMode::kBorder)).size(0), 20);
  EXPECT_EQ(fit(ramp(1, 3000), sized(20, 20)).size(1), 20);
}

TEST(Preprocess, GrayFollowsPillowsWeights) {
  Preprocessing options;
  options.in_chans = 1;
  const at::Tensor image =
      at::tensor({255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9}, at::kInt).view({1, 4, 3}).to(at::kByte);
  const at::Tensor gray = fit(image, options);
  EXPECT_EQ(gray.sizes(), (std::vector<std::int64_t>{1, 4, 1}));
  EXPECT_TRUE(gray.flatten().equal(at::tensor({76, 150, 29, 9}, at::kInt).to(at::kByte)));
  EXPECT_EQ(to_pixels(image, options).size(0), 1);
}

TEST(Preprocess, OnePassInputEqualsPixelsThenNormalize) {
  const Preprocessing options = sized(16, 16, CropMode::kCenter, 0.875);
  const at::Tensor image = ramp(40, 31);
  EXPECT_TRUE(to_input(image, options).equal(normalize(to_pixels(image, options), options.mean, options.std)));
}

TEST(Normalize, SubtractsThenDividesPerChannel) {
  const at::Tensor pixels = at::rand({2, 3, 4, 5});
  const std::vector<double> mean = {0.1, 0.2, 0.3};
  const std::vector<double> std = {0.5, 0.25, 0.125};
  const at::Tensor result = normalize(pixels, mean, std);
  for (std::int64_t c = 0; c < 3; ++c) {
    const auto index = static_cast<std::size_t>(c);
    const at::Tensor expected =
        (pixels.select(1, c) - static_cast<float>(mean[index])) / static_cast<float>(std[index]);
    EXPECT_TRUE(result.select(1, c).equal(expected));
  }
  EXPECT_TRUE(normalize(pixels[0], mean, std).equal(result[0]));
}

TEST(Normalize, OneValueServesAllChannels) {
  const at::Tensor pixels = at::rand({3, 2, 2});
  EXPECT_TRUE(normalize(pixels, {0.5}, {0.5}).equal(normalize(pixels, {0.5, 0.5, 0.5}, {0.5, 0.5, 0.5})));
}

TEST(Normalize, RefusesOtherShapesAndCounts) {
  EXPECT_THAT(message_of<UsageError>([] {
                normalize(at::rand({3, 2, 2}), {0.1, 0.2}, {1});
              }),
              HasSubstr("mean: expected 1 or 3 values, found 2"));
  EXPECT_THAT(message_of<UsageError>([] { normalize(at::rand({3, 2}), {0.1}, {1}); }), HasSubstr("[C, H, W]"));
  EXPECT_THAT(message_of<UsageError>([] {
                normalize(at::zeros({3, 2, 2}, at::kByte), {0.1}, {1});
              }),
              HasSubstr("float32 pixels"));
}

TEST(Preprocess, RefusesGrayTensors) {
  EXPECT_THAT(message_of<UsageError>([] {
                fit(at::zeros({2, 2, 1}, at::kByte), Preprocessing{});
              }),
              HasSubstr("RGB image [H, W, 3]"));
}

// Changes one field of a sound Preprocessing and returns what validate() says.
template <typename Change>
std::string complaint(Change change) {
  Preprocessing options;
  EXPECT_NO_THROW(options.validate());
  change(options);
  return message_of<UsageError>([&options] { options.validate(); });
}

TEST(Preprocessing, ValidateNamesTheField) {
  EXPECT_EQ(complaint([](Preprocessing& p) {
              p.img_size = Size{0, 3};
            }),
            "img_size: expected 1 to 16384 pixels a side, found 0x3");
  EXPECT_EQ(complaint([](Preprocessing& p) { p.crop_pct = 1.5; }), "crop_pct: expected 0.01 to 1, found 1.5");
  EXPECT_THAT(complaint([](Preprocessing& p) { p.crop_pct = std::nan(""); }), StartsWith("crop_pct: "));
  EXPECT_THAT(complaint([](Preprocessing& p) { p.crop_pct = std::nan(""); }), HasSubstr("found nan"));
  EXPECT_EQ(complaint([](Preprocessing& p) { p.in_chans = 4; }), "in_chans: expected 1 (gray) or 3 (RGB), found 4");
  EXPECT_THAT(complaint([](Preprocessing& p) { p.mean = {0.5, 0.5}; }), StartsWith("mean: expected 1 or 3 values"));
  EXPECT_THAT(
      complaint([](Preprocessing& p) {
        p.mean = {123.7, 116.3, 103.5};
      }),
      AllOf(StartsWith("mean: expected values in 0..1"), HasSubstr("divided by 255"), HasSubstr("123.7,116.3,103.5")));
  EXPECT_EQ(complaint([](Preprocessing& p) {
              p.std = {0.2, 0.0, 0.2};
            }),
            "std: expected values above 0, found 0.2,0.0,0.2");
  EXPECT_THAT(complaint([](Preprocessing& p) { p.in_chans = 1; }), StartsWith("mean: expected 1 value"));
}

TEST(Preprocessing, DescribesItself) {
  Preprocessing options = sized(224, 192, CropMode::kBorder, 0.875);
  EXPECT_EQ(options.describe(),
            "224x192, crop_pct 0.875, border, bilinear, RGB, mean 0.485,0.456,0.406, std 0.229,0.224,0.225");
  EXPECT_EQ(options.to_json(),
            R"({"img_size":[224,192],"crop_pct":0.875,"crop_mode":"border","interpolation":"bilinear","in_chans":3,)"
            R"("mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225]})");
  options.img_size.reset();
  EXPECT_THAT(options.describe(), StartsWith("own size, RGB, mean"));
  EXPECT_THAT(options.to_json(), StartsWith(R"({"img_size":null,)"));
}

TEST(Preprocessing, OneValueAndThatValueForEveryChannelAreDescribedAlike) {
  Preprocessing one = sized(28, 28, CropMode::kCenter, 1.0);
  one.mean = {.286};
  one.std = {.353};
  Preprocessing three = one;
  three.mean = {.286, .286, .286};
  three.std = {.353, .353, .353};
  EXPECT_EQ(one.describe(), three.describe());
  three.mean[1] = .287;
  EXPECT_NE(one.describe(), three.describe());
}

TEST(CropMode, NamesAreReadAndWritten) {
  for (const char* name : {"center", "squash", "border"}) {
    EXPECT_EQ(to_string(parse_crop_mode(name)), name);
  }
  EXPECT_EQ(message_of<UsageError>([] { parse_crop_mode("centre"); }),
            "crop_mode: expected center, squash or border, found 'centre'");
}

}  // namespace
}  // namespace ttscale::image
