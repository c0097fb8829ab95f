// SPDX-License-Identifier: MIT
// Labels go where the pixels of their image go.
#include "image/fit_labels.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "ttscale/error.h"

namespace ttscale::image {
namespace {

Preprocessing to_size(Size size, double crop_pct, CropMode mode) {
  Preprocessing options;
  options.img_size = size;
  options.crop_pct = crop_pct;
  options.crop_mode = mode;
  options.interpolation = Interpolation::kNearest;
  options.mean = {0, 0, 0};  // so that border pads with black
  return options;
}

// Labels 1..255 as the red channel of an image, taken through fit(), whose nearest filter is Pillow's bit for bit;
// black is what it pads with.
TEST(FitLabels, GoesTheWayOfAnImageWithTheSameValues) {
  at::manual_seed(0);
  const std::vector<Size> sizes = {{40, 40}, {31, 57}, {57, 31}, {9, 100}, {224, 8}, {16, 16}};
  const std::vector<Size> targets = {{16, 16}, {32, 20}, {64, 64}, {7, 50}};
  for (const Size size : sizes) {
    const at::Tensor labels = at::randint(1, 256, {size.height, size.width}, at::kLong);
    const at::Tensor image = labels.to(at::kByte).unsqueeze(2).repeat({1, 1, 3});
    for (const Size target : targets) {
      for (const double crop_pct : {0.875, 1.0, 0.3}) {
        for (const auto mode : {CropMode::kCenter, CropMode::kSquash, CropMode::kBorder}) {
          const Preprocessing options = to_size(target, crop_pct, mode);
          const at::Tensor fitted = fit_labels(labels, options, 999);
          const at::Tensor expected = fit(image, options).select(2, 0).to(at::kLong);
          EXPECT_TRUE(at::equal(fitted, expected.masked_fill(expected.eq(0), 999)))
              << size.height << "x" << size.width << " to " << target.height << "x" << target.width << ", crop "
              << crop_pct << ", " << to_string(mode);
        }
      }
    }
  }
}

// Each label of the result, by hand: the middle half of a map of 8 columns, every second of them.
TEST(FitLabels, TakesThePixelThatHoldsTheCentre) {
  const at::Tensor labels = at::arange(64, at::kLong).view({8, 8});
  const at::Tensor fitted = fit_labels(labels, to_size({2, 2}, 0.5, CropMode::kCenter), 255);
  EXPECT_TRUE(at::equal(fitted, at::tensor({27, 29, 43, 45}, at::kLong).view({2, 2}))) << fitted;
}

TEST(FitLabels, PadsWithTheIgnoredLabelOnly) {
  const at::Tensor labels = at::zeros({4, 8}, at::kLong);
  const at::Tensor fitted = fit_labels(labels, to_size({8, 8}, 1.0, CropMode::kBorder), 255);
  EXPECT_EQ(fitted.eq(255).sum().item<std::int64_t>(), 32);
  EXPECT_EQ(fitted.narrow(0, 2, 4).sum().item<std::int64_t>(), 0);
}

TEST(FitLabels, LargeLabelsKeepTheirValues) {
  const at::Tensor labels = at::full({30, 30}, 65535, at::kLong);
  EXPECT_TRUE(fit_labels(labels, to_size({16, 16}, 1.0, CropMode::kCenter), 255).eq(65535).all().item<bool>());
}

TEST(FitLabels, WithoutASizeNothingChanges) {
  const at::Tensor labels = at::arange(12, at::kLong).view({3, 4});
  EXPECT_TRUE(fit_labels(labels, Preprocessing(), 255).is_same(labels));
  EXPECT_TRUE(fit_labels(labels, to_size({3, 4}, 1.0, CropMode::kSquash), 255).is_same(labels));
}

TEST(FitLabels, RefusesWhatIsNoLabelMap) {
  EXPECT_THROW(fit_labels(at::zeros({3, 4}), Preprocessing(), 255), UsageError);
  EXPECT_THROW(fit_labels(at::zeros({3, 4, 1}, at::kLong), Preprocessing(), 255), UsageError);
  EXPECT_THROW(fit_labels(at::Tensor(), Preprocessing(), 255), UsageError);
}

}  // namespace
}  // namespace ttscale::image
