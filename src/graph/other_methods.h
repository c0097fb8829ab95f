// SPDX-License-Identifier: MIT
// Methods of a model beside forward, which is all that is adapted.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace torch::jit {
struct Module;
}

namespace ttscale::graph {

/// The names of methods, but for those that forward was inlined from, that read the statistics or weights of a layer
/// that forward adapts: they go on with those of training. `rewritten` holds our operators in its forward.
std::vector<std::string> methods_left(const torch::jit::Module& rewritten,
                                      const std::set<std::string>& forward_methods);

}  // namespace ttscale::graph
