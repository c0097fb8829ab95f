// SPDX-License-Identifier: MIT
// Pooling and mixing of moments. In loops where all lies in main memory: at a batch of one image a dozen operators on
// [C] take as long as the layer.
#include "stats/moments.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <vector>

#include <ATen/ATen.h>

#include "stats/hellinger.h"
#include "stats/main_memory.h"

namespace ttscale::stats {

namespace {

bool lie_in_memory(std::initializer_list<at::Tensor> tensors) {
  return std::all_of(tensors.begin(), tensors.end(), [](const at::Tensor& t) { return lies_in_memory(t); });
}

const double* data(const at::Tensor& t) { return t.data_ptr<double>(); }

/// What turns the biased variance of `count` images into that expected of all of a batch.
double spread_over_all(double count, double all) { return count > 1 ? count / (count - 1) * ((all - 1) / all) : 1; }

BatchMoments pool_in_loops(const ImageMoments& images) {
  const std::int64_t offered = images.each.mean.size(0);
  const std::int64_t channels = images.each.mean.size(1);
  const auto size = static_cast<std::size_t>(channels);
  const double* mean = data(images.each.mean);
  const double* var = data(images.each.var);
  at::Tensor pooled_mean = at::zeros({channels}, images.each.mean.options());
  at::Tensor pooled_var = at::zeros({channels}, images.each.mean.options());
  double* m = pooled_mean.data_ptr<double>();
  double* v = pooled_var.data_ptr<double>();
  std::vector<std::int64_t> finite;
  for (std::int64_t i = 0; i < offered; ++i) {
    const double* own_mean = mean + i * channels;
    const double* own_var = var + i * channels;
    const auto is_finite = [](double x) { return std::isfinite(x); };
    if (std::all_of(own_mean, own_mean + size, is_finite) && std::all_of(own_var, own_var + size, is_finite)) {
      finite.push_back(i);
    }
  }
  const auto count = static_cast<double>(finite.size());
  std::vector<double> between(size, 0.0);
  const auto add = [&](double* sum, const double* row) {
    for (std::size_t c = 0; c < size; ++c) {
      sum[c] += row[c];
    }
  };
  for (const std::int64_t i : finite) {
    add(m, mean + i * channels);
    add(v, var + i * channels);
  }
  for (std::size_t c = 0; c < size; ++c) {
    m[c] /= count;
  }
  for (const std::int64_t i : finite) {
    const double* row = mean + i * channels;
    for (std::size_t c = 0; c < size; ++c) {
      between[c] += (row[c] - m[c]) * (row[c] - m[c]);
    }
  }
  const double spread = images.of > 0 ? spread_over_all(count, static_cast<double>(images.of)) : 1;
  for (std::size_t c = 0; c < size; ++c) {
    v[c] = v[c] / count + spread * (between[c] / count);
  }
  return {{pooled_mean, pooled_var}, at::scalar_tensor(count, images.each.mean.options()), offered, images.pixels};
}

/// `w` is one number or one a channel.
Moments mix_in_loops(const Moments& a, const Moments& b, const double* w, bool of_channels, Mixing mixing) {
  Moments out{at::empty_like(a.mean), at::empty_like(a.var)};
  const double* mean_a = data(a.mean);
  const double* mean_b = data(b.mean);
  const double* var_a = data(a.var);
  const double* var_b = data(b.var);
  double* mean = out.mean.data_ptr<double>();
  double* var = out.var.data_ptr<double>();
  for (std::int64_t c = 0; c < a.mean.numel(); ++c) {
    const double weight = w[of_channels ? c : 0];
    const double difference = mean_b[c] - mean_a[c];
    mean[c] = mean_a[c] + weight * difference;
    var[c] = var_a[c] + weight * (var_b[c] - var_a[c]);
    if (mixing == Mixing::kTotal) {
      var[c] += weight * (1 - weight) * (difference * difference);
    }
  }
  return out;
}

bool can_mix_in_loops(const Moments& a, const Moments& b) {
  return a.mean.dim() == 1 && a.mean.sizes() == b.mean.sizes() && a.mean.sizes() == a.var.sizes() &&
         b.mean.sizes() == b.var.sizes() && lie_in_memory({a.mean, a.var, b.mean, b.var});
}

}  // namespace

BatchMoments pool(const ImageMoments& images) {
  return lie_in_memory({images.each.mean, images.each.var}) ? pool_in_loops(images) : pool_in_tensors(images);
}

BatchMoments pool_in_tensors(const ImageMoments& images) {
  const Moments& each = images.each;
  const at::Tensor finite = each.mean.isfinite().logical_and_(each.var.isfinite()).all(1, /*keepdim=*/true);  // [N, 1]
  const at::Tensor count = finite.sum().to(at::kDouble);
  const at::Tensor zero = at::zeros({}, each.mean.options());
  // where() and not a product with 0: NaN * 0 is NaN.
  const at::Tensor mean = at::where(finite, each.mean, zero).sum(0) / count;
  const at::Tensor within = at::where(finite, each.var, zero).sum(0) / count;
  at::Tensor between = at::where(finite, (each.mean - mean).square_(), zero).sum(0) / count;
  if (images.of > 0) {
    const auto all = static_cast<double>(images.of);
    between = at::where(count > 1, between * (count / (count - 1)) * ((all - 1) / all), between);
  }
  return {{mean, within + between}, count, each.mean.size(0), images.pixels};
}

Moments estimate(const BatchMoments& batch, const Moments& source, Variance variance) {
  if (variance == Variance::kBiased) {
    return batch.pooled;
  }
  const Moments& pooled = batch.pooled;
  const auto living = [&](const at::Tensor& var) {
    return batch.dead.defined() ? at::where(batch.dead, source.var, var) : var;
  };
  if (lie_in_memory({batch.images, pooled.var, source.var}) && pooled.var.sizes() == source.var.sizes()) {
    const double n = data(batch.images)[0] * static_cast<double>(batch.pixels);
    return {pooled.mean, n > 1 ? living(pooled.var * (n / (n - 1))) : source.var.clone()};
  }
  const at::Tensor n = batch.images * static_cast<double>(batch.pixels);
  return {pooled.mean, living(at::where(n > 1, pooled.var * (n / (n - 1)), source.var))};
}

Moments mix(const Moments& a, const Moments& b, const at::Tensor& w, Mixing mixing) {
  if (can_mix_in_loops(a, b) && lies_in_memory(w) && (w.dim() == 0 || w.sizes() == a.mean.sizes())) {
    return mix_in_loops(a, b, data(w), w.dim() == 1, mixing);
  }
  const at::Tensor difference = b.mean - a.mean;
  at::Tensor var = a.var + w * (b.var - a.var);
  if (mixing == Mixing::kTotal) {
    var = var + w * (1 - w) * difference.square();
  }
  return {a.mean + w * difference, var};
}

Moments mix(const Moments& a, const Moments& b, double w, Mixing mixing) {
  return can_mix_in_loops(a, b) ? mix_in_loops(a, b, &w, false, mixing)
                                : mix(a, b, at::full({}, w, a.mean.options()), mixing);
}

Moments where(const at::Tensor& condition, const Moments& a, const Moments& b) {
  return {at::where(condition, a.mean, b.mean), at::where(condition, a.var, b.var)};
}

at::Tensor hellinger(const Moments& a, const Moments& b) {
  const at::Tensor sum = a.var + b.var + kHellingerFloor;
  const at::Tensor ratio = ((a.var + kHellingerFloor / 2) * (b.var + kHellingerFloor / 2)).sqrt() * 2 / sum;
  const at::Tensor overlap = ratio.sqrt() * (-(a.mean - b.mean).square() / (4 * sum)).exp();
  return (1 - overlap).clamp(0, 1);
}

}  // namespace ttscale::stats
