// SPDX-License-Identifier: MIT
// Nodes of ttscale::convolution_norm and ttscale::convolution_restandardize (ops/fused.h) and their arguments.
#pragma once

#include <cstddef>

namespace torch::jit {
struct Node;
struct Value;
}  // namespace torch::jit

namespace ttscale::graph {

/// Arguments that both operators have, counted from the end: 1 is the last.
enum JoinedInput : std::size_t {
  kJoinedDefers = 1,  ///< ops::Defers
  kJoinedFinishes,
  kJoinedBeforeResidual,
  kJoinedExpansion,
  kJoinedBeforeB,
  kJoinedBeforeA,
  kJoinedBeforeActivation,
  kJoinedShift,
  kJoinedScale,
  kJoinedCenter,
  kJoinedKeepsDtype,
  kJoinedOverwrites,
  kJoinedB,
  kJoinedA,
  kJoinedActivation,
  kJoinedResidual
};

/// y, center, scale, shift and x.
constexpr std::size_t kJoinedOutputs = 5;
constexpr std::size_t kJoinedFinishedX = 4;

/// Whether the node is one of them.
bool is_joined(const torch::jit::Node& node);

torch::jit::Value* joined_input(const torch::jit::Node& joined, JoinedInput input);
void set_joined_input(torch::jit::Node& joined, JoinedInput input, torch::jit::Value* value);

}  // namespace ttscale::graph
