// SPDX-License-Identifier: MIT
// ttscale::affine on CUDA by ATen's batch_norm_elemt, (x - mean) * invstd * weight + bias. Compiles without CUDA.
#include <ATen/ATen.h>

#include "ops/affine.h"
#include "ops/cuda/aten.h"
#include "ops/layout.h"

namespace ttscale::ops {

at::Tensor affine_by_aten(const at::Tensor& input, const at::Tensor& center, const at::Tensor& scale,
                          const at::Tensor& shift) {
  check_affine(input, center, scale, shift);
  const at::Tensor x = dense(input);
  if (x.numel() == 0) {
    return at::empty_like(x);
  }
  const auto type = x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const at::Tensor rounded = center.to(type);
  const at::Tensor bias = (shift - (center - rounded.to(at::kDouble)) * scale).to(type);
  const at::Tensor weight = scale.to(type);
  const at::Tensor one = at::ones_like(weight);
  if (center.dim() == 1) {
    return at::batch_norm_elemt(x, weight, bias, rounded, one, /*eps=*/0.0);
  }
  // Coefficients of every image: its channels pose as channels of one image, which needs N C ... order.
  const at::Tensor rows = x.contiguous().view({1, x.size(0) * x.size(1), -1});
  const at::Tensor y =
      at::batch_norm_elemt(rows, weight.flatten(), bias.flatten(), rounded.flatten(), one.flatten(), /*eps=*/0.0);
  return y.view(x.sizes()).contiguous(x.suggest_memory_format());
}

}  // namespace ttscale::ops
