// SPDX-License-Identifier: MIT
// Walking TorchScript graphs.
#include "graph/walk.h"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/script.h>

#include "base/option_text.h"

namespace ttscale::graph {

using torch::jit::Block;
using torch::jit::Module;
using torch::jit::Node;
using torch::jit::Value;
namespace prim = c10::prim;

void inline_calls(torch::jit::Graph& graph) {
  torch::jit::Inline(graph);
  for_each_node(*graph.block(), [](Node& node, bool forked) {
    // torch::jit::Inline stops at forks. Nested ones are reached by the recursion, not by this walk.
    if (!forked && node.hasAttribute(c10::attr::Subgraph)) {
      inline_calls(*node.g(c10::attr::Subgraph));
    }
  });
}

namespace {

void add_method(const Module& module, const std::string& name, std::set<std::string>& names) {
  const auto method = module.find_method(name);
  if (!method || !names.insert(name).second) {
    return;
  }
  for_each_node(*method->graph()->block(), [&](Node& node, bool) {
    if (node.kind() == prim::CallMethod && *node.inputs().at(0)->type() == *module.type()) {
      add_method(module, node.s(c10::attr::name), names);
    }
  });
}

}  // namespace

std::set<std::string> methods_of_forward(const Module& module) {
  std::set<std::string> names;
  add_method(module, "forward", names);
  return names;
}

void for_each_node(Block& block, const std::function<void(Node&, bool)>& visit, bool forked) {
  for (auto it = block.nodes().begin(); it != block.nodes().end();) {
    Node& node = **it;
    ++it;  // before the visit: it may destroy the node
    for (Block* inner : node.blocks()) {
      for_each_node(*inner, visit, forked);
    }
    if (node.hasAttribute(c10::attr::Subgraph)) {
      for_each_node(*node.g(c10::attr::Subgraph)->block(), visit, true);
    }
    visit(node, forked);
  }
}

namespace {

std::optional<Origin> attribute_origin(Node& node, const Module& module) {
  auto object = trace_origin(*node.input(), module);
  if (!object || !object->value.isObject()) {
    return std::nullopt;
  }
  const std::string& name = node.s(c10::attr::name);
  object->value = object->value.toObject()->getAttr(name);
  object->path.push_back(name);
  return object;
}

/// Whether two origins are one value: the same attribute, or one constant tensor.
bool same_origin(const Origin& a, const Origin& b) {
  if (!a.path.empty() || !b.path.empty()) {
    return a.path == b.path;
  }
  return a.value.isTensor() && b.value.isTensor() && a.value.toTensor().equal(b.value.toTensor());
}

/// The value if all branches that do not give None give the same one.
std::optional<Origin> branch_origin(Node& node, const Value& output, const Module& module) {
  std::optional<Origin> common;
  for (Block* block : node.blocks()) {
    auto origin = trace_origin(*block->outputs().at(output.offset()), module);
    if (!origin || (common && !common->value.isNone() && !origin->value.isNone() && !same_origin(*common, *origin))) {
      return std::nullopt;
    }
    if (!common || common->value.isNone()) {
      common = std::move(origin);
    }
  }
  return common;
}

}  // namespace

std::optional<Origin> trace_origin(Value& value, const Module& module) {
  Node& node = *value.node();
  const auto& inputs = node.owningGraph()->inputs();
  // The graph of a fork has a first input too, but of another type.
  if (!inputs.empty() && &value == inputs.at(0) && *value.type() == *module.type()) {
    return Origin{{}, module._ivalue()};
  }
  switch (node.kind()) {
    case prim::Constant: {
      auto constant = torch::jit::toIValue(&value);
      return constant ? std::optional<Origin>(Origin{{}, *constant}) : std::nullopt;
    }
    case prim::ConstantMKLDNNTensor:
      return Origin{{}, node.t(c10::attr::value)};
    case prim::GetAttr:
      return attribute_origin(node, module);
    case prim::If:
      return branch_origin(node, value, module);
    case prim::unchecked_cast:
    case prim::unchecked_unwrap_optional:
    case c10::aten::_unwrap_optional:
      return trace_origin(*node.inputs().at(0), module);
    default:
      return std::nullopt;
  }
}

namespace {

using Settings = std::set<std::string>;

/// The origin of an attribute that keeps its value, or of a constant.
std::optional<Origin> fixed_origin(Value& value, const Module& module, const Settings& changed) {
  auto origin = trace_origin(value, module);
  if (origin && !origin->path.empty() &&
      (origin->path.back() == "training" || changed.count(origin->path.back()) > 0)) {
    return std::nullopt;
  }
  return origin;
}

/// What a condition is for good; empty if it may change.
std::optional<bool> fixed_condition(Value& value, const Module& module, const Settings& changed) {
  Node& node = *value.node();
  if (node.kind() == c10::aten::__not__) {
    const auto inner = fixed_condition(*node.input(), module, changed);
    return inner ? std::optional<bool>(!*inner) : std::nullopt;
  }
  if (node.kind() == c10::aten::eq || node.kind() == c10::aten::ne) {
    const auto a = fixed_origin(*node.inputs().at(0), module, changed);
    const auto b = fixed_origin(*node.inputs().at(1), module, changed);
    if (!a || !b || !a->value.isInt() || !b->value.isInt()) {
      return std::nullopt;
    }
    return (a->value.toInt() == b->value.toInt()) == (node.kind() == c10::aten::eq);
  }
  const auto origin = fixed_origin(value, module, changed);
  return origin && origin->value.isBool() ? std::optional<bool>(origin->value.toBool()) : std::nullopt;
}

void put_in_place(Node& branch, Block& taken) {
  for (auto it = taken.nodes().begin(); it != taken.nodes().end();) {
    Node& node = **it;
    ++it;
    node.moveBefore(&branch);
  }
  for (std::size_t i = 0; i < branch.outputs().size(); ++i) {
    branch.outputs()[i]->replaceAllUsesWith(taken.outputs()[i]);
  }
  branch.destroy();
}

}  // namespace

void resolve_branches(torch::jit::Graph& graph, const Module& module) {
  Settings changed;
  std::vector<Node*> branches;  // inner ones first
  for_each_node(*graph.block(), [&](Node& node, bool) {
    if (node.kind() == prim::SetAttr) {
      changed.insert(node.s(c10::attr::name));
    } else if (node.kind() == prim::If) {
      branches.push_back(&node);
    }
  });
  for (Node* branch : branches) {
    if (const auto condition = fixed_condition(*branch->input(), module, changed)) {
      put_in_place(*branch, *branch->blocks().at(*condition ? 0 : 1));
    }
  }
}

std::string owner_name(const Origin& origin) {
  if (origin.path.empty()) {
    return {};
  }
  return join({origin.path.begin(), origin.path.end() - 1}, ".");
}

}  // namespace ttscale::graph
