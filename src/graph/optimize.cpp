// SPDX-License-Identifier: MIT
// freeze -> fuse -> pack -> join -> defer.
#include "graph/optimize.h"

#include <algorithm>

#include <torch/csrc/jit/ir/alias_analysis.h>
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
  for (const auto& attribute : out.named_attributes(/*recurse=*/false)) {
    // freeze leaves what it cannot rule out to be written. Two forms of the model would write into one tensor.
    TORCH_CHECK(std::find(kept.begin(), kept.end(), attribute.name) != kept.end(), "torch.jit.freeze keeps its ",
                attribute.name, ", as it does where something may write into it");
  }
  fuse_sites(*graph);
  pack_convolutions(out, *graph);
  join_convolutions(graph);
  defer_normalisation(out, *graph);
  torch::jit::EliminateDeadCode(graph);
  graph->lint();
  return out;
}

bool writes_into_input(const Module& module, std::size_t input) {
  const auto graph = module.get_method("forward").graph();
  return torch::jit::AliasDb(graph).hasWriters(graph->inputs().at(input));
}

}  // namespace ttscale::graph
