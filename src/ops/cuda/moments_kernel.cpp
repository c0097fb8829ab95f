// SPDX-License-Identifier: MIT
// CUDA implementation of ttscale::moments by ATen's Welford reduction (float32 accumulation). Compiles without CUDA: dispatch is at run time.
#include <ATen/ATen.h>

#include "ops/moments.h"

namespace ttscale::ops {

std::tuple<at::Tensor, at::Tensor> moments_cuda(const at::Tensor& x) {
  const std::int64_t images = x.size(0);
  const std::int64_t channels = x.size(1);
  // Each image's channel poses as a channel of one image: batch_norm_stats then gives [N * C]. channels_last costs a copy here.
  const at::Tensor rows = x.contiguous().view({1, images * channels, -1});
  // eps = 0 makes the second result 1 / sqrt(var), so that the variance comes back without cancellation; a constant row gives 1 / Inf = 0.
  const auto [mean, inverse] = at::batch_norm_stats(rows, 0.0);
  const auto shaped = [&](const at::Tensor& t) { return t.to(at::kDouble).view({images, channels}); };
  return {shaped(mean), shaped(inverse).pow(-2)};
}

}  // namespace ttscale::ops
