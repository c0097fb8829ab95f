// SPDX-License-Identifier: MIT
#include "graph/input_type.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include <ATen/ATen.h>

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include "graph/convolution.h"
#include "graph/node.h"
#include "graph/sites.h"

namespace ttscale::graph {
namespace {

using torch::jit::Node;

/// The input that holds the weight of a layer, if the node is one.
std::optional<std::size_t> weight_of(const Node& node) {
  if (is_convolution(node)) {
    return kConvolutionWeight;
  }
  if (node.kind() == c10::aten::batch_norm || node.kind() == c10::aten::linear) {
    return 1;
  }
  return std::nullopt;
}

bool casts(const Node& node) {
  static constexpr std::array kCasts{
      "aten::to",       "aten::half",    "aten::float", "aten::double",
      "aten::bfloat16", "aten::type_as", "aten::type",  "aten::_autocast_to_reduced_precision"};
  const std::string kind = kind_of(node);
  return std::find(kCasts.begin(), kCasts.end(), kind) != kCasts.end();
}

}  // namespace

at::ScalarType input_type(const torch::jit::Module& module) {
  const auto graph = module.get_method("forward").graph()->copy();
  inline_calls(*graph);
  std::optional<at::ScalarType> type;
  for_each_node(*graph->block(), [&](Node& node, bool) {
    if (type) {
      return;
    }
    const auto weight = weight_of(node);
    if (weight) {
      const auto known = tensor_origin(node, *weight, module);
      const bool floating = known && known->value.toTensor().is_floating_point();
      type = floating ? known->value.toTensor().scalar_type() : at::kFloat;
    } else if (casts(node)) {
      type = at::kFloat;
    }
  });
  return type.value_or(at::kFloat);
}

}  // namespace ttscale::graph
