// SPDX-License-Identifier: MIT
// Activations with the moments that were taken while they were made.
#pragma once

#include <ATen/core/Tensor.h>

namespace ttscale::ops {

struct Measured {
  at::Tensor x;          ///< [N, C, ...]
  at::Tensor mean, var;  ///< of moments(x), [N, C]; undefined: not taken yet
};

}  // namespace ttscale::ops
