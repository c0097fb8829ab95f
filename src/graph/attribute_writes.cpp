// SPDX-License-Identifier: MIT
// Follows what is written back to where it lies. torch::jit::AliasDb does not serve: to it all attributes and the
// images are one memory.
#include "graph/attribute_writes.h"

#include <algorithm>
#include <string>
#include <unordered_set>
#include <vector>

#include <torch/csrc/jit/ir/ir.h>

#include "graph/node.h"

namespace ttscale::graph {
namespace {

using torch::jit::Block;
using torch::jit::Node;
using torch::jit::Value;
namespace prim = c10::prim;

constexpr const char* kBatchCounter = "num_batches_tracked";

const c10::FunctionSchema* aten_schema(const Node& node) {
  return starts_with(kind_of(node), "aten::") ? node.maybeSchema() : nullptr;
}

/// The names that a schema gives to the memory of an argument or a result; of a list, to that of its elements.
const std::unordered_set<c10::Symbol>& memory_of(const c10::AliasInfo& alias) {
  return alias.containedTypes().empty() ? alias.beforeSets() : alias.containedTypes().front().beforeSets();
}

bool share_memory(const c10::AliasInfo* argument, const c10::AliasInfo* result) {
  if (argument == nullptr || result == nullptr) {
    return false;
  }
  const auto& theirs = memory_of(*argument);
  const auto& ours = memory_of(*result);
  return std::any_of(ours.begin(), ours.end(), [&](const c10::Symbol& name) { return theirs.count(name) > 0; });
}

/// The inputs that the output of an operator is a view of, or that it hands on.
std::vector<Value*> viewed_inputs(Value& output) {
  Node& node = *output.node();
  const auto* schema = kind_of(node) == "prim::data" ? node.maybeSchema() : aten_schema(node);
  if (schema == nullptr || output.offset() >= schema->returns().size()) {
    return {};
  }
  std::vector<Value*> out;
  for (std::size_t i = 0; i < schema->arguments().size() && i < node.inputs().size(); ++i) {
    if (share_memory(schema->arguments()[i].alias_info(), schema->returns()[output.offset()].alias_info())) {
      out.push_back(node.inputs()[i]);
    }
  }
  return out;
}

/// What a value is that a loop carries: what entered, or what a pass has left. Position 0 is the first carried value.
std::vector<Value*> carried(Node& loop, std::size_t position) {
  return {loop.inputs().at(position + 2), loop.blocks().at(0)->outputs().at(position + 1)};
}

bool makes_container(const Node& node) {
  return node.kind() == prim::ListConstruct || node.kind() == prim::TupleConstruct ||
         node.kind() == prim::DictConstruct;
}

/// The values in whose memory a value may lie.
std::vector<Value*> sources_of(Value& value) {
  Node& node = *value.node();
  if (makes_container(node)) {
    return node.inputs().vec();
  }
  switch (node.kind()) {
    case prim::If: {
      std::vector<Value*> out;
      for (Block* block : node.blocks()) {
        out.push_back(block->outputs().at(value.offset()));
      }
      return out;
    }
    case prim::Loop:
      return carried(node, value.offset());
    case prim::Param: {
      Node* owner = node.owningBlock()->owningNode();
      const bool in_pass = owner != nullptr && owner->kind() == prim::Loop && value.offset() > 0;  // 0 counts passes
      return in_pass ? carried(*owner, value.offset() - 1) : std::vector<Value*>();
    }
    case prim::ListUnpack:
    case prim::TupleUnpack:
    case prim::TupleIndex:
    case prim::unchecked_cast:
    case prim::unchecked_unwrap_optional:
    case c10::aten::_unwrap_optional:
    case c10::aten::__getitem__:
      return {node.inputs().at(0)};
    default:
      return viewed_inputs(value);
  }
}

/// Any attribute counts, also one of an object that a fork was given, which cannot be traced to the module.
bool is_attribute(const Node& node) { return node.kind() == prim::GetAttr && node.s(c10::attr::name) != kBatchCounter; }

bool lies_in_attribute(Value& value) {
  std::vector<Value*> open{&value};
  std::unordered_set<Value*> seen;
  while (!open.empty()) {
    Value* next = open.back();
    open.pop_back();
    if (!seen.insert(next).second) {
      continue;
    }
    if (is_attribute(*next->node())) {
      return true;
    }
    for (Value* source : sources_of(*next)) {
      open.push_back(source);
    }
  }
  return false;
}

}  // namespace

bool changes_attribute(Node& node) {
  if (node.kind() == prim::SetAttr) {
    return node.s(c10::attr::name) != kBatchCounter;
  }
  const auto* schema = aten_schema(node);
  if (schema == nullptr) {
    return false;
  }
  for (std::size_t i = 0; i < schema->arguments().size() && i < node.inputs().size(); ++i) {
    const auto* alias = schema->arguments()[i].alias_info();
    if (alias == nullptr || !alias->isWrite()) {
      continue;
    }
    Value& written = *node.inputs()[i];
    // A list of the graph's own may hold attributes and grow: only who writes into its elements writes into them.
    const bool own_container = makes_container(*written.node()) && alias->containedTypes().empty();
    if (!own_container && lies_in_attribute(written)) {
      return true;
    }
  }
  return false;
}

}  // namespace ttscale::graph
