// SPDX-License-Identifier: MIT
// convolution -> fused site becomes one node, which may write into a residual that nobody takes after it.
#include <algorithm>
#include <string>
#include <vector>

#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include "graph/joined.h"
#include "graph/node.h"
#include "graph/optimize.h"
#include "ops/fused.h"
#include "ops/packed_convolution.h"

namespace ttscale::graph {
namespace {

using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

/// The operator that does the work of the site and of the convolution ahead of it; null if the node is no fused site.
const char* joined_kind(const Node& site) {
  const std::string kind = kind_of(site);
  if (kind == ops::kFusedNormOperator) {
    return ops::kConvolutionNormOperator;
  }
  return kind == ops::kFusedRestandardizeOperator ? ops::kConvolutionRestandardizeOperator : nullptr;
}

/// Whether the node takes the value without holding on to it: its output is another tensor.
bool only_reads(const Node& user, const Value& value) {
  return kind_of(user) == ops::kConvolutionOperator ||
         (is_joined(user) && (user.inputs().front() == &value || joined_input(user, kJoinedResidual) == &value));
}

/// Whether the residual of a site is a tensor that nobody takes after it.
bool is_last_use(const Node& site) {
  const Value* residual = joined_input(site, kJoinedResidual);
  const Node& maker = *residual->node();
  const bool fresh = is_joined(maker) || kind_of(maker) == "aten::max_pool2d";
  if (!fresh || maker.owningBlock() != site.owningBlock() || site.inputs().front() == residual) {
    return false;
  }
  const auto uses = residual->uses();
  return std::all_of(uses.begin(), uses.end(), [&](const torch::jit::Use& use) {
    return use.user == &site || (use.user->owningBlock() == site.owningBlock() && use.user->isBefore(&site) &&
                                 only_reads(*use.user, *residual));
  });
}

/// Of fused operators, counted from the end: whether x may be overwritten, which is the convolution's own output.
constexpr std::size_t kFusedInPlace = 2;

void join(Graph& graph, Node& convolution, Node& site, const char* kind) {
  const torch::jit::WithInsertPoint here(&site);
  std::vector<Value*> inputs = convolution.inputs().vec();
  inputs.insert(inputs.end(), site.inputs().begin() + 1, site.inputs().end());
  inputs[inputs.size() - kFusedInPlace] = graph.insertConstant(false);  // kJoinedOverwrites
  Value* none = graph.insertConstant(c10::IValue());
  Value* zero = graph.insertConstant(0.0);
  inputs.insert(inputs.end(),
                {none, none, none, graph.insertConstant(std::string("clamp")), zero, zero, none, none,
                 graph.insertConstant(false), graph.insertConstant(static_cast<std::int64_t>(ops::Defers::kNothing))});
  Node* joined = graph.insertNode(graph.create(c10::Symbol::fromQualString(kind), inputs, kJoinedOutputs));
  joined->copyMetadata(&site);
  joined->outputs().front()->setType(c10::TensorType::get());
  for (std::size_t i = 1; i < kJoinedOutputs; ++i) {
    joined->outputs()[i]->setType(c10::OptionalType::ofTensor());
  }
  site.output()->replaceAllUsesWith(joined->outputs().front());
  site.destroy();
  convolution.destroy();
}

}  // namespace

std::int64_t join_convolutions(const std::shared_ptr<Graph>& graph) {
  std::vector<Node*> sites;
  for_each_node(*graph->block(), [&](Node& node, bool forked) {
    if (!forked && joined_kind(node) != nullptr &&
        kind_of(*node.inputs().front()->node()) == ops::kConvolutionOperator) {
      sites.push_back(&node);
    }
  });
  std::vector<Node*> together;
  {
    torch::jit::AliasDb aliases(graph);
    for (Node* site : sites) {
      Node* convolution = site->inputs().front()->node();
      // The convolution moves down to the site, past whatever does not write what it reads.
      if (convolution->output()->uses().size() == 1 && convolution->owningBlock() == site->owningBlock() &&
          aliases.moveBeforeTopologicallyValid(convolution, site)) {
        together.push_back(site);
      }
    }
  }
  for (Node* site : together) {
    join(*graph, *site->inputs().front()->node(), *site, joined_kind(*site));
  }
  for_each_node(*graph->block(), [&](Node& node, bool forked) {
    if (!forked && is_joined(node) && is_last_use(node)) {
      const torch::jit::WithInsertPoint here(&node);
      set_joined_input(node, kJoinedOverwrites, graph->insertConstant(true));
    }
  });
  return static_cast<std::int64_t>(together.size());
}

}  // namespace ttscale::graph
