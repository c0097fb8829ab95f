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

/// Hexadecimal number of what a model holds: the names of its operators in order, its parameters, buffers and constant
/// tensors. Numbers and flags among the constants (strides, eps) do not enter: models that differ in those alone share
/// it, and so do a model and its rewritten copy. Reads all tensors. Throws ModelError if the module has no forward.
std::string fingerprint(const torch::jit::Module& module);

/// The same for tensors in order.
std::string fingerprint(const std::vector<at::Tensor>& tensors);

}  // namespace ttscale::graph
