// SPDX-License-Identifier: MIT
// The packed object of a mobile operator is a class of LibTorch's (xnnpack.Conv2dOpContext and its like) whose
// __getstate__, made for saving, gives the arguments that it was packed from.
#include "graph/prepacked.h"

#include <array>
#include <string>
#include <vector>

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include "graph/node.h"

namespace ttscale::graph {
namespace {

using torch::jit::Graph;
using torch::jit::Module;
using torch::jit::NamedValue;
using torch::jit::Node;
using torch::jit::Value;

/// A mobile operator and the ordinary one; the state of its packed object is (`arguments` in the order of the ordinary
/// operator's arguments behind the input, but for `swapped`, lower bound, upper bound).
struct MobileOperator {
  const char* kind;
  c10::Symbol layer;
  std::size_t arguments;
  bool swapped;  ///< dilation and groups stand the other way round
};

const std::array<MobileOperator, 3>& mobile_operators() {
  // conv2d: weight, bias, stride, padding, dilation, groups; transposed: weight, bias, stride, padding, output_padding,
  // dilation, groups, where the operator takes groups first.
  static const std::array<MobileOperator, 3> all{
      {{"prepacked::conv2d_clamp_run", c10::aten::conv2d, 6, false},
       {"prepacked::conv2d_transpose_clamp_run", c10::aten::conv_transpose2d, 7, true},
       {"prepacked::linear_clamp_run", c10::aten::linear, 2, false}}};
  return all;
}

/// The state of a packed object as a list of values; empty where it cannot be had.
std::vector<c10::IValue> packed_state(Value& value, const Module& module) {
  const auto origin = trace_origin(value, module);
  if (!origin || !origin->value.isObject()) {
    return {};
  }
  const auto object = origin->value.toObject();
  torch::jit::Function* get_state = object->type()->findMethod("__getstate__");
  if (get_state == nullptr) {
    return {};
  }
  try {
    const c10::IValue state = (*get_state)({origin->value});
    return state.isTuple() ? state.toTupleRef().elements().vec() : std::vector<c10::IValue>();
  } catch (const std::exception&) {  // "Original weight and bias have been freed"
    return {};
  }
}

/// The activation between two bounds, by the name it is known under.
Value* insert_activation(Graph& graph, Value* x, const c10::IValue& lower, const c10::IValue& upper) {
  if (lower.isNone() && upper.isNone()) {
    return x;
  }
  const bool from_zero = !lower.isNone() && lower.toScalar().to<double>() == 0;
  if (from_zero && upper.isNone()) {
    return graph.insert(c10::aten::relu, {x});
  }
  if (!lower.isNone() && !upper.isNone()) {
    return graph.insert(c10::aten::hardtanh, {x, lower, upper});
  }
  return graph.insert(c10::aten::clamp, {x, lower, upper});
}

bool unpack(Node& node, const MobileOperator& op, const Module& module) {
  Graph& graph = *node.owningGraph();  // that of a fork, if it lies in one
  std::vector<c10::IValue> state = packed_state(*node.inputs().at(1), module);
  if (state.size() != op.arguments + 2 || !state[0].isTensor()) {
    return false;
  }
  const c10::IValue lower = state[op.arguments];
  const c10::IValue upper = state[op.arguments + 1];
  state.resize(op.arguments);
  if (op.swapped) {
    std::swap(state[op.arguments - 2], state[op.arguments - 1]);
  }
  const torch::jit::WithInsertPoint here(&node);
  std::vector<NamedValue> arguments{node.inputs().at(0)};
  for (const c10::IValue& argument : state) {
    arguments.emplace_back(argument);
  }
  Value* output = insert_activation(graph, graph.insert(op.layer, arguments), lower, upper);
  node.output()->replaceAllUsesWith(output);
  node.destroy();
  return true;
}

}  // namespace

std::int64_t unpack_mobile_operators(Graph& graph, const Module& module) {
  std::int64_t unpacked = 0;
  for_each_node(*graph.block(), [&](Node& node, bool) {
    for (const MobileOperator& op : mobile_operators()) {
      if (kind_of(node) == op.kind) {
        Node* packed = node.inputs().at(1)->node();
        unpacked += unpack(node, op, module) ? 1 : 0;
        if (packed->kind() == c10::prim::Constant && !packed->hasUses()) {
          packed->destroy();  // or an archive made from this graph would hold the weights twice
        }
        return;
      }
    }
  });
  return unpacked;
}

}  // namespace ttscale::graph
