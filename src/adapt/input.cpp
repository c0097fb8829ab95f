// SPDX-License-Identifier: MIT
// Standardisation and min-max rescaling of image batches.
#include "ttscale/input.h"

#include <limits>

#include <ATen/ATen.h>

#include "ttscale/error.h"

namespace ttscale {
namespace {

/// The dimensions that a scope's statistics run over, for x with `dims` dimensions.
std::vector<std::int64_t> reduced(InputScope scope, std::int64_t dims) {
  std::vector<std::int64_t> out;
  for (std::int64_t d = 0; d < dims; ++d) {
    const bool kept = (d == 0 && scope != InputScope::kBatch) || (d == 1 && scope != InputScope::kImage);
    if (!kept) {
      out.push_back(d);
    }
  }
  return out;
}

void check(const char* name, const at::Tensor& x) {
  if (x.dim() < 2 || !x.is_floating_point()) {
    throw DataError(c10::str(name, ": expected floating-point images [N, C, ...], found ", x.sizes(), " of ",
                             x.scalar_type(), "; divide bytes by 255"));
  }
}

at::ScalarType working_type(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat; }

/// Values of a channel as [1, C, 1, ...], or [1, 1, ...] for a single value.
at::Tensor per_channel(const std::string& field, const std::vector<double>& values, const at::Tensor& x) {
  const auto channels = static_cast<std::int64_t>(values.size());
  if (channels != 1 && channels != x.size(1)) {
    throw UsageError(field + " must have one value or one per channel: expected 1 or " + std::to_string(x.size(1)) +
                     " values, found " + std::to_string(channels));
  }
  std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
  shape[1] = channels;
  // Written one by one: a copy of host memory to a device makes the host wait, and no CUDA graph can hold it.
  at::Tensor out = at::empty(shape, x.options());
  for (std::int64_t c = 0; c < channels; ++c) {
    out.select(1, c).fill_(values[static_cast<std::size_t>(c)]);
  }
  return out;
}

/// Whether each image holds finite values only, [N, 1, ...]. A NaN or Inf makes its image pass through, not the batch.
at::Tensor finite_images(const at::Tensor& x) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
  shape[0] = x.size(0);
  return x.isfinite().flatten(1).all(1).view(shape);
}

/// Flattens the reduced dimensions to one row per scope, [scopes, values].
at::Tensor rows_of(const at::Tensor& x, InputScope scope) {
  switch (scope) {
    case InputScope::kBatch:
      return x.transpose(0, 1).reshape({x.size(1), -1});
    case InputScope::kImage:
      return x.reshape({x.size(0), -1});
    default:
      return x.reshape({x.size(0) * x.size(1), -1});
  }
}

/// One value per row of rows_of(), shaped to broadcast against x.
at::Tensor broadcast(const at::Tensor& values, InputScope scope, const at::Tensor& x) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
  if (scope != InputScope::kBatch) {
    shape[0] = x.size(0);
  }
  if (scope != InputScope::kImage) {
    shape[1] = x.size(1);
  }
  return values.view(shape);
}

/// The q-quantile of each row [R, n] by linear interpolation between order statistics, over the values that are not
/// NaN; NaN for a row without any. at::quantile refuses more than 16 million values and is slow on rows this long; a
/// sort puts NaN last.
at::Tensor quantile(const at::Tensor& sorted, const at::Tensor& count, double q) {
  const at::Tensor position = (count - 1).clamp_min(0).to(at::kDouble) * q;
  const at::Tensor below = position.floor();
  const at::Tensor fraction = (position - below).to(sorted.scalar_type());
  const auto at_index = [&](const at::Tensor& index) {
    return sorted.gather(1, index.to(at::kLong).unsqueeze(1)).squeeze(1);
  };
  const at::Tensor low = at_index(below);
  const at::Tensor high = at_index(position.ceil());
  return low + (high - low) * fraction;
}

std::pair<at::Tensor, at::Tensor> extremes(const at::Tensor& z, const MinMax& options) {
  const at::Tensor all = rows_of(z, options.scope);
  const at::Tensor rows =
      at::where(all.isfinite(), all, at::full({}, std::numeric_limits<double>::quiet_NaN(), all.options()));
  const at::Tensor sorted = std::get<0>(rows.sort(1));
  const at::Tensor count = rows.isnan().logical_not().sum(1);
  return {quantile(sorted, count, options.lower_quantile), quantile(sorted, count, options.upper_quantile)};
}

}  // namespace

at::Tensor standardize(const at::Tensor& x, const Standardize& options) {
  validate(InputScaling(options));
  check("standardize", x);
  if (x.numel() == 0) {
    return x.clone();
  }
  const auto type = working_type(x);
  const at::Tensor work = x.to(type);
  const at::Tensor mean = per_channel("standardize: mean", options.mean, work);
  const at::Tensor std = per_channel("standardize: std", options.std, work);
  const at::Tensor z = (work - mean) / std;
  const at::Tensor finite = finite_images(z);

  // Two passes in float64: images are small, and their mean is often large against their spread. Images with NaN or Inf
  // count for nothing.
  const auto dims = reduced(options.scope, x.dim());
  const at::Tensor wide = at::where(finite, z, at::zeros({}, z.options())).to(at::kDouble);
  const at::Tensor counted = finite.to(at::kDouble).expand_as(wide);
  const at::Tensor count = counted.sum(dims, true).clamp_min(1);
  const at::Tensor m = wide.sum(dims, true) / count;
  const at::Tensor s = ((wide - m).square() * counted).sum(dims, true).div(count).sqrt();
  // A constant image has only rounding noise for a spread.
  const at::Tensor varies = s > 1e-6 * m.abs().clamp_min(1e-6);
  const at::Tensor y = ((wide - m) / s).to(type) * std + mean;
  return at::where(finite.logical_and(varies), y, work).to(x.scalar_type()).contiguous(x.suggest_memory_format());
}

at::Tensor min_max(const at::Tensor& x, const MinMax& options) {
  validate(InputScaling(options));
  check("min-max", x);
  if (x.numel() == 0) {
    return x.clone();
  }
  const at::Tensor work = x.to(working_type(x));
  const at::Tensor mean = per_channel("min-max: mean", options.mean, work);
  const at::Tensor std = per_channel("min-max: std", options.std, work);
  const at::Tensor pixels = work * std + mean;
  const auto [bottom, top] = extremes(pixels, options);
  const at::Tensor low = broadcast(bottom, options.scope, work);
  const at::Tensor range = broadcast(top - bottom, options.scope, work);
  const at::Tensor noise = broadcast(at::maximum(bottom.abs(), top.abs()), options.scope, work) * 1e-6;
  const at::Tensor usable = (range > noise).logical_and(work.isfinite());
  const at::Tensor y = ((pixels - low) / range).clamp(0, 1) * (options.high - options.low) + options.low;
  return at::where(usable, (y - mean) / std, work).to(x.scalar_type()).contiguous(x.suggest_memory_format());
}

at::Tensor scale_input(const at::Tensor& x, const InputScaling& scaling) {
  if (const auto* chosen = std::get_if<Standardize>(&scaling)) {
    return standardize(x, *chosen);
  }
  if (const auto* chosen = std::get_if<MinMax>(&scaling)) {
    return min_max(x, *chosen);
  }
  return x;
}

}  // namespace ttscale
