// SPDX-License-Identifier: MIT
// Safe moments of single images.
#include "stats/rules/each_image.h"

#include <ATen/ATen.h>

namespace ttscale::stats {

EachImage each_image(const RuleInput& in, Variance variance) {
  const Moments& each = in.images;
  const at::Tensor finite = each.mean.isfinite().logical_and_(each.var.isfinite()).all(1, /*keepdim=*/true);
  const auto pixels = static_cast<double>(in.batch.pixels);
  const double bessel = variance == Variance::kUnbiased && pixels > 1 ? pixels / (pixels - 1) : 1;
  const at::Tensor alive = finite.logical_and(each.var >= kDeadShare * in.source.var);
  return {{at::where(finite, each.mean, in.source.mean), at::where(alive, each.var * bessel, in.source.var)},
          finite.to(at::kDouble),
          in.batch.images};
}

at::Tensor EachImage::mean(const at::Tensor& t) const {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(t.dim()), 1);
  shape[0] = t.size(0);
  return (t * finite.view(shape)).sum(0) / count.clamp_min(1);
}

}  // namespace ttscale::stats
