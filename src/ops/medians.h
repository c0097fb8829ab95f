// SPDX-License-Identifier: MIT
// Medians of activations, for rules that ask for them.
#pragma once

#include <ATen/core/Tensor.h>

namespace ttscale::ops {

/// The lower and the upper median [2, C] (float64) of each channel of x [N, C, ...] over all its other dimensions, of
/// the images whose moments `mean` and `var` [N, C] (those of ttscale::moments) are finite in every channel. Of an odd
/// number of values both are the same. Without a finite image NaN. x is float32, float64, bfloat16 or float16 and not
/// empty. Costs a copy of the activations and a selection among
/// them.
at::Tensor medians(const at::Tensor& x, const at::Tensor& mean, const at::Tensor& var);

}  // namespace ttscale::ops
