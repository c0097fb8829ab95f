// SPDX-License-Identifier: MIT
// site -> add -> activation becomes one node. Read from the site downwards: each step takes the only use of the value
// before it.
#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include "graph/convolution.h"
#include "graph/node.h"
#include "graph/optimize.h"
#include "ops/epilogue.h"
#include "ops/fused.h"
#include "ops/norm.h"
#include "ops/restandardize.h"

namespace ttscale::graph {
namespace {

using ops::Activation;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

/// What was found below a site.
struct Fusion {
  Value* residual = nullptr;
  bool keeps_dtype = false;  ///< added in place
  Activation activation;
  std::vector<Node*> nodes;  ///< that the fused site replaces, in order of execution
};

std::optional<double> number(const Node& node, std::size_t input) {
  const auto value = input < node.inputs().size() ? torch::jit::toIValue(node.inputs()[input]) : c10::nullopt;
  return value && value->isScalar() ? std::optional<double>(value->toScalar().toDouble()) : std::nullopt;
}

/// Operators and their variants in place: "aten::relu", "aten::relu_".
bool is(const Node& node, const char* kind) {
  const std::string name = kind_of(node);
  return name == kind || name == std::string(kind) + "_";
}

/// With its numbers where they are known.
std::optional<Activation> activation_of(const Node& node) {
  using Function = Activation::Function;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto a = number(node, 1);
  const auto b = number(node, 2);
  if (is(node, "aten::relu")) {
    return Activation{Function::kClamp, 0, kInfinity};
  }
  if (is(node, "aten::relu6")) {
    return Activation{Function::kClamp, 0, 6};
  }
  if (is(node, "aten::hardtanh") && a && b) {
    return Activation{Function::kClamp, *a, *b};
  }
  if (is(node, "aten::leaky_relu") && a) {
    return Activation{Function::kLeakyRelu, *a, 0};
  }
  if (is(node, "aten::hardswish")) {
    return Activation{Function::kHardswish, 0, 0};
  }
  if (is(node, "aten::silu")) {
    return Activation{Function::kSilu, 0, 0};
  }
  return std::nullopt;
}

/// The one node that takes the value, if it lies in the same block.
Node* only_user(const Value& value, const Node& site) {
  if (value.uses().size() != 1) {
    return nullptr;
  }
  Node* user = value.uses().front().user;
  return user->owningBlock() == site.owningBlock() && user->kind() != c10::prim::Return ? user : nullptr;
}

/// Whether the value is a tensor of its own that nobody else holds or reads: it may be overwritten.
bool is_free(const Value& value, const Node& user) {
  const Node& maker = *value.node();
  const std::string kind = kind_of(maker);
  const bool fresh = is_convolution(maker) || kind == "aten::cat" || kind == "aten::linear" || kind == "aten::addmm" ||
                     kind == ops::kFusedNormOperator || kind == ops::kNormOperator;
  return fresh && maker.owningBlock() == user.owningBlock() && value.uses().size() == 1;
}

/// The other operand of an addition of two tensors, one to one; `value` is one of them. What is written in place must
/// be `value`, or a tensor that nobody else holds.
Value* other_operand(Node& node, const Value& value) {
  if (!is(node, "aten::add") || node.inputs().size() != 3 || number(node, 2) != 1.0) {
    return nullptr;
  }
  Value* left = node.inputs()[0];
  Value* right = node.inputs()[1];
  const bool in_place = kind_of(node) == "aten::add_";
  Value* other = left == &value ? right : left;
  const bool tensors =
      left->type()->isSubtypeOf(*c10::TensorType::get()) && right->type()->isSubtypeOf(*c10::TensorType::get());
  const bool writes_other = in_place && left != &value;
  return !tensors || left == right || (writes_other && !is_free(*left, node)) ? nullptr : other;
}

Fusion follow(Node& site) {
  Fusion out;
  Node* last = &site;
  Node* user = only_user(*site.output(), site);
  if (user != nullptr && adjacent(*last, *user)) {
    if (Value* residual = other_operand(*user, *site.output())) {
      out.residual = residual;
      out.keeps_dtype = kind_of(*user) == "aten::add_";
      out.nodes.push_back(user);
      last = user;
      user = only_user(*user->output(), site);
    }
  }
  if (user != nullptr && adjacent(*last, *user)) {
    if (const auto activation = activation_of(*user)) {
      out.activation = *activation;
      out.nodes.push_back(user);
    }
  }
  return out;
}

/// The numbers of a site's channels in float64, in which it computes, where they are constants: else each forward makes
/// them so.
void widen_constants(Graph& graph, std::vector<Value*>& inputs) {
  for (Value*& input : inputs) {
    const auto value = torch::jit::toIValue(input);
    if (value && value->isTensor() && value->toTensor().defined() && value->toTensor().dim() == 1 &&
        value->toTensor().is_floating_point() && value->toTensor().is_cpu()) {
      input = graph.insertConstant(value->toTensor().to(at::kDouble));
    }
  }
}

void replace(Graph& graph, Node& site, const char* op, const Fusion& fusion) {
  // The site goes down to the last node, over nothing that matters (adjacent()).
  Node& last = fusion.nodes.empty() ? site : *fusion.nodes.back();
  const torch::jit::WithInsertPoint here(&last);
  std::vector<Value*> inputs = site.inputs().vec();
  const bool free = is_free(*inputs.front(), site);
  widen_constants(graph, inputs);
  inputs.push_back(fusion.residual != nullptr ? fusion.residual : graph.insertConstant(c10::IValue()));
  inputs.push_back(graph.insertConstant(ops::to_string(fusion.activation.function)));
  inputs.push_back(graph.insertConstant(fusion.activation.a));
  inputs.push_back(graph.insertConstant(fusion.activation.b));
  inputs.push_back(graph.insertConstant(free));
  inputs.push_back(graph.insertConstant(fusion.keeps_dtype));
  Node* fused = graph.insertNode(graph.create(c10::Symbol::fromQualString(op), inputs, 1));
  fused->copyMetadata(&site);
  fused->output()->setType(c10::TensorType::get());
  last.output()->replaceAllUsesWith(fused->output());
  for (auto node = fusion.nodes.rbegin(); node != fusion.nodes.rend(); ++node) {
    (*node)->destroy();
  }
  site.destroy();
}

}  // namespace

std::int64_t fuse_sites(Graph& graph) {
  std::vector<Node*> sites;
  for_each_node(*graph.block(), [&](Node& node, bool forked) {
    const std::string kind = kind_of(node);
    // A fork has a graph of its own.
    if (forked) {
      return;
    }
    if (kind == ops::kNormOperator || kind == ops::kRestandardizeOperator) {
      sites.push_back(&node);
    }
  });
  for (Node* site : sites) {
    const bool norm = kind_of(*site) == ops::kNormOperator;
    replace(graph, *site, norm ? ops::kFusedNormOperator : ops::kFusedRestandardizeOperator, follow(*site));
  }
  return static_cast<std::int64_t>(sites.size());
}

}  // namespace ttscale::graph
