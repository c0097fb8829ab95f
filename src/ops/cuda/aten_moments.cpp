// SPDX-License-Identifier: MIT
// ttscale::moments on CUDA by ATen's Welford reduction (float32 accumulation). Compiles without CUDA: dispatch is at
// run time.
#include <ATen/ATen.h>

#include "ops/cuda/aten.h"
#include "ops/moments.h"

namespace ttscale::ops {

std::tuple<at::Tensor, at::Tensor> moments_by_aten(const at::Tensor& x) {
  check_moments(x);
  const std::int64_t images = x.size(0);
  const std::int64_t channels = x.size(1);
  // Each image's channel poses as a channel of one image: batch_norm_stats then gives [N * C]. channels_last costs a
  // copy here.
  const at::Tensor rows = x.contiguous().view({1, images * channels, -1});
  // Without running statistics this gives mean and biased variance (batch_norm_stats gives 1 / sqrt(var), which is 0
  // for a constant row).
  const at::Tensor rounded = std::get<0>(at::batch_norm_update_stats(rows, {}, {}, /*momentum=*/0.0));
  // The mean comes rounded to float32, too coarse where it is large against the spread: a second pass finds what is
  // left of it.
  const auto [rest, var] = at::batch_norm_update_stats(rows - rounded.view({1, -1, 1}), {}, {}, /*momentum=*/0.0);
  const auto shaped = [&](const at::Tensor& t) { return t.to(at::kDouble).view({images, channels}); };
  return {shaped(rounded) + shaped(rest), shaped(var)};
}

}  // namespace ttscale::ops
