// SPDX-License-Identifier: MIT
// ttscale::affine on a chosen instruction set.
#pragma once

#include <ATen/core/Tensor.h>

#include "base/isa.h"
#include "ops/epilogue.h"

namespace ttscale::ops {

/// affine() of a CPU tensor with the loops of `isa`, one of available_isas(); the bits do not depend on it.
at::Tensor affine_on(Isa isa, const at::Tensor& x, const at::Tensor& center, const at::Tensor& scale,
                     const at::Tensor& shift);

/// affine_then() likewise, with a residual of x's shape and dtype or none.
at::Tensor affine_then_on(Isa isa, const at::Tensor& x, const Coefficients& k, const Epilogue& epilogue);

}  // namespace ttscale::ops
