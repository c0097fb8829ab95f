// SPDX-License-Identifier: MIT
// The operator ttscale::affine: y = (x - center) * scale + shift per channel, or per image and channel.
#pragma once

#include <ATen/core/Tensor.h>

namespace ttscale::ops {

/// y = (x - center) * scale + shift for x [N, C, ...], with center, scale, shift all [C] or all [N, C], float64, on x's
/// device. y has x's dtype and layout. Computed in float32 (float64 for float64 x) with the part of `center` that x's
/// type cannot hold moved into `shift`, so that x near a large center keeps its digits. Throws c10::Error for shapes
/// that do not match.
at::Tensor affine(const at::Tensor& x, const at::Tensor& center, const at::Tensor& scale, const at::Tensor& shift);

/// Throws c10::Error unless affine() takes the arguments. Every kernel calls it: the dispatcher reaches kernels without
/// affine().
void check_affine(const at::Tensor& x, const at::Tensor& center, const at::Tensor& scale, const at::Tensor& shift);

at::Tensor affine_cpu(const at::Tensor& x, const at::Tensor& center, const at::Tensor& scale, const at::Tensor& shift);
at::Tensor affine_cuda(const at::Tensor& x, const at::Tensor& center, const at::Tensor& scale, const at::Tensor& shift);
at::Tensor affine_meta(const at::Tensor& x, const at::Tensor& center, const at::Tensor& scale, const at::Tensor& shift);

}  // namespace ttscale::ops
