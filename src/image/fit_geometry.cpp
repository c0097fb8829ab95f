// SPDX-License-Identifier: MIT
// Resizing rules of torchvision and timm.
#include "image/fit_geometry.h"

#include <algorithm>
#include <cmath>

namespace ttscale::image {
namespace {

std::int64_t scaled_side(std::int64_t side, double crop_pct) {
  return static_cast<std::int64_t>(std::floor(static_cast<double>(side) / crop_pct));
}

// torchvision's Resize(side): the longer side is cut, not rounded.
Size shorter_side_to(Size image, std::int64_t side) {
  const auto longer = [side](std::int64_t longest, std::int64_t shortest) {
    return static_cast<std::int64_t>(static_cast<double>(side * longest) / static_cast<double>(shortest));
  };
  return image.width <= image.height ? Size{longer(image.height, image.width), side}
                                     : Size{side, longer(image.width, image.height)};
}

// timm's ResizeKeepRatio with longest=0 (fill the target) or longest=1 (fit inside it).
Size keep_ratio(Size image, Size target, CropMode mode) {
  const double ratio_h = static_cast<double>(image.height) / static_cast<double>(target.height);
  const double ratio_w = static_cast<double>(image.width) / static_cast<double>(target.width);
  const double ratio = mode == CropMode::kBorder ? std::max(ratio_h, ratio_w) : std::min(ratio_h, ratio_w);
  // A very long image may round to nothing; Pillow would refuse it, one row is what is left of it.
  return {std::max<std::int64_t>(1, round_half_even(static_cast<double>(image.height) / ratio)),
          std::max<std::int64_t>(1, round_half_even(static_cast<double>(image.width) / ratio))};
}

Size resized(Size image, const Preprocessing& options) {
  const Size target{scaled_side(options.img_size->height, options.crop_pct),
                    scaled_side(options.img_size->width, options.crop_pct)};
  if (options.crop_mode == CropMode::kSquash) {
    return target;
  }
  if (options.crop_mode == CropMode::kCenter && target.height == target.width) {
    return shorter_side_to(image, target.height);
  }
  return keep_ratio(image, target, options.crop_mode);
}

// torchvision pads first (left and top get the smaller half), then crops.
Span centre_span(std::int64_t image, std::int64_t crop) {
  if (crop > image) {
    return {0, (crop - image) / 2, image};
  }
  return {round_half_even(static_cast<double>(image - crop) / 2.0), 0, crop};
}

}  // namespace

std::int64_t round_half_even(double value) { return static_cast<std::int64_t>(std::nearbyint(value)); }

FitGeometry fit_geometry(Size image, const Preprocessing& options) {
  const Size size = resized(image, options);
  return {size, centre_span(size.height, options.img_size->height), centre_span(size.width, options.img_size->width)};
}

}  // namespace ttscale::image
