// SPDX-License-Identifier: MIT
// Told by their sums.
#include "stats/probabilities.h"

#include <ATen/ATen.h>

namespace ttscale::stats {

at::Tensor probabilities(const at::Tensor& scores) {
  constexpr double kTolerance = 0.01;  // the sum of a thousand bfloat16 numbers
  const at::Tensor values = scores.to(at::kDouble);
  const at::Tensor sums = values.sum(1, /*keepdim=*/true);
  const at::Tensor already = values.ge(0).all(1, /*keepdim=*/true).logical_and((sums - 1).abs() < kTolerance);
  return at::where(already, values, values.softmax(1));
}

}  // namespace ttscale::stats
