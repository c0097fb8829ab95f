// SPDX-License-Identifier: MIT
// ttscale::observe.
#include "ops/observe.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "ops/layout.h"
#include "ops/moments.h"

namespace ttscale::ops {

at::Tensor observe(const at::Tensor& x, at::Tensor& sums) {
  const at::NoGradGuard no_grad;
  const at::Tensor features = x.is_mkldnn() ? x.to_dense() : x;
  if (features.numel() == 0) {
    return unchanged(x);
  }
  check_moments(features);
  TORCH_CHECK(
      sums.scalar_type() == at::kDouble && (sums.numel() == 0 || (sums.dim() == 2 && sums.size(0) == kObservedRows)),
      "ttscale::observe: expected sums [", kObservedRows, ", C] of float64, found ", sums.sizes(), " of ",
      sums.scalar_type());
  if (sums.numel() == 0) {
    sums.resize_({kObservedRows, features.size(1)}).zero_();
  }
  TORCH_CHECK(sums.size(1) == features.size(1), "ttscale::observe: expected ", sums.size(1),
              " channels as in the batches before, found x ", features.sizes());
  TORCH_CHECK(sums.device() == x.device(), "ttscale::observe: expected sums on ", x.device(), ", found ",
              sums.device());

  const auto [mean, var] = moments(features);
  const at::Tensor finite = mean.isfinite().logical_and_(var.isfinite());  // [N, C]
  const at::Tensor zero = at::zeros({}, mean.options());
  const at::Tensor n = finite.sum(0).to(at::kDouble);
  const at::Tensor divisor = n.clamp_min(1);
  const at::Tensor m = at::where(finite, mean, zero).sum(0) / divisor;
  const at::Tensor within = at::where(finite, var, zero).sum(0);
  const at::Tensor between = at::where(finite, (mean - m).square(), zero).sum(0);

  const at::Tensor before = sums.select(0, 0).clone();
  const at::Tensor total = before + n;
  const at::Tensor delta = m - sums.select(0, 1);
  const at::Tensor share = n / total.clamp_min(1);
  sums.select(0, 1).add_(delta * share);
  sums.select(0, 2).add_(within);
  sums.select(0, 3).add_(between + delta.square() * before * share);
  sums.select(0, 0).copy_(total);
  return unchanged(x);
}

}  // namespace ttscale::ops
