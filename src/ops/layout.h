// SPDX-License-Identifier: MIT
// The memory layouts that kernels handle: dense N C ... (contiguous) and dense N ... C (channels_last, 2d and 3d).
#pragma once

#include <ATen/core/Tensor.h>

namespace ttscale::ops {

/// x itself if it is contiguous or channels_last, else a copy in the layout that x suggests.
at::Tensor dense(const at::Tensor& x);

/// x as the result of an operator that leaves it as it is. Where x has a gradient another tensor on its storage: x
/// itself would become its own history in autograd, a cycle that is never freed.
at::Tensor unchanged(const at::Tensor& x);

/// Throws c10::Error unless x is [N, C, ...] of a supported floating type in a strided layout. `op` names the operator
/// in the message.
void check_activation(const char* op, const at::Tensor& x);

}  // namespace ttscale::ops
