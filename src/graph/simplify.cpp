// SPDX-License-Identifier: MIT
// inline -> resolve -> unpack.
#include "graph/simplify.h"

#include "graph/prepacked.h"
#include "graph/walk.h"

namespace ttscale::graph {

std::int64_t simplify(torch::jit::Graph& graph, const torch::jit::Module& module) {
  inline_calls(graph);
  resolve_branches(graph, module);
  return unpack_mobile_operators(graph, module);
}

}  // namespace ttscale::graph
