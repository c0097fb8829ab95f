// SPDX-License-Identifier: MIT
// Medians over images and pixels.
#include "ops/medians.h"

#include <ATen/ATen.h>

#include <limits>

namespace ttscale::ops {

at::Tensor medians(const at::Tensor& x, const at::Tensor& mean, const at::Tensor& var) {
  const at::Tensor unknown = mean.isfinite().logical_and_(var.isfinite()).all(1).logical_not();  // [N]
  std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
  shape[0] = x.size(0);
  const auto type = x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  // As NaN, images drop out of nanmedian(): no shape depends on how many they are.
  const at::Tensor known =
      x.detach().to(type).masked_fill(unknown.view(shape), std::numeric_limits<double>::quiet_NaN());
  const at::Tensor values = known.transpose(0, 1).flatten(1).contiguous();  // [C, N pixels]
  const at::Tensor lower = std::get<0>(at::nanmedian(values, 1));
  // The next greater value, unless equal ones reach over the middle. NaN is neither.
  const at::Tensor middle = values.isnan().logical_not().sum(1).div(2, "floor");
  const at::Tensor greater = values > lower.unsqueeze(1);
  const at::Tensor next = at::where(greater, values, std::numeric_limits<double>::infinity()).amin(1);
  const at::Tensor reaches = (values <= lower.unsqueeze(1)).sum(1) > middle;
  const at::Tensor upper = at::where(reaches.logical_or(lower.isnan()), lower, next);
  return at::stack({lower, upper}).to(at::kDouble);
}

}  // namespace ttscale::ops
