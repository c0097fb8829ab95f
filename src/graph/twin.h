// SPDX-License-Identifier: MIT
// A folded model and the same model as it was before folding.
#pragma once

#include <vector>

#include "ttscale/reference.h"

namespace torch::jit {
struct Module;
}

namespace ttscale::graph {

/// What matching found: references of the convolutions of the folded model, in order of execution, and how many of its
/// chosen feature sites have none.
struct TwinMatch {
  std::vector<ReferenceSite> sites;
  std::int64_t unmatched = 0;
};

/// Finds for every convolution of `folded` the convolution and batch_norm of `twin` that it was made of: scaling the
/// weight by a = weight_bn / sqrt(var + eps) and the bias likewise must give the folded ones. The reference is then
/// exact: mean = bias_bn, var = a^2 var_bn, eps = a^2 eps_bn. Throws ModelError if none matches.
TwinMatch match_twin(const torch::jit::Module& folded, const torch::jit::Module& twin);

}  // namespace ttscale::graph
