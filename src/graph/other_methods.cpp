// SPDX-License-Identifier: MIT
#include "graph/other_methods.h"

#include <ATen/ATen.h>

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include "graph/node.h"
#include "graph/own_attributes.h"
#include "graph/walk.h"
#include "ops/norm.h"
#include "ops/restandardize.h"

namespace ttscale::graph {
namespace {

using torch::jit::Graph;
using torch::jit::Module;
using torch::jit::Node;
using torch::jit::Value;

using Tensors = std::set<const void*>;

/// What tells the model's tensor behind a value from others: its memory, since constants of a frozen model may be
/// several tensors there.
const void* tensor_of(Value& value, const Module& module) {
  const auto origin = trace_origin(value, module);
  const bool own = origin && !origin->path.empty() && is_own_attribute(origin->path.front());
  if (!origin || own || !origin->value.isTensor() || !origin->value.toTensor().defined()) {
    return nullptr;
  }
  const at::Tensor& tensor = origin->value.toTensor();
  return tensor.has_storage() && tensor.numel() > 0 ? tensor.data_ptr() : tensor.unsafeGetTensorImpl();
}

/// Statistics of the layers that our operators replace, and weights of those whose outputs they follow.
Tensors tensors_of_sites(Graph& graph, const Module& module) {
  Tensors tensors;
  const auto add = [&](Value* input) {
    if (const void* tensor = tensor_of(*input, module)) {
      tensors.insert(tensor);
    }
  };
  for_each_node(*graph.block(), [&](Node& node, bool) {
    const std::string kind = kind_of(node);
    if (kind == ops::kNormOperator) {
      add(node.inputs().at(ops::kNormSourceMean));
      add(node.inputs().at(ops::kNormSourceVar));
    } else if (kind == ops::kRestandardizeOperator) {
      Node* layer = node.inputs().at(ops::kRestandardizeX)->node();
      if (layer->kind() == c10::aten::movedim) {  // of channels that come last
        layer = layer->inputs().at(0)->node();
      }
      for (Value* input : layer->inputs()) {
        add(input);
      }
    }
  });
  return tensors;
}

bool reads(Graph& graph, const Module& module, const Tensors& tensors) {
  bool found = false;
  for_each_node(*graph.block(), [&](Node& node, bool) {
    const bool known = node.kind() == c10::prim::GetAttr || node.kind() == c10::prim::Constant ||
                       node.kind() == c10::prim::ConstantMKLDNNTensor;
    found = found || (known && tensors.count(tensor_of(*node.output(), module)) > 0);
  });
  return found;
}

}  // namespace

std::vector<std::string> methods_left(const Module& rewritten, const std::set<std::string>& forward_methods) {
  std::vector<std::string> left;
  const Tensors tensors = tensors_of_sites(*rewritten.get_method("forward").graph(), rewritten);
  for (const torch::jit::Method& method : rewritten.get_methods()) {
    if (forward_methods.count(method.name()) > 0) {
      continue;
    }
    const auto graph = method.graph()->copy();
    inline_calls(*graph);
    if (reads(*graph, rewritten, tensors)) {
      left.push_back(method.name());
    }
  }
  return left;
}

}  // namespace ttscale::graph
