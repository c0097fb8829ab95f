// SPDX-License-Identifier: MIT
#include "graph/joined.h"

#include <string>

#include <torch/csrc/jit/ir/ir.h>

#include "graph/node.h"
#include "ops/fused.h"

namespace ttscale::graph {

bool is_joined(const torch::jit::Node& node) {
  const std::string kind = kind_of(node);
  return kind == ops::kConvolutionNormOperator || kind == ops::kConvolutionRestandardizeOperator;
}

torch::jit::Value* joined_input(const torch::jit::Node& joined, JoinedInput input) {
  return const_cast<torch::jit::Value*>(joined.inputs()[joined.inputs().size() - input]);  // NOLINT
}

void set_joined_input(torch::jit::Node& joined, JoinedInput input, torch::jit::Value* value) {
  joined.replaceInput(joined.inputs().size() - input, value);
}

}  // namespace ttscale::graph
