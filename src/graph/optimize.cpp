// SPDX-License-Identifier: MIT
// freeze -> fuse -> pack.
#include "graph/optimize.h"

#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/freeze_module.h>
#include <torch/script.h>

namespace ttscale::graph {

using torch::jit::Module;

Module optimized_copy(const Module& module, const std::vector<std::string>& kept) {
  const at::NoGradGuard no_grad;
  Module copy = module.clone(/*inplace=*/true);  // own types and code, the same tensors
  copy.eval();
  Module out = torch::jit::freeze_module(copy, kept);
  const auto graph = out.get_method("forward").graph();
  fuse_sites(*graph);
  pack_convolutions(out, *graph);
  torch::jit::EliminateDeadCode(graph);
  graph->lint();
  return out;
}

}  // namespace ttscale::graph
