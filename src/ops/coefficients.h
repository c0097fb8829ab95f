// SPDX-License-Identifier: MIT
// From the moments that a site is normalised with to the coefficients of y = (x - center) scale + shift.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Optional.h>

#include "stats/moments.h"

namespace ttscale::ops {

/// What ttscale::affine takes: float64, [C] or [N, C] as the moments are.
struct Coefficients {
  at::Tensor center, scale, shift;
};

/// Of a BatchNorm with weight, bias [C], where it has them, and eps: center = mean, scale = weight / sqrt(var + eps),
/// shift = bias. In loops where all lies in main memory, else by operators on tensors: the same to rounding.
Coefficients norm_coefficients(const stats::Moments& used, const c10::optional<at::Tensor>& weight,
                               const c10::optional<at::Tensor>& bias, double eps);
Coefficients norm_coefficients_in_tensors(const stats::Moments& used, const c10::optional<at::Tensor>& weight,
                                          const c10::optional<at::Tensor>& bias, double eps);

/// Back to a reference with mean, var and eps [C]: center = mean in use, scale = sqrt((var + eps) / (var in use +
/// eps)), shift = mean of the reference. A channel whose reference has no variance stays as it is.
Coefficients reference_coefficients(const stats::Moments& used, const stats::Moments& reference, const at::Tensor& eps);
Coefficients reference_coefficients_in_tensors(const stats::Moments& used, const stats::Moments& reference,
                                               const at::Tensor& eps);

}  // namespace ttscale::ops
