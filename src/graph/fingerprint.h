// SPDX-License-Identifier: MIT
// Tells models apart.
#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace torch::jit {
struct Module;
}

namespace ttscale::graph {

/// Hexadecimal number that two models share only if they compute alike: operators in order, parameters, buffers,
/// constant tensors. A model and its rewritten copy share it. Reads all of them. Throws ModelError if the module has no
/// forward.
std::string fingerprint(const torch::jit::Module& module);

/// The same for tensors in order.
std::string fingerprint(const std::vector<at::Tensor>& tensors);

}  // namespace ttscale::graph
