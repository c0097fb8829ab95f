// SPDX-License-Identifier: MIT
// Convolutions of a graph.
#include "graph/convolution.h"

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include "graph/node.h"

namespace ttscale::graph {

using torch::jit::Module;
using torch::jit::Node;

namespace {

/// aten::conv_transpose2d and its like, or the general operator, which traces hold, with its flag set.
bool is_transposed(Node& node, const Module& module) {
  constexpr std::size_t kTransposed = 6;
  const std::string kind = kind_of(node);
  if (!starts_with(kind, "aten::_convolution") && kind != "aten::convolution") {
    return kind.find("transpose") != std::string::npos;
  }
  const auto origin =
      node.inputs().size() > kTransposed ? trace_origin(*node.inputs()[kTransposed], module) : std::nullopt;
  return origin && origin->value.isBool() && origin->value.toBool();
}

}  // namespace

bool is_convolution(const Node& node) {
  const std::string kind = kind_of(node);
  return kind == "prim::mkldnn_convolution" || starts_with(kind, "prepacked::conv") ||
         starts_with(kind, "aten::conv") || starts_with(kind, "aten::_convolution") ||
         kind == "aten::mkldnn_convolution";
}

std::int64_t output_dimension(Node& node, const Module& module) { return is_transposed(node, module) ? 1 : 0; }

std::int64_t output_channels(Node& node, const Module& module) {
  if (const auto bias = tensor_origin(node, kConvolutionBias, module)) {
    return bias->value.toTensor().numel();
  }
  const auto weight = tensor_origin(node, kConvolutionWeight, module);
  if (!weight || weight->value.toTensor().dim() < 3 || is_transposed(node, module)) {
    return 0;
  }
  return weight->value.toTensor().size(0);
}

bool has_bias(Node& node, const Module& module) { return !is_none(node, kConvolutionBias, module); }

}  // namespace ttscale::graph
