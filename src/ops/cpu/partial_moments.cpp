// SPDX-License-Identifier: MIT
#include "ops/cpu/partial_moments.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "ops/cpu/element_loops.h"

namespace ttscale::ops {

using std::int64_t;

void merge_moments(double* mean, double* m2, double count, const double* other_mean, const double* other_m2,
                   double other_count, int64_t width) {
  if (count == 0) {  // the square of a distance from nothing may overflow
    std::copy_n(other_mean, width, mean);
    std::copy_n(other_m2, width, m2);
    return;
  }
  const double share = other_count / (count + other_count);
  const double weight = count * share;
  for (int64_t i = 0; i < width; ++i) {
    const double delta = other_mean[i] - mean[i];
    mean[i] += delta * share;
    m2[i] += other_m2[i] + delta * delta * weight;
  }
}

PartialMoments::PartialMoments(int64_t images, int64_t parts, int64_t channels)
    : images_(images),
      parts_(parts),
      channels_(channels),
      mean_(static_cast<std::size_t>(images * parts * channels)),
      m2_(mean_.size()) {}

void PartialMoments::add(const Loops& loops, int64_t image, int64_t part, int64_t before, const float* x,
                         int64_t pixels, int64_t stride, int64_t channel, int64_t width) {
  const Split across(width, kMaxWidth);
  for (int64_t i = 0; i < across.count; ++i) {
    const int64_t from = across.begin(i);
    const int64_t some = across.length(i);
    const auto at = static_cast<std::size_t>((image * parts_ + part) * channels_ + channel + from);
    if (before == 0) {
      loops.pixel_moments(x + from, pixels, stride, some, mean_.data() + at, m2_.data() + at);
      continue;
    }
    double mean[kMaxWidth];  // NOLINT: on the stack of the thread
    double m2[kMaxWidth];    // NOLINT
    loops.pixel_moments(x + from, pixels, stride, some, mean, m2);
    merge_moments(mean_.data() + at, m2_.data() + at, static_cast<double>(before), mean, m2,
                  static_cast<double>(pixels), some);
  }
}

std::tuple<at::Tensor, at::Tensor> PartialMoments::merged(const std::vector<int64_t>& lengths) const {
  at::Tensor mean = at::empty({images_, channels_}, at::kDouble);
  at::Tensor var = at::empty({images_, channels_}, at::kDouble);
  for (int64_t image = 0; image < images_; ++image) {
    double* m = mean.data_ptr<double>() + image * channels_;
    double* v = var.data_ptr<double>() + image * channels_;
    double count = 0;
    for (int64_t part = 0; part < parts_; ++part) {
      const auto at = static_cast<std::size_t>((image * parts_ + part) * channels_);
      const auto length = static_cast<double>(lengths[static_cast<std::size_t>(part)]);
      merge_moments(m, v, count, mean_.data() + at, m2_.data() + at, length, channels_);
      count += length;
    }
    for (int64_t i = 0; i < channels_; ++i) {
      v[i] /= count;
    }
  }
  return {mean, var};
}

}  // namespace ttscale::ops
