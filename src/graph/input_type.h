// SPDX-License-Identifier: MIT
// The type of number that a model takes.
#pragma once

#include <c10/core/ScalarType.h>

namespace torch::jit {
struct Module;
}

namespace ttscale::graph {

/// The floating-point type of the weight that images meet first: of a convolution, a linear layer or a BatchNorm.
/// float32 where that weight is computed, where something is cast ahead of it (such a model takes what it casts from)
/// and where there is none.
at::ScalarType input_type(const torch::jit::Module& module);

}  // namespace ttscale::graph
