// SPDX-License-Identifier: MIT
// Brings a graph into the form that all searches of this folder expect.
#pragma once

#include <cstdint>

namespace torch::jit {
struct Graph;
struct Module;
}  // namespace torch::jit

namespace ttscale::graph {

/// Inlines calls, resolves branches on fixed settings (graph/walk.h) and unpacks mobile operators (graph/prepacked.h).
/// Returns how many of those were unpacked.
std::int64_t simplify(torch::jit::Graph& graph, const torch::jit::Module& module);

}  // namespace ttscale::graph
