// SPDX-License-Identifier: MIT
// ttscale::moments on a chosen instruction set.
#pragma once

#include <tuple>

#include <ATen/core/Tensor.h>

#include "base/isa.h"

namespace ttscale::ops {

/// moments() of a CPU tensor with the loops of `isa`, one of available_isas(); the bits do not depend on it.
std::tuple<at::Tensor, at::Tensor> moments_on(Isa isa, const at::Tensor& x);

}  // namespace ttscale::ops
