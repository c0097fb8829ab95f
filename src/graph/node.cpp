// SPDX-License-Identifier: MIT
// What a node of a graph says of itself.
#include "graph/node.h"

#include <ATen/ATen.h>

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

namespace ttscale::graph {

using torch::jit::Module;
using torch::jit::Node;

std::string kind_of(const Node& node) { return node.kind().toQualString(); }

bool starts_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

std::optional<Origin> tensor_origin(Node& node, std::size_t input, const Module& module) {
  if (node.inputs().size() <= input) {
    return std::nullopt;
  }
  auto origin = trace_origin(*node.inputs()[input], module);
  return origin && origin->value.isTensor() && origin->value.toTensor().defined() ? origin : std::nullopt;
}

std::optional<at::Tensor> known_tensor(Node& node, std::size_t input, const Module& module) {
  const auto origin = tensor_origin(node, input, module);
  if (!origin) {
    return std::nullopt;
  }
  const at::Tensor& tensor = origin->value.toTensor();
  return (tensor.is_mkldnn() ? tensor.to_dense() : tensor).detach().to(at::kCPU, at::kDouble);
}

bool is_none(Node& node, std::size_t input, const Module& module) {
  if (node.inputs().size() <= input) {
    return true;
  }
  const auto origin = trace_origin(*node.inputs()[input], module);
  return origin && origin->value.isNone();
}

bool adjacent(const Node& first, const Node& second) {
  for (const Node* node = first.next(); node != &second; node = node->next()) {
    const auto kind = node->kind();
    if (kind != c10::prim::Constant && kind != c10::prim::GetAttr && kind != c10::prim::ListConstruct) {
      return false;
    }
  }
  return true;
}

bool in_loop(Node& node) {
  for (auto* block = node.owningBlock(); block->owningNode() != nullptr; block = block->owningNode()->owningBlock()) {
    if (block->owningNode()->kind() == c10::prim::Loop) {
      return true;
    }
  }
  return false;
}

std::string parameter_owner(Node& node, std::size_t input, const Module& module) {
  const auto origin = node.inputs().size() > input ? trace_origin(*node.inputs()[input], module) : std::nullopt;
  return origin ? owner_name(*origin) : std::string();
}

}  // namespace ttscale::graph
