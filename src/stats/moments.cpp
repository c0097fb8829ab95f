// SPDX-License-Identifier: MIT
// Pooling and mixing of moments.
#include "stats/moments.h"

#include <ATen/ATen.h>

namespace ttscale::stats {

BatchMoments pool(const ImageMoments& images) {
  const Moments& each = images.each;
  const at::Tensor finite = each.mean.isfinite().logical_and_(each.var.isfinite()).all(1, /*keepdim=*/true);  // [N, 1]
  const at::Tensor count = finite.sum().to(at::kDouble);
  const at::Tensor zero = at::zeros({}, each.mean.options());
  // where() and not a product with 0: NaN * 0 is NaN.
  const at::Tensor mean = at::where(finite, each.mean, zero).sum(0) / count;
  const at::Tensor within = at::where(finite, each.var, zero).sum(0) / count;
  const at::Tensor between = at::where(finite, (each.mean - mean).square_(), zero).sum(0) / count;
  return {{mean, within + between}, count, each.mean.size(0), images.pixels};
}

Moments estimate(const BatchMoments& batch, const Moments& source, Variance variance) {
  if (variance == Variance::kBiased) {
    return batch.pooled;
  }
  const at::Tensor n = batch.images * static_cast<double>(batch.pixels);
  return {batch.pooled.mean, at::where(n > 1, batch.pooled.var * (n / (n - 1)), source.var)};
}

Moments mix(const Moments& a, const Moments& b, const at::Tensor& w, Mixing mixing) {
  const at::Tensor difference = b.mean - a.mean;
  at::Tensor var = a.var + w * (b.var - a.var);
  if (mixing == Mixing::kTotal) {
    var = var + w * (1 - w) * difference.square();
  }
  return {a.mean + w * difference, var};
}

Moments mix(const Moments& a, const Moments& b, double w, Mixing mixing) {
  return mix(a, b, at::full({}, w, a.mean.options()), mixing);
}

Moments where(const at::Tensor& condition, const Moments& a, const Moments& b) {
  return {at::where(condition, a.mean, b.mean), at::where(condition, a.var, b.var)};
}

at::Tensor hellinger(const Moments& a, const Moments& b) {
  // Keeps 0/0 of two constant channels at "equal variances"; far below any variance that a float32 activation can have.
  constexpr double kTiny = 1e-30;
  const at::Tensor sum = a.var + b.var + kTiny;
  const at::Tensor ratio = ((a.var + kTiny / 2) * (b.var + kTiny / 2)).sqrt() * 2 / sum;
  const at::Tensor overlap = ratio.sqrt() * (-(a.mean - b.mean).square() / (4 * sum)).exp();
  return (1 - overlap).clamp(0, 1);
}

}  // namespace ttscale::stats
