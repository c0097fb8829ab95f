// SPDX-License-Identifier: MIT
// moments and affine on CUDA tensors by what ATen has. They serve builds without a CUDA toolkit, and are what our own
// kernels are measured against.
#pragma once

#include <tuple>

#include <ATen/core/Tensor.h>

namespace ttscale::ops {

/// As moments_cuda(). Two reads of x, and a copy of it where it is channels_last; float32 variances.
std::tuple<at::Tensor, at::Tensor> moments_by_aten(const at::Tensor& x);

/// As affine_cuda(). With coefficients [N, C] a copy of x and of y where they are channels_last.
at::Tensor affine_by_aten(const at::Tensor& x, const at::Tensor& center, const at::Tensor& scale,
                          const at::Tensor& shift);

}  // namespace ttscale::ops
