// SPDX-License-Identifier: MIT
// Layers without a folded BatchNorm that can be re-standardised all the same.
#include "graph/other_layers.h"

#include <algorithm>
#include <set>

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include "graph/node.h"

namespace ttscale::graph {

using torch::jit::Module;
using torch::jit::Node;

namespace {

/// Layers whose output has its channels last, and the position of their weight.
std::optional<std::size_t> tokenwise_weight(const std::string& kind) {
  if (kind == "layer_norm") {
    return 2;
  }
  return kind == "linear" ? std::optional<std::size_t>(1) : std::nullopt;
}

std::optional<FoundSite> other_layer(Node& node, bool forked, const Module& module) {
  static const std::set<std::string> kKinds{"relu",
                                            "relu6",
                                            "hardtanh",
                                            "leaky_relu",
                                            "elu",
                                            "gelu",
                                            "silu",
                                            "hardswish",
                                            "mish",
                                            "sigmoid",
                                            "tanh",
                                            "add",
                                            "mul",
                                            "cat",
                                            "layer_norm",
                                            "group_norm",
                                            "linear",
                                            "instance_norm",
                                            "max_pool1d",
                                            "max_pool2d",
                                            "max_pool3d",
                                            "avg_pool1d",
                                            "avg_pool2d",
                                            "avg_pool3d",
                                            "adaptive_avg_pool1d",
                                            "adaptive_avg_pool2d",
                                            "adaptive_avg_pool3d",
                                            "mean"};
  const std::string full = kind_of(node);
  std::string kind = starts_with(full, "aten::") ? full.substr(6) : std::string();
  const bool in_place = !kind.empty() && kind.back() == '_';
  if (in_place) {
    kind.pop_back();
  }
  if (forked || kKinds.count(kind) == 0 || node.outputs().size() != 1 ||
      !node.output()->type()->isSubtypeOf(*c10::TensorType::get())) {
    return std::nullopt;
  }
  // What else reads a tensor that was changed in place would not see the new one.
  if (in_place && node.inputs()[0]->uses().size() > 1) {
    return std::nullopt;
  }
  FoundSite found;
  found.node = &node;
  found.value = node.output();
  found.site.feature = true;
  found.site.adaptable = true;
  found.site.kind = kind;
  found.suggested = false;
  found.site.note = in_loop(node) ? kInLoop : "";
  if (const auto weight = tokenwise_weight(kind)) {
    found.channels_last = true;
    found.site.name = parameter_owner(node, *weight, module);
  }
  return found;
}

}  // namespace

std::vector<FoundSite> find_other_layers(torch::jit::Graph& graph, const Module& module) {
  std::vector<FoundSite> out;
  for_each_node(*graph.block(), [&](Node& node, bool forked) {
    if (auto found = other_layer(node, forked, module)) {
      out.push_back(std::move(*found));
    }
  });
  make_names_unique(out);
  return out;
}

}  // namespace ttscale::graph
