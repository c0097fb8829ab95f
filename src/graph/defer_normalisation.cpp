// SPDX-License-Identifier: MIT
// A joined convolution leaves the pass that normalises its output to the convolution that takes it first, where that
// one normalises on the way in, and finishes it for those that take it later; a 1x1 convolution to many channels leaves
// itself as well, where a depthwise one follows.
#include <array>
#include <string>
#include <vector>

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include "graph/joined.h"
#include "graph/node.h"
#include "graph/optimize.h"
#include "ops/fused.h"
#include "ops/packed_convolution.h"

namespace ttscale::graph {
namespace {

using torch::jit::Module;
using torch::jit::Node;
using torch::jit::Value;

constexpr std::size_t kPacked = 1;  ///< argument of both operators

c10::intrusive_ptr<ops::PackedConvolution> packed_of(const Module& module, const Node& joined) {
  const Node& attribute = *joined.inputs()[kPacked]->node();
  return module.attr(attribute.s(c10::attr::name)).toCustomClass<ops::PackedConvolution>();
}

bool is_none(const Node& joined, JoinedInput input) {
  const auto value = torch::jit::toIValue(joined_input(joined, input));
  return value && value->isNone();
}

/// The joined convolution that alone takes what `node` makes, as its images; null if there is none.
Node* only_convolution(const Node& node) {
  const Value& output = *node.outputs().front();
  if (output.uses().size() != 1 || output.uses().front().offset != 0) {
    return nullptr;
  }
  Node* user = output.uses().front().user;
  return is_joined(*user) && user->owningBlock() == node.owningBlock() ? user : nullptr;
}

/// Whether the convolution of `joined` is better left to the one that takes its output.
bool expands(const Module& module, const Node& joined) {
  const Node* user = only_convolution(joined);
  return user != nullptr && is_none(joined, kJoinedResidual) && adjacent(joined, *user) &&
         packed_of(module, joined)->expands_for(*packed_of(module, *user));
}

void defer(torch::jit::Graph& graph, Node& from, Node& to, ops::Defers what) {
  const torch::jit::WithInsertPoint here(&from);
  set_joined_input(from, kJoinedDefers, graph.insertConstant(static_cast<std::int64_t>(what)));
  if (what == ops::Defers::kConvolution) {
    set_joined_input(to, kJoinedExpansion, from.inputs()[kPacked]);
  }
  constexpr std::array<JoinedInput, 3> kCoefficients{kJoinedCenter, kJoinedScale, kJoinedShift};
  for (std::size_t i = 0; i < kCoefficients.size(); ++i) {
    set_joined_input(to, kCoefficients.at(i), from.outputs()[i + 1]);
  }
  set_joined_input(to, kJoinedBeforeActivation, joined_input(from, kJoinedActivation));
  set_joined_input(to, kJoinedBeforeA, joined_input(from, kJoinedA));
  set_joined_input(to, kJoinedBeforeB, joined_input(from, kJoinedB));
}

/// The joined convolution right behind `node` that takes what it makes, as its images, before all others that take it,
/// and can finish it on the way; null if there is none.
Node* finisher(const Module& module, const Node& node) {
  const Value& output = *node.outputs().front();
  Node* first = nullptr;
  for (const torch::jit::Use& use : output.uses()) {
    if (use.offset == 0 && is_joined(*use.user) && use.user->owningBlock() == node.owningBlock() &&
        adjacent(node, *use.user)) {
      first = use.user;
    }
  }
  if (first == nullptr || !packed_of(module, *first)->finishes()) {
    return nullptr;
  }
  for (const torch::jit::Use& use : output.uses()) {
    const bool images = use.user == first && use.offset == 0;
    // What the model returns, or takes elsewhere, stays as it is.
    const bool later = use.user->kind() != c10::prim::Return && use.user->owningBlock() == node.owningBlock() &&
                       use.user != first && first->isBefore(use.user);
    if (!images && !later) {
      return nullptr;
    }
  }
  return first;
}

void finish(torch::jit::Graph& graph, Node& from, Node& to) {
  defer(graph, from, to, ops::Defers::kNormalisation);
  const torch::jit::WithInsertPoint here(&from);
  set_joined_input(to, kJoinedBeforeResidual, joined_input(from, kJoinedResidual));
  set_joined_input(to, kJoinedFinishes, graph.insertConstant(true));
  Value* x = to.outputs()[kJoinedFinishedX];
  x->setType(c10::TensorType::get());
  const auto uses = from.outputs().front()->uses();
  for (const torch::jit::Use& use : uses) {
    if (use.user != &to) {
      use.user->replaceInput(use.offset, x);
    }
  }
}

}  // namespace

std::int64_t defer_normalisation(const Module& module, torch::jit::Graph& graph) {
  std::vector<Node*> joined;
  for_each_node(*graph.block(), [&](Node& node, bool forked) {
    if (!forked && is_joined(node)) {
      joined.push_back(&node);
    }
  });
  std::int64_t deferred = 0;
  for (Node* node : joined) {
    Node* user = only_convolution(*node);
    const bool expands_itself = expands(module, *node);
    if (user != nullptr && is_none(*node, kJoinedResidual) && packed_of(module, *user)->normalises()) {
      defer(graph, *node, *user, expands_itself ? ops::Defers::kConvolution : ops::Defers::kNormalisation);
      ++deferred;
      continue;
    }
    user = finisher(module, *node);
    if (user != nullptr) {
      finish(graph, *node, *user);
      ++deferred;
    }
  }
  return deferred;
}

}  // namespace ttscale::graph
