// SPDX-License-Identifier: MIT
// Insertion and removal of ttscale::begin and ttscale::finish.
#include "graph/forward_frame.h"

#include <string>
#include <vector>

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include "graph/model_copy.h"
#include "graph/node.h"
#include "graph/walk.h"
#include "ops/forward.h"

namespace ttscale::graph {
namespace {

using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

/// A tensor that the graph returns: input `input` of `node`, a return or what makes a tuple, list or dictionary.
struct Output {
  Node* node;
  std::size_t input;
};

std::string below(const std::string& name, const std::string& key) { return name.empty() ? key : name + "." + key; }

std::string constant_key(const Value& key) {
  const auto value = torch::jit::toIValue(&key);
  return value && value->isString() ? value->toStringRef() : std::string();
}

/// Outputs called as run_forward() calls them.
void collect(Node& node, std::size_t input, const std::string& name, const std::string& wanted,
             std::vector<Output>& out) {
  Value& value = *node.inputs().at(input);
  Node& maker = *value.node();
  if (value.type()->isSubtypeOf(*c10::TensorType::get())) {
    if (wanted.empty() || name == wanted) {
      out.push_back({&node, input});
    }
  } else if (maker.kind() == c10::prim::TupleConstruct || maker.kind() == c10::prim::ListConstruct) {
    for (std::size_t i = 0; i < maker.inputs().size(); ++i) {
      collect(maker, i, below(name, std::to_string(i)), wanted, out);
    }
  } else if (maker.kind() == c10::prim::DictConstruct) {
    for (std::size_t i = 0; i + 1 < maker.inputs().size(); i += 2) {  // key, value, key, value
      collect(maker, i + 1, below(name, constant_key(*maker.inputs().at(i))), wanted, out);
    }
  }
}

void insert_finish(Graph& graph, const Output& output, const char* stream, const char* rule) {
  Value* scores = output.node->inputs().at(output.input);
  Node* finish = graph.create(c10::Symbol::fromQualString(ops::kFinishOperator), {scores}, 1);
  finish->insertBefore(output.node);
  finish->addInput(read_attribute(graph, *finish, {stream}));
  finish->addInput(read_attribute(graph, *finish, {rule}));
  finish->output()->setType(scores->type());
  output.node->replaceInput(output.input, finish->output());
}

void insert_begin(Graph& graph, bool classes, const char* stream, const char* rule) {
  Node* begin = graph.create(c10::Symbol::fromQualString(ops::kBeginOperator), {}, 0);
  graph.block()->prependNode(begin);
  begin->addInput(read_attribute(graph, *begin, {stream}));
  begin->addInput(read_attribute(graph, *begin, {rule}));
  const torch::jit::WithInsertPoint here(begin);
  begin->addInput(graph.insertConstant(classes));
}

}  // namespace

void insert_frame(Graph& graph, const CallOptions& call, const char* stream, const char* rule) {
  std::vector<Output> outputs;
  collect(*graph.return_node(), 0, "", call.output, outputs);
  for (const Output& output : outputs) {
    insert_finish(graph, output, stream, rule);
  }
  insert_begin(graph, !outputs.empty(), stream, rule);
}

void remove_frame(Graph& graph) {
  for_each_node(*graph.block(), [](Node& node, bool) {
    const std::string kind = kind_of(node);
    if (kind == ops::kFinishOperator) {
      node.output()->replaceAllUsesWith(node.inputs().at(0));
    }
    if (kind == ops::kFinishOperator || kind == ops::kBeginOperator) {
      node.destroy();
    }
  });
}

}  // namespace ttscale::graph
