// SPDX-License-Identifier: MIT
// Moments of images from those of their parts, which threads find side by side.
#pragma once

#include <cstdint>
#include <tuple>
#include <vector>

#include <ATen/core/Tensor.h>

#include "ops/cpu/loops.h"

namespace ttscale::ops {

/// Merges mean and m2 (the sum of squared deviations) of `other_count` elements into those of `count` elements, for
/// `width` channels (Chan, Golub, LeVeque 1979). With no elements before they are copied.
void merge_moments(double* mean, double* m2, double count, const double* other_mean, const double* other_m2,
                   double other_count, std::int64_t width);

/// Of float32 images in channels_last that come in the same parts each. Pixels are added while they are in the cache:
/// to any part and run of channels by one thread at a time.
class PartialMoments {
 public:
  PartialMoments(std::int64_t images, std::int64_t parts, std::int64_t channels);

  /// Adds `pixels` pixels, which lie `stride` elements apart at `x`, to a part that has had `before` pixels: channels
  /// `channel` to `channel + width`. Fewer channels than 32 only where stride == width.
  void add(const Loops& loops, std::int64_t image, std::int64_t part, std::int64_t before, const float* x,
           std::int64_t pixels, std::int64_t stride, std::int64_t channel, std::int64_t width);

  /// Mean and biased variance [N, C] of all that has been added; `lengths` is how many pixels each part has had.
  std::tuple<at::Tensor, at::Tensor> merged(const std::vector<std::int64_t>& lengths) const;

 private:
  std::int64_t images_, parts_, channels_;
  std::vector<double> mean_, m2_;  ///< [N, parts, C]
};

}  // namespace ttscale::ops
