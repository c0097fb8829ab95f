// SPDX-License-Identifier: MIT
// CUDA in builds without a CUDA toolkit: ATen's kernels.
#include "ops/affine.h"
#include "ops/cuda/aten.h"
#include "ops/moments.h"

namespace ttscale::ops {

std::tuple<at::Tensor, at::Tensor> moments_cuda(const at::Tensor& x) { return moments_by_aten(x); }

at::Tensor affine_cuda(const at::Tensor& x, const at::Tensor& center, const at::Tensor& scale,
                       const at::Tensor& shift) {
  return affine_by_aten(x, center, scale, shift);
}

}  // namespace ttscale::ops
