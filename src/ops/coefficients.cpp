// SPDX-License-Identifier: MIT
// Coefficients of sites. At a batch of one image a dozen operators on [C] take as long as reading the activations.
#include "ops/coefficients.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "stats/main_memory.h"

namespace ttscale::ops {
namespace {

using MaybeTensor = c10::optional<at::Tensor>;

/// In divisors: eps may be 0.
constexpr double kSmallestDivisor = std::numeric_limits<float>::min();

/// Not max(): NaN must stay.
double divisor(double var) { return var < kSmallestDivisor ? kSmallestDivisor : var; }

bool lie_in_memory(std::initializer_list<at::Tensor> tensors) {
  return std::all_of(tensors.begin(), tensors.end(),
                     [](const at::Tensor& t) { return !t.defined() || stats::lies_in_memory(t); });
}

/// In float64; undefined where there is none.
at::Tensor values(const MaybeTensor& t) { return t && t->defined() ? t->detach().to(at::kDouble) : at::Tensor(); }

at::Tensor values(const MaybeTensor& t, const at::Tensor& like, double fallback) {
  const at::Tensor found = values(t);
  return found.defined() ? found : at::full_like(like, fallback);
}

const double* data(const at::Tensor& t) { return t.defined() ? t.data_ptr<double>() : nullptr; }

/// Values worth a thread: at some 3 ns each.
constexpr std::int64_t kGrain = 8192;

/// Calls of(i, c) for every value of moments [C] or [N, C] and its channel.
template <typename Of>
void for_each_value(const at::Tensor& moments, const Of& of) {
  const std::int64_t channels = moments.size(-1);
  const std::int64_t rows = moments.numel() / channels;
  at::parallel_for(0, rows, std::max<std::int64_t>(1, kGrain / channels), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      for (std::int64_t c = 0; c < channels; ++c) {
        of(row * channels + c, c);
      }
    }
  });
}

}  // namespace

Coefficients norm_coefficients_in_tensors(const stats::Moments& used, const MaybeTensor& weight,
                                          const MaybeTensor& bias, double eps) {
  const at::Tensor scale = values(weight, used.var, 1) / (used.var + eps).clamp_min(kSmallestDivisor).sqrt();
  return {used.mean, scale, values(bias, used.mean, 0).expand_as(scale).contiguous()};
}

Coefficients norm_coefficients(const stats::Moments& used, const MaybeTensor& weight, const MaybeTensor& bias,
                               double eps) {
  const at::Tensor weights = values(weight);
  const at::Tensor biases = values(bias);
  if (used.mean.sizes() != used.var.sizes() || !lie_in_memory({used.mean, used.var, weights, biases})) {
    return norm_coefficients_in_tensors(used, weight, bias, eps);
  }
  Coefficients out{used.mean, at::empty_like(used.var), at::empty_like(used.var)};
  const double* w = data(weights);
  const double* b = data(biases);
  const double* var = data(used.var);
  double* scale = out.scale.data_ptr<double>();
  double* shift = out.shift.data_ptr<double>();
  for_each_value(used.var, [&](std::int64_t i, std::int64_t c) {
    scale[i] = (w == nullptr ? 1 : w[c]) / std::sqrt(divisor(var[i] + eps));
    shift[i] = b == nullptr ? 0 : b[c];
  });
  return out;
}

Coefficients reference_coefficients_in_tensors(const stats::Moments& used, const stats::Moments& reference,
                                               const at::Tensor& eps) {
  const at::Tensor alive = reference.var > 0;
  const at::Tensor scale = ((reference.var + eps) / (used.var + eps).clamp_min(kSmallestDivisor)).sqrt();
  const at::Tensor zeros = at::zeros({}, scale.options());
  return {at::where(alive, used.mean, zeros), at::where(alive, scale, at::ones({}, scale.options())),
          at::where(alive, reference.mean, zeros).expand_as(scale).contiguous()};
}

Coefficients reference_coefficients(const stats::Moments& used, const stats::Moments& reference,
                                    const at::Tensor& eps) {
  if (used.mean.sizes() != used.var.sizes() || eps.dim() != 1 ||
      !lie_in_memory({used.mean, used.var, reference.mean, reference.var, eps})) {
    return reference_coefficients_in_tensors(used, reference, eps);
  }
  Coefficients out{at::empty_like(used.mean), at::empty_like(used.var), at::empty_like(used.var)};
  const double* used_mean = data(used.mean);
  const double* used_var = data(used.var);
  const double* mean = data(reference.mean);
  const double* var = data(reference.var);
  const double* e = data(eps);
  double* center = out.center.data_ptr<double>();
  double* scale = out.scale.data_ptr<double>();
  double* shift = out.shift.data_ptr<double>();
  for_each_value(used.var, [&](std::int64_t i, std::int64_t c) {
    const bool alive = var[c] > 0;
    center[i] = alive ? used_mean[i] : 0;
    scale[i] = alive ? std::sqrt((var[c] + e[c]) / divisor(used_var[i] + e[c])) : 1;
    shift[i] = alive ? mean[c] : 0;
  });
  return out;
}

}  // namespace ttscale::ops
